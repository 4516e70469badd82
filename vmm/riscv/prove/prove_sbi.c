/* SBI calls with any number and any arguments: a buffer that a guest names is read only where it is
 * RAM. */
#include "integration/checks/prove.h"

#include "riscv/sbi.c"

#define RAM  UINT64_C(0x80000000)
#define SIZE 600 /* bytes: more than are copied at once */

void __guest *mem_at(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	char *ram = mem->region[0].hva;

	return gpa >= RAM && gpa - RAM < SIZE && len <= SIZE - (gpa - RAM) ? ram + (gpa - RAM)
									   : NULL;
}

int mem_read(const struct mem *mem, uint64_t gpa, void *dst, size_t len)
{
	prove(__CPROVER_w_ok(dst, len), "a copy stays in its buffer");
	return mem_at(mem, gpa, len) ? 0 : -EFAULT;
}

static void console_write(void *arg, const void *data, size_t len)
{
	unsigned long *written = arg;

	prove(__CPROVER_r_ok(data, len), "what is written is there");
	*written += len;
}

/* prove: sbi_call unwind=4 */
void prove_sbi_call(void)
{
	char ram[SIZE];
	const struct mem mem = { .region[0].hva = ram };
	unsigned long written = 0;
	const struct sbi_env env = { .mem = &mem, .console_write = console_write, .arg = &written };
	unsigned long ret[2],
		args[6] = { nondet_u64(), nondet_u64(), nondet_u64(), nondet_u64(), nondet_u64(),
			nondet_u64() };
	unsigned long extension = nondet_u64(), function = nondet_u64();

	sbi_call(&env, extension, function, args, ret);
	if (extension == EXT_DBCN && function == DBCN_WRITE) {
		prove(ret[1] == written && written <= args[0],
			"the guest hears how much was written");
		prove(ret[0] == SUCCESS || !written,
			"nothing is written of a buffer that is no RAM");
	}
}
