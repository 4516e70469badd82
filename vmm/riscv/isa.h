/*
 * What a vCPU is: its ISA extensions as KVM offers them (one-regs, never /proc/cpuinfo) and as the
 * caller wants them (cpu_model.h), block sizes, address translation, time base; and which SBI
 * extensions it has.
 *
 * isa_setup() before the guest runs; all vCPUs are alike. Used by the device tree and by `sampan
 * check`.
 */
#ifndef SAMPAN_RISCV_ISA_H
#define SAMPAN_RISCV_ISA_H

#include "kvm/vcpu.h"
#include "riscv/cpu_model.h"
#include "riscv/fdt.h"
#include "riscv/sbi_switch.h"

struct isa {
	struct isa_set set;    /* what the guest is told of */
	struct isa_set hidden; /* what it has all the same: KVM can't switch it off */
	struct fdt_isa dt;     /* what the device tree says; its strings are in here or constants */
	const char *ext[ISA_EXT_COUNT];
	char isa_string[ISA_EXT_COUNT * 12 + 8];
};

/* Makes n vCPUs what the model says and fills isa. Fails naming what this host can't give. */
int isa_setup(struct isa *isa, const struct cpu_model *model, const struct vcpu *vcpus, unsigned n,
	struct err *err) MUST_USE;

/* Takes an extension out of what the guest is told; it may be there all the same. */
void isa_hide(struct isa *isa, enum isa_ext ext);

/* Of what a vCPU has, all that KVM can't switch off. Tries it: the vCPU is of no use afterwards. */
void isa_probe_fixed(const struct vcpu *v, struct isa_set *fixed);

/* Switches SBI extensions; one that is wanted and not there is an error that names it. The debug
 * console (DBCN), which KVM leaves off, is on where it can be. Before the first run. */
int isa_setup_sbi(const struct vcpu *v, const struct sbi_switches *s, struct err *err) MUST_USE;

/* A hart ready to enter the kernel (Documentation/arch/riscv/boot.rst): a0 = hart id, a1 = device
 * tree, pc = kernel. */
int isa_boot_regs(const struct vcpu *v, uint64_t pc, uint64_t fdt, struct err *err) MUST_USE;

#endif
