/* SBI and CSR exits: what a guest asks, with good and bad buffers, and what it gets. */
#include <string.h>
#include "core/test/check.h"
#include "riscv/sbi.h"

#define RAM    0x80000000UL
#define SIZE   0x4000UL
#define DBCN   0x4442434eUL
#define NOTSUP ((unsigned long)-2)
#define INVAL  ((unsigned long)-3)

struct fixture {
	struct mem mem;
	char ram[SIZE];
	char out[8192];
	size_t nout;
	struct sbi_env env;
};

static void collect(void *arg, const void *data, size_t len)
{
	struct fixture *f = arg;

	assert_true(f->nout + len <= sizeof(f->out));
	memcpy(f->out + f->nout, data, len);
	f->nout += len;
}

static void setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	assert_int_equal(mem_add_borrowed(&f->mem, RAM, SIZE, f->ram), 0);
	f->env = (struct sbi_env){ .mem = &f->mem, .console_write = collect, .arg = f };
}

static void legacy_console(void **state UNUSED)
{
	struct fixture f;
	unsigned long ret[2], args[6] = { 'x' };

	setup(&f);
	sbi_call(&f.env, 1, 0, args, ret);
	assert_int_equal(ret[0], 0);
	assert_int_equal(f.nout, 1);
	assert_int_equal(f.out[0], 'x');
	sbi_call(&f.env, 2, 0, args, ret);
	assert_true(ret[0] == (unsigned long)-1);
}

static void dbcn_write_copies_from_ram(void **state UNUSED)
{
	struct fixture f;
	unsigned long ret[2], args[6] = { 1000, RAM + 16, 0 };

	setup(&f);
	memset(f.ram + 16, 'a', 1000);
	sbi_call(&f.env, DBCN, 0, args, ret);
	assert_int_equal(ret[0], 0);
	assert_int_equal(ret[1], 1000);
	assert_int_equal(f.nout, 1000);
	args[0] = SIZE - 16; /* more than one call writes: the guest asks again for the rest */
	sbi_call(&f.env, DBCN, 0, args, ret);
	assert_int_equal(ret[0], 0);
	assert_int_equal(ret[1], 4096);
}

static void bad_buffers_are_refused(void **state UNUSED)
{
	static const unsigned long bad[][3] = {
		{ 1, RAM - 1, 0 },
		{ 1, RAM + SIZE, 0 },
		{ SIZE + 1, RAM, 0 },
		{ ~0UL, RAM, 0 },
		{ ~0UL, ~0UL, 0 },
		{ 1, RAM, 1 },
		{ 2, RAM + SIZE - 1, 0 },
		{ 16, 0x10000000, 0 },
		{ 1, ~0UL, 0 },
	};

	for (unsigned fn = 0; fn < 2; fn++)
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			struct fixture f;
			unsigned long ret[2], args[6] = { bad[i][0], bad[i][1], bad[i][2] };

			setup(&f);
			sbi_call(&f.env, DBCN, fn, args, ret);
			assert_true(ret[0] == INVAL);
			assert_int_equal(f.nout, 0);
		}
}

static void unknown_calls_are_not_supported(void **state UNUSED)
{
	static const struct {
		unsigned long ext, fn;
	} calls[] = { { DBCN, 3 }, { DBCN, ~0UL }, { 0x53555350, 0 }, { 0x09000000, 0 },
		{ ~0UL, 0 }, { 3, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		struct fixture f;
		unsigned long ret[2], args[6] = { RAM, RAM, RAM, RAM, RAM, RAM };

		setup(&f);
		sbi_call(&f.env, calls[i].ext, calls[i].fn, args, ret);
		assert_true(ret[0] == NOTSUP);
		assert_int_equal(ret[1], 0);
	}
}

static void seed_gives_entropy(void **state UNUSED)
{
	unsigned long first = csr_read(0x015);
	bool varies = false;

	for (int i = 0; i < 64; i++) {
		unsigned long v = csr_read(0x015);

		assert_int_equal(v >> 30, 2); /* ES16 */
		assert_int_equal(v & 0x3fff0000, 0);
		varies |= v != first;
	}
	assert_true(varies);
	assert_int_equal(csr_read(0x016), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legacy_console),
		cmocka_unit_test(dbcn_write_copies_from_ram),
		cmocka_unit_test(bad_buffers_are_refused),
		cmocka_unit_test(unknown_calls_are_not_supported),
		cmocka_unit_test(seed_gives_entropy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
