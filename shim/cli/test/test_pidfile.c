/* Tests of the pid file: pidfile.c. */
#include "shim/cli/pidfile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

struct place {
	char dir[32], path[48];
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	strcpy(p->dir, "/tmp/test-pidfile.XXXXXX");
	*state = p;
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/pid", p->dir);
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	rmdir(p->dir);
	free(p);
	return 0;
}

static int number_in(const char *path)
{
	FILE *f = fopen(path, "r");
	int n = -1;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &n), 1);
	assert_int_equal(fgetc(f), '\n');
	assert_int_equal(fgetc(f), EOF);
	fclose(f);
	return n;
}

static void written_and_removed(void **state)
{
	const struct place *p = *state;
	struct pidfile file;

	assert_int_equal(pidfile_write(&file, p->path, NULL), 0);
	assert_int_equal(number_in(p->path), getpid());
	pidfile_remove(&file);
	assert_int_equal(access(p->path, F_OK), -1);
	pidfile_remove(&file);
}

static void a_dead_process_is_replaced(void **state)
{
	const struct place *p = *state;
	struct pidfile file;
	FILE *f = fopen(p->path, "w");

	assert_non_null(f);
	fprintf(f, "4194303999\n");
	fclose(f);
	assert_int_equal(pidfile_write(&file, p->path, NULL), 0);
	assert_int_equal(number_in(p->path), getpid());
	pidfile_remove(&file);
}

static void a_live_one_is_refused(void **state)
{
	const struct place *p = *state;
	struct pidfile first, second;
	struct err err = { 0 };

	assert_int_equal(pidfile_write(&first, p->path, NULL), 0);
	assert_int_equal(pidfile_write(&second, p->path, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "another process is using it"));
	pidfile_remove(&second);
	assert_int_equal(number_in(p->path), getpid());
	pidfile_remove(&first);
}

static void what_is_no_file_is_refused(void **state)
{
	const struct place *p = *state;
	struct pidfile file;
	struct err err = { 0 };

	assert_int_equal(mkfifo(p->path, 0600), 0); /* must not wait for a reader */
	assert_int_not_equal(pidfile_write(&file, p->path, &err), 0);
	assert_non_null(strstr(err.msg, "it exists and is no regular file"));
	unlink(p->path);
	assert_int_equal(symlink("/etc/hostname", p->path), 0);
	assert_int_equal(pidfile_write(&file, p->path, &err), -ELOOP);
	assert_int_not_equal(pidfile_write(&file, p->dir, &err), 0);
	assert_int_not_equal(pidfile_write(&file, "/nowhere/pid", &err), 0);
	assert_string_equal(err.msg, "create pid file /nowhere/pid: No such file or directory");
}

static void a_replaced_file_is_left_alone(void **state)
{
	const struct place *p = *state;
	struct pidfile file;

	assert_int_equal(pidfile_write(&file, p->path, NULL), 0);
	unlink(p->path);
	close(open(p->path, O_WRONLY | O_CREAT, 0600));
	pidfile_remove(&file);
	assert_int_equal(access(p->path, F_OK), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(written_and_removed),
		TEST(a_dead_process_is_replaced),
		TEST(a_live_one_is_refused),
		TEST(what_is_no_file_is_refused),
		TEST(a_replaced_file_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
