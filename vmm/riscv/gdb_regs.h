/*
 * A vCPU's registers by a debugger's numbers: x, pc, f, CSRs of the supervisor, privilege mode,
 * vectors; and the target description that names them. The vCPU is out of KVM_RUN.
 */
#ifndef SAMPAN_RISCV_GDB_REGS_H
#define SAMPAN_RISCV_GDB_REGS_H

#include "kvm/vcpu.h"
#include "riscv/cpu_model.h"

#define GDB_REG_X    0
#define GDB_REG_PC   32
#define GDB_REG_F    33
#define GDB_REG_CSR  65 /* + the CSR's number */
#define GDB_REG_MODE 4161
#define GDB_REG_V    4162
#define GDB_CSR_SEPC 0x141
#define GDB_CSR_SATP 0x180

/* Bytes, or -1 when there is no such register. value has room for 256. */
int gdb_reg_read(const struct vcpu *v, unsigned reg, void *value);
int gdb_reg_write(const struct vcpu *v, unsigned reg, const void *value, size_t len);

/* Allocates the description for what this vCPU has. */
int gdb_reg_xml(const struct vcpu *v, const struct isa_set *isa, char **xml) MUST_USE;

/* The guest's own ebreak, as if no debugger had caught it: a breakpoint exception. */
int gdb_reflect_ebreak(const struct vcpu *v) MUST_USE;

#endif
