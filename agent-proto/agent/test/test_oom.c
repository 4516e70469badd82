/* OOM kills, told by files that change as a cgroup's do. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "core/test/check.h"
#include "agent/oom.h"

#define LIMIT_NS 300000000 /* a loop with nothing to say is left after that */

struct fix {
	struct loop *loop;
	struct oom *oom;
	struct err err;
	struct timer timer;
	char dir[64];
	char told[256]; /* the ids, each with a blank behind it */
	bool unwatch;	/* from inside the call */
};

static void killed(void *arg, const char *id)
{
	struct fix *f = arg;

	snprintf(f->told + strlen(f->told), sizeof(f->told) - strlen(f->told), "%s ", id);
	if (f->unwatch)
		oom_unwatch(f->oom, id);
	loop_quit(f->loop);
}

static void too_late(struct timer *t)
{
	loop_quit(container_of(t, struct fix, timer)->loop);
}

static void put(struct fix *f, const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f || loop_new(&f->loop, &f->err) || oom_new(&f->oom, f->loop, killed, f, &f->err))
		return -1;
	strcpy(f->dir, "/tmp/test-oom-XXXXXX");
	if (!mkdtemp(f->dir) || timer_init(f->loop, &f->timer, too_late))
		return -1;
	put(f, "memory.events", "low 0\nmax 0\noom_kill 0\n");
	put(f, "cgroup.events", "populated 1\nfrozen 0\n");
	*state = f;
	return 0;
}

static void remove_file(struct fix *f, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	remove(path);
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	remove_file(f, "memory.events");
	remove_file(f, "cgroup.events");
	rmdir(f->dir);
	timer_fini(f->loop, &f->timer);
	oom_free(f->oom);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void run(struct fix *f)
{
	timer_set(&f->timer, LIMIT_NS, 0);
	loop_run(f->loop);
}

static void test_kill_is_told(void **state)
{
	struct fix *f = *state;

	assert_int_equal(oom_watch(f->oom, "c1", f->dir, &f->err), 0);
	put(f, "memory.events", "low 0\nmax 9\noom_kill 1\n");
	run(f);
	assert_string_equal(f->told, "c1 ");
	put(f, "memory.events", "low 0\nmax 9\noom_kill 3\n");
	run(f);
	assert_string_equal(f->told, "c1 c1 ");
}

static void test_other_changes_are_not(void **state)
{
	struct fix *f = *state;

	assert_int_equal(oom_watch(f->oom, "c1", f->dir, &f->err), 0);
	put(f, "memory.events", "low 5\nmax 9\noom_kill 0\n");
	run(f);
	assert_string_equal(f->told, "");
}

static void test_kill_before_the_watch(void **state)
{
	struct fix *f = *state;

	put(f, "memory.events", "low 0\nmax 0\noom_kill 1\n");
	assert_int_equal(oom_watch(f->oom, "c1", f->dir, &f->err), 0);
	assert_string_equal(f->told, "c1 ");
}

/* The last process was killed: one event, and nothing is watched after it. */
static void test_ends_when_empty(void **state)
{
	struct fix *f = *state;

	assert_int_equal(oom_watch(f->oom, "c1", f->dir, &f->err), 0);
	put(f, "memory.events", "low 0\nmax 0\noom_kill 1\n");
	put(f, "cgroup.events", "populated 0\nfrozen 0\n");
	run(f);
	assert_string_equal(f->told, "c1 ");
	put(f, "memory.events", "low 0\nmax 0\noom_kill 2\n");
	run(f);
	assert_string_equal(f->told, "c1 ");
	oom_unwatch(f->oom, "c1"); /* as one that never was */
}

static void test_ends_when_gone(void **state)
{
	struct fix *f = *state;

	assert_int_equal(oom_watch(f->oom, "c1", f->dir, &f->err), 0);
	remove_file(f, "memory.events");
	remove_file(f, "cgroup.events");
	run(f);
	assert_string_equal(f->told, "");
	put(f, "memory.events", "low 0\nmax 0\noom_kill 1\n");
	put(f, "cgroup.events", "populated 1\nfrozen 0\n");
	assert_int_equal(oom_watch(f->oom, "c2", f->dir, &f->err), 0);
	assert_string_equal(f->told, "c2 ");
}

static void test_unwatch(void **state)
{
	struct fix *f = *state;

	f->unwatch = true;
	assert_int_equal(oom_watch(f->oom, "c1", f->dir, &f->err), 0);
	put(f, "memory.events", "low 0\nmax 0\noom_kill 1\n");
	run(f);
	put(f, "memory.events", "low 0\nmax 0\noom_kill 2\n");
	run(f);
	assert_string_equal(f->told, "c1 ");
}

static void test_no_group(void **state)
{
	struct fix *f = *state;

	assert_int_equal(oom_watch(f->oom, "c1", "/nowhere", &f->err), -ENOENT);
	assert_non_null(strstr(f->err.msg, "/nowhere"));
	remove_file(f, "cgroup.events");
	assert_int_equal(oom_watch(f->oom, "c1", f->dir, &f->err), -ENOENT);
	oom_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kill_is_told, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_other_changes_are_not, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_kill_before_the_watch, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_ends_when_empty, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_ends_when_gone, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_unwatch, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_no_group, fix_new, fix_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
