/*
 * SBI calls that KVM hands to user space (SBI 2.0): the legacy console and the debug console DBCN.
 * All else that arrives is answered "not supported"; base, timer, IPI, RFENCE, HSM, SRST and PMU
 * are KVM's own. Pure but for the console: any vCPU thread.
 */
#ifndef SAMPAN_RISCV_SBI_H
#define SAMPAN_RISCV_SBI_H

#include "mem/mem.h"

#define SBI_SUSPEND                                                                                \
	0x53555350 /* extension id of system suspend (§13), which is the machine's affair */

struct sbi_env {
	const struct mem *mem;
	void (*console_write)(void *arg, const void *data, size_t len);
	void *arg;
};

/* Fills ret[0] (error; the legacy calls' result) and ret[1] (value) for a0 and a1. */
void sbi_call(const struct sbi_env *env, unsigned long extension, unsigned long function,
	const unsigned long args[6], unsigned long ret[2]);

/* The value of a CSR that KVM could not give: SEED (Zkr, "entropy source") from the host's
 * generator, else 0. */
unsigned long csr_read(unsigned long number);

#endif
