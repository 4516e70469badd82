/*
 * A debugger's bytes, any of them, over a toy target. Whatever it says, the stub stays within its
 * packets, a breakpoint that is taken out leaves memory as it was, and every answer is a whole
 * frame.
 *
 * Input: the bytes; 0xff stops a running target at a breakpoint.
 */
#include <string.h>
#include "gdb/stub.h"

struct toy {
	struct stub stub;
	uint64_t reg[4];
	uint8_t mem[512];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int read_reg(void *arg, unsigned thread, unsigned reg, void *value)
{
	struct toy *t = arg;

	must(thread < 3);
	if (reg == 5)
		memset(value, 1, STUB_REG_MAX);
	else if (reg < 4)
		memcpy(value, &t->reg[reg], 8);
	return reg == 5 ? STUB_REG_MAX : reg < 4 ? 8 : -1;
}

static int write_reg(void *arg, unsigned thread, unsigned reg, const void *value, size_t len)
{
	struct toy *t = arg;

	must(thread < 3 && len <= STUB_REG_MAX);
	if (reg >= 4 || len != 8)
		return -EINVAL;
	memcpy(&t->reg[reg], value, 8);
	return 0;
}

static int read_mem(void *arg, unsigned thread, uint64_t addr, void *data, size_t len)
{
	struct toy *t = arg;

	must(thread < 3);
	if (addr > sizeof(t->mem) || len > sizeof(t->mem) - addr)
		return -EFAULT;
	memcpy(data, t->mem + addr, len);
	return 0;
}

static int write_mem(void *arg, unsigned thread, uint64_t addr, const void *data, size_t len)
{
	struct toy *t = arg;

	must(thread < 3);
	if (addr > sizeof(t->mem) || len > sizeof(t->mem) - addr)
		return -EFAULT;
	memcpy(t->mem + addr, data, len);
	return 0;
}

static int run(void *arg UNUSED, uint64_t threads)
{
	must(threads);
	return 0;
}

static int step(void *arg UNUSED, unsigned thread)
{
	must(thread < 3);
	return thread == 2 ? -EFAULT : 0;
}

static int stop(void *arg)
{
	struct toy *t = arg;

	stub_stopped(&t->stub, 1, 2, false);
	return 0;
}

static void go(void *arg UNUSED)
{
}

static void answer(void *arg UNUSED, const void *data, size_t len)
{
	const char *p = data;

	must(len == 1 ? *p == '+' || *p == '-'
		      : len >= 4 && p[0] == '$' && p[len - 3] == '#' && len <= 2 * RSP_PACKET + 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct toy *t = calloc(1, sizeof(*t));
	struct stub_target target = { .nthreads = 3,
		.read_reg = read_reg,
		.write_reg = write_reg,
		.read_mem = read_mem,
		.write_mem = write_mem,
		.resume = run,
		.step = step,
		.stop = stop,
		.detach = go,
		.kill = go,
		.xml = "<target/>",
		.xml_len = 9,
		.nregs = 4,
		.arg = t };

	must(t);
	stub_init(&t->stub, &target, answer, t);
	for (size_t i = 0; i < size; i++)
		if (data[i] == 0xff)
			stub_stopped(&t->stub, i % 3, 5, true);
		else
			stub_feed(&t->stub, data + i, 1);
	stub_clear(&t->stub);
	for (unsigned i = 0; i < STUB_BREAKPOINTS; i++)
		must(!t->stub.bp[i].len);
	free(t);
	return 0;
}
