/* Every state with every event of life.h's table: what ends the process, and what must not. */
#include "shim/stratovirt/life.h"

#include "core/test/check.h"

static void stays_after_the_guest(void **state)
{
	struct life_step s = life_step(LIFE_RUNNING, LIFE_ENDED);

	(void)state;
	assert_int_equal(s.next, LIFE_OVER);
	assert_int_equal(s.todo, LIFE_WAIT);
	s = life_step(LIFE_OVER, LIFE_TIME_UP);
	assert_int_equal(s.next, LIFE_LEAVING);
	assert_int_equal(s.todo, LIFE_LEAVE);
}

static void powerdown_is_an_end_of_the_guest_only(void **state)
{
	struct life_step s = life_step(LIFE_RUNNING, LIFE_POWERDOWN);

	(void)state;
	assert_int_equal(s.next, LIFE_RUNNING);
	assert_int_equal(s.todo, LIFE_STOP);
	s = life_step(LIFE_OVER, LIFE_POWERDOWN);
	assert_int_equal(s.next, LIFE_OVER);
	assert_int_equal(s.todo, 0);
}

static void two_things_end_it_at_once(void **state)
{
	static const enum life_event ends[] = { LIFE_QUIT, LIFE_SIGNAL };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct life_step s = life_step(LIFE_RUNNING, ends[i]);

		assert_int_equal(s.next, LIFE_LEAVING);
		assert_int_equal(s.todo, LIFE_STOP | LIFE_LEAVE);
		s = life_step(LIFE_ALONE, ends[i]);
		assert_int_equal(s.next, LIFE_LEAVING);
		assert_int_equal(s.todo, LIFE_STOP | LIFE_LEAVE);
		s = life_step(LIFE_OVER, ends[i]);
		assert_int_equal(s.next, LIFE_LEAVING);
		assert_int_equal(s.todo, LIFE_LEAVE);
	}
}

/* Who cleans up for a killed caller still finds guest and QMP, but not for ever. */
static void stays_after_the_caller(void **state)
{
	struct life_step s = life_step(LIFE_RUNNING, LIFE_ORPHANED);

	(void)state;
	assert_int_equal(s.next, LIFE_ALONE);
	assert_int_equal(s.todo, LIFE_WAIT_ALONE);
	s = life_step(LIFE_ALONE, LIFE_TIME_UP);
	assert_int_equal(s.next, LIFE_LEAVING);
	assert_int_equal(s.todo, LIFE_STOP | LIFE_LEAVE);
	s = life_step(LIFE_ALONE, LIFE_POWERDOWN);
	assert_int_equal(s.next, LIFE_ALONE);
	assert_int_equal(s.todo, LIFE_STOP);
}

/* One clock for both ends: the second does not start it anew. */
static void the_clock_runs_on(void **state)
{
	struct life_step s = life_step(LIFE_ALONE, LIFE_ENDED);

	(void)state;
	assert_int_equal(s.next, LIFE_OVER);
	assert_int_equal(s.todo, 0);
	s = life_step(LIFE_OVER, LIFE_ORPHANED);
	assert_int_equal(s.next, LIFE_OVER);
	assert_int_equal(s.todo, 0);
}

static void nothing_happens_twice(void **state)
{
	(void)state;
	for (unsigned e = LIFE_ENDED; e <= LIFE_TIME_UP; e++) {
		struct life_step s = life_step(LIFE_LEAVING, (enum life_event)e);

		assert_int_equal(s.next, LIFE_LEAVING);
		assert_int_equal(s.todo, 0);
	}
	assert_int_equal(life_step(LIFE_OVER, LIFE_ENDED).todo, 0);
	assert_int_equal(life_step(LIFE_RUNNING, LIFE_TIME_UP).todo, 0);
	assert_int_equal(life_step(LIFE_ALONE, LIFE_ORPHANED).todo, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stays_after_the_guest),
		cmocka_unit_test(powerdown_is_an_end_of_the_guest_only),
		cmocka_unit_test(two_things_end_it_at_once),
		cmocka_unit_test(stays_after_the_caller),
		cmocka_unit_test(the_clock_runs_on),
		cmocka_unit_test(nothing_happens_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
