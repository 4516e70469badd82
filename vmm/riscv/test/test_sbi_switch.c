/* Words that switch SBI extensions. */
#include <stdio.h>
#include <string.h>
#include "core/test/check.h"
#include "riscv/sbi_switch.h"

#define BIT(ext) (1U << (ext))

static void words(void **state UNUSED)
{
	static const struct {
		const char *text;
		uint32_t on, off;
		const char *error;
	} cases[] = {
		{ NULL, 0, 0, NULL },
		{ "", 0, 0, NULL },
		{ "+sta", BIT(SBI_STA), 0, NULL },
		{ "+susp,-pmu,-dbcn", BIT(SBI_SUSP), BIT(SBI_PMU) | BIT(SBI_DBCN), NULL },
		{ "sta", 0, 0, "SBI \"sta\" is neither +EXT nor -EXT" },
		{ "+sta,", 0, 0, "SBI \"\" is neither +EXT nor -EXT" },
		{ "+", 0, 0, "SBI \"+\" is neither +EXT nor -EXT" },
		{ "+base", 0, 0, "SBI extension \"base\" is unknown" },
		{ "+sta,-sta", 0, 0, "SBI extension sta is given twice" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sbi_switches s;
		struct err err = { 0 };
		int rc = sbi_switches_parse(&s, cases[i].text, &err);

		assert_int_equal(rc, cases[i].error ? -EINVAL : 0);
		assert_string_equal(err.msg, cases[i].error ? cases[i].error : "");
		assert_true(rc || (s.on == cases[i].on && s.off == cases[i].off));
	}
}

static void every_name(void **state UNUSED)
{
	for (unsigned i = 0; i < SBI_EXT_COUNT; i++) {
		struct sbi_switches s;
		char word[16];

		snprintf(word, sizeof(word), "-%s", sbi_ext_name(i));
		assert_int_equal(sbi_switches_parse(&s, word, NULL), 0);
		assert_int_equal(s.off, BIT(i));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(every_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
