/*
 * PLIC registers; see plic.h. The memory map and the rules are those of the PLIC specification
 * 1.0.0: a claim takes the best pending and enabled source whatever the threshold, a completion
 * counts only where its source is enabled.
 */
#include "riscv/plic.h"

#include <string.h>
#include "riscv/bits.h"

#define PENDING	      0x001000U
#define ENABLE	      0x002000U /* context n at + n * 0x80 */
#define ENABLE_STRIDE 0x80U
#define CONTEXT	      0x200000U /* context n at + n * 0x1000: threshold, claim/complete */
#define CONTEXT_SIZE  0x1000U

enum { THRESHOLD = 0, CLAIM = 4 };

static bool exists(const struct plic *p, uint32_t source)
{
	return source >= 1 && source <= p->nsources;
}

/* The pending and enabled source of the highest priority above 0, the lowest of equals; 0: none. */
static unsigned best(const struct plic *p, unsigned context)
{
	unsigned found = 0;

	for (unsigned w = 0; w <= p->nsources / 32; w++)
		for (uint32_t m = p->pending[w] & p->enabled[context][w]; m; m &= m - 1) {
			unsigned i = w * 32 + (unsigned)__builtin_ctz(m);

			if (p->priority[i] > (found ? p->priority[found] : 0))
				found = i;
		}
	return found;
}

static void set_lines(struct plic *p)
{
	for (unsigned c = 0; c < p->ncontexts; c++) {
		unsigned source = best(p, c);
		bool level = source && p->priority[source] > p->threshold[c];

		if (level == (p->asserted >> c & 1))
			continue;
		p->asserted ^= UINT64_C(1) << c;
		p->line(p->arg, c, level);
	}
}

/* The gateway has a request: forward it unless one is under way. */
static void request(struct plic *p, unsigned source)
{
	if (!bit(p->claimed, source))
		set_bit(p->pending, source, true);
	else if (bit(p->edge, source))
		set_bit(p->again, source, true);
}

static uint32_t claim(struct plic *p, unsigned context)
{
	unsigned source = best(p, context);

	if (source) {
		set_bit(p->pending, source, false);
		set_bit(p->claimed, source, true);
		set_lines(p);
	}
	return source;
}

static void complete(struct plic *p, unsigned context, uint32_t source)
{
	bool more;

	if (!exists(p, source) || !bit(p->enabled[context], source) || !bit(p->claimed, source))
		return;
	more = bit(p->edge, source) ? bit(p->again, source) : bit(p->input, source);
	set_bit(p->claimed, source, false);
	set_bit(p->again, source, false);
	if (more)
		request(p, source);
}

static uint32_t read_context(struct plic *p, uint32_t off)
{
	unsigned c = (off - CONTEXT) / CONTEXT_SIZE;

	switch ((off - CONTEXT) % CONTEXT_SIZE) {
	case THRESHOLD:
		return p->threshold[c];
	case CLAIM:
		return claim(p, c);
	default:
		return 0;
	}
}

static void write_context(struct plic *p, uint32_t off, uint32_t value)
{
	unsigned c = (off - CONTEXT) / CONTEXT_SIZE;

	switch ((off - CONTEXT) % CONTEXT_SIZE) {
	case THRESHOLD:
		p->threshold[c] = value & PLIC_PRIORITY_MAX;
		break;
	case CLAIM:
		complete(p, c, value);
		break;
	}
}

/* A word of an enable array, or NULL. */
static uint32_t *enable_word(struct plic *p, uint32_t off)
{
	unsigned c = (off - ENABLE) / ENABLE_STRIDE, w = (off - ENABLE) % ENABLE_STRIDE / 4;

	return off >= ENABLE && off < CONTEXT && c < p->ncontexts && w <= p->nsources / 32
		? &p->enabled[c][w]
		: NULL;
}

/* The bits of word w that belong to sources. */
static uint32_t sources_of(const struct plic *p, unsigned w)
{
	uint32_t mask = w == 0 ? ~UINT32_C(1) : UINT32_MAX;

	if (w == p->nsources / 32 && p->nsources % 32 != 31)
		mask &= (UINT32_C(1) << (p->nsources % 32 + 1)) - 1;
	return mask;
}

static bool valid(const struct plic *p, uint64_t off)
{
	return !(off & 3) && off < PLIC_SIZE(p->ncontexts);
}

uint32_t plic_read(struct plic *p, uint64_t offset)
{
	uint32_t off = (uint32_t)offset, *enable;

	if (!valid(p, offset))
		return 0;
	if (off >= CONTEXT)
		return read_context(p, off);
	if (off <= 4 * p->nsources)
		return p->priority[off / 4];
	if (off >= PENDING && (off - PENDING) / 4 <= p->nsources / 32)
		return p->pending[(off - PENDING) / 4];
	enable = enable_word(p, off);
	return enable ? *enable : 0;
}

void plic_write(struct plic *p, uint64_t offset, uint32_t value)
{
	uint32_t off = (uint32_t)offset, *enable;

	if (!valid(p, offset))
		return;
	if (off >= CONTEXT)
		write_context(p, off, value);
	else if (off >= 4 && off <= 4 * p->nsources)
		p->priority[off / 4] = value & PLIC_PRIORITY_MAX;
	else if ((enable = enable_word(p, off)))
		*enable = value & sources_of(p, (off - ENABLE) % ENABLE_STRIDE / 4);
	set_lines(p);
}

void plic_set_input(struct plic *p, unsigned source, bool level)
{
	if (!exists(p, source) || bit(p->input, source) == level)
		return;
	set_bit(p->input, source, level);
	if (level)
		request(p, source);
	set_lines(p);
}

void plic_set_edge(struct plic *p, unsigned source, bool edge)
{
	if (exists(p, source))
		set_bit(p->edge, source, edge);
}

void plic_init(struct plic *p, unsigned nsources, unsigned ncontexts,
	void (*line)(void *arg, unsigned context, bool level), void *arg)
{
	*p = (struct plic){ .line = line,
		.arg = arg,
		.nsources = MIN(nsources, PLIC_MAX_SOURCES),
		.ncontexts = MIN(ncontexts, PLIC_MAX_CONTEXTS) };
}
