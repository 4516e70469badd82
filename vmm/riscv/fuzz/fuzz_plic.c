/*
 * The PLIC under any sequence of register accesses and wires. After each step every context's line
 * is what a plain reading of the registers says, and no level that is high is forgotten: it is
 * pending or claimed.
 *
 * Input: records of a byte (bits 0-2: write, read, wire low, wire high, claim, complete), three
 * bytes of offset, source or context, and for writes and completions a byte of value.
 */
#include "riscv/plic.h"

#define SOURCES	 40
#define CONTEXTS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void line(void *arg, unsigned context, bool level)
{
	uint64_t *lines = arg;

	must(context < CONTEXTS && (*lines >> context & 1) != level);
	*lines ^= UINT64_C(1) << context;
}

static uint32_t pending(struct plic *p, unsigned i)
{
	return plic_read(p, 0x1000 + i / 32 * 4) >> (i % 32) & 1;
}

static bool expected(struct plic *p, unsigned c)
{
	uint32_t threshold = plic_read(p, 0x200000 + 0x1000 * c);

	for (unsigned i = 1; i <= SOURCES; i++)
		if (pending(p, i) && plic_read(p, 0x2000 + 0x80 * c + i / 32 * 4) >> (i % 32) & 1 &&
			plic_read(p, 4 * i) > threshold)
			return true;
	return false;
}

static void check(struct plic *p, uint64_t lines)
{
	for (unsigned c = 0; c < CONTEXTS; c++)
		must(expected(p, c) == (lines >> c & 1));
	for (unsigned i = 1; i <= SOURCES; i++) {
		uint32_t mask = UINT32_C(1) << (i % 32);

		must(!(p->input[i / 32] & ~p->edge[i / 32] & mask) || pending(p, i) ||
			p->claimed[i / 32] & mask);
	}
	must(!(p->pending[0] & 1) && !(p->pending[1] >> 9));
}

static uint32_t take_bytes(const uint8_t **data, size_t *size, unsigned n)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < n && *size; i++, ++*data, --*size)
		value |= (uint32_t)**data << (8 * i);
	return value;
}

static void step(struct plic *p, uint32_t what, uint32_t off, uint32_t value)
{
	uint32_t claim = 0x200004 + 0x1000 * (off % CONTEXTS), got;

	switch (what) {
	case 0:
		plic_write(p, off, value * UINT32_C(0x01010101));
		break;
	case 1:
		plic_read(p, off);
		break;
	case 2:
	case 3:
		plic_set_input(p, off, what & 1);
		break;
	case 4:
		got = plic_read(p, claim);
		must(got <= SOURCES && (!got || !pending(p, got)));
		break;
	case 5:
		plic_write(p, claim, value);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t lines = 0;
	struct plic p;

	plic_init(&p, SOURCES, CONTEXTS, line, &lines);
	plic_set_edge(&p, 7, true);
	plic_set_edge(&p, 33, true);
	while (size) {
		uint32_t what = take_bytes(&data, &size, 1) & 7;
		uint32_t off = take_bytes(&data, &size, 3);

		step(&p, what, off, what == 0 || what == 5 ? take_bytes(&data, &size, 1) : 0);
		check(&p, lines);
	}
	return 0;
}
