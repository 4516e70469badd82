/*
 * Registers of a debugger by KVM's one-regs; see gdb_regs.h. KVM's core registers lie in the order
 * pc, x1 ... x31. The features' names are those of GDB's manual, "RISC-V Features".
 */
#include "riscv/gdb_regs.h"

#include <asm/kvm.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REG(type, size, index)                                                                     \
	(KVM_REG_RISCV | KVM_REG_SIZE_##size | KVM_REG_RISCV_##type | (uint64_t)(index))
#define CORE(index)   REG(CORE, U64, index)
#define CORE_MODE     CORE(KVM_REG_RISCV_CORE_REG(mode))
#define FP_D(index)   REG(FP_D, U64, index)
#define FCSR	      REG(FP_D, U32, KVM_REG_RISCV_FP_D_REG(fcsr))
#define GENERAL(name) REG(CSR, U64, KVM_REG_RISCV_CSR_GENERAL | KVM_REG_RISCV_CSR_REG(name))
#define TIMER(name)   REG(TIMER, U64, KVM_REG_RISCV_TIMER_REG(name))
#define VECTOR(name)  REG(VECTOR, U64, KVM_REG_RISCV_VECTOR_CSR_REG(name))
#define MAX_VLENB     256
#define CAUSE_EBREAK  3
#define SSTATUS_SIE   (UINT64_C(1) << 1)
#define SSTATUS_SPIE  (UINT64_C(1) << 5)
#define SSTATUS_SPP   (UINT64_C(1) << 8)

static const struct {
	uint16_t number;
	uint64_t id;
	const char *name;
} csrs[] = {
	{ 0x008, VECTOR(vstart), "vstart" },
	{ 0x00f, VECTOR(vcsr), "vcsr" },
	{ 0x100, GENERAL(sstatus), "sstatus" },
	{ 0x104, GENERAL(sie), "sie" },
	{ 0x105, GENERAL(stvec), "stvec" },
	{ 0x106, GENERAL(scounteren), "scounteren" },
	{ 0x10a, GENERAL(senvcfg), "senvcfg" },
	{ 0x140, GENERAL(sscratch), "sscratch" },
	{ GDB_CSR_SEPC, GENERAL(sepc), "sepc" },
	{ 0x142, GENERAL(scause), "scause" },
	{ 0x143, GENERAL(stval), "stval" },
	{ 0x144, GENERAL(sip), "sip" },
	{ 0x14d, TIMER(compare), "stimecmp" },
	{ GDB_CSR_SATP, GENERAL(satp), "satp" },
	{ 0xc01, TIMER(time), "time" },
	{ 0xc20, VECTOR(vl), "vl" },
	{ 0xc21, VECTOR(vtype), "vtype" },
	{ 0xc22, VECTOR(vlenb), "vlenb" },
};

enum { CSR_FFLAGS = 1, CSR_FRM = 2, CSR_FCSR = 3 };

static unsigned vlenb(const struct vcpu *v)
{
	uint64_t bytes;

	return vcpu_get_reg(v, VECTOR(vlenb), &bytes) || bytes > MAX_VLENB ? 0 : (unsigned)bytes;
}

/* KVM's id of vector register n; its size field is log2 of the bytes. */
static uint64_t vector_id(unsigned n, unsigned bytes)
{
	uint64_t size = (uint64_t)__builtin_ctz(bytes);

	return KVM_REG_RISCV | KVM_REG_RISCV_VECTOR | size << KVM_REG_SIZE_SHIFT |
		KVM_REG_RISCV_VECTOR_REG(n);
}

/* The register's KVM id and length; false: none. x0 and the parts of fcsr are not asked here. */
static bool find(const struct vcpu *v, unsigned reg, uint64_t *id, unsigned *len)
{
	*len = 8;
	if (reg >= GDB_REG_V && reg < GDB_REG_V + 32) {
		*len = vlenb(v);
		*id = *len ? vector_id(reg - GDB_REG_V, *len) : 0;
		return *len;
	}
	if (reg < GDB_REG_PC)
		*id = CORE(reg);
	else if (reg == GDB_REG_PC)
		*id = CORE(0);
	else if (reg < GDB_REG_F + 32)
		*id = FP_D(reg - GDB_REG_F);
	else if (reg == GDB_REG_MODE)
		*id = CORE_MODE;
	else {
		for (size_t i = 0; i < ARRAY_SIZE(csrs); i++)
			if (reg == (unsigned)GDB_REG_CSR + csrs[i].number) {
				*id = csrs[i].id;
				return true;
			}
		return false;
	}
	return true;
}

static bool is_fcsr(unsigned reg)
{
	return reg >= GDB_REG_CSR + CSR_FFLAGS && reg <= GDB_REG_CSR + CSR_FCSR;
}

static int read_fcsr(const struct vcpu *v, unsigned csr, uint32_t *value)
{
	if (vcpu_get_reg(v, FCSR, value))
		return -1;
	*value = csr == CSR_FFLAGS ? *value & 31 : csr == CSR_FRM ? *value >> 5 & 7 : *value & 255;
	return sizeof(*value);
}

static int write_fcsr(const struct vcpu *v, unsigned csr, uint32_t value)
{
	uint32_t old;
	int rc = vcpu_get_reg(v, FCSR, &old);

	if (rc)
		return rc;
	if (csr == CSR_FFLAGS)
		value = (old & ~31U) | (value & 31);
	else if (csr == CSR_FRM)
		value = (old & ~0xe0U) | (value & 7) << 5;
	return vcpu_set_reg(v, FCSR, &value);
}

int gdb_reg_read(const struct vcpu *v, unsigned reg, void *value)
{
	uint64_t id;
	unsigned len;

	if (reg == GDB_REG_X) {
		memset(value, 0, 8);
		return 8;
	}
	if (is_fcsr(reg))
		return read_fcsr(v, reg - GDB_REG_CSR, value);
	if (!find(v, reg, &id, &len) || vcpu_get_reg(v, id, value))
		return -1;
	return (int)len;
}

int gdb_reg_write(const struct vcpu *v, unsigned reg, const void *value, size_t size)
{
	uint32_t fcsr;
	uint64_t id;
	unsigned len;

	if (reg == GDB_REG_X)
		return 0;
	if (is_fcsr(reg)) {
		if (size != sizeof(fcsr))
			return -EINVAL;
		memcpy(&fcsr, value, sizeof(fcsr));
		return write_fcsr(v, reg - GDB_REG_CSR, fcsr);
	}
	if (!find(v, reg, &id, &len) || len != size)
		return -EINVAL;
	return vcpu_set_reg(v, id, value);
}

static void PRINTF(2, 3) say(FILE *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
}

static void one(FILE *f, const char *name, unsigned bits, unsigned number, const char *type)
{
	say(f, "<reg name=\"%s\" bitsize=\"%u\" regnum=\"%u\" type=\"%s\"/>", name, bits, number,
		type);
}

static void numbered(FILE *f, char prefix, unsigned bits, unsigned first, const char *type)
{
	char name[8];

	for (unsigned i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "%c%u", prefix, i);
		one(f, name, bits, first + i, type);
	}
}

static void describe_csrs(FILE *f, const struct vcpu *v)
{
	uint64_t value;

	say(f, "<feature name=\"org.gnu.gdb.riscv.csr\">");
	for (size_t i = 0; i < ARRAY_SIZE(csrs); i++)
		if (!vcpu_get_reg(v, csrs[i].id, &value))
			one(f, csrs[i].name, 64, GDB_REG_CSR + csrs[i].number, "int");
	say(f, "</feature>");
}

static void describe_vectors(FILE *f, unsigned bytes)
{
	say(f, "<feature name=\"org.gnu.gdb.riscv.vector\">");
	say(f, "<vector id=\"bytes\" type=\"uint8\" count=\"%u\"/>", bytes);
	say(f, "<vector id=\"words\" type=\"uint32\" count=\"%u\"/>", bytes / 4);
	say(f, "<vector id=\"longs\" type=\"uint64\" count=\"%u\"/>", bytes / 8);
	say(f,
		"<union id=\"riscv_vector\"><field name=\"b\" type=\"bytes\"/>"
		"<field name=\"w\" type=\"words\"/><field name=\"l\" type=\"longs\"/></union>");
	numbered(f, 'v', bytes * 8, GDB_REG_V, "riscv_vector");
	say(f, "</feature>");
}

int gdb_reg_xml(const struct vcpu *v, const struct isa_set *isa, char **xml)
{
	size_t size;
	FILE *f = open_memstream(xml, &size);

	if (!f)
		return -errno;
	say(f,
		"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
		"<architecture>riscv:rv64</architecture><feature name=\"org.gnu.gdb.riscv.cpu\">");
	numbered(f, 'x', 64, GDB_REG_X, "int");
	one(f, "pc", 64, GDB_REG_PC, "code_ptr");
	say(f, "</feature>");
	if (isa_has(isa, EXT_D)) {
		say(f, "<feature name=\"org.gnu.gdb.riscv.fpu\">");
		numbered(f, 'f', 64, GDB_REG_F, "ieee_double");
		one(f, "fflags", 32, GDB_REG_CSR + CSR_FFLAGS, "int");
		one(f, "frm", 32, GDB_REG_CSR + CSR_FRM, "int");
		one(f, "fcsr", 32, GDB_REG_CSR + CSR_FCSR, "int");
		say(f, "</feature>");
	}
	describe_csrs(f, v);
	if (isa_has(isa, EXT_V) && vlenb(v))
		describe_vectors(f, vlenb(v));
	say(f, "<feature name=\"org.gnu.gdb.riscv.virtual\">");
	one(f, "priv", 64, GDB_REG_MODE, "int");
	say(f, "</feature></target>");
	return fclose(f) ? -errno : 0;
}

int gdb_reflect_ebreak(const struct vcpu *v)
{
	uint64_t pc, mode, status, stvec, cause = CAUSE_EBREAK, s = KVM_RISCV_MODE_S;
	int rc = vcpu_get_reg(v, CORE(0), &pc);

	if (!rc)
		rc = vcpu_get_reg(v, CORE_MODE, &mode);
	if (!rc)
		rc = vcpu_get_reg(v, GENERAL(sstatus), &status);
	if (!rc)
		rc = vcpu_get_reg(v, GENERAL(stvec), &stvec);
	if (rc)
		return rc;
	status = (status & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)) |
		(mode == KVM_RISCV_MODE_S ? SSTATUS_SPP : 0) |
		(status & SSTATUS_SIE ? SSTATUS_SPIE : 0);
	stvec &= ~UINT64_C(3);
	rc = vcpu_set_reg(v, GENERAL(sepc), &pc);
	if (!rc)
		rc = vcpu_set_reg(v, GENERAL(scause), &cause);
	if (!rc)
		rc = vcpu_set_reg(v, GENERAL(stval), &pc);
	if (!rc)
		rc = vcpu_set_reg(v, GENERAL(sstatus), &status);
	if (!rc)
		rc = vcpu_set_reg(v, CORE_MODE, &s);
	return rc ? rc : vcpu_set_reg(v, CORE(0), &stvec);
}
