/*
 * The PLIC model against the PLIC specification: a table of accesses a register, then gateways,
 * priorities, claims and completions. A step is a write, a read with what it must give, or a wire.
 */
#include <string.h>
#include "core/test/check.h"
#include "riscv/plic.h"

#define SOURCES	 95
#define CONTEXTS 4

#define PRIORITY(n)  (4 * (n))
#define PENDING(w)   (0x1000 + 4 * (w))
#define ENABLE(c, w) (0x2000 + 0x80 * (c) + 4 * (w))
#define THRESHOLD(c) (0x200000 + 0x1000 * (c))
#define CLAIM(c)     (0x200004 + 0x1000 * (c))

struct fixture {
	struct plic p;
	uint64_t lines;
};

static void line(void *arg, unsigned context, bool level)
{
	struct fixture *f = arg;

	assert_true(context < PLIC_MAX_CONTEXTS);
	assert_int_equal(f->lines >> context & 1, !level); /* told at changes only */
	f->lines ^= UINT64_C(1) << context;
}

struct step {
	enum { END, WRITE, READ, WIRE, LINES, EDGE } what;
	uint32_t at, value; /* WIRE: source, level */
};

static void play(struct fixture *f, const struct step *s, const char *name)
{
	for (unsigned i = 0; s[i].what != END; i++) {
		uint32_t got = s[i].value;

		switch (s[i].what) {
		case WRITE:
			plic_write(&f->p, s[i].at, s[i].value);
			break;
		case READ:
			got = plic_read(&f->p, s[i].at);
			break;
		case WIRE:
			plic_set_input(&f->p, s[i].at, s[i].value);
			break;
		case LINES:
			got = (uint32_t)f->lines;
			break;
		case EDGE:
			plic_set_edge(&f->p, s[i].at, true);
			break;
		case END:
			break;
		}
		if (got != s[i].value)
			fail_msg("%s: step %u at 0x%x: 0x%x, not 0x%x", name, i, s[i].at, got,
				s[i].value);
	}
}

#define W(at, value)	{ WRITE, at, value }
#define R(at, value)	{ READ, at, value }
#define PIN(n, level)	{ WIRE, n, level }
#define ASSERTED(lines) { LINES, 0, lines }
#define BY_EDGE(n)	{ EDGE, n, 0 }
/* clang-format off: tables */
#define ALL(c) W(ENABLE(c, 0), UINT32_MAX), W(ENABLE(c, 1), UINT32_MAX), W(ENABLE(c, 2), UINT32_MAX)

static const struct {
	const char *name;
	struct step steps[40];
} plans[] = {
	{ "priority",
		{ W(PRIORITY(1), 5), R(PRIORITY(1), 5), W(PRIORITY(1), UINT32_MAX),
			R(PRIORITY(1), 7), W(PRIORITY(95), 1), R(PRIORITY(95), 1),
			W(PRIORITY(0), 1), R(PRIORITY(0), 0), W(PRIORITY(96), 1),
			R(PRIORITY(96), 0), W(PRIORITY(1) + 2, 1), R(PRIORITY(1), 7),
			R(PRIORITY(1) + 1, 0) } },
	{ "enable",
		{ ALL(0), R(ENABLE(0, 0), 0xfffffffe), R(ENABLE(0, 1), UINT32_MAX),
			R(ENABLE(0, 2), UINT32_MAX), W(ENABLE(0, 3), UINT32_MAX),
			R(ENABLE(0, 3), 0), R(ENABLE(1, 0), 0), W(ENABLE(3, 2), 0x80000000),
			R(ENABLE(3, 2), 0x80000000), W(ENABLE(4, 0), 2), R(ENABLE(4, 0), 0) } },
	{ "pending is read only",
		{ W(PENDING(0), UINT32_MAX), R(PENDING(0), 0), PIN(4, 1), R(PENDING(0), 16),
			W(PENDING(0), 0), R(PENDING(0), 16), PIN(95, 1), R(PENDING(2), 0x80000000),
			R(PENDING(3), 0) } },
	{ "threshold",
		{ W(THRESHOLD(1), UINT32_MAX), R(THRESHOLD(1), 7), R(THRESHOLD(0), 0),
			W(THRESHOLD(4), 3), R(THRESHOLD(4), 0) } },
	{ "wires that do not exist",
		{ PIN(0, 1), PIN(96, 1), PIN(5000, 1), R(PENDING(0), 0), R(PENDING(2), 0) } },
	{ "level",
		{ ALL(0), W(PRIORITY(5), 1), PIN(5, 1), ASSERTED(1), R(CLAIM(0), 5), ASSERTED(0),
			R(PENDING(0), 0), R(CLAIM(0), 0), PIN(5, 0), W(CLAIM(0), 5), ASSERTED(0),
			R(CLAIM(0), 0) } },
	{ "a level that stays comes again at completion",
		{ ALL(0), W(PRIORITY(5), 1), PIN(5, 1), R(CLAIM(0), 5), ASSERTED(0), W(CLAIM(0), 5),
			ASSERTED(1), R(CLAIM(0), 5) } },
	{ "a level that goes stays pending",
		{ ALL(0), W(PRIORITY(5), 1), PIN(5, 1), PIN(5, 0), ASSERTED(1), R(PENDING(0), 0x20),
			R(CLAIM(0), 5), W(CLAIM(0), 5), R(CLAIM(0), 0) } },
	{ "a level that falls and rises while claimed",
		{ ALL(0), W(PRIORITY(5), 1), PIN(5, 1), R(CLAIM(0), 5), PIN(5, 0), PIN(5, 1),
			ASSERTED(0), R(PENDING(0), 0), W(CLAIM(0), 5), ASSERTED(1) } },
	{ "edge",
		{ BY_EDGE(5), ALL(0), W(PRIORITY(5), 1), PIN(5, 1), R(CLAIM(0), 5), W(CLAIM(0), 5),
			ASSERTED(0), /* still high */
			PIN(5, 0), PIN(5, 1), R(CLAIM(0), 5), PIN(5, 0), PIN(5, 1), PIN(5, 0),
			ASSERTED(0), W(CLAIM(0), 5), ASSERTED(1), R(CLAIM(0), 5), W(CLAIM(0), 5),
			ASSERTED(0) } },
	{ "priorities, and the lowest of equals",
		{ ALL(0), W(PRIORITY(3), 2), W(PRIORITY(40), 7), W(PRIORITY(80), 2), PIN(80, 1),
			PIN(3, 1), PIN(40, 1), R(CLAIM(0), 40), R(CLAIM(0), 3), R(CLAIM(0), 80),
			R(CLAIM(0), 0) } },
	{ "priority 0 never interrupts",
		{ ALL(0), PIN(5, 1), ASSERTED(0), R(CLAIM(0), 0), R(PENDING(0), 0x20),
			W(PRIORITY(5), 1), ASSERTED(1) } },
	{ "threshold masks the line, not the claim",
		{ ALL(0), W(PRIORITY(5), 3), W(THRESHOLD(0), 3), PIN(5, 1), ASSERTED(0),
			W(THRESHOLD(0), 2), ASSERTED(1), W(THRESHOLD(0), 7), ASSERTED(0),
			R(CLAIM(0), 5) } },
	{ "two contexts: the first claim wins",
		{ ALL(0), ALL(2), W(PRIORITY(5), 1), PIN(5, 1), ASSERTED(5), R(CLAIM(2), 5),
			ASSERTED(0), R(CLAIM(0), 0), PIN(5, 0), W(CLAIM(2), 5), ASSERTED(0) } },
	{ "an enable that goes",
		{ ALL(0), W(PRIORITY(5), 1), PIN(5, 1), ASSERTED(1), W(ENABLE(0, 0), 0),
			ASSERTED(0), R(CLAIM(0), 0), W(ENABLE(1, 0), 0x20), ASSERTED(2),
			R(CLAIM(1), 5) } },
	{ "a completion where it is not enabled is ignored",
		{ W(ENABLE(0, 0), 0x20), W(PRIORITY(5), 1), PIN(5, 1), R(CLAIM(0), 5),
			W(CLAIM(1), 5), ASSERTED(0), W(ENABLE(0, 0), 0), W(CLAIM(0), 5),
			W(ENABLE(0, 0), 0x20), ASSERTED(0), W(CLAIM(0), 5), ASSERTED(1) } },
	{ "a completion of what was not claimed is ignored",
		{ ALL(0), W(PRIORITY(5), 1), PIN(5, 1), W(CLAIM(0), 5), W(CLAIM(0), 0),
			W(CLAIM(0), 96), W(CLAIM(0), UINT32_MAX), R(PENDING(0), 0x20),
			R(CLAIM(0), 5), W(CLAIM(0), 6), ASSERTED(0) } },
	{ "another context may complete",
		{ ALL(0), ALL(1), W(PRIORITY(5), 1), PIN(5, 1), R(CLAIM(0), 5), W(CLAIM(1), 5),
			ASSERTED(3) } },
};
/* clang-format on */

static void each_rule(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(plans); i++) {
		struct fixture f = { 0 };

		plic_init(&f.p, SOURCES, CONTEXTS, line, &f);
		play(&f, plans[i].steps, plans[i].name);
	}
}

/* The largest there is: its last source and context work, and nothing beyond them. */
static void limits(void **state UNUSED)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	plic_init(&f->p, 5000, 5000, line, f);
	assert_int_equal(f->p.nsources, PLIC_MAX_SOURCES);
	assert_int_equal(f->p.ncontexts, PLIC_MAX_CONTEXTS);
	plic_write(&f->p, PRIORITY(127), 1);
	plic_write(&f->p, ENABLE(63, 3), 0x80000000);
	plic_set_input(&f->p, 127, true);
	assert_true(f->lines == UINT64_C(1) << 63);
	assert_int_equal(plic_read(&f->p, CLAIM(63)), 127);
	for (uint64_t off = 0; off < PLIC_SIZE(65); off += 4) {
		plic_write(&f->p, off, 0);
		plic_read(&f->p, off);
	}
	assert_int_equal(plic_read(&f->p, UINT64_C(1) << 32 | PRIORITY(127)), 0);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rule),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
