/*
 * SBI calls and CSRs with a guest that lies: buffers that are no RAM (G13, G14), sizes without
 * measure (G17), calls that are not there (G16). Refused with the error that SBI 2.0 names, and not
 * a byte of anything comes out; then a normal call works.
 */
#include <string.h>
#include "core/test/hostile.h"
#include "riscv/sbi.h"

#define RAM    0x80000000UL
#define SIZE   0x4000UL
#define RAM2   (RAM + 0x100000UL) /* behind a hole */
#define DBCN   0x4442434eUL
#define NOTSUP ((unsigned long)-2)
#define INVAL  ((unsigned long)-3)
#define ONES   (~0UL)

enum { WRITE, READ, WRITE_BYTE };

struct fix {
	struct mem mem;
	char *ram, *ram2;
	size_t out;
	char last;
	struct sbi_env env;
	const void *row;
};

static void collect(void *arg, const void *data, size_t len)
{
	struct fix *f = arg;

	assert_in_range(len, 1, 4096);
	f->out += len;
	f->last = ((const char *)data)[len - 1];
}

static int setup(void **state)
{
	struct fix *f = *state;

	f->ram = calloc(1, SIZE);
	f->ram2 = calloc(1, SIZE);
	assert_int_equal(mem_add_borrowed(&f->mem, RAM, SIZE, f->ram), 0);
	assert_int_equal(mem_add_borrowed(&f->mem, RAM2, SIZE, f->ram2), 0);
	f->env = (struct sbi_env){ .mem = &f->mem, .console_write = collect, .arg = f };
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	free(f->ram);
	free(f->ram2);
	return 0;
}

struct row {
	const char *name;
	unsigned long ext, fn, args[3];
	unsigned long error;
};

static const struct row rows[] = {
	{ "g14 writes from before RAM", DBCN, WRITE, { 1, RAM - 1, 0 }, INVAL },
	{ "g14 writes from behind RAM", DBCN, WRITE, { 1, RAM + SIZE, 0 }, INVAL },
	{ "g14 writes over the end of RAM", DBCN, WRITE, { 2, RAM + SIZE - 1, 0 }, INVAL },
	{ "g14 writes across the hole", DBCN, WRITE, { RAM2 - RAM, RAM + 16, 0 }, INVAL },
	{ "g14 writes from the hole", DBCN, WRITE, { 16, RAM2 - 16, 0 }, INVAL },
	{ "g14 writes into RAM from the hole", DBCN, WRITE, { 32, RAM2 - 16, 0 }, INVAL },
	{ "g14 writes from 0", DBCN, WRITE, { 1, 0, 0 }, INVAL },
	{ "g14 writes from 2^64 - 1", DBCN, WRITE, { 1, ONES, 0 }, INVAL },
	{ "g14 writes, wraps 2^64", DBCN, WRITE, { 16, ONES - 7, 0 }, INVAL },
	{ "g14 writes with an upper half of 1", DBCN, WRITE, { 16, RAM, 1 }, INVAL },
	{ "g14 writes with an upper half of ones", DBCN, WRITE, { 16, RAM, ONES }, INVAL },
	{ "g17 writes all of RAM and a byte", DBCN, WRITE, { SIZE + 1, RAM, 0 }, INVAL },
	{ "g17 writes 2^32 bytes", DBCN, WRITE, { 1UL << 32, RAM, 0 }, INVAL },
	{ "g17 writes 2^64 - 1 bytes", DBCN, WRITE, { ONES, RAM, 0 }, INVAL },
	{ "g17 writes 2^64 - 1 bytes at 2^64 - 1", DBCN, WRITE, { ONES, ONES, 0 }, INVAL },
	{ "g13 writes from the serial port", DBCN, WRITE, { 8, 0x10000000, 0 }, INVAL },
	{ "g13 writes from an interrupt file", DBCN, WRITE, { 4096, 0x28000000, 0 }, INVAL },
	{ "g14 reads to before RAM", DBCN, READ, { 1, RAM - 1, 0 }, INVAL },
	{ "g14 reads over the end of RAM", DBCN, READ, { 2, RAM + SIZE - 1, 0 }, INVAL },
	{ "g14 reads to the hole", DBCN, READ, { 16, RAM2 - 16, 0 }, INVAL },
	{ "g14 reads to 2^64 - 1", DBCN, READ, { 1, ONES, 0 }, INVAL },
	{ "g14 reads with an upper half of 1", DBCN, READ, { 16, RAM, 1 }, INVAL },
	{ "g17 reads 2^64 - 1 bytes", DBCN, READ, { ONES, RAM, 0 }, INVAL },
	{ "g13 reads to an interrupt file", DBCN, READ, { 4, 0x28000000, 0 }, INVAL },
	{ "g16 debug console, function 3", DBCN, 3, { 1, RAM, 0 }, NOTSUP },
	{ "g16 debug console, function 2^64 - 1", DBCN, ONES, { 1, RAM, 0 }, NOTSUP },
	{ "g16 extension 3, legacy", 3, 0, { RAM, RAM, RAM }, NOTSUP },
	{ "g16 extension 8, legacy shutdown", 8, 0, { 0 }, NOTSUP },
	{ "g16 extension of the vendor", 0x09000000, 0, { RAM, RAM, RAM }, NOTSUP },
	{ "g16 extension 2^32 above the console", DBCN | 1UL << 32, WRITE, { 16, RAM, 0 }, NOTSUP },
	{ "g16 extension 2^64 - 1", ONES, ONES, { ONES, ONES, ONES }, NOTSUP },
	{ "g07 writes nothing", DBCN, WRITE, { 0, RAM, 0 }, 0 },
	{ "g07 writes nothing from behind RAM", DBCN, WRITE, { 0, RAM + SIZE, 0 }, INVAL },
};

static unsigned long call(struct fix *f, unsigned long ext, unsigned long fn,
	const unsigned long a[3], unsigned long *value)
{
	unsigned long ret[2] = { 1, 1 }, args[6] = { a[0], a[1], a[2], ONES, ONES, ONES };

	sbi_call(&f->env, ext, fn, args, ret);
	*value = ret[1];
	return ret[0];
}

/* All of RAM is written a page at a time, to its last byte. */
static void works(struct fix *f)
{
	unsigned long args[3] = { SIZE, RAM, 0 }, value;

	memset(f->ram, 'a', SIZE);
	f->ram[SIZE - 1] = 'z';
	f->out = 0;
	while (args[0]) {
		assert_int_equal(call(f, DBCN, WRITE, args, &value), 0);
		assert_in_range(value, 1, 4096);
		args[0] -= value;
		args[1] += value;
	}
	assert_int_equal(f->out, SIZE);
	assert_int_equal(f->last, 'z');
	assert_int_equal(call(f, DBCN, WRITE_BYTE, (unsigned long[]){ 'b', ONES, ONES }, &value),
		0);
	assert_int_equal(f->last, 'b');
}

static void run(void **state)
{
	struct fix *f = *state;
	const struct row *r = f->row;
	unsigned long value;

	assert_true(call(f, r->ext, r->fn, r->args, &value) == r->error);
	assert_int_equal(value, 0);
	assert_int_equal(f->out, 0);
	works(f);
}

static void every_csr(void **state)
{
	struct fix *f = *state;

	for (unsigned long n = 0; n < 0x2000; n++)
		if (n != 0x015)
			assert_int_equal(csr_read(n), 0);
	assert_int_equal(csr_read(ONES), 0);
	for (unsigned i = 0; i < 10000; i++) /* a guest that wants all the entropy there is */
		assert_in_range(csr_read(0x015) >> 30, 1, 2);
	works(f);
}

static void any_call(void **state)
{
	struct fix *f = *state;
	unsigned long value;

	for (unsigned long ext = 0; ext < 16; ext++)
		for (unsigned long fn = 0; fn < 8; fn++)
			call(f, ext, fn, (unsigned long[]){ ONES, RAM - 1, 0 }, &value);
	works(f);
}

static struct fix *fix_of(const void *row)
{
	struct fix *f = calloc(1, sizeof(*f));

	f->row = row;
	return f;
}

int main(void)
{
	struct hostile_list *l = calloc(1, sizeof(*l));

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		hostile_add(l, run, setup, teardown, fix_of(&rows[i]), "%.3s sbi:%s", rows[i].name,
			rows[i].name + 3);
	hostile_add(l, every_csr, setup, teardown, fix_of(NULL), "g19 sbi: every CSR number");
	hostile_add(l, any_call, setup, teardown, fix_of(NULL),
		"g16 sbi: the first extensions' functions");
	return hostile_run(l, "sbi");
}
