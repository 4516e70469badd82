/*
 * The PLIC with a guest that lies: registers, sources and contexts that are not there (G03, G19),
 * claims and completions of what is not pending (G08), more interrupts than anybody takes (G23).
 * Afterwards one interrupt goes through as it should.
 */
#include <string.h>
#include "core/test/hostile.h"
#include "riscv/plic.h"

#define SOURCES	 40 /* no multiple of 32, less one */
#define CONTEXTS 4

#define PRIORITY(n)  (4UL * (n))
#define PENDING(w)   (0x1000UL + 4 * (w))
#define ENABLE(c, w) (0x2000UL + 0x80 * (c) + 4 * (w))
#define THRESHOLD(c) (0x200000UL + 0x1000 * (c))
#define CLAIM(c)     (0x200004UL + 0x1000 * (c))

struct fix {
	const void *row; /* first: hostile_table() */
	struct plic *p;
	uint64_t lines;
};

static void line(void *arg, unsigned context, bool level)
{
	struct fix *f = arg;

	assert_true(context < CONTEXTS);
	assert_int_equal(f->lines >> context & 1, !level);
	f->lines ^= UINT64_C(1) << context;
}

static void power_on(struct fix *f)
{
	plic_init(f->p, SOURCES, CONTEXTS, line, f);
	f->lines = 0;
}

static int setup(void **state)
{
	struct fix *f = *state;

	f->p = malloc(sizeof(*f->p)); /* the sanitizer sees its end */
	power_on(f);
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	free(f->p);
	return 0;
}

/* Source 7 rises, context 1 claims it, the device lets go, it is completed. */
static void works(struct fix *f)
{
	for (unsigned c = 0; c < CONTEXTS; c++) {
		plic_write(f->p, ENABLE(c, 0), c == 1 ? 1U << 7 : 0);
		plic_write(f->p, ENABLE(c, 1), 0);
	}
	plic_set_input(f->p, 7, false);
	plic_write(f->p, PRIORITY(7), 1);
	plic_write(f->p, THRESHOLD(1), 0);
	plic_read(f->p, CLAIM(1));
	plic_write(f->p, CLAIM(1), 7); /* what was under way is over */
	assert_int_equal(f->lines, 0);
	plic_set_input(f->p, 7, true);
	assert_int_equal(f->lines, 2);
	assert_int_equal(plic_read(f->p, CLAIM(1)), 7);
	assert_int_equal(f->lines, 0);
	plic_set_input(f->p, 7, false);
	plic_write(f->p, CLAIM(1), 7);
	assert_int_equal(f->lines, 0);
}

static void all_on(struct fix *f)
{
	for (unsigned n = 1; n <= SOURCES; n++)
		plic_write(f->p, PRIORITY(n), 1 + n % PLIC_PRIORITY_MAX);
	for (unsigned c = 0; c < CONTEXTS; c++)
		for (unsigned w = 0; w < 2; w++)
			plic_write(f->p, ENABLE(c, w), UINT32_MAX);
}

/* cases */

static void not_there(struct fix *f, uint64_t off)
{
	static const uint32_t values[] = { UINT32_MAX, 1, 0 };
	struct plic before;

	all_on(f);
	before = *f->p;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		plic_write(f->p, off, values[i]);
		assert_int_equal(plic_read(f->p, off), 0);
		assert_memory_equal(f->p, &before, sizeof(before));
	}
}

static void read_only(struct fix *f, uint64_t off)
{
	struct plic before;

	all_on(f);
	plic_set_input(f->p, 3, true);
	plic_set_input(f->p, 35, true);
	before = *f->p;
	plic_write(f->p, off, UINT32_MAX);
	plic_write(f->p, off, 0);
	assert_memory_equal(f->p, &before, sizeof(before));
}

/* A completion of what was not claimed changes nothing. */
static void complete(struct fix *f, uint64_t source)
{
	struct plic before;

	all_on(f);
	plic_set_input(f->p, 3, true);
	before = *f->p;
	for (unsigned c = 0; c < CONTEXTS; c++)
		plic_write(f->p, CLAIM(c), (uint32_t)source);
	assert_memory_equal(f->p, &before, sizeof(before));
	assert_int_equal(plic_read(f->p, CLAIM(0)), 3);
}

/* Claimed by one context, completed by another, for which it is not enabled. */
static void complete_elsewhere(struct fix *f, uint64_t context)
{
	plic_write(f->p, PRIORITY(5), 1);
	plic_write(f->p, ENABLE(0, 0), 1U << 5);
	plic_set_input(f->p, 5, true);
	assert_int_equal(plic_read(f->p, CLAIM(0)), 5);
	plic_write(f->p, CLAIM(context), 5);
	assert_int_equal(plic_read(f->p, PENDING(0)), 0);
	plic_write(f->p, CLAIM(0), 5);
	assert_int_equal(plic_read(f->p, PENDING(0)), 32);
}

static void twice(struct fix *f, uint64_t rounds)
{
	all_on(f);
	plic_set_input(f->p, 5, true);
	for (uint64_t i = 0; i < rounds; i++) {
		assert_int_equal(plic_read(f->p, CLAIM(0)), 5);
		assert_int_equal(plic_read(f->p, CLAIM(0)), 0);
		plic_write(f->p, CLAIM(0), 5);
		plic_set_input(f->p, 5, i + 1 < rounds);
		plic_write(f->p, CLAIM(0), 5);
		plic_set_input(f->p, 5, true);
	}
}

static void too_high(struct fix *f, uint64_t off)
{
	plic_write(f->p, off, UINT32_MAX);
	assert_int_equal(plic_read(f->p, off), PLIC_PRIORITY_MAX);
	plic_write(f->p, off, 0x80000000);
	assert_int_equal(plic_read(f->p, off), 0);
}

/* Bits of sources that are not there stay 0. */
static void enable_all(struct fix *f, uint64_t context)
{
	plic_write(f->p, ENABLE(context, 0), UINT32_MAX);
	plic_write(f->p, ENABLE(context, 1), UINT32_MAX);
	assert_int_equal(plic_read(f->p, ENABLE(context, 0)), 0xfffffffe);
	assert_int_equal(plic_read(f->p, ENABLE(context, 1)), (1U << (SOURCES - 31)) - 1);
}

static void wire(struct fix *f, uint64_t n)
{
	struct plic before;

	all_on(f);
	before = *f->p;
	plic_set_input(f->p, (unsigned)n, true);
	assert_memory_equal(f->p, &before, sizeof(before));
	plic_set_edge(f->p, (unsigned)n, true);
	assert_memory_equal(f->p, &before, sizeof(before));
}

static void every_offset(struct fix *f, uint64_t value)
{
	for (uint64_t off = 0; off < 0x4000; off++) {
		plic_write(f->p, off, (uint32_t)value);
		plic_read(f->p, off);
	}
	for (uint64_t off = 0x1ff000; off < 0x200000 + (CONTEXTS + 1) * 0x1000; off++) {
		plic_write(f->p, off, (uint32_t)value);
		plic_read(f->p, off);
	}
	for (unsigned n = 0; n < 2 * SOURCES; n++) {
		plic_set_input(f->p, n, true);
		plic_set_input(f->p, n, false);
	}
}

static void storm(struct fix *f, uint64_t rounds)
{
	all_on(f);
	for (uint64_t i = 0; i < rounds; i++) {
		plic_set_input(f->p, 1 + (unsigned)(i % SOURCES), !(i / SOURCES & 1));
		if (i % 3 == 0)
			plic_write(f->p, CLAIM(i % CONTEXTS), plic_read(f->p, CLAIM(i % CONTEXTS)));
	}
}

struct row {
	const char *name;
	void (*act)(struct fix *f, uint64_t arg);
	uint64_t arg;
};

static const struct row rows[] = {
	{ "g19 every offset, 0", every_offset, 0 },
	{ "g19 every offset, 1", every_offset, 1 },
	{ "g19 every offset, 2^31", every_offset, 0x80000000 },
	{ "g19 every offset, all ones", every_offset, UINT32_MAX },
	{ "g19 offset 1", not_there, 1 },
	{ "g19 offset 2 of a priority", not_there, PRIORITY(3) + 2 },
	{ "g19 offset 3 of a claim", not_there, CLAIM(0) + 3 },
	{ "g19 between the registers", not_there, 0x1800 },
	{ "g19 behind threshold and claim", not_there, THRESHOLD(0) + 8 },
	{ "g19 behind the last context", not_there, THRESHOLD(CONTEXTS) },
	{ "g19 claim of context 15871", not_there, CLAIM(15871) },
	{ "g19 offset 2^32 + a priority's", not_there, (UINT64_C(1) << 32) + PRIORITY(1) },
	{ "g19 offset 2^64 - 4", not_there, UINT64_MAX - 3 },
	{ "g19 pending written to", read_only, PENDING(0) },
	{ "g19 second word of pending written to", read_only, PENDING(1) },
	{ "g03 priority of source 0", not_there, PRIORITY(0) },
	{ "g03 priority of a source too many", not_there, PRIORITY(SOURCES + 1) },
	{ "g03 priority of source 1023", not_there, PRIORITY(1023) },
	{ "g03 pending word one too many", not_there, PENDING(2) },
	{ "g03 enable word one too many", not_there, ENABLE(0, 2) },
	{ "g03 enable word 31", not_there, ENABLE(0, 31) },
	{ "g03 enables of a context too many", not_there, ENABLE(CONTEXTS, 0) },
	{ "g03 enables of context 15871", not_there, ENABLE(15871, 0) },
	{ "g03 all enables of context 0", enable_all, 0 },
	{ "g03 all enables of the last context", enable_all, CONTEXTS - 1 },
	{ "g03 wire 0", wire, 0 },
	{ "g03 wire one too many", wire, SOURCES + 1 },
	{ "g03 wire 2^32 - 1", wire, UINT32_MAX },
	{ "g08 completes source 0", complete, 0 },
	{ "g08 completes what was not claimed", complete, 3 },
	{ "g08 completes a source too many", complete, SOURCES + 1 },
	{ "g08 completes source 128", complete, 128 },
	{ "g08 completes source 2^32 - 1", complete, UINT32_MAX },
	{ "g08 completes what another context has", complete_elsewhere, 1 },
	{ "g08 completes from the last context", complete_elsewhere, CONTEXTS - 1 },
	{ "g10 claims and completes twice", twice, 1000 },
	{ "g16 priority above the highest", too_high, PRIORITY(3) },
	{ "g16 threshold above the highest", too_high, THRESHOLD(2) },
	{ "g23 100000 interrupts", storm, 100000 },
};

static void run(void **state)
{
	struct fix *f = *state;
	const struct row *r = f->row;

	r->act(f, r->arg);
	power_on(f);
	works(f);
}

int main(void)
{
	return hostile_table("plic", rows, ARRAY_SIZE(rows), sizeof(rows[0]), sizeof(struct fix),
		run, setup, teardown);
}
