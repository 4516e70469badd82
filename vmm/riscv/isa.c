/*
 * ISA by KVM's one-regs (checklist: ISA_EXT SINGLE registers read 1 for what the guest gets and 0
 * for what it could get; one that is not there is -ENOENT). KVM refuses to switch many extensions
 * off: the guest is then not told of them. Everything here is before the first run.
 */
#include "riscv/isa.h"

#include <asm/kvm.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "kvm/newer.h"

#define REG(type, sub, index)                                                                      \
	(KVM_REG_RISCV | KVM_REG_SIZE_U64 | (type) | (sub) | (uint64_t)(index))
#define CONFIG(name) REG(KVM_REG_RISCV_CONFIG, 0, KVM_REG_RISCV_CONFIG_REG(name))
#define CORE(name)   REG(KVM_REG_RISCV_CORE, 0, KVM_REG_RISCV_CORE_REG(name))
#define ISA_EXT(ext) REG(KVM_REG_RISCV_ISA_EXT, KVM_REG_RISCV_ISA_SINGLE, kvm_ids[ext])

#define ZICBOP_BLOCK_SIZE REG(KVM_REG_RISCV_CONFIG, 0, NEW_CONFIG_ZICBOP_BLOCK_SIZE)

#define OLD(ID) [EXT_##ID] = KVM_RISCV_ISA_EXT_##ID
#define NEW(ID) [EXT_##ID] = NEW_##ID

/* clang-format off: a table */
static const uint8_t kvm_ids[ISA_EXT_COUNT] = {
	OLD(I),
	OLD(M),
	OLD(A),
	OLD(F),
	OLD(D),
	OLD(C),
	OLD(V),
	OLD(ZICBOM),
	NEW(ZICBOP),
	OLD(ZICBOZ),
	NEW(ZICCRSE),
	OLD(ZICNTR),
	OLD(ZICOND),
	OLD(ZICSR),
	OLD(ZIFENCEI),
	OLD(ZIHINTNTL),
	OLD(ZIHINTPAUSE),
	OLD(ZIHPM),
	OLD(ZIMOP),
	NEW(ZAAMO),
	NEW(ZABHA),
	OLD(ZACAS),
	NEW(ZALRSC),
	OLD(ZAWRS),
	OLD(ZFA),
	NEW(ZFBFMIN),
	OLD(ZFH),
	OLD(ZFHMIN),
	OLD(ZCA),
	OLD(ZCB),
	OLD(ZCD),
	OLD(ZCF),
	OLD(ZCMOP),
	OLD(ZBA),
	OLD(ZBB),
	OLD(ZBC),
	OLD(ZBKB),
	OLD(ZBKC),
	OLD(ZBKX),
	OLD(ZBS),
	OLD(ZKND),
	OLD(ZKNE),
	OLD(ZKNH),
	OLD(ZKR),
	OLD(ZKSED),
	OLD(ZKSH),
	OLD(ZKT),
	OLD(ZTSO),
	OLD(ZVBB),
	OLD(ZVBC),
	NEW(ZVFBFMIN),
	NEW(ZVFBFWMA),
	OLD(ZVFH),
	OLD(ZVFHMIN),
	OLD(ZVKB),
	OLD(ZVKG),
	OLD(ZVKNED),
	OLD(ZVKNHA),
	OLD(ZVKNHB),
	OLD(ZVKSED),
	OLD(ZVKSH),
	OLD(ZVKT),
	NEW(SMNPM),
	OLD(SMSTATEEN),
	OLD(SSAIA),
	OLD(SSCOFPMF),
	NEW(SSNPM),
	OLD(SSTC),
	NEW(SVADE),
	NEW(SVADU),
	OLD(SVINVAL),
	OLD(SVNAPOT),
	OLD(SVPBMT),
	NEW(SVVPTC),
};
/* clang-format on */

/* A register that this host may lack reads as fallback. */
static uint64_t reg_or(const struct vcpu *v, uint64_t id, uint64_t fallback)
{
	uint64_t value;

	return vcpu_get_reg(v, id, &value) ? fallback : value;
}

/* satp.MODE of the widest translation (privileged specification §satp): 8, 9, 10. */
static const char *mmu_type(uint64_t satp_mode)
{
	return satp_mode == 10 ? "riscv,sv57" : satp_mode == 9 ? "riscv,sv48" : "riscv,sv39";
}

/* Older kernels say EINVAL of what they don't know; the first extensions they all know, and no
 * guest is without I, M and A. */
static int read_sets(const struct vcpu *v, struct isa_set *possible, struct isa_set *given,
	struct err *err)
{
	*possible = *given = (struct isa_set){ 0 };
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++) {
		uint64_t value = 0;
		int rc = vcpu_get_reg(v, ISA_EXT(i), &value);

		if (rc && (i <= EXT_A || (i <= EXT_C && rc != -ENOENT)))
			return fail(err, rc,
				"ask KVM for the CPU extension %s of vCPU %u (KVM_GET_ONE_REG)",
				isa_ext_name(i), v->index);
		isa_put(possible, i, !rc);
		isa_put(given, i, !rc && value == 1);
	}
	return 0;
}

/* Two differ for one that needs the other off first (Svade, Svadu): off goes before on. */
static int apply_set(const struct vcpu *v, const struct cpu_model *m, const struct isa_set *given,
	struct isa_set *wanted, struct isa_set *hidden, struct err *err)
{
	uint64_t on = 1, off = 0;

	*hidden = (struct isa_set){ 0 };
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++)
		if (isa_has(given, i) && !isa_has(wanted, i))
			isa_put(hidden, i, vcpu_set_reg(v, ISA_EXT(i), &off));
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++) {
		int rc;

		if (isa_has(given, i) || !isa_has(wanted, i))
			continue;
		rc = vcpu_set_reg(v, ISA_EXT(i), &on);
		if (rc && !cpu_model_insists(m, (enum isa_ext)i))
			isa_put(wanted, i, false);
		else if (rc)
			return fail(err, rc, "give vCPU %u the CPU extension %s", v->index,
				isa_ext_name(i));
	}
	return 0;
}

static int apply_ids(const struct vcpu *v, const struct cpu_model *m, struct err *err)
{
	static const struct {
		uint64_t reg;
		const char *name;
	} regs[CPU_IDS] = {
		[CPU_VENDORID] = { CONFIG(mvendorid), "mvendorid" },
		[CPU_ARCHID] = { CONFIG(marchid), "marchid" },
		[CPU_IMPID] = { CONFIG(mimpid), "mimpid" },
	};

	for (unsigned i = 0; i < CPU_IDS; i++) {
		int rc = m->has_id[i] ? vcpu_set_reg(v, regs[i].reg, &m->id[i]) : 0;

		if (rc)
			return fail(err, rc, "set %s of vCPU %u", regs[i].name, v->index);
	}
	return 0;
}

/* The device tree's view of isa->set. */
static void describe(struct isa *isa)
{
	isa->dt.nexts = 0;
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++)
		if (isa_has(&isa->set, i))
			isa->ext[isa->dt.nexts++] = isa_ext_name(i);
	isa_string(&isa->set, isa->isa_string, sizeof(isa->isa_string));
	isa->dt.isa = isa->isa_string;
	isa->dt.exts = isa->ext;
}

static uint32_t block_size(const struct isa *isa, enum isa_ext ext, const struct vcpu *v,
	uint64_t reg)
{
	return isa_has(&isa->set, ext) ? (uint32_t)reg_or(v, reg, 0) : 0;
}

static int read_rest(struct isa *isa, const struct vcpu *v, struct err *err)
{
	uint64_t freq_id = KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_TIMER |
		KVM_REG_RISCV_TIMER_REG(frequency);
	uint64_t freq;
	int rc = vcpu_get_reg(v, freq_id, &freq);

	if (rc)
		return fail(err, rc, "read the time base of vCPU %u (KVM_REG_RISCV_TIMER)",
			v->index);
	isa->dt.timebase = (uint32_t)freq;
	isa->dt.mmu_type = mmu_type(reg_or(v, CONFIG(satp_mode), 8));
	isa->dt.cbom_block = block_size(isa, EXT_ZICBOM, v, CONFIG(zicbom_block_size));
	isa->dt.cboz_block = block_size(isa, EXT_ZICBOZ, v, CONFIG(zicboz_block_size));
	isa->dt.cbop_block = block_size(isa, EXT_ZICBOP, v, ZICBOP_BLOCK_SIZE);
	return 0;
}

int isa_setup(struct isa *isa, const struct cpu_model *model, const struct vcpu *vcpus, unsigned n,
	struct err *err)
{
	struct isa_set possible, given, wanted = { 0 };
	int rc = read_sets(&vcpus[0], &possible, &given, err);

	*isa = (struct isa){ 0 };
	if (!rc)
		rc = cpu_model_resolve(model, &possible, &given, &wanted, err);
	for (unsigned i = 0; i < n && !rc; i++) {
		rc = apply_set(&vcpus[i], model, &given, &wanted, &isa->hidden, err);
		if (!rc)
			rc = apply_ids(&vcpus[i], model, err);
	}
	if (rc)
		return rc;
	isa->set = wanted;
	describe(isa);
	return read_rest(isa, &vcpus[0], err);
}

void isa_hide(struct isa *isa, enum isa_ext ext)
{
	if (isa_has(&isa->set, ext))
		isa_put(&isa->hidden, ext, true);
	isa_put(&isa->set, ext, false);
	describe(isa);
}

void isa_probe_fixed(const struct vcpu *v, struct isa_set *fixed)
{
	struct isa_set possible, given;
	uint64_t off = 0;

	*fixed = (struct isa_set){ 0 };
	if (read_sets(v, &possible, &given, NULL))
		return;
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++)
		isa_put(fixed, i, isa_has(&given, i) && vcpu_set_reg(v, ISA_EXT(i), &off));
}

/* KVM's numbers. */
static uint64_t sbi_reg(enum sbi_ext ext)
{
	static const uint8_t sbi_ids[SBI_EXT_COUNT] = {
		[SBI_V01] = KVM_RISCV_SBI_EXT_V01,
		[SBI_TIME] = KVM_RISCV_SBI_EXT_TIME,
		[SBI_IPI] = KVM_RISCV_SBI_EXT_IPI,
		[SBI_RFENCE] = KVM_RISCV_SBI_EXT_RFENCE,
		[SBI_SRST] = KVM_RISCV_SBI_EXT_SRST,
		[SBI_HSM] = KVM_RISCV_SBI_EXT_HSM,
		[SBI_PMU] = KVM_RISCV_SBI_EXT_PMU,
		[SBI_DBCN] = KVM_RISCV_SBI_EXT_DBCN,
		[SBI_STA] = KVM_RISCV_SBI_EXT_STA,
		[SBI_SUSP] = NEW_SBI_SUSP,
		[SBI_FWFT] = NEW_SBI_FWFT,
	};

	return REG(KVM_REG_RISCV_SBI_EXT, KVM_REG_RISCV_SBI_SINGLE, sbi_ids[ext]);
}

static int switch_sbi(const struct vcpu *v, enum sbi_ext ext, bool on, struct err *err)
{
	uint64_t now, value = on;
	int rc = vcpu_get_reg(v, sbi_reg(ext), &now);

	if (rc == -ENOENT && !on)
		return 0;
	if (rc == -ENOENT)
		return failx(err, -ENOTSUP, "this host's KVM has no SBI extension %s",
			sbi_ext_name(ext));
	if (!rc && now != value)
		rc = vcpu_set_reg(v, sbi_reg(ext), &value);
	return rc ? fail(err, rc, "switch the SBI extension %s of vCPU %u %s", sbi_ext_name(ext),
			    v->index, on ? "on" : "off")
		  : 0;
}

int isa_setup_sbi(const struct vcpu *v, const struct sbi_switches *s, struct err *err)
{
	struct err ignored;
	int rc = 0;

	if (!((s->on | s->off) & 1U << SBI_DBCN) && switch_sbi(v, SBI_DBCN, true, &ignored))
		log_debug("%s", ignored.msg); /* an older KVM: the guest has its UART */
	for (unsigned i = 0; i < SBI_EXT_COUNT && !rc; i++)
		if ((s->on | s->off) >> i & 1)
			rc = switch_sbi(v, (enum sbi_ext)i, s->on >> i & 1, err);
	return rc;
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
