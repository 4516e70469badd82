/* Tests of descriptors that come with requests, as one or two sessions see them: fds.c. */
#define _GNU_SOURCE
#include "shim/qmp/fds.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "core/test/check.h"
#include "shim/qmp/session.h"

#define OK "{\"return\":{}}\r\n"

struct fixture {
	struct qmp_fds fds;
	struct qmp_table table;
	struct qmp_dialect dialect;
	struct qmp_session session, other;
	unsigned files; /* that were open before any came */
	char text[8192];
};

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static const char *say_to(struct fixture *f, struct qmp_session *s, const char *text)
{
	size_t len;
	const char *data;

	assert_int_equal(qmp_session_input(s, text, strlen(text)), strlen(text));
	data = qmp_session_output(s, &len);
	assert_in_range(len, 0, sizeof(f->text) - 1);
	if (len)
		memcpy(f->text, data, len);
	f->text[len] = 0;
	if (len)
		qmp_session_sent(s, len);
	return f->text;
}

static const char *say(struct fixture *f, const char *text)
{
	return say_to(f, &f->session, text);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->files = open_files();
	f->table = qmp_fds_table(&f->fds);
	f->dialect = (struct qmp_dialect){ 5, 0, 0, "t", &f->table, 1, &f->fds };
	qmp_session_init(&f->session, &f->dialect);
	qmp_session_init(&f->other, &f->dialect);
	say(f, "{\"execute\":\"qmp_capabilities\"}");
	say_to(f, &f->other, "{\"execute\":\"qmp_capabilities\"}");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	unsigned left;

	qmp_session_fini(&f->session);
	qmp_session_fini(&f->other);
	left = open_files() - f->files;
	free(f);
	return left ? -1 : 0;
}

static int send_fd(struct fixture *f, const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	assert_true(fd >= 0);
	qmp_session_fds(&f->session, &fd, 1);
	return fd;
}

static void has(const char *answer, const char *part)
{
	if (!strstr(answer, part))
		fail_msg("no \"%s\" in %s", part, answer);
}

#define GETFD	"{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"a\"}}"
#define CLOSEFD "{\"execute\":\"closefd\",\"arguments\":{\"fdname\":\"a\"}}"
#define ADD_FD	"{\"execute\":\"add-fd\"}"
#define SETS	"{\"execute\":\"query-fdsets\"}"

static void by_name(void **state)
{
	struct fixture *f = *state;
	const char *name;
	struct err err = { 0 };
	int copy = -1;

	send_fd(f, "/dev/null", O_RDONLY);
	assert_string_equal(say(f, GETFD), OK);
	assert_int_equal(qmp_fds_copy(&f->fds, "fd:a", true, &copy, &name, &err), 0);
	assert_string_equal(name, "fd:a");
	assert_int_equal(fcntl(copy, F_GETFD), FD_CLOEXEC);
	close(copy);
	send_fd(f, "/dev/zero", O_RDONLY); /* takes the name over */
	assert_string_equal(say(f, GETFD), OK);
	assert_int_equal(open_files(), f->files + 1);
	has(say(f, GETFD), "no descriptor came with the command");
	assert_string_equal(say(f, CLOSEFD), OK);
	has(say(f, CLOSEFD), "there is no descriptor a");
	assert_int_equal(open_files(), f->files);
	has(say(f, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"1a\"}}"), "digit");
	has(say(f, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"\"}}"), "digit");
}

static void by_number(void **state)
{
	struct fixture *f = *state;
	const char *name;
	struct err err = { 0 };
	char want[160];
	int ro = send_fd(f, "/dev/null", O_RDONLY), rw, copy = -1;

	snprintf(want, sizeof(want), "{\"return\":{\"fdset-id\":0,\"fd\":%d}}\r\n", ro);
	assert_string_equal(say(f, ADD_FD), want);
	rw = send_fd(f, "/dev/null", O_RDWR);
	say(f, "{\"execute\":\"add-fd\",\"arguments\":{\"fdset-id\":0,\"opaque\":\"my disk\"}}");
	send_fd(f, "/dev/null", O_RDWR);
	has(say(f, ADD_FD), "\"fdset-id\":1");
	snprintf(want, sizeof(want),
		"{\"fdset-id\":0,\"fds\":[{\"fd\":%d},{\"fd\":%d,\"opaque\":\"my disk\"}]}", ro,
		rw);
	has(say(f, SETS), want);
	assert_int_equal(qmp_fds_copy(&f->fds, "/dev/fdset/0", false, &copy, &name, &err), 0);
	assert_int_equal(fcntl(copy, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_string_equal(name, "my disk");
	close(copy);
	assert_int_equal(qmp_fds_copy(&f->fds, "/dev/fdset/0", true, &copy, &name, &err), 0);
	assert_int_equal(fcntl(copy, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(copy);
	snprintf(want, sizeof(want),
		"{\"execute\":\"remove-fd\",\"arguments\":{\"fdset-id\":0,\"fd\":%d}}", ro);
	assert_string_equal(say(f, want), OK);
	has(say(f, want), "there is no such descriptor in set 0");
	assert_string_equal(say(f, "{\"execute\":\"remove-fd\",\"arguments\":{\"fdset-id\":0}}"),
		OK);
	assert_int_equal(open_files(), f->files + 1);
	assert_int_equal(qmp_fds_copy(&f->fds, "/dev/fdset/0", true, &copy, &name, &err), -ENOENT);
	has(say(f, "{\"execute\":\"remove-fd\",\"arguments\":{\"fdset-id\":-1}}"), "no such");
	has(say(f, "{\"execute\":\"add-fd\",\"arguments\":{\"fdset-id\":-1}}"), "below 0");
}

static void bad_names(void **state)
{
	static const char *const names[] = { "/dev/fdset/", "/dev/fdset/x", "/dev/fdset/0x0",
		"/dev/fdset/-1", "/dev/fdset/ 0", "/dev/fdset/0/", "/dev/fdset/1",
		"/dev/fdset/99999999999999999999", "fd:", "fd:b" };
	struct fixture *f = *state;
	const char *name;
	struct err err = { 0 };
	int copy = -1;

	send_fd(f, "/dev/null", O_RDONLY);
	say(f, ADD_FD);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_true(qmp_fds_means(names[i]));
		assert_int_equal(qmp_fds_copy(&f->fds, names[i], true, &copy, &name, &err),
			-ENOENT);
	}
	assert_false(qmp_fds_means("/dev/fdset"));
	assert_false(qmp_fds_means("/dev/vda"));
}

/* However bytes, blanks and descriptors are cut: a command gets what came with its bytes. */
static void what_belongs_to_what(void **state)
{
	struct fixture *f = *state;

	send_fd(f, "/dev/null", O_RDONLY); /* with a blank before the request */
	say(f, " ");
	assert_string_equal(say(f, GETFD), OK);
	assert_string_equal(say(f, CLOSEFD), OK);
	send_fd(f, "/dev/null", O_RDONLY); /* with the first half */
	assert_string_equal(say(f, "{\"execute\":"), "");
	assert_string_equal(say(f, "\"getfd\",\"arguments\":{\"fdname\":\"a\"}}"), OK);
	assert_string_equal(say(f, CLOSEFD), OK);
	send_fd(f, "/dev/null", O_RDONLY); /* read at once with the request before it */
	has(say(f, "{\"execute\":\"query-version\"}" GETFD "\n"), "\r\n" OK);
	assert_string_equal(say(f, CLOSEFD), OK);
	send_fd(f, "/dev/null", O_RDONLY); /* with a request that wants none */
	say(f, "{\"execute\":\"query-version\"}\n");
	assert_int_equal(open_files(), f->files);
	has(say(f, GETFD), "no descriptor came");
	send_fd(f, "/dev/null", O_RDONLY); /* and with no valid one */
	say(f, "garbage\n");
	assert_int_equal(open_files(), f->files);
	send_fd(f, "/dev/null", O_RDONLY); /* later ones in place of those that wait */
	send_fd(f, "/dev/zero", O_RDONLY);
	assert_int_equal(open_files(), f->files + 1);
}

static void several_at_once(void **state)
{
	struct fixture *f = *state;
	int fds[QMP_INBOX + 4];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	qmp_session_fds(&f->session, fds, ARRAY_SIZE(fds));
	assert_int_equal(open_files(), f->files + QMP_INBOX);
	say(f, ADD_FD ADD_FD);
	assert_int_equal(open_files(), f->files + 2);
	assert_int_equal(f->fds.kept[0].fd, fds[0]);
	assert_int_equal(f->fds.kept[1].fd, fds[1]);
}

/* What a session brought serves all, and goes with it. */
static void ends_with_its_session(void **state)
{
	struct fixture *f = *state;
	const char *name;
	struct err err = { 0 };
	int copy = -1;

	send_fd(f, "/dev/null", O_RDONLY);
	say(f, GETFD);
	send_fd(f, "/dev/null", O_RDONLY);
	say(f, ADD_FD);
	send_fd(f, "/dev/null", O_RDONLY); /* waits in vain */
	has(say_to(f, &f->other, SETS), "\"fdset-id\":0");
	qmp_session_fini(&f->session);
	assert_int_equal(open_files(), f->files);
	assert_string_equal(say_to(f, &f->other, SETS), "{\"return\":[]}\r\n");
	assert_int_equal(qmp_fds_copy(&f->fds, "fd:a", true, &copy, &name, &err), -ENOENT);
	qmp_session_init(&f->session, &f->dialect);
}

static void not_without_end(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < QMP_FDS; i++) {
		send_fd(f, "/dev/null", O_RDONLY);
		has(say(f, ADD_FD), "return");
	}
	send_fd(f, "/dev/null", O_RDONLY);
	has(say(f, ADD_FD), "there are 64 descriptors already");
	assert_int_equal(open_files(), f->files + QMP_FDS);
}

/* A front without a store for them. */
static void nobody_wants_them(void **state)
{
	struct fixture *f = *state;

	f->dialect.fds = NULL;
	f->dialect.ntables = 0;
	send_fd(f, "/dev/null", O_RDONLY);
	has(say(f, GETFD), "there is no command");
	assert_int_equal(open_files(), f->files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(by_name),
		TEST(by_number),
		TEST(bad_names),
		TEST(what_belongs_to_what),
		TEST(several_at_once),
		TEST(ends_with_its_session),
		TEST(not_without_end),
		TEST(nobody_wants_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
