/* The table of a process's life: no gap in it, and the paths that containerd relies on. */
#include "shim/containerd/life.h"

#include "core/test/check.h"
#include "ttrpc/code.h"

static void no_gap(void **state)
{
	(void)state;
	for (unsigned s = 0; s < LIFE_STATES; s++)
		for (unsigned e = 0; e < LIFE_EVENTS; e++) {
			struct life_step step = life_step((enum life_state)s, (enum life_event)e);

			if (step.code) {
				assert_int_equal(step.next, s); /* a refusal changes nothing */
				assert_non_null(step.text);
				assert_true(e < LIFE_MADE); /* the guest is never refused */
			} else if (e < LIFE_MADE && s == LIFE_CREATING) {
				fail_msg("event %u has no entry", e);
			}
		}
}

static enum life_state go(enum life_state s, enum life_event e)
{
	struct life_step step = life_step(s, e);

	assert_int_equal(step.code, 0);
	return step.next;
}

static void a_whole_life(void **state)
{
	enum life_state s = LIFE_CREATING;

	(void)state;
	s = go(s, LIFE_MADE);
	assert_int_equal(life_status(s), 1);
	s = go(s, LIFE_START);
	s = go(s, LIFE_STARTED);
	assert_int_equal(life_status(s), 2);
	s = go(s, LIFE_PAUSE);
	assert_int_equal(life_status(s), 5);
	s = go(s, LIFE_HELD);
	assert_int_equal(life_status(s), 4);
	s = go(s, LIFE_RESUME);
	s = go(s, LIFE_RELEASED);
	s = go(s, LIFE_KILL);
	assert_int_equal(s, LIFE_RUNNING);
	s = go(s, LIFE_ENDED);
	assert_int_equal(life_status(s), 3);
	s = go(s, LIFE_DELETE);
	assert_int_equal(s, LIFE_DELETING);
}

static void refusals(void **state)
{
	(void)state;
	assert_int_equal(life_step(LIFE_STOPPED, LIFE_KILL).code, TTRPC_NOT_FOUND);
	assert_int_equal(life_step(LIFE_RUNNING, LIFE_DELETE).code, TTRPC_FAILED_PRECONDITION);
	assert_int_equal(life_step(LIFE_STOPPED, LIFE_EXEC).code, TTRPC_FAILED_PRECONDITION);
	assert_int_equal(life_step(LIFE_PAUSED, LIFE_EXEC).code, TTRPC_FAILED_PRECONDITION);
	assert_int_equal(life_step(LIFE_DELETING, LIFE_DELETE).code, TTRPC_NOT_FOUND);
	assert_int_equal(life_step(LIFE_CREATED, LIFE_PAUSE).code, TTRPC_FAILED_PRECONDITION);
	/* containerd kills what it has created and will not start, and deletes it then */
	assert_int_equal(life_step(LIFE_CREATED, LIFE_KILL).code, 0);
	assert_int_equal(life_step(LIFE_CREATED, LIFE_DELETE).code, 0);
	assert_int_equal(life_step(LIFE_CREATED, LIFE_ENDED).next, LIFE_STOPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_gap),
		cmocka_unit_test(a_whole_life),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
