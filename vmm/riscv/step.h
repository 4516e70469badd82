/*
 * Where a hart goes by one instruction (unprivileged specification, chapters "RV32I", "C"; and
 * sret), for single steps by temporary breakpoints. A load-reserved is stepped over with all up to
 * its store-conditional: a stop in between would lose the reservation for ever. Pure.
 */
#ifndef SAMPAN_RISCV_STEP_H
#define SAMPAN_RISCV_STEP_H

#include "core/util.h"

#define STEP_TARGETS 4

struct step_env {
	uint64_t pc, sepc, x[32];
	/* The instruction's 16 bits at addr; false where none can be read. */
	bool (*fetch)(void *arg, uint64_t addr, uint16_t *half);
	void *arg;
};

/* Fills the addresses one of which comes next; how many, or 0 when the instruction can't be read.
 */
unsigned step_targets(const struct step_env *env, uint64_t target[STEP_TARGETS]);

/* Bytes of an instruction whose first 16 bits these are: 2 or 4. */
unsigned step_insn_len(uint16_t half);

#endif
