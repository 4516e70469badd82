/* Children: programs run from worker threads, and processes that come to us as orphans. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "core/test/check.h"
#include "agent/reap.h"
#include "agent/work.h"

struct fix {
	struct loop *loop;
	struct reaper *reaper;
	struct workers *workers;
};

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct err err;

	if (!f || loop_new(&f->loop, &err) || reaper_new(&f->reaper, f->loop, &err) ||
		workers_new(&f->workers, f->loop, &err))
		return -1;
	*state = f;
	return 0;
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	workers_free(f->workers);
	reaper_free(f->reaper);
	loop_free(f->loop);
	free(f);
	return 0;
}

struct job {
	struct work work;
	struct fix *fix;
	struct command cmd;
	const char *argv[4];
	char *output;
	int rc;
	struct err err;
	unsigned *left;
};

static void job_run(struct work *w)
{
	struct job *j = container_of(w, struct job, work);

	j->rc = command_run(j->fix->reaper, &j->cmd, &j->err);
}

static void job_done(struct work *w)
{
	struct job *j = container_of(w, struct job, work);

	if (!--*j->left)
		loop_quit(j->fix->loop);
}

static void job_init(struct job *j, struct fix *f, const char *script, unsigned *left)
{
	*j = (struct job){ .fix = f, .argv = { "sh", "-c", script }, .left = left };
	j->cmd = (struct command){ .argv = j->argv, .in = -1, .out = -1 };
	j->work.run = job_run;
	j->work.done = job_done;
	++*left;
}

static void run_one(struct fix *f, struct job *j)
{
	work_start(f->workers, &j->work);
	loop_run(f->loop);
}

static void status_and_sentence(void **state)
{
	static const struct {
		const char *script;
		int rc;
		const char *text;
	} cases[] = {
		{ "exit 0", 0, "" },
		{ "exit 7", -EIO, "sh ended with status 7" },
		{ "echo one >&2; echo 'the reason ' >&2; exit 1", -EIO, "sh: the reason" },
		{ "kill -9 $$", -EIO, "sh was ended by signal 9" },
		{ "yes | head -c 100000 >&2; echo last >&2; exit 1", -EIO, "sh: last" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned left = 0;
		struct job j;

		job_init(&j, *state, cases[i].script, &left);
		run_one(*state, &j);
		assert_int_equal(j.rc, cases[i].rc);
		assert_string_equal(j.err.msg, cases[i].text);
	}
}

static void no_such_program(void **state)
{
	unsigned left = 0;
	struct job j;

	job_init(&j, *state, "", &left);
	j.argv[0] = "/no/such/program";
	run_one(*state, &j);
	assert_int_equal(j.rc, -ENOENT);
	assert_string_equal(j.err.msg, "run /no/such/program: No such file or directory");
}

static void input_and_output(void **state)
{
	size_t size = 1000000;
	char *data = malloc(size);
	unsigned left = 0;
	struct job j;

	memset(data, 'x', size);
	job_init(&j, *state, "cat", &left);
	j.cmd.input = data;
	j.cmd.input_len = size;
	j.cmd.output = &j.output;
	j.cmd.output_max = 70000;
	run_one(*state, &j);
	assert_int_equal(j.rc, 0);
	assert_int_equal(strlen(j.output), 70000);
	free(j.output);
	/* One that reads nothing, one that says nothing. */
	job_init(&j, *state, "exit 0", &left);
	j.cmd.input = data;
	j.cmd.input_len = size;
	j.cmd.output = &j.output;
	run_one(*state, &j);
	assert_int_equal(j.rc, 0);
	assert_string_equal(j.output, "");
	free(j.output);
	free(data);
}

static void killed_in_time(void **state)
{
	int64_t began = reap_now_ms();
	unsigned left = 0;
	struct job j;

	job_init(&j, *state, "sleep 30", &left);
	j.cmd.timeout_ms = 100;
	run_one(*state, &j);
	assert_int_equal(j.rc, -ETIMEDOUT);
	assert_string_equal(j.err.msg, "run sh: Connection timed out");
	assert_true(reap_now_ms() - began < 10000);
}

/* It leaves a child that holds its pipes: the program's end counts. */
static void child_left_behind(void **state)
{
	int64_t began = reap_now_ms();
	unsigned left = 0;
	struct job j;

	job_init(&j, *state, "sleep 30 & echo $!", &left);
	j.cmd.output = &j.output;
	run_one(*state, &j);
	assert_int_equal(j.rc, 0);
	assert_true(reap_now_ms() - began < 10000);
	kill(atoi(j.output), SIGKILL);
	free(j.output);
}

static void many_at_once(void **state)
{
	static struct job jobs[60];
	unsigned left = 0;

	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		job_init(&jobs[i], *state, "sleep 0.05; exit 3", &left);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		work_start(jobs[i].fix->workers, &jobs[i].work);
	loop_run(jobs[0].fix->loop);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		assert_string_equal(jobs[i].err.msg, "sh ended with status 3");
}

struct orphan {
	struct reap_watch watch;
	struct loop *loop;
	int status, calls;
};

static void orphan_ended(struct reap_watch *w, int status)
{
	struct orphan *o = container_of(w, struct orphan, watch);

	o->status = status;
	o->calls++;
	loop_quit(o->loop);
}

/* What crun does: the program ends, its child comes to us; the child may have ended already. */
static void orphan_found_late(void **state)
{
	struct fix *f = *state;
	struct orphan o = { .loop = f->loop, .watch.ended = orphan_ended };
	unsigned left = 0;
	struct job j;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	job_init(&j, f, "(sleep 0.3; exit 6) & echo $!", &left);
	j.cmd.output = &j.output;
	reap_hold(f->reaper);
	run_one(f, &j);
	usleep(600000);
	reap_now(f->reaper); /* it ends before anybody watches */
	o.watch.pid = atoi(j.output);
	free(j.output);
	reap_watch(f->reaper, &o.watch);
	assert_int_equal(o.calls, 1);
	assert_int_equal(WEXITSTATUS(o.status), 6);
	reap_release(f->reaper);
}

static void orphan_watched(void **state)
{
	struct fix *f = *state;
	struct orphan o = { .loop = f->loop, .watch.ended = orphan_ended };
	unsigned left = 0;
	struct job j;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	job_init(&j, f, "(sleep 0.3; exit 4) & echo $!", &left);
	j.cmd.output = &j.output;
	reap_hold(f->reaper);
	run_one(f, &j);
	o.watch.pid = atoi(j.output);
	free(j.output);
	reap_watch(f->reaper, &o.watch);
	reap_release(f->reaper);
	assert_int_equal(o.calls, 0);
	loop_run(f->loop);
	assert_int_equal(o.calls, 1);
	assert_int_equal(WEXITSTATUS(o.status), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(status_and_sentence, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(no_such_program, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(input_and_output, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(killed_in_time, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(child_left_behind, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(many_at_once, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(orphan_found_late, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(orphan_watched, fix_new, fix_free),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
