/* Processes that are added to a container: their lives, failures, and their first one's end. */
#define _GNU_SOURCE
#include "shim/containerd/test/daemon_calls.h"

static void execs(void **state)
{
	static const char shell[] = "{\"args\": [\"sh\"], \"cwd\": \"/\", \"user\": {\"uid\": 0}}";
	struct fix *f = *state;
	struct reply r, waited;

	make_bundle(f, "b", "");
	start(f, "one", "b");
	OK(create(f, "one", "b", NULL, &r));
	assert_int_equal(exec(f, "one", "e", shell, &r), TTRPC_FAILED_PRECONDITION);
	OK(start_task(f, "one", "", &r));
	assert_int_equal(exec(f, "one", "e", "{", &r), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(exec(f, "one", "../e", shell, &r), TTRPC_INVALID_ARGUMENT);
	OK(exec(f, "one", "e", shell, &r));
	assert_int_equal(exec(f, "one", "e", shell, &r), TTRPC_ALREADY_EXISTS);
	assert_int_equal(state_number(f, "one", "e"), 1);
	assert_int_equal(kill_task(f, "one", "e", 9, &r), TTRPC_FAILED_PRECONDITION);
	wait_for_task(f, "one", "e", &waited);
	OK(start_task(f, "one", "e", &r));
	OK(kill_task(f, "one", "e", 9, &r));
	assert_int_equal(status_waited(f, &waited), 137);
	OK(delete_task(f, "one", "e", &r));
	assert_int_equal(state_of(f, "one", "e", &r), TTRPC_NOT_FOUND);

	/* a program that is missing is a process that ends with 127 */
	f->agent.exec_fails = "executable file `/x` not found: No such file or directory";
	OK(exec(f, "one", "x", shell, &r));
	wait_for_task(f, "one", "x", &waited);
	OK(start_task(f, "one", "x", &r));
	assert_int_equal(status_waited(f, &waited), 127);
	/* any other failure is one of Start, and ends those who wait */
	f->agent.exec_fails = "no cgroup";
	OK(exec(f, "one", "y", shell, &r));
	wait_for_task(f, "one", "y", &waited);
	assert_int_equal(start_task(f, "one", "y", &r), TTRPC_UNKNOWN);
	assert_string_equal(r.message, "no cgroup");
	assert_int_equal(status_waited(f, &waited), 128);

	/* the first process takes the others with it, and is told of last */
	f->agent.exec_fails = NULL;
	OK(exec(f, "one", "z", shell, &r));
	OK(start_task(f, "one", "z", &r));
	wait_for_task(f, "one", "", &waited);
	*f->agent.log = 0;
	fake_agent_end(&f->agent, "one", 0);
	until_text(f, f->agent.log, " SignalProcess");
	assert_false(waited.come);
	fake_agent_end(&f->agent, "z", 137);
	assert_int_equal(status_waited(f, &waited), 0);
	assert_int_equal(exec(f, "one", "late", shell, &r), TTRPC_FAILED_PRECONDITION);
	OK(delete_task(f, "one", "", &r));
	leave(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(execs),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
