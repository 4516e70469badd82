/* One instruction ahead; see step.h. Only what changes the flow is decoded. */
#include "riscv/step.h"

#define OPCODE_BRANCH 0x63U
#define OPCODE_JALR   0x67U
#define OPCODE_JAL    0x6fU
#define OPCODE_AMO    0x2fU
#define INSN_SRET     0x10200073U
#define AMO_LR	      0x02U
#define AMO_SC	      0x03U

#define SEQUENCE 16 /* instructions of an LR/SC loop at most (chapter "A", eventual success) */

unsigned step_insn_len(uint16_t half)
{
	return (half & 3) == 3 ? 4 : 2;
}

/* Bits hi..lo of insn. */
static uint32_t bits(uint32_t insn, unsigned hi, unsigned lo)
{
	return insn >> lo & ((UINT32_C(1) << (hi - lo + 1)) - 1);
}

static uint64_t sign(uint32_t value, unsigned width)
{
	return (uint64_t)((int64_t)((uint64_t)value << (64 - width)) >> (64 - width));
}

static uint64_t branch_offset(uint32_t i)
{
	return sign(bits(i, 31, 31) << 12 | bits(i, 7, 7) << 11 | bits(i, 30, 25) << 5 |
			bits(i, 11, 8) << 1,
		13);
}

static uint64_t jal_offset(uint32_t i)
{
	return sign(bits(i, 31, 31) << 20 | bits(i, 19, 12) << 12 | bits(i, 20, 20) << 11 |
			bits(i, 30, 21) << 1,
		21);
}

/* c.j */
static uint64_t cj_offset(uint32_t i)
{
	return sign(bits(i, 12, 12) << 11 | bits(i, 8, 8) << 10 | bits(i, 10, 9) << 8 |
			bits(i, 6, 6) << 7 | bits(i, 7, 7) << 6 | bits(i, 2, 2) << 5 |
			bits(i, 11, 11) << 4 | bits(i, 5, 3) << 1,
		12);
}

/* c.beqz, c.bnez */
static uint64_t cb_offset(uint32_t i)
{
	return sign(bits(i, 12, 12) << 8 | bits(i, 6, 5) << 6 | bits(i, 2, 2) << 5 |
			bits(i, 11, 10) << 3 | bits(i, 4, 3) << 1,
		9);
}

static bool taken(const struct step_env *env, uint32_t i)
{
	uint64_t a = env->x[bits(i, 19, 15)], b = env->x[bits(i, 24, 20)];

	switch (bits(i, 14, 12)) {
	case 0:
		return a == b;
	case 1:
		return a != b;
	case 4:
		return (int64_t)a < (int64_t)b;
	case 5:
		return (int64_t)a >= (int64_t)b;
	case 6:
		return a < b;
	case 7:
		return a >= b;
	default:
		return false;
	}
}

static uint64_t after_compressed(const struct step_env *env, uint32_t i)
{
	uint64_t next = env->pc + 2;
	uint32_t op = bits(i, 1, 0), funct = bits(i, 15, 13);
	uint64_t reg = env->x[8 + bits(i, 9, 7)];

	if (op == 1 && funct == 5)
		return env->pc + cj_offset(i);
	if (op == 1 && funct == 6)
		return reg ? next : env->pc + cb_offset(i);
	if (op == 1 && funct == 7)
		return reg ? env->pc + cb_offset(i) : next;
	/* c.jr, c.jalr: with a register and no second one; without, c.ebreak */
	if (op == 2 && funct == 4 && bits(i, 11, 7) && !bits(i, 6, 2))
		return env->x[bits(i, 11, 7)] & ~UINT64_C(1);
	return next;
}

static uint64_t after(const struct step_env *env, uint32_t i)
{
	switch (bits(i, 6, 0)) {
	case OPCODE_BRANCH:
		return taken(env, i) ? env->pc + branch_offset(i) : env->pc + 4;
	case OPCODE_JAL:
		return env->pc + jal_offset(i);
	case OPCODE_JALR:
		return (env->x[bits(i, 19, 15)] + sign(bits(i, 31, 20), 12)) & ~UINT64_C(1);
	default:
		return i == INSN_SRET ? env->sepc : env->pc + 4;
	}
}

/* The length of the instruction at addr, or 0. */
static unsigned fetch(const struct step_env *env, uint64_t addr, uint32_t *insn)
{
	uint16_t lo, hi = 0;

	if (!env->fetch(env->arg, addr, &lo))
		return 0;
	if (step_insn_len(lo) == 4 && !env->fetch(env->arg, addr + 2, &hi))
		return 0;
	*insn = (uint32_t)hi << 16 | lo;
	return step_insn_len(lo);
}

static bool is_amo(uint32_t i, unsigned len, uint32_t funct)
{
	return len == 4 && bits(i, 6, 0) == OPCODE_AMO && bits(i, 31, 27) == funct;
}

/* Behind the SC, and where branches lead out; 0 when there is no SC within reach. */
static unsigned sequence(const struct step_env *env, unsigned first_len,
	uint64_t target[STEP_TARGETS])
{
	uint64_t at = env->pc + first_len, out[STEP_TARGETS - 1];
	unsigned n = 0, nout = 0;

	for (unsigned k = 0; k < SEQUENCE; k++) {
		uint32_t i;
		unsigned len = fetch(env, at, &i);

		if (!len)
			return 0;
		if (is_amo(i, len, AMO_SC)) {
			target[n++] = at + len;
			for (unsigned b = 0; b < nout; b++)
				if (out[b] > at || out[b] < env->pc)
					target[n++] = out[b];
			return n;
		}
		if (nout < STEP_TARGETS - 1 && len == 4 && bits(i, 6, 0) == OPCODE_BRANCH)
			out[nout++] = at + branch_offset(i);
		else if (nout < STEP_TARGETS - 1 && len == 2 && bits(i, 1, 0) == 1 &&
			bits(i, 15, 14) == 3)
			out[nout++] = at + cb_offset(i);
		at += len;
	}
	return 0;
}

unsigned step_targets(const struct step_env *env, uint64_t target[STEP_TARGETS])
{
	uint32_t insn;
	unsigned len = fetch(env, env->pc, &insn), n;

	if (!len)
		return 0;
	n = is_amo(insn, len, AMO_LR) ? sequence(env, len, target) : 0;
	if (n)
		return n;
	target[0] = len == 2 ? after_compressed(env, insn) : after(env, insn);
	return 1;
}
