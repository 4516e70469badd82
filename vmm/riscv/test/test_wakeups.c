/* Which hosts lose wake-ups, and which timers may be lost ones. */
#include "core/test/check.h"
#include "core/util.h"
#include "riscv/wakeups.h"

static void hosts(void **state UNUSED)
{
	static const struct {
		const char *release;
		bool files, hidden;
		unsigned lost;
	} cases[] = {
		{ "6.12.117+deb13-riscv64", true, false, WAKEUPS_FILES },
		{ "6.12.117+deb13-riscv64", false, false, 0 },
		{ "6.17.0", true, false, WAKEUPS_FILES },
		{ "6.18.0-rc1", true, false, 0 },
		{ "7.2.11+deb13-riscv64", true, false, 0 },
		{ "5.19", true, false, WAKEUPS_FILES },
		{ "10.0", true, false, 0 },
		{ "strange", true, false, WAKEUPS_FILES },
		{ "", false, true, WAKEUPS_TIMER },
		{ "7.2.11", true, true, WAKEUPS_TIMER },
		{ "6.6.1", true, true, WAKEUPS_FILES | WAKEUPS_TIMER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(wakeups_lost(cases[i].release, cases[i].files, cases[i].hidden),
			cases[i].lost);
}

static void timers(void **state UNUSED)
{
	static const struct {
		uint64_t time, compare;
		bool suspect;
	} cases[] = {
		{ 1000, 0, false }, /* past: it has come */
		{ 1000, 1000, false },
		{ 1000, 1001000, false }, /* comes by itself before the next look */
		{ 1000, 1001001, true },
		{ 1000, UINT64_MAX, true }, /* never */
		{ UINT64_MAX, UINT64_MAX, false },
		{ UINT64_MAX - 1, UINT64_MAX, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(wakeups_timer_suspect(cases[i].time, cases[i].compare, 10000000),
			cases[i].suspect);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),
		cmocka_unit_test(timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
