/* Whole lives of a lone container, signals and figures, events and their order, and what goes
 * wrong. */
#define _GNU_SOURCE
#include "cgroups.pb-c.h"
#include "shim/containerd/exit_file.h"
#include "shim/containerd/test/daemon_calls.h"

static void a_lone_container(void **state)
{
	struct fix *f = *state;
	struct reply r, waited;
	struct exit_file end;
	char path[128];

	make_bundle(f, "b", "");
	start(f, "one", "b");
	OK(create(f, "one", "b", "out", &r));
	assert_string_equal(f->agent.container, "one");
	assert_string_equal(f->agent.root, "/run/kata-containers/shared/containers/one/rootfs");
	assert_int_equal(state_number(f, "one", ""), 1);
	wait_for_task(f, "one", "", &waited);
	OK(start_task(f, "one", "", &r));
	assert_int_equal(state_number(f, "one", ""), 2);
	until_text(f, f->heard, "one speaks\n");
	assert_int_equal(create(f, "one", "b", NULL, &r), TTRPC_ALREADY_EXISTS);
	assert_int_equal(start_task(f, "one", "", &r), TTRPC_FAILED_PRECONDITION);
	assert_int_equal(delete_task(f, "one", "", &r), TTRPC_FAILED_PRECONDITION);
	assert_int_equal(checkpoint(f, "one", "", &r), TTRPC_UNIMPLEMENTED);
	assert_false(waited.come);
	fake_agent_end(&f->agent, "one", 3);
	assert_int_equal(status_waited(f, &waited), 3);
	assert_int_equal(state_number(f, "one", ""), 3);
	while (!f->out_ended)
		loop_run(f->loop);
	assert_int_equal(kill_task(f, "one", "", 9, &r), TTRPC_NOT_FOUND);
	OK(delete_task(f, "one", "", &r));
	assert_int_equal(delete_task(f, "one", "", &r), TTRPC_NOT_FOUND);
	until_text(f, f->topics, " delete");
	assert_string_equal(f->topics, " create start exit delete");
	path_of(f, path, "b");
	assert_true(exit_file_read(path, &end)); /* for `delete` */
	assert_int_equal(end.status, 3);
	leave(f);
}

/* `start` was killed before containerd had its answer. */
static void nobody_knows_of_it(void **state)
{
	struct fix *f = *state;
	char path[128];

	f->untold = true;
	make_bundle(f, "b", "");
	start(f, "one", "b");
	ends(f);
	path_of(f, path, "shim");
	assert_int_equal(access(path, F_OK), -1);
}

static void signals_pauses_figures(void **state)
{
	struct fix *f = *state;
	const Containerd__Task__V2__StatsResponse *stats;
	Io__Containerd__Cgroups__V2__Metrics *m;
	struct reply r, waited;

	f->service = "containerd.task.v3.Task";
	make_bundle(f, "b", "");
	start(f, "one", "b");
	OK(create(f, "one", "b", NULL, &r));
	assert_int_equal(pause_task(f, "one", "", &r), TTRPC_FAILED_PRECONDITION);
	OK(start_task(f, "one", "", &r));
	OK(pause_task(f, "one", "", &r));
	assert_int_equal(state_number(f, "one", ""), 4);
	OK(resume_task(f, "one", "", &r));
	assert_int_equal(state_number(f, "one", ""), 2);
	assert_int_equal(stats_of(f, "one", "", &r), TTRPC_OK);
	stats = (const void *)r.response;
	assert_string_equal(stats->stats->type_url, "io.containerd.cgroups.v2.Metrics");
	m = io__containerd__cgroups__v2__metrics__unpack(NULL, stats->stats->value.len,
		stats->stats->value.data);
	assert_int_equal(m->pids->current, 7);
	io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
	forget(&r);
	assert_int_equal(pids_of(f, "one", "", &r), TTRPC_OK);
	assert_int_equal(((Containerd__Task__V2__PidsResponse *)r.response)->processes[0]->pid,
		4242);
	forget(&r);
	assert_int_equal(connect_to(f, "nobody", "", &r), TTRPC_OK);
	assert_int_equal(((Containerd__Task__V2__ConnectResponse *)r.response)->task_pid, 0);
	forget(&r);
	assert_int_equal(pids_of(f, "nobody", "", &r), TTRPC_NOT_FOUND);
	wait_for_task(f, "one", "", &waited);
	OK(kill_task(f, "one", "", 15, &r));
	assert_int_equal(status_waited(f, &waited), 143);
	until_text(f, f->topics, " exit");
	assert_string_equal(f->topics, " create start paused resumed exit");
	OK(delete_task(f, "one", "", &r));
	leave(f);
}

static void what_fails(void **state)
{
	struct fix *f = *state;
	struct reply r, waited;

	make_bundle(f, "b", "");
	make_bundle(f, "missing",
		", \"mounts\": [{\"destination\": \"/x\", \"type\": \"bind\", "
		"\"source\": \"/no/such/file\", \"options\": [\"rbind\"]}]");
	start(f, "one", "b");
	assert_int_equal(create(f, "../x", "b", NULL, &r), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(create(f, "one", "nowhere", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "nowhere/config.json: No such file or directory"));
	assert_int_equal(create(f, "one", "missing", NULL, &r), TTRPC_UNKNOWN);
	assert_string_equal(r.message, "mount /no/such/file on /x: No such file or directory");
	f->agent.create_fails = "the guest has no room";
	assert_int_equal(create(f, "one", "b", NULL, &r), TTRPC_UNKNOWN);
	assert_string_equal(r.message, "the guest has no room");
	assert_int_equal(delete_task(f, "one", "", &r), TTRPC_NOT_FOUND);

	/* the agent dies: so do all */
	f->agent.create_fails = NULL;
	OK(create(f, "one", "b", NULL, &r));
	OK(start_task(f, "one", "", &r));
	wait_for_task(f, "one", "", &waited);
	fake_agent_stop(&f->agent);
	assert_int_equal(status_waited(f, &waited), 137);
	assert_int_equal(state_number(f, "one", ""), 3);
	assert_int_equal(create(f, "two", "b", NULL, &r), TTRPC_UNKNOWN);
	assert_non_null(strstr(r.message, "the guest's agent is gone"));
	OK(delete_task(f, "one", "", &r));
	leave(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lone_container),
		TEST(nobody_knows_of_it),
		TEST(signals_pauses_figures),
		TEST(what_fails),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
