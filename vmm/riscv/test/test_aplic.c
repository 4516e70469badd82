/*
 * The APLIC model against the AIA specification: a table of accesses a register, then what is
 * delivered, directly and by MSI. A step is a write, a read with what it must give, or a wire.
 */
#include <stdio.h>
#include <string.h>
#include "core/test/check.h"
#include "riscv/aplic.h"

#define SOURCES 95
#define HARTS	4

#define SM_INACTIVE 0
#define SM_DETACHED 1
#define SM_EDGE1    4
#define SM_EDGE0    5
#define SM_LEVEL1   6
#define SM_LEVEL0   7

#define DOMAINCFG     0x0000
#define SOURCECFG(n)  (4 * (n))
#define SETIP(w)      (0x1c00 + 4 * (w))
#define SETIPNUM      0x1cdc
#define CLRIP(w)      (0x1d00 + 4 * (w))
#define CLRIPNUM      0x1ddc
#define SETIE(w)      (0x1e00 + 4 * (w))
#define SETIENUM      0x1edc
#define CLRIE(w)      (0x1f00 + 4 * (w))
#define CLRIENUM      0x1fdc
#define SETIPNUM_LE   0x2000
#define SETIPNUM_BE   0x2004
#define GENMSI	      0x3000
#define TARGET(n)     (0x3000 + 4 * (n))
#define IDC(h, r)     (0x4000 + 0x20 * (h) + (r))
#define IDELIVERY(h)  IDC(h, 0)
#define IFORCE(h)     IDC(h, 4)
#define ITHRESHOLD(h) IDC(h, 8)
#define TOPI(h)	      IDC(h, 0x18)
#define CLAIMI(h)     IDC(h, 0x1c)
#define IE	      0x100U
#define DM	      4U
#define TO(hart, low) ((uint32_t)(hart) << 18 | (low))
#define ID(n, prio)   ((uint32_t)(n) << 16 | (prio))

struct fixture {
	struct aplic a;
	uint64_t lines;
	uint32_t msi[16]; /* as a target register's value */
	unsigned nmsi;
};

static void line(void *arg, unsigned hart, bool level)
{
	struct fixture *f = arg;

	assert_true(hart < HARTS);
	assert_int_equal(f->lines >> hart & 1, !level); /* told at changes only */
	f->lines ^= UINT64_C(1) << hart;
}

static void msi(void *arg, unsigned hart, unsigned guest, unsigned id)
{
	struct fixture *f = arg;

	assert_true(hart < HARTS && id && f->nmsi < ARRAY_SIZE(f->msi));
	f->msi[f->nmsi++] = TO(hart, guest << 12 | id);
}

static void setup(struct fixture *f, unsigned modes)
{
	struct aplic_output out = { .line = line, .msi = msi, .arg = f };

	memset(f, 0, sizeof(*f));
	aplic_init(&f->a, SOURCES, HARTS, modes, &out);
}

struct step {
	enum { END, WRITE, READ, WIRE, LINES, SENT } what;
	uint32_t at, value; /* WIRE: source, level; SENT: one MSI, or 0 for none */
};

static void play(struct fixture *f, const struct step *s, const char *name)
{
	for (unsigned i = 0; s[i].what != END; i++) {
		uint32_t got = s[i].value;

		switch (s[i].what) {
		case WRITE:
			aplic_write(&f->a, s[i].at, s[i].value);
			break;
		case READ:
			got = aplic_read(&f->a, s[i].at);
			break;
		case WIRE:
			aplic_set_input(&f->a, s[i].at, s[i].value);
			break;
		case LINES:
			got = (uint32_t)f->lines;
			break;
		case SENT:
			got = f->nmsi ? f->msi[0] : 0;
			f->nmsi -= !!f->nmsi;
			memmove(f->msi, f->msi + 1, f->nmsi * sizeof(*f->msi));
			break;
		case END:
			break;
		}
		if (got != s[i].value)
			fail_msg("%s: step %u at 0x%x: 0x%x, not 0x%x", name, i, s[i].at, got,
				s[i].value);
	}
	if (f->nmsi)
		fail_msg("%s: %u MSIs more than expected", name, f->nmsi);
}

#define W(at, value)	{ WRITE, at, value }
#define R(at, value)	{ READ, at, value }
#define PIN(n, level)	{ WIRE, n, level }
#define ASSERTED(harts) { LINES, 0, harts }
#define MSI(hart, id)	{ SENT, 0, TO(hart, id) }
#define NO_MSI		{ SENT, 0, 0 }
/* clang-format off: tables */
#define ENABLED(n, mode, target) W(SOURCECFG(n), mode), W(TARGET(n), target), W(SETIENUM, n)

struct plan {
	const char *name;
	unsigned modes;
	struct step steps[40];
};

static const struct plan registers[] = {
	{ "domaincfg", APLIC_DIRECT | APLIC_MSI,
		{ R(DOMAINCFG, 0x80000000), W(DOMAINCFG, UINT32_MAX),
			R(DOMAINCFG, 0x80000104), /* BE stays 0 */
			W(DOMAINCFG, 0), R(DOMAINCFG, 0x80000000) } },
	{ "domaincfg, direct only", APLIC_DIRECT,
		{ W(DOMAINCFG, UINT32_MAX), R(DOMAINCFG, 0x80000100) } },
	{ "domaincfg, MSI only", APLIC_MSI,
		{ R(DOMAINCFG, 0x80000004), W(DOMAINCFG, 0), R(DOMAINCFG, 0x80000004) } },
	{ "sourcecfg", APLIC_MSI,
		{ W(SOURCECFG(1), SM_LEVEL1), R(SOURCECFG(1), SM_LEVEL1), W(SOURCECFG(1), 2),
			R(SOURCECFG(1), SM_INACTIVE), /* reserved */
			W(SOURCECFG(1), SM_EDGE0 | 0xfffff000), R(SOURCECFG(1), SM_EDGE0),
			W(SOURCECFG(1), 3), R(SOURCECFG(1), SM_INACTIVE),
			W(SOURCECFG(95), SM_EDGE1), R(SOURCECFG(95), SM_EDGE1),
			W(SOURCECFG(95), 0x400 | SM_EDGE1),
			R(SOURCECFG(95), 0), /* no child to delegate to */
			W(SOURCECFG(96), SM_EDGE1), R(SOURCECFG(96), 0),
			W(SOURCECFG(1023), SM_EDGE1), R(SOURCECFG(1023), 0) } },
	{ "an inactive source keeps nothing", APLIC_MSI,
		{ W(SETIENUM, 3), R(SETIE(0), 0), W(SETIPNUM, 3), R(SETIP(0), 0),
			W(TARGET(3), TO(1, 7)), R(TARGET(3), 0), ENABLED(3, SM_DETACHED, TO(1, 7)),
			W(SETIPNUM, 3), R(SETIE(0), 8), R(SETIP(0), 8), R(TARGET(3), TO(1, 7)),
			W(SOURCECFG(3), SM_INACTIVE), R(SETIE(0), 0), R(SETIP(0), 0),
			R(TARGET(3), 0), W(SOURCECFG(3), SM_DETACHED), R(SETIE(0), 0),
			R(SETIP(0), 0) } },
	{ "enable bits", APLIC_MSI,
		{ W(SOURCECFG(1), SM_EDGE1), W(SOURCECFG(31), SM_EDGE1), W(SOURCECFG(32), SM_EDGE1),
			W(SOURCECFG(95), SM_EDGE1), W(SETIE(0), UINT32_MAX),
			W(SETIE(1), UINT32_MAX), W(SETIE(2), UINT32_MAX), W(SETIE(3), UINT32_MAX),
			R(SETIE(0), 0x80000002), R(SETIE(1), 1), R(SETIE(2), 0x80000000),
			R(SETIE(3), 0), R(CLRIE(0), 0), R(SETIENUM, 0), W(CLRIE(0), 2),
			R(SETIE(0), 0x80000000), W(CLRIENUM, 95), R(SETIE(2), 0), W(CLRIENUM, 0),
			W(SETIENUM, 0), R(SETIE(0), 0x80000000), W(SETIENUM, 96),
			W(SETIENUM, UINT32_MAX), R(SETIE(3), 0) } },
	{ "pending bits of detached and edge sources", APLIC_MSI,
		{ W(SOURCECFG(1), SM_DETACHED), W(SOURCECFG(2), SM_EDGE1),
			W(SOURCECFG(40), SM_EDGE0), W(SETIP(0), UINT32_MAX), R(SETIP(0), 6),
			W(SETIPNUM, 40), R(SETIP(1), 0x100), W(CLRIP(0), 2), R(SETIP(0), 4),
			W(CLRIPNUM, 2), R(SETIP(0), 0), W(CLRIPNUM, 40), R(SETIP(1), 0),
			W(SETIPNUM_LE, 1), R(SETIP(0), 2), R(SETIPNUM_LE, 0),
			W(SETIPNUM_BE, 0x02000000), R(SETIP(0), 6), W(SETIPNUM_BE, 2),
			R(SETIP(0), 6), R(SETIPNUM, 0), R(CLRIPNUM, 0) } },
	{ "rectified inputs", APLIC_MSI,
		{ W(SOURCECFG(1), SM_EDGE1), W(SOURCECFG(2), SM_EDGE0), W(SOURCECFG(3), SM_LEVEL1),
			W(SOURCECFG(4), SM_LEVEL0), W(SOURCECFG(5), SM_DETACHED), R(CLRIP(0), 0x14),
			PIN(1, 1), PIN(2, 1), PIN(3, 1), PIN(4, 1), PIN(5, 1), PIN(6, 1),
			R(CLRIP(0), 0x0a) } },
	{ "target by MSI", APLIC_MSI,
		{ W(SOURCECFG(1), SM_EDGE1), W(TARGET(1), UINT32_MAX), R(TARGET(1), 0xfffff7ff),
			W(TARGET(1), 0), R(TARGET(1), 0) } },
	{ "target directly", APLIC_DIRECT,
		{ W(SOURCECFG(1), SM_EDGE1), R(TARGET(1), 1), W(TARGET(1), UINT32_MAX),
			R(TARGET(1), 0xfffc00ff), W(TARGET(1), TO(2, 0)),
			R(TARGET(1), TO(2, 1)) } }, /* there is no priority 0 */
	{ "genmsi", APLIC_MSI,
		{ W(GENMSI, TO(3, 0x1fff)), MSI(3, 0x7ff),
			R(GENMSI, TO(3, 0x7ff)), /* the domain is not even enabled */
			W(GENMSI, TO(4, 9)), W(GENMSI, TO(0, 0)), NO_MSI } },
	{ "genmsi directly", APLIC_DIRECT, { W(GENMSI, TO(1, 5)), R(GENMSI, 0), NO_MSI } },
	{ "a hart's registers", APLIC_DIRECT,
		{ W(IDELIVERY(1), 0xfe), R(IDELIVERY(1), 0), W(IDELIVERY(1), 3), R(IDELIVERY(1), 1),
			W(IFORCE(1), 3), R(IFORCE(1), 1), W(IFORCE(1), 2), R(IFORCE(1), 0),
			W(ITHRESHOLD(1), 0x1ff), R(ITHRESHOLD(1), 0xff), R(ITHRESHOLD(0), 0),
			W(TOPI(1), 5), R(TOPI(1), 0), R(IDC(1, 0xc), 0), W(IDELIVERY(4), 1),
			R(IDELIVERY(4), 0) } },
	{ "no hart's registers by MSI", APLIC_MSI,
		{ W(IDELIVERY(1), 1), R(IDELIVERY(1), 0), W(ITHRESHOLD(0), 4),
			R(ITHRESHOLD(0), 0) } },
	{ "reserved and misaligned", APLIC_MSI,
		{ W(0x1bc0, UINT32_MAX), R(0x1bc0, 0), W(0x2008, 1), R(0x2008, 0), W(0x1c80, 2),
			R(0x1c80, 0), W(SOURCECFG(1) + 1, SM_EDGE1), R(SOURCECFG(1), 0), R(2, 0),
			R(0x3fff, 0), R(0x7ffc, 0) } },
};

static const struct plan directly[] = {
	{ "edge", APLIC_DIRECT,
		{ W(DOMAINCFG, IE), W(IDELIVERY(0), 1), ENABLED(5, SM_EDGE1, TO(0, 3)), ASSERTED(0),
			PIN(5, 1), ASSERTED(1), R(TOPI(0), ID(5, 3)), ASSERTED(1), PIN(5, 0),
			ASSERTED(1), R(CLAIMI(0), ID(5, 3)), ASSERTED(0), R(CLAIMI(0), 0),
			PIN(5, 1), PIN(5, 0), PIN(5, 1), R(CLAIMI(0), ID(5, 3)),
			R(CLAIMI(0), 0) } },
	{ "falling edge", APLIC_DIRECT,
		{ W(DOMAINCFG, IE), W(IDELIVERY(0), 1), ENABLED(5, SM_EDGE0, TO(0, 3)), PIN(5, 1),
			ASSERTED(0), PIN(5, 0), ASSERTED(1), R(CLAIMI(0), ID(5, 3)),
			ASSERTED(0) } },
	{ "level", APLIC_DIRECT,
		{ W(DOMAINCFG, IE), W(IDELIVERY(0), 1), ENABLED(5, SM_LEVEL1, TO(0, 3)), PIN(5, 1),
			ASSERTED(1), R(CLAIMI(0), ID(5, 3)), ASSERTED(1),
			R(CLAIMI(0), ID(5, 3)), /* a claim takes nothing away */
			W(CLRIPNUM, 5), W(CLRIP(0), 0x20), ASSERTED(1), R(SETIP(0), 0x20),
			PIN(5, 0), ASSERTED(0), R(SETIP(0), 0), W(SETIPNUM, 5), R(SETIP(0), 0),
			R(CLAIMI(0), 0) } },
	{ "low level", APLIC_DIRECT,
		{ W(DOMAINCFG, IE), W(IDELIVERY(0), 1), ENABLED(5, SM_LEVEL0, TO(0, 3)),
			ASSERTED(1), PIN(5, 1), ASSERTED(0), PIN(5, 0), ASSERTED(1),
			W(SOURCECFG(5), SM_INACTIVE), ASSERTED(0) } },
	{ "high before it is active", APLIC_DIRECT,
		{ W(DOMAINCFG, IE), W(IDELIVERY(0), 1), PIN(5, 1), ENABLED(5, SM_LEVEL1, TO(0, 1)),
			ASSERTED(1) } },
	{ "three switches", APLIC_DIRECT,
		{ ENABLED(1, SM_LEVEL1, TO(2, 1)), PIN(1, 1), ASSERTED(0), R(TOPI(2), ID(1, 1)),
			W(DOMAINCFG, IE), ASSERTED(0), W(IDELIVERY(2), 1), ASSERTED(4),
			W(DOMAINCFG, 0), ASSERTED(0), W(DOMAINCFG, IE), W(CLRIENUM, 1), ASSERTED(0),
			R(TOPI(2), 0), W(SETIENUM, 1), ASSERTED(4), W(IDELIVERY(2), 0),
			ASSERTED(0) } },
	{ "priorities", APLIC_DIRECT,
		{ W(DOMAINCFG, IE), W(IDELIVERY(0), 1), ENABLED(7, SM_EDGE1, TO(0, 9)),
			ENABLED(40, SM_EDGE1, TO(0, 2)), ENABLED(90, SM_EDGE1, TO(0, 9)),
			PIN(90, 1), R(TOPI(0), ID(90, 9)), PIN(7, 1), R(TOPI(0), ID(7, 9)),
			PIN(40, 1), R(CLAIMI(0), ID(40, 2)), R(CLAIMI(0), ID(7, 9)), ASSERTED(1),
			R(CLAIMI(0), ID(90, 9)), ASSERTED(0) } },
	{ "threshold", APLIC_DIRECT,
		{ W(DOMAINCFG, IE), W(IDELIVERY(0), 1), ENABLED(7, SM_EDGE1, TO(0, 9)), PIN(7, 1),
			ASSERTED(1), W(ITHRESHOLD(0), 9), ASSERTED(0), R(TOPI(0), 0),
			R(CLAIMI(0), 0), R(SETIP(0), 0x80), W(ITHRESHOLD(0), 10), ASSERTED(1),
			W(ITHRESHOLD(0), 1), ASSERTED(0), W(ITHRESHOLD(0), 0),
			R(CLAIMI(0), ID(7, 9)) } },
	{ "iforce", APLIC_DIRECT,
		{ W(DOMAINCFG, IE), W(IFORCE(3), 1), ASSERTED(0), W(IDELIVERY(3), 1), ASSERTED(8),
			R(TOPI(3), 0), ASSERTED(8), R(CLAIMI(3), 0), ASSERTED(0),
			R(IFORCE(3), 0) } },
	{ "another hart", APLIC_DIRECT,
		{ W(DOMAINCFG, IE), W(IDELIVERY(0), 1), W(IDELIVERY(1), 1),
			ENABLED(1, SM_LEVEL1, TO(0, 1)), PIN(1, 1), ASSERTED(1),
			W(TARGET(1), TO(1, 1)), ASSERTED(2), R(CLAIMI(0), 0),
			R(CLAIMI(1), ID(1, 1)), W(TARGET(1), TO(4, 1)), ASSERTED(0),
			W(TARGET(1), TO(0x3fff, 1)), ASSERTED(0) } },
	{ "detached", APLIC_DIRECT,
		{ W(DOMAINCFG, IE), W(IDELIVERY(0), 1), ENABLED(1, SM_DETACHED, TO(0, 1)),
			PIN(1, 1), ASSERTED(0), W(SETIPNUM, 1), ASSERTED(1), R(CLAIMI(0), ID(1, 1)),
			ASSERTED(0) } },
	{ "wires that do not exist", APLIC_DIRECT,
		{ PIN(0, 1), PIN(96, 1), PIN(5000, 1), R(SETIP(0), 0) } },
};

static const struct plan by_msi[] = {
	{ "edge", APLIC_MSI,
		{ W(DOMAINCFG, IE), ENABLED(9, SM_EDGE1, TO(1, 33)), PIN(9, 1), MSI(1, 33),
			R(SETIP(0), 0), PIN(9, 0), NO_MSI, PIN(9, 1), MSI(1, 33), W(SETIPNUM, 9),
			MSI(1, 33) } },
	{ "level", APLIC_MSI,
		{ W(DOMAINCFG, IE), ENABLED(9, SM_LEVEL1, TO(1, 33)), PIN(9, 1), MSI(1, 33),
			R(SETIP(0), 0), W(SETIPNUM_LE, 9), MSI(1, 33), PIN(9, 0), W(SETIPNUM_LE, 9),
			NO_MSI, /* asked again only while it is high */
			PIN(9, 1), MSI(1, 33) } },
	{ "low level", APLIC_MSI,
		{ PIN(9, 1), W(DOMAINCFG, IE), ENABLED(9, SM_LEVEL0, TO(1, 33)), NO_MSI, PIN(9, 0),
			MSI(1, 33) } },
	{ "a level that goes before it is sent", APLIC_MSI,
		{ W(SOURCECFG(9), SM_LEVEL1), W(TARGET(9), TO(1, 33)), PIN(9, 1),
			R(SETIP(0), 0x200), PIN(9, 0), R(SETIP(0), 0), W(SETIENUM, 9),
			W(DOMAINCFG, IE), NO_MSI } },
	{ "waits until enabled", APLIC_MSI,
		{ W(SOURCECFG(9), SM_EDGE1), W(TARGET(9), TO(1, 33)), PIN(9, 1), PIN(9, 0), NO_MSI,
			R(SETIP(0), 0x200), W(SETIENUM, 9), NO_MSI, W(DOMAINCFG, IE), MSI(1, 33),
			R(SETIP(0), 0) } },
	{ "a pending level can be cleared", APLIC_MSI,
		{ W(SOURCECFG(9), SM_LEVEL1), PIN(9, 1), W(CLRIPNUM, 9), R(SETIP(0), 0),
			W(SETIPNUM, 9), R(SETIP(0), 0x200) } },
	{ "several at once", APLIC_MSI,
		{ ENABLED(1, SM_EDGE1, TO(0, 1)), ENABLED(31, SM_EDGE1, TO(3, 2)),
			ENABLED(95, SM_EDGE1, TO(2, 3)), PIN(95, 1), PIN(31, 1), PIN(1, 1), NO_MSI,
			W(DOMAINCFG, IE), MSI(0, 1), MSI(3, 2), MSI(2, 3) } },
	{ "nowhere to go", APLIC_MSI,
		{ W(DOMAINCFG, IE), ENABLED(1, SM_EDGE1, TO(4, 1)), PIN(1, 1), NO_MSI,
			ENABLED(2, SM_EDGE1, TO(0, 0)), PIN(2, 1), NO_MSI } },
	{ "to a guest's file", APLIC_MSI,
		{ W(DOMAINCFG, IE), ENABLED(1, SM_EDGE1, TO(1, 2 << 12 | 5)), PIN(1, 1),
			MSI(1, 2 << 12 | 5) } },
	{ "from direct to MSI and back", APLIC_DIRECT | APLIC_MSI,
		{ W(DOMAINCFG, IE), W(IDELIVERY(0), 1), ENABLED(1, SM_LEVEL1, TO(0, 1)), PIN(1, 1),
			ASSERTED(1), W(DOMAINCFG, IE | DM), ASSERTED(0), MSI(0, 1), R(SETIP(0), 0),
			W(DOMAINCFG, IE), ASSERTED(1), R(SETIP(0), 2) } },
};
/* clang-format on */

static void play_all(const struct plan *plans, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct fixture f;

		setup(&f, plans[i].modes);
		play(&f, plans[i].steps, plans[i].name);
	}
}

static void each_register(void **state UNUSED)
{
	play_all(registers, ARRAY_SIZE(registers));
}

static void direct_delivery(void **state UNUSED)
{
	play_all(directly, ARRAY_SIZE(directly));
}

static void delivery_by_msi(void **state UNUSED)
{
	play_all(by_msi, ARRAY_SIZE(by_msi));
}

/* The largest there is: its last source and hart work, and nothing beyond them. */
static void limits(void **state UNUSED)
{
	struct aplic *a = malloc(sizeof(*a));
	struct aplic_output out = { .line = line, .msi = msi };

	assert_non_null(a);
	aplic_init(a, 5000, 5000, APLIC_DIRECT | APLIC_MSI, &out);
	assert_int_equal(a->nsources, APLIC_MAX_SOURCES);
	assert_int_equal(a->nharts, APLIC_MAX_HARTS);
	aplic_write(a, SOURCECFG(127), SM_EDGE1);
	aplic_write(a, IDELIVERY(63), 1);
	assert_int_equal(aplic_read(a, SOURCECFG(127)), SM_EDGE1);
	assert_int_equal(aplic_read(a, IDELIVERY(63)), 1);
	for (uint64_t off = 0; off < 0x10000; off += 4) {
		aplic_write(a, off, 0);
		aplic_read(a, off);
	}
	assert_int_equal(aplic_read(a, UINT64_C(1) << 32), 0);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_register),
		cmocka_unit_test(direct_delivery),
		cmocka_unit_test(delivery_by_msi),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
