/*
 * What KVM's interface for RISC-V has gained since Linux 6.12, whose headers Debian 13 has: numbers
 * from arch/riscv/include/uapi/asm/kvm.h of Linux 7.2. A kernel without them answers ENOENT or
 * EINVAL.
 */
#ifndef SAMPAN_KVM_NEWER_H
#define SAMPAN_KVM_NEWER_H

#include <asm/kvm.h>

/* enum KVM_RISCV_ISA_EXT_ID after ZAWRS */
enum {
	NEW_SMNPM = KVM_RISCV_ISA_EXT_ZAWRS + 1,
	NEW_SSNPM,
	NEW_SVADE,
	NEW_SVADU,
	NEW_SVVPTC,
	NEW_ZABHA,
	NEW_ZICCRSE,
	NEW_ZAAMO,
	NEW_ZALRSC,
	NEW_ZICBOP,
	NEW_ZFBFMIN,
	NEW_ZVFBFMIN,
	NEW_ZVFBFWMA,
};

/* enum KVM_RISCV_SBI_EXT_ID after STA */
enum {
	NEW_SBI_SUSP = KVM_RISCV_SBI_EXT_STA + 1, /* Linux 6.14 */
	NEW_SBI_FWFT,				  /* 6.18 */
};

/* The last member of struct kvm_riscv_config, as an index. */
#define NEW_CONFIG_ZICBOP_BLOCK_SIZE (KVM_REG_RISCV_CONFIG_REG(satp_mode) + 1)

#endif
