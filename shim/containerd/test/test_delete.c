/* What `delete` answers: how a container ended, as far as its bundle knows. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "core/test/check.h"
#include "shim/containerd/args.h"
#include "shim/containerd/exit_file.h"
#include "shim/containerd/file.h"
#include "shim/containerd/start.h"
#include "task.pb-c.h"

struct fix {
	char dir[64];
};

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/test_delete.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	remove_tree(f->dir);
	free(f);
	return 0;
}

static void make_file(const struct fix *f, const char *name, const char *text)
{
	struct err err = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(file_replace(path, text, &err), 0);
}

/* Runs it with its standard output in a pipe. */
static Containerd__Task__V2__DeleteResponse *deleted(const struct fix *f)
{
	struct args a = { .namespace = "ns", .id = "one", .bundle = f->dir };
	Containerd__Task__V2__DeleteResponse *r;
	int pipes[2], out = dup(STDOUT_FILENO);
	uint8_t data[256];
	ssize_t n;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(dup2(pipes[1], STDOUT_FILENO), STDOUT_FILENO);
	close(pipes[1]);
	assert_int_equal(delete_run(&a), 0);
	assert_int_equal(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	close(out);
	n = read(pipes[0], data, sizeof(data));
	close(pipes[0]);
	assert_true(n > 0);
	r = containerd__task__v2__delete_response__unpack(NULL, (size_t)n, data);
	assert_non_null(r);
	return r;
}

static void expect(const struct fix *f, unsigned status, int64_t seconds)
{
	Containerd__Task__V2__DeleteResponse *r = deleted(f);

	assert_int_equal(r->exit_status, status);
	assert_non_null(r->exited_at);
	if (seconds)
		assert_int_equal(r->exited_at->seconds, seconds);
	else
		assert_true(r->exited_at->seconds > 1700000000);
	containerd__task__v2__delete_response__free_unpacked(r, NULL);
}

static void how_it_ended(void **state)
{
	static const char *const none[] = { "", "x", "7", "7 1600000000", "-1 -5 0",
		"7 1600000000 9999999999", "99999999999999999999 0 0" };
	const struct exit_file e = { 7, { 1600000000, 5 } };
	struct fix *f = *state;
	struct err err = { 0 };

	expect(f, 137, 0); /* not even a specification */
	make_file(f, "config.json",
		"{\"annotations\": {\"io.kubernetes.cri.container-type\": \"container\", "
		"\"io.kubernetes.cri.sandbox-id\": \"pod\"}}");
	expect(f, 137, 0);
	assert_int_equal(exit_file_write(f->dir, &e, &err), 0);
	expect(f, 7, 1600000000);
	expect(f, 7, 1600000000);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		make_file(f, EXIT_FILE, none[i]);
		expect(f, 137, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(how_it_ended, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
