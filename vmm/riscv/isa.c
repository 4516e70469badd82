/*
 * ISA by KVM's one-regs (checklist: ISA_EXT SINGLE registers read 1 for what the guest gets). The
 * order of the names in the ISA string is the unprivileged specification's (chapter "ISA Extension
 * Naming Conventions"): single letters in canonical order, then Z* by category letter, then S*;
 * riscv,isa-extensions takes them in the same order.
 */
#include "riscv/isa.h"

#include <asm/kvm.h>
#include <stdio.h>
#include <string.h>

#define REG(type, sub, index)                                                                      \
	(KVM_REG_RISCV | KVM_REG_SIZE_U64 | (type) | (sub) | (uint64_t)(index))
#define CONFIG(name) REG(KVM_REG_RISCV_CONFIG, 0, KVM_REG_RISCV_CONFIG_REG(name))
#define CORE(name)   REG(KVM_REG_RISCV_CORE, 0, KVM_REG_RISCV_CORE_REG(name))

#define EXT(NAME, text) { KVM_RISCV_ISA_EXT_##NAME, text }

/* clang-format off: a table */
/* Extensions that this header's KVM knows, in canonical order. H is missing: KVM never gives it to
 * a guest. */
static const struct {
	unsigned id;
	const char *name;
} known[] = {
	EXT(I, "i"),
	EXT(M, "m"),
	EXT(A, "a"),
	EXT(F, "f"),
	EXT(D, "d"),
	EXT(C, "c"),
	EXT(V, "v"),
	EXT(ZICBOM, "zicbom"),
	EXT(ZICBOZ, "zicboz"),
	EXT(ZICNTR, "zicntr"),
	EXT(ZICOND, "zicond"),
	EXT(ZICSR, "zicsr"),
	EXT(ZIFENCEI, "zifencei"),
	EXT(ZIHINTNTL, "zihintntl"),
	EXT(ZIHINTPAUSE, "zihintpause"),
	EXT(ZIHPM, "zihpm"),
	EXT(ZIMOP, "zimop"),
	EXT(ZACAS, "zacas"),
	EXT(ZAWRS, "zawrs"),
	EXT(ZFA, "zfa"),
	EXT(ZFH, "zfh"),
	EXT(ZFHMIN, "zfhmin"),
	EXT(ZCA, "zca"),
	EXT(ZCB, "zcb"),
	EXT(ZCD, "zcd"),
	EXT(ZCF, "zcf"),
	EXT(ZCMOP, "zcmop"),
	EXT(ZBA, "zba"),
	EXT(ZBB, "zbb"),
	EXT(ZBC, "zbc"),
	EXT(ZBKB, "zbkb"),
	EXT(ZBKC, "zbkc"),
	EXT(ZBKX, "zbkx"),
	EXT(ZBS, "zbs"),
	EXT(ZKND, "zknd"),
	EXT(ZKNE, "zkne"),
	EXT(ZKNH, "zknh"),
	EXT(ZKR, "zkr"),
	EXT(ZKSED, "zksed"),
	EXT(ZKSH, "zksh"),
	EXT(ZKT, "zkt"),
	EXT(ZTSO, "ztso"),
	EXT(ZVBB, "zvbb"),
	EXT(ZVBC, "zvbc"),
	EXT(ZVFH, "zvfh"),
	EXT(ZVFHMIN, "zvfhmin"),
	EXT(ZVKB, "zvkb"),
	EXT(ZVKG, "zvkg"),
	EXT(ZVKNED, "zvkned"),
	EXT(ZVKNHA, "zvknha"),
	EXT(ZVKNHB, "zvknhb"),
	EXT(ZVKSED, "zvksed"),
	EXT(ZVKSH, "zvksh"),
	EXT(ZVKT, "zvkt"),
	EXT(SMSTATEEN, "smstateen"),
	EXT(SSAIA, "ssaia"),
	EXT(SSCOFPMF, "sscofpmf"),
	EXT(SSTC, "sstc"),
	EXT(SVINVAL, "svinval"),
	EXT(SVNAPOT, "svnapot"),
	EXT(SVPBMT, "svpbmt"),
};
/* clang-format on */

_Static_assert(ARRAY_SIZE(known) <= ISA_MAX_EXT, "room for every extension");

/* A register that this host may lack reads as fallback. */
static uint64_t reg_or(const struct vcpu *v, uint64_t id, uint64_t fallback)
{
	uint64_t value;

	return vcpu_get_reg(v, id, &value) ? fallback : value;
}

static void add_ext(struct isa *isa, const char *name)
{
	size_t len = strlen(isa->isa_string);
	bool first_long = len && name[1] && isa->dt.nexts && !isa->ext[isa->dt.nexts - 1][1];

	snprintf(isa->isa_string + len, sizeof(isa->isa_string) - len, "%s%s",
		name[1] && (first_long || strchr(isa->isa_string, '_')) ? "_" : "", name);
	isa->ext[isa->dt.nexts++] = name;
}

static bool has_ext(const struct isa *isa, const char *name)
{
	for (unsigned i = 0; i < isa->dt.nexts; i++)
		if (!strcmp(isa->ext[i], name))
			return true;
	return false;
}

/* satp.MODE of the widest translation (privileged specification §satp): 8, 9, 10. */
static const char *mmu_type(uint64_t satp_mode)
{
	return satp_mode == 10 ? "riscv,sv57" : satp_mode == 9 ? "riscv,sv48" : "riscv,sv39";
}

int isa_probe(struct isa *isa, const struct vcpu *v, struct err *err)
{
	uint64_t freq_id = KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_TIMER |
		KVM_REG_RISCV_TIMER_REG(frequency);
	uint64_t freq;
	int rc;

	memset(isa, 0, sizeof(*isa));
	strcpy(isa->isa_string, "rv64");
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (reg_or(v, REG(KVM_REG_RISCV_ISA_EXT, KVM_REG_RISCV_ISA_SINGLE, known[i].id),
			    0) == 1)
			add_ext(isa, known[i].name);
	if (!isa->dt.nexts)
		return failx(err, -ENOTSUP,
			"KVM tells no ISA extension of vCPU %u (KVM_REG_RISCV_ISA_EXT)", v->index);
	rc = vcpu_get_reg(v, freq_id, &freq);
	if (rc)
		return fail(err, rc, "read the time base of vCPU %u (KVM_REG_RISCV_TIMER)",
			v->index);
	isa->dt.isa = isa->isa_string;
	isa->dt.exts = isa->ext;
	isa->dt.timebase = (uint32_t)freq;
	isa->dt.mmu_type = mmu_type(reg_or(v, CONFIG(satp_mode), 8));
	if (has_ext(isa, "zicbom"))
		isa->dt.cbom_block = (uint32_t)reg_or(v, CONFIG(zicbom_block_size), 0);
	if (has_ext(isa, "zicboz"))
		isa->dt.cboz_block = (uint32_t)reg_or(v, CONFIG(zicboz_block_size), 0);
	return 0;
}

int isa_enable_sbi(const struct vcpu *v, struct err *err)
{
	uint64_t on = 1;
	int rc = vcpu_set_reg(v,
		REG(KVM_REG_RISCV_SBI_EXT, KVM_REG_RISCV_SBI_SINGLE, KVM_RISCV_SBI_EXT_DBCN), &on);

	if (rc == -ENOENT || rc == -EINVAL ||
		rc == -EOPNOTSUPP) /* an older KVM without it: the guest has its UART */
		return 0;
	return rc ? fail(err, rc, "enable the SBI debug console of vCPU %u", v->index) : 0;
}

int isa_boot_regs(const struct vcpu *v, uint64_t pc, uint64_t fdt, struct err *err)
{
	uint64_t hart = v->index;
	struct {
		uint64_t id, value;
		const char *name;
	} regs[] = {
		{ CORE(regs.pc), pc, "pc" },
		{ CORE(regs.a0), hart, "a0" },
		{ CORE(regs.a1), fdt, "a1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		int rc = vcpu_set_reg(v, regs[i].id, &regs[i].value);

		if (rc)
			return fail(err, rc, "set register %s of vCPU %u", regs[i].name, v->index);
	}
	return 0;
}
