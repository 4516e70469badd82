/*
 * What a vCPU is: its ISA extensions as KVM offers them (one-regs, never /proc/cpuinfo), block
 * sizes, address translation, time base.
 *
 * Read from vCPU 0 before the guest runs; all vCPUs are alike. Used by the device tree and by
 * `sampan check`.
 */
#ifndef SAMPAN_RISCV_ISA_H
#define SAMPAN_RISCV_ISA_H

#include "kvm/vcpu.h"
#include "riscv/fdt.h"

#define ISA_MAX_EXT 96

struct isa {
	struct fdt_isa
		dt; /* what the device tree says; strings live in this struct or are constants */
	const char *ext[ISA_MAX_EXT];
	char isa_string[1024];
};

int isa_probe(struct isa *isa, const struct vcpu *v, struct err *err) MUST_USE;

/* Turns on the SBI extensions that KVM forwards or leaves off by default and that we answer (DBCN).
 * Before the first run. */
int isa_enable_sbi(const struct vcpu *v, struct err *err) MUST_USE;

/* A hart ready to enter the kernel (Documentation/arch/riscv/boot.rst): a0 = hart id, a1 = device
 * tree, pc = kernel. */
int isa_boot_regs(const struct vcpu *v, uint64_t pc, uint64_t fdt, struct err *err) MUST_USE;

#endif
