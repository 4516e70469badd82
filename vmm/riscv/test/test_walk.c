/* A guest's page tables, good and hostile, for each size of address. */
#include <string.h>
#include "core/test/check.h"
#include "riscv/walk.h"

#define RAM		  UINT64_C(0x80000000)
#define SIZE		  (64 * 4096U)
#define V		  1U
#define LEAF		  0xfU /* V R W X */
#define SATP(mode, table) ((uint64_t)(mode) << 60 | (table) >> 12)

struct fix {
	struct mem mem;
	uint64_t ram[SIZE / 8];
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(mem_add_borrowed(&f->mem, RAM, SIZE, f->ram), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static uint64_t page(unsigned n)
{
	return RAM + n * UINT64_C(4096);
}

static void put(struct fix *f, unsigned table, unsigned index, uint64_t pte)
{
	f->ram[table * 512 + index] = pte;
}

static uint64_t pte(uint64_t gpa, uint64_t flags)
{
	return gpa >> 12 << 10 | flags;
}

/* Tables 0.. lead from the root to the page of va. */
static void map(struct fix *f, unsigned levels, uint64_t va, unsigned leaf_level, uint64_t gpa,
	uint64_t flags)
{
	for (unsigned l = levels - 1; l > leaf_level; l--)
		put(f, levels - 1 - l, va >> (12 + 9 * l) & 511, pte(page(levels - l), V));
	put(f, levels - 1 - leaf_level, va >> (12 + 9 * leaf_level) & 511, pte(gpa, flags));
}

static void finds(void **state)
{
	static const struct {
		unsigned mode, levels;
		uint64_t va;
		unsigned leaf;
		uint64_t gpa, expect;
	} cases[] = {
		{ 8, 3, 0x12345678, 0, 0x90000000, 0x90000678 },
		{ 8, 3, 0xffffffd812345678, 0, 0x90000000, 0x90000678 },
		{ 8, 3, 0xffffffd812345678, 1, 0x90000000, 0x90145678 },
		{ 8, 3, 0xffffffd812345678, 2, 0x80000000, 0x92345678 },
		{ 9, 4, 0xffff800012345678, 0, 0xffffffffff000, 0xffffffffff678 },
		{ 9, 4, 0x7fff12345678, 3, 0, 0x7f12345678 },
		{ 10, 5, 0xff00000012345678, 0, 0x1000, 0x1678 },
		{ 10, 5, 0xffffffff80000008, 1, 0x80200000, 0x80200008 },
	};
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t gpa = 0;

		memset(f->ram, 0, sizeof(f->ram));
		map(f, cases[i].levels, cases[i].va, cases[i].leaf, cases[i].gpa, LEAF);
		assert_int_equal(walk(&f->mem, SATP(cases[i].mode, RAM), cases[i].va, &gpa), 0);
		assert_true(gpa == cases[i].expect);
		assert_int_equal(walk(&f->mem, SATP(cases[i].mode, RAM),
					 cases[i].va ^ UINT64_C(1) << (10 + 9 * cases[i].levels),
					 &gpa),
			-EFAULT);
	}
}

static void bare_is_itself(void **state)
{
	struct fix *f = *state;
	uint64_t gpa;

	assert_int_equal(walk(&f->mem, 0, 0x123456789, &gpa), 0);
	assert_true(gpa == 0x123456789);
}

static void napot(void **state)
{
	struct fix *f = *state;
	uint64_t gpa, n = UINT64_C(1) << 63;

	map(f, 3, 0x12345678, 0, 0x90008000, LEAF | n);
	assert_int_equal(walk(&f->mem, SATP(8, RAM), 0x12345678, &gpa), 0);
	assert_true(gpa == 0x90005678);
	map(f, 3, 0x12345678, 0, 0x90004000, LEAF | n); /* a size that is reserved */
	assert_int_equal(walk(&f->mem, SATP(8, RAM), 0x12345678, &gpa), -EFAULT);
}

static void refuses(void **state)
{
	static const uint64_t bad[] = { 0, 2 | 4, V | 4, V, LEAF & ~V };
	struct fix *f = *state;
	uint64_t gpa;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		map(f, 3, 0x1000, 0, 0x90000000, bad[i]);
		assert_int_equal(walk(&f->mem, SATP(8, RAM), 0x1000, &gpa), -EFAULT);
	}
	map(f, 3, 0x40000000, 1, 0x90001000, LEAF); /* misaligned */
	assert_int_equal(walk(&f->mem, SATP(8, RAM), 0x40000000, &gpa), -EFAULT);
	assert_int_equal(walk(&f->mem, SATP(8, RAM), UINT64_C(1) << 40, &gpa), -EFAULT);
	assert_int_equal(walk(&f->mem, SATP(5, RAM), 0x1000, &gpa), -EFAULT);
	assert_int_equal(walk(&f->mem, SATP(8, RAM + SIZE), 0x1000, &gpa), -EFAULT);
	assert_int_equal(walk(&f->mem, SATP(8, ~UINT64_C(0) << 12), 0x1000, &gpa), -EFAULT);
}

/* A table that is its own child ends with its levels. */
static void a_loop_ends(void **state)
{
	struct fix *f = *state;
	uint64_t gpa;

	put(f, 0, 0, pte(RAM, V));
	for (unsigned mode = 8; mode <= 10; mode++)
		assert_int_equal(walk(&f->mem, SATP(mode, RAM), 0, &gpa), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds, setup, teardown),
		cmocka_unit_test_setup_teardown(bare_is_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(napot, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(a_loop_ends, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
