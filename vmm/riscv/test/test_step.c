/* Where instructions lead; their codes are an assembler's. a0 is x10, a1 is x11. */
#include <string.h>
#include "core/test/check.h"
#include "riscv/step.h"

#define PC UINT64_C(0xffffffff80001000)

struct code {
	uint16_t half[64];
	unsigned n;
};

static bool fetch(void *arg, uint64_t addr, uint16_t *half)
{
	const struct code *c = arg;

	if (addr < PC || addr & 1 || (addr - PC) / 2 >= c->n)
		return false;
	*half = c->half[(addr - PC) / 2];
	return true;
}

static const struct {
	const char *name;
	uint32_t insn;
	uint64_t a0, a1;
	int64_t offset; /* of the next one, from pc */
} flows[] = {
	{ "beq, taken", 0x04b50063, 5, 5, 64 },
	{ "beq, not", 0x04b50063, 5, 6, 4 },
	{ "bne, back", 0xfeb510e3, 5, 6, -32 },
	{ "bne, not", 0xfeb510e3, 5, 5, 4 },
	{ "blt, farthest", 0x7eb54fe3, -1UL, 0, 4094 },
	{ "blt, not", 0x7eb54fe3, 0, -1UL, 4 },
	{ "bge", 0x00b55463, 0, -1UL, 8 },
	{ "bge, not", 0x00b55463, -1UL, 0, 4 },
	{ "bltu", 0x00b56463, 0, -1UL, 8 },
	{ "bltu, not", 0x00b56463, -1UL, 0, 4 },
	{ "bgeu, farthest back", 0x80b57063, -1UL, 0, -4096 },
	{ "bgeu, not", 0x80b57063, 0, -1UL, 4 },
	{ "jal", 0x7ff7f0ef, 0, 0, 0x7fffe },
	{ "jal, back", 0x8008006f, 0, 0, -0x80000 },
	{ "jalr", 0xffb500e7, PC + 0x106, 0, 0x100 }, /* an odd sum */
	{ "addi", 0x00150513, 0, 0, 4 },
	{ "ecall", 0x00000073, 0, 0, 4 },
	{ "sret", 0x10200073, 0, 0, 0x4444 },
	{ "c.j", 0xaffd, 0, 0, 2046 },
	{ "c.j, back", 0xb001, 0, 0, -2048 },
	{ "c.beqz", 0xcd7d, 0, 0, 254 },
	{ "c.beqz, not", 0xcd7d, 1, 0, 2 },
	{ "c.bnez, back", 0xf101, 1, 0, -256 },
	{ "c.bnez, not", 0xf101, 0, 0, 2 },
	{ "c.jr", 0x8502, PC + 0x200, 0, 0x200 },
	{ "c.jalr", 0x9502, PC + 0x201, 0, 0x200 },
	{ "c.addi", 0x0505, 0, 0, 2 },
	{ "c.mv", 0x852e, 0, PC + 8, 2 },
	{ "c.add", 0x952e, 0, PC + 8, 2 },
	{ "c.ebreak", 0x9002, 0, 0, 2 },
};

static void one_instruction(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_SIZE(flows); i++) {
		struct code c = { .half = { (uint16_t)flows[i].insn,
					  (uint16_t)(flows[i].insn >> 16) },
			.n = 2 };
		struct step_env env = { .pc = PC, .sepc = PC + 0x4444, .fetch = fetch, .arg = &c };
		uint64_t target[STEP_TARGETS];
		unsigned n;

		env.x[10] = flows[i].a0;
		env.x[11] = flows[i].a1;
		n = step_targets(&env, target);
		if (n != 1 || target[0] != PC + (uint64_t)flows[i].offset)
			fail_msg("%s: %u targets, the first at %lld", flows[i].name, n,
				(long long)(target[0] - PC));
	}
}

/* lr.w; bne out; sc.w; bnez back: to behind the sc, or out. */
static void a_reservation_is_stepped_over(void **state UNUSED)
{
	static const struct code loop = { .half = { 0x262f, 0x1005, 0x1663, 0x00b6, 0x26af, 0x18e5,
						  0x9ae3, 0xfe06 },
		.n = 8 };
	struct code c = loop;
	struct step_env env = { .pc = PC, .fetch = fetch, .arg = &c };
	uint64_t target[STEP_TARGETS];

	assert_int_equal(step_targets(&env, target), 2);
	assert_true(target[0] == PC + 12);
	assert_true(target[1] == PC + 16);
	c.n = 2; /* nothing behind the lr can be read: as any other instruction */
	assert_int_equal(step_targets(&env, target), 1);
	assert_true(target[0] == PC + 4);
}

/* Any number of branches before the sc stay within the room for targets. */
static void many_branches_in_a_reservation(void **state UNUSED)
{
	struct code c = { .half = { 0x262f, 0x1005 }, .n = 2 };
	struct step_env env = { .pc = PC, .fetch = fetch, .arg = &c };
	uint64_t target[STEP_TARGETS];

	for (unsigned i = 0; i < 8; i++)
		c.half[c.n++] = 0xf101; /* c.bnez, out backwards */
	c.half[c.n++] = 0x26af;
	c.half[c.n++] = 0x18e5;
	assert_int_equal(step_targets(&env, target), STEP_TARGETS);
}

static void what_can_not_be_read(void **state UNUSED)
{
	struct code c = { .half = { 0x0073 }, .n = 1 };
	struct step_env env = { .pc = PC, .fetch = fetch, .arg = &c };
	uint64_t target[STEP_TARGETS];

	assert_int_equal(step_targets(&env, target), 0);
	env.pc = PC - 2;
	assert_int_equal(step_targets(&env, target), 0);
	assert_int_equal(step_insn_len(0x0073), 4);
	assert_int_equal(step_insn_len(0x9002), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_instruction),
		cmocka_unit_test(a_reservation_is_stepped_over),
		cmocka_unit_test(many_branches_in_a_reservation),
		cmocka_unit_test(what_can_not_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
