/*
 * The APLIC with a guest that lies: registers and numbers that are not there (G03, G19), harts and
 * interrupt files that are not there (G13), more interrupts than anybody takes (G23). The model has
 * a block of memory of its own, so that the sanitizer sees its end; what it sends is looked at; and
 * afterwards one interrupt goes through as it should.
 */
#include <string.h>
#include "core/test/hostile.h"
#include "riscv/aplic.h"

#define SOURCES 95
#define HARTS	4

enum {
	DOMAINCFG = 0,
	SETIP = 0x1c00,
	SETIPNUM = 0x1cdc,
	CLRIP = 0x1d00,
	CLRIPNUM = 0x1ddc,
	SETIE = 0x1e00,
	SETIENUM = 0x1edc,
	CLRIE = 0x1f00,
	CLRIENUM = 0x1fdc,
	SETIPNUM_LE = 0x2000,
	SETIPNUM_BE = 0x2004,
	GENMSI = 0x3000,
	IDC = 0x4000
};

#define SOURCECFG(n) (4U * (n))
#define TARGET(n)    (0x3000U + 4U * (n))
#define HART(n)	     ((uint32_t)(n) << 18)
#define ON	     0x100U /* domaincfg.IE */
#define DM	     4U
#define EDGE	     4U
#define LEVEL	     6U

struct fix {
	struct aplic *a;
	unsigned msis;
	uint64_t lines;
	const void *row;
	unsigned modes;
};

static void line(void *arg, unsigned hart, bool level)
{
	struct fix *f = arg;

	assert_true(hart < HARTS);
	assert_int_equal(f->lines >> hart & 1, !level);
	f->lines ^= UINT64_C(1) << hart;
}

static void msi(void *arg, unsigned hart, unsigned guest, unsigned id)
{
	struct fix *f = arg;

	assert_true(hart < HARTS);
	assert_true(guest < 64);
	assert_in_range(id, 1, 2047);
	f->msis++;
}

static void power_on(struct fix *f)
{
	aplic_init(f->a, SOURCES, HARTS, f->modes,
		&(struct aplic_output){ .line = line, .msi = msi, .arg = f });
	f->lines = 0;
}

static int setup(void **state)
{
	struct fix *f = *state;

	f->a = malloc(sizeof(*f->a));
	power_on(f);
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	free(f->a);
	return 0;
}

/* An edge at source 7 reaches hart 1. */
static void works(struct fix *f)
{
	bool by_msi = f->modes & APLIC_MSI;
	unsigned msis;

	aplic_set_input(f->a, 7, false);
	aplic_write(f->a, DOMAINCFG, ON | (by_msi ? DM : 0));
	aplic_write(f->a, SOURCECFG(7), EDGE);
	aplic_write(f->a, CLRIPNUM, 7);
	aplic_write(f->a, TARGET(7), HART(1) | 1);
	aplic_write(f->a, SETIENUM, 7);
	aplic_write(f->a, IDC + 0x20, 1);
	aplic_write(f->a, IDC + 0x28, 0);
	msis = f->msis;
	aplic_set_input(f->a, 7, true);
	if (by_msi) {
		assert_int_equal(f->msis, msis + 1);
		return;
	}
	assert_true(f->lines & 2);
	while (aplic_read(f->a, IDC + 0x20 + 0x18)) /* what else waits for it */
		aplic_read(f->a, IDC + 0x20 + 0x1c);
	aplic_read(f->a, IDC + 0x20 + 0x1c);
	assert_false(f->lines & 2);
}

/* All sources on, at hart 0. */
static void all_on(struct fix *f, uint32_t mode)
{
	aplic_write(f->a, DOMAINCFG, ON | DM);
	for (unsigned n = 1; n <= SOURCES; n++) {
		aplic_write(f->a, SOURCECFG(n), mode);
		aplic_write(f->a, TARGET(n), n);
		aplic_write(f->a, SETIENUM, n);
	}
	aplic_write(f->a, IDC, 1);
}

/* cases */

static void same_after(struct fix *f, uint64_t off, uint32_t value)
{
	struct aplic before = *f->a;

	aplic_write(f->a, off, value);
	assert_memory_equal(f->a, &before, sizeof(before));
	assert_int_equal(aplic_read(f->a, off), 0);
	assert_memory_equal(f->a, &before, sizeof(before));
}

static void not_there(struct fix *f, uint64_t off)
{
	all_on(f, LEVEL);
	same_after(f, off, 0xffffffff);
	same_after(f, off, 1);
	same_after(f, off, 0);
}

/* Numbers of sources by the registers that take one. */
static void number(struct fix *f, uint64_t n)
{
	static const uint32_t regs[] = { SETIPNUM, CLRIPNUM, SETIENUM, CLRIENUM, SETIPNUM_LE };
	struct aplic before;

	all_on(f, EDGE);
	before = *f->a;
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		aplic_write(f->a, regs[i], (uint32_t)n);
	aplic_write(f->a, SETIPNUM_BE, __builtin_bswap32((uint32_t)n));
	assert_memory_equal(f->a, &before, sizeof(before));
}

/* Bits of sources that are not there stay 0 in every array. */
static void all_bits(struct fix *f, uint64_t array)
{
	all_on(f, EDGE);
	for (uint32_t off = 0; off < 0x80; off += 4) {
		aplic_write(f->a, array + off, UINT32_MAX);
		if (off / 4 > SOURCES / 32)
			assert_int_equal(aplic_read(f->a, array + off), 0);
	}
	assert_int_equal(aplic_read(f->a, array) & 1, 0);
}

/* A source that no mode makes active has no pending and no enable bit, and no target. */
static void mode(struct fix *f, uint64_t value)
{
	all_on(f, EDGE);
	aplic_write(f->a, SOURCECFG(5), (uint32_t)value);
	assert_int_equal(aplic_read(f->a, SOURCECFG(5)), 0);
	aplic_write(f->a, SETIPNUM, 5);
	aplic_write(f->a, SETIENUM, 5);
	aplic_write(f->a, TARGET(5), HART(1) | 5);
	aplic_set_input(f->a, 5, true);
	assert_int_equal(aplic_read(f->a, SETIP) & 32, 0);
	assert_int_equal(aplic_read(f->a, SETIE) & 32, 0);
	assert_int_equal(aplic_read(f->a, TARGET(5)), 0);
}

/* An interrupt for a hart or a file that is not there goes nowhere. */
static void target(struct fix *f, uint64_t value)
{
	unsigned msis;

	all_on(f, EDGE);
	msis = f->msis;
	aplic_write(f->a, TARGET(5), (uint32_t)value);
	aplic_set_input(f->a, 5, true);
	if (f->modes & APLIC_MSI)
		aplic_write(f->a, GENMSI, (uint32_t)value);
	assert_int_equal(f->msis, msis);
	assert_int_equal(f->lines, 0);
}

/* Interrupt 0 is none: by MSI it is not sent; to a line its priority counts as 1. */
static void target_zero(struct fix *f, uint64_t hart)
{
	unsigned msis;

	all_on(f, EDGE);
	msis = f->msis;
	aplic_write(f->a, TARGET(5), HART(hart));
	aplic_set_input(f->a, 5, true);
	aplic_write(f->a, GENMSI, HART(hart));
	assert_int_equal(f->msis, msis);
	if (f->modes == APLIC_DIRECT)
		assert_int_equal(aplic_read(f->a, IDC + 0x18), 5 << 16 | 1);
}

static void every_offset(struct fix *f, uint64_t value)
{
	for (uint64_t off = 0; off < IDC + 64 * 0x20 + 16; off++) {
		aplic_write(f->a, off, (uint32_t)value);
		aplic_read(f->a, off);
	}
	for (unsigned n = 0; n < 2 * SOURCES; n++) {
		aplic_set_input(f->a, n, true);
		aplic_set_input(f->a, n, false);
	}
}

static void wire(struct fix *f, uint64_t n)
{
	struct aplic before;

	all_on(f, LEVEL);
	before = *f->a;
	aplic_set_input(f->a, (unsigned)n, true);
	assert_memory_equal(f->a, &before, sizeof(before));
}

static void storm(struct fix *f, uint64_t rounds)
{
	all_on(f, EDGE);
	for (uint64_t i = 0; i < rounds; i++) {
		aplic_write(f->a, SETIPNUM, 1 + (uint32_t)(i % SOURCES));
		aplic_set_input(f->a, 9, i & 1);
		aplic_write(f->a, DOMAINCFG, i & 2 ? ON | DM : ON);
		if (i % 8 == 0)
			aplic_read(f->a, IDC + 0x1c);
	}
}

static void claim_nothing(struct fix *f, uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++)
		assert_int_equal(aplic_read(f->a, IDC + 0x1c), 0);
	assert_int_equal(f->lines, 0);
}

static void force(struct fix *f, uint64_t hart)
{
	aplic_write(f->a, DOMAINCFG, ON);
	aplic_write(f->a, IDC + 0x20 * hart, 1);
	aplic_write(f->a, IDC + 0x20 * hart + 4, UINT32_MAX);
	assert_int_equal(f->lines, hart < HARTS && f->modes == APLIC_DIRECT ? 1U << hart : 0);
	aplic_read(f->a, IDC + 0x20 * hart + 0x1c);
	assert_int_equal(f->lines, 0);
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
	{ "g19 offset 2 of a source", not_there, SOURCECFG(3) + 2 },
	{ "g19 offset 3 of a target", not_there, TARGET(3) + 3 },
	{ "g19 between the registers", not_there, 0x1000 },
	{ "g19 behind the last hart", not_there, IDC + HARTS * 0x20 },
	{ "g19 hart 16383", not_there, IDC + 16383 * 0x20 },
	{ "g19 offset 2^32", not_there, UINT64_C(1) << 32 },
	{ "g19 offset 2^32 + a source's", not_there, (UINT64_C(1) << 32) + SOURCECFG(1) },
	{ "g19 offset 2^64 - 4", not_there, UINT64_MAX - 3 },
	{ "g03 sourcecfg of a source too many", not_there, SOURCECFG(SOURCES + 1) },
	{ "g03 sourcecfg of source 1023", not_there, SOURCECFG(1023) },
	{ "g03 target of a source too many", not_there, TARGET(SOURCES + 1) },
	{ "g03 target of source 1023", not_there, TARGET(1023) },
	{ "g03 source number 0", number, 0 },
	{ "g03 source number one too many", number, SOURCES + 1 },
	{ "g03 source number 128", number, 128 },
	{ "g03 source number 1023", number, 1023 },
	{ "g03 source number 2^31", number, 0x80000000 },
	{ "g03 source number 2^32 - 1", number, UINT32_MAX },
	{ "g03 all bits of setip", all_bits, SETIP },
	{ "g03 all bits of clrip", all_bits, CLRIP },
	{ "g03 all bits of setie", all_bits, SETIE },
	{ "g03 all bits of clrie", all_bits, CLRIE },
	{ "g03 wire 0", wire, 0 },
	{ "g03 wire one too many", wire, SOURCES + 1 },
	{ "g03 wire 2^32 - 1", wire, UINT32_MAX },
	{ "g16 source mode 2", mode, 2 },
	{ "g16 source mode 3", mode, 3 },
	{ "g16 source delegated", mode, 0x400 },
	{ "g16 source delegated, mode 6", mode, 0x406 },
	{ "g13 target hart one too many", target, HART(HARTS) | 5 },
	{ "g13 target hart 63", target, HART(63) | 5 },
	{ "g13 target hart 64", target, HART(64) | 5 },
	{ "g13 target hart 16383", target, HART(16383) | 5 },
	{ "g13 target interrupt 0", target_zero, 0 },
	{ "g09 claim nothing 10000 times", claim_nothing, 10000 },
	{ "g13 force at hart 0", force, 0 },
	{ "g13 force at a hart too many", force, HARTS },
	{ "g13 force at hart 63", force, 63 },
	{ "g23 100000 interrupts", storm, 100000 },
};

static void run(void **state)
{
	struct fix *f = *state;
	const struct row *r = f->row;

	r->act(f, r->arg);
	power_on(f); /* as a machine's reset does */
	works(f);
	r->act(f, r->arg);
	for (unsigned n = 1; n <= SOURCES; n++) /* and as a driver does it */
		aplic_write(f->a, SOURCECFG(n), 0);
	for (unsigned n = 0; n < HARTS; n++)
		aplic_write(f->a, IDC + 0x20 * n + 4, 0);
	works(f);
}

int main(void)
{
	static const char *const names[] = { "", "direct", "MSI", "both" };
	struct hostile_list *l = calloc(1, sizeof(*l));

	for (unsigned modes = APLIC_DIRECT; modes <= APLIC_MSI; modes++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			struct fix *f = calloc(1, sizeof(*f));

			*f = (struct fix){ .row = &rows[i], .modes = modes };
			hostile_add(l, run, setup, teardown, f, "%.3s aplic (%s):%s", rows[i].name,
				names[modes], rows[i].name + 3);
		}
	return hostile_run(l, "aplic");
}
