/*
 * APLIC registers; see aplic.h. Sections are those of the AIA specification 1.0, chapter 4.
 *
 * Every change ends in deliver(), which looks at what is pending and enabled: by MSI it sends each
 * and forgets it, directly it sets the line of each hart. A level-sensitive source's pending bit
 * follows its wire in direct delivery, and by MSI is only set by a rise (§4.7).
 */
#include "riscv/aplic.h"

#include <string.h>
#include "riscv/bits.h"

/* §4.5 */
#define DOMAINCFG    0x0000
#define SOURCECFG    0x0004 /* of source 1; source n at SOURCECFG + 4 * (n - 1) */
#define SETIP	     0x1c00
#define SETIPNUM     0x1cdc
#define IN_CLRIP     0x1d00
#define CLRIPNUM     0x1ddc
#define SETIE	     0x1e00
#define SETIENUM     0x1edc
#define CLRIE	     0x1f00
#define CLRIENUM     0x1fdc
#define SETIPNUM_LE  0x2000
#define SETIPNUM_BE  0x2004
#define GENMSI	     0x3000
#define TARGET	     0x3004
#define END	     0x4000
#define BITMAP_BYTES 0x80 /* of each array of 1024 bits */

#define DOMAINCFG_FIXED 0x80000000U
#define DOMAINCFG_IE	0x100U
#define DOMAINCFG_DM	0x4U /* delivery by MSI */

#define SOURCECFG_D  0x400U
#define SOURCECFG_SM 0x7U

enum { INACTIVE = 0, DETACHED = 1, EDGE1 = 4, EDGE0 = 5, LEVEL1 = 6, LEVEL0 = 7 };

#define HART_SHIFT  18
#define HART_MASK   (0x3fffU << HART_SHIFT)
#define GUEST_SHIFT 12
#define GUEST_MASK  (0x3fU << GUEST_SHIFT)
#define EIID_MASK   0x7ffU
#define IPRIO_MASK  0xffU

/* Of a hart's block, §4.8.1 */
enum { IDELIVERY = 0x00, IFORCE = 0x04, ITHRESHOLD = 0x08, TOPI = 0x18, CLAIMI = 0x1c };

static bool by_msi(const struct aplic *a)
{
	return a->domaincfg & DOMAINCFG_DM;
}

static bool exists(const struct aplic *a, uint32_t source)
{
	return source >= 1 && source <= a->nsources;
}

static bool active(const struct aplic *a, uint32_t source)
{
	return exists(a, source) && a->sourcecfg[source] != INACTIVE;
}

static bool is_level(const struct aplic *a, unsigned source)
{
	return a->sourcecfg[source] == LEVEL1 || a->sourcecfg[source] == LEVEL0;
}

/* §4.5.2: the wire as the source mode sees it. */
static bool rectified(const struct aplic *a, unsigned source)
{
	switch (a->sourcecfg[source]) {
	case EDGE1:
	case LEVEL1:
		return bit(a->input, source);
	case EDGE0:
	case LEVEL0:
		return !bit(a->input, source);
	default:
		return false;
	}
}

/* delivery */

static uint32_t priority(const struct aplic *a, unsigned source)
{
	return MAX(a->target[source] & IPRIO_MASK, 1U); /* 0 is no priority (§4.5.16.1) */
}

/* What is pending and enabled at each hart: its topi, threshold aside, or 0. */
static void find_top(const struct aplic *a, uint32_t top[APLIC_MAX_HARTS])
{
	memset(top, 0, APLIC_MAX_HARTS * sizeof(*top));
	for (unsigned w = 0; w <= a->nsources / 32; w++)
		for (uint32_t m = a->pending[w] & a->enabled[w]; m; m &= m - 1) {
			unsigned i = w * 32 + (unsigned)__builtin_ctz(m);
			uint32_t hart = a->target[i] >> HART_SHIFT, prio = priority(a, i);

			/* sources come in ascending order: the first of equals stays */
			if (hart < a->nharts && (!top[hart] || prio < (top[hart] & IPRIO_MASK)))
				top[hart] = i << 16 | prio;
		}
}

static uint32_t above_threshold(const struct aplic *a, unsigned hart, uint32_t top)
{
	uint32_t threshold = a->idc[hart].threshold;

	return !threshold || (top & IPRIO_MASK) < threshold ? top : 0;
}

static void set_lines(struct aplic *a)
{
	uint32_t top[APLIC_MAX_HARTS];
	bool on = a->domaincfg & DOMAINCFG_IE && !by_msi(a);

	find_top(a, top);
	for (unsigned h = 0; h < a->nharts; h++) {
		bool level = on && a->idc[h].delivery &&
			(a->idc[h].force || above_threshold(a, h, top[h]));

		if (level == (a->asserted >> h & 1))
			continue;
		a->asserted ^= UINT64_C(1) << h;
		a->out.line(a->out.arg, h, level);
	}
}

/* A hart or file that does not exist gets nothing. */
static void send(struct aplic *a, uint32_t target)
{
	unsigned hart = target >> HART_SHIFT;

	if (hart < a->nharts && target & EIID_MASK)
		a->out.msi(a->out.arg, hart, (target & GUEST_MASK) >> GUEST_SHIFT,
			target & EIID_MASK);
}

static void forward(struct aplic *a)
{
	for (unsigned w = 0; w <= a->nsources / 32; w++) {
		uint32_t ready = a->pending[w] & a->enabled[w];

		a->pending[w] &= ~ready;
		for (; ready; ready &= ready - 1)
			send(a, a->target[w * 32 + (unsigned)__builtin_ctz(ready)]);
	}
}

static void deliver(struct aplic *a)
{
	if (by_msi(a) && a->domaincfg & DOMAINCFG_IE)
		forward(a);
	if (a->modes & APLIC_DIRECT)
		set_lines(a);
}

/* pending bits, §4.7 */

/* The rectified input went from old to what it is now; or the mode changed, with old false. */
static void follow_input(struct aplic *a, unsigned source, bool old)
{
	bool now = rectified(a, source);

	if (is_level(a, source) && (!now || !by_msi(a)))
		set_bit(a->pending, source, now);
	else if (now && !old)
		set_bit(a->pending, source, true);
}

static void set_pending(struct aplic *a, uint32_t source)
{
	if (active(a, source) && (!is_level(a, source) || (by_msi(a) && rectified(a, source))))
		set_bit(a->pending, source, true);
}

static void clear_pending(struct aplic *a, uint32_t source)
{
	if (active(a, source) && !(is_level(a, source) && !by_msi(a)))
		set_bit(a->pending, source, false);
}

static void set_enabled(struct aplic *a, uint32_t source)
{
	if (active(a, source))
		set_bit(a->enabled, source, true);
}

static void clear_enabled(struct aplic *a, uint32_t source)
{
	if (active(a, source))
		set_bit(a->enabled, source, false);
}

/* registers */

static void write_domaincfg(struct aplic *a, uint32_t value)
{
	uint32_t dm = a->modes == APLIC_MSI ? DOMAINCFG_DM
		: a->modes == APLIC_DIRECT  ? 0
					    : value & DOMAINCFG_DM;
	bool to_direct = by_msi(a) && !dm;

	a->domaincfg = (value & DOMAINCFG_IE) | dm;
	for (unsigned i = 1; i <= a->nsources && to_direct; i++)
		if (is_level(a, i))
			follow_input(a, i, false);
}

/* §4.5.2. There are no child domains: delegation makes a source inactive, as do reserved modes. */
static void write_sourcecfg(struct aplic *a, unsigned source, uint32_t value)
{
	uint32_t mode = value & SOURCECFG_SM;

	if (!exists(a, source))
		return;
	if (value & SOURCECFG_D || mode == 2 || mode == 3)
		mode = INACTIVE;
	a->sourcecfg[source] = mode;
	if (mode == INACTIVE) {
		set_bit(a->pending, source, false);
		set_bit(a->enabled, source, false);
		a->target[source] = 0;
	} else if (is_level(a, source)) {
		follow_input(a, source, false);
	}
}

static uint32_t read_target(const struct aplic *a, unsigned source)
{
	if (!active(a, source))
		return 0;
	return by_msi(a) ? a->target[source]
			 : (a->target[source] & HART_MASK) | priority(a, source);
}

static void write_target(struct aplic *a, unsigned source, uint32_t value)
{
	if (active(a, source))
		a->target[source] = value &
			(by_msi(a) ? HART_MASK | GUEST_MASK | EIID_MASK : HART_MASK | IPRIO_MASK);
}

/* §4.5.15: sent whether or not the domain is enabled. */
static void write_genmsi(struct aplic *a, uint32_t value)
{
	if (!by_msi(a))
		return;
	a->genmsi = value & (HART_MASK | EIID_MASK);
	send(a, a->genmsi);
}

/* The bits of an array's word; writes go through fn, source by source. */
static void write_word(struct aplic *a, unsigned word, uint32_t value,
	void (*fn)(struct aplic *, uint32_t))
{
	for (; value; value &= value - 1)
		fn(a, word * 32 + (unsigned)__builtin_ctz(value));
}

static uint32_t read_inputs(const struct aplic *a, unsigned word)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < 32; i++)
		if (exists(a, word * 32 + i) && rectified(a, word * 32 + i))
			value |= UINT32_C(1) << i;
	return value;
}

static uint32_t top_of(const struct aplic *a, unsigned hart)
{
	uint32_t top[APLIC_MAX_HARTS];

	find_top(a, top);
	return above_threshold(a, hart, top[hart]);
}

static uint32_t claim(struct aplic *a, unsigned hart)
{
	uint32_t top = top_of(a, hart);

	if (top)
		clear_pending(a, top >> 16);
	else
		a->idc[hart].force = 0;
	deliver(a);
	return top;
}

static uint32_t read_idc(struct aplic *a, uint32_t off)
{
	unsigned hart = (off - APLIC_IDC) / APLIC_IDC_SIZE;

	if (hart >= a->nharts || by_msi(a))
		return 0;
	switch ((off - APLIC_IDC) % APLIC_IDC_SIZE) {
	case IDELIVERY:
		return a->idc[hart].delivery;
	case IFORCE:
		return a->idc[hart].force;
	case ITHRESHOLD:
		return a->idc[hart].threshold;
	case TOPI:
		return top_of(a, hart);
	case CLAIMI:
		return claim(a, hart);
	default:
		return 0;
	}
}

static void write_idc(struct aplic *a, uint32_t off, uint32_t value)
{
	unsigned hart = (off - APLIC_IDC) / APLIC_IDC_SIZE;

	if (hart >= a->nharts || by_msi(a))
		return;
	switch ((off - APLIC_IDC) % APLIC_IDC_SIZE) {
	case IDELIVERY:
		a->idc[hart].delivery = value & 1;
		break;
	case IFORCE:
		a->idc[hart].force = value & 1;
		break;
	case ITHRESHOLD:
		a->idc[hart].threshold = value & IPRIO_MASK;
		break;
	}
}

/* Which word of the array of bits at base is off? -1: not of that array, or not there. */
static int word_of(const struct aplic *a, uint32_t off, uint32_t base)
{
	uint32_t word = (off - base) / 4;

	return off >= base && off < base + BITMAP_BYTES && word <= a->nsources / 32 ? (int)word
										    : -1;
}

static bool valid(const struct aplic *a, uint64_t off)
{
	return !(off & 3) && off < APLIC_IDC + (uint64_t)a->nharts * APLIC_IDC_SIZE;
}

uint32_t aplic_read(struct aplic *a, uint64_t offset)
{
	uint32_t off = (uint32_t)offset;
	int w;

	if (!valid(a, offset))
		return 0;
	if (off >= END)
		return read_idc(a, off);
	if (off == DOMAINCFG)
		return DOMAINCFG_FIXED | a->domaincfg;
	if (off <= SOURCECFG + 4 * (a->nsources - 1))
		return a->sourcecfg[off / 4];
	if (off >= TARGET)
		return read_target(a, (off - GENMSI) / 4);
	if (off == GENMSI)
		return by_msi(a) ? a->genmsi : 0;
	if ((w = word_of(a, off, SETIP)) >= 0)
		return a->pending[w];
	if ((w = word_of(a, off, IN_CLRIP)) >= 0)
		return read_inputs(a, (unsigned)w);
	if ((w = word_of(a, off, SETIE)) >= 0)
		return a->enabled[w];
	return 0;
}

static void write_bits(struct aplic *a, uint32_t off, uint32_t value)
{
	static const struct {
		uint32_t base, num;
		void (*fn)(struct aplic *, uint32_t);
	} arrays[] = {
		{ SETIP, SETIPNUM, set_pending },
		{ IN_CLRIP, CLRIPNUM, clear_pending },
		{ SETIE, SETIENUM, set_enabled },
		{ CLRIE, CLRIENUM, clear_enabled },
	};

	for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
		int w = word_of(a, off, arrays[i].base);

		if (w >= 0)
			write_word(a, (unsigned)w, value, arrays[i].fn);
		else if (off == arrays[i].num)
			arrays[i].fn(a, value);
	}
}

void aplic_write(struct aplic *a, uint64_t offset, uint32_t value)
{
	uint32_t off = (uint32_t)offset;

	if (!valid(a, offset))
		return;
	if (off >= END)
		write_idc(a, off, value);
	else if (off == DOMAINCFG)
		write_domaincfg(a, value);
	else if (off <= SOURCECFG + 4 * (a->nsources - 1))
		write_sourcecfg(a, off / 4, value);
	else if (off >= TARGET)
		write_target(a, (off - GENMSI) / 4, value);
	else if (off == GENMSI)
		write_genmsi(a, value);
	else if (off == SETIPNUM_LE)
		set_pending(a, value);
	else if (off == SETIPNUM_BE)
		set_pending(a, __builtin_bswap32(value));
	else
		write_bits(a, off, value);
	deliver(a);
}

void aplic_set_input(struct aplic *a, unsigned source, bool level)
{
	bool old;

	if (!exists(a, source) || bit(a->input, source) == level)
		return;
	old = rectified(a, source);
	set_bit(a->input, source, level);
	follow_input(a, source, old);
	deliver(a);
}

void aplic_init(struct aplic *a, unsigned nsources, unsigned nharts, unsigned modes,
	const struct aplic_output *out)
{
	*a = (struct aplic){ .out = *out,
		.nsources = MIN(nsources, APLIC_MAX_SOURCES),
		.nharts = MIN(nharts, APLIC_MAX_HARTS),
		.modes = modes,
		.domaincfg = modes == APLIC_MSI ? DOMAINCFG_DM : 0 };
}
