/*
 * Which SBI extensions a caller wants on or off: "+sta,-pmu". Pure; isa.c carries it out. What is
 * not named stays as KVM has it, but for the debug console, which is on where it can be.
 */
#ifndef SAMPAN_RISCV_SBI_SWITCH_H
#define SAMPAN_RISCV_SBI_SWITCH_H

#include "core/err.h"

enum sbi_ext {
	SBI_V01,
	SBI_TIME,
	SBI_IPI,
	SBI_RFENCE,
	SBI_SRST,
	SBI_HSM,
	SBI_PMU,
	SBI_DBCN,
	SBI_STA,
	SBI_SUSP,
	SBI_FWFT,
	SBI_EXT_COUNT
};

struct sbi_switches {
	uint32_t on, off; /* bits by enum sbi_ext */
};

const char *sbi_ext_name(unsigned ext);

/* NULL and "" switch nothing. */
int sbi_switches_parse(struct sbi_switches *s, const char *text, struct err *err) MUST_USE;

#endif
