/* Unix sockets by path: live and stale ones, what else may stand at the path, two starters at once,
 * and the clean end. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "core/test/check.h"
#include "core/sock.h"

struct fix {
	char dir[64], path[96];
	struct sock_listener l;
	struct err err;
};

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->dir, "/tmp/sampan-test-sock-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	f->l.fd = -1;
	*state = f;
	return 0;
}

/* What a test leaves in the directory fails it: rmdir() says so. */
static int fix_free(void **state)
{
	struct fix *f = *state;
	int rc;

	sock_unlisten(&f->l);
	rc = rmdir(f->dir);
	free(f);
	return rc;
}

static int listen_at(struct fix *f, struct sock_listener *l)
{
	return sock_listen(l, f->path, "the test socket", &f->err);
}

/* A socket whose process is gone: bound, listening, closed. */
static void leave_stale(const struct fix *f, int type)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, f->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	if (type != SOCK_DGRAM)
		assert_int_equal(listen(fd, 1), 0);
	close(fd);
}

static void listens_and_connects(void **state)
{
	struct fix *f = *state;
	char text[3] = "";
	int c, s;

	assert_int_equal(listen_at(f, &f->l), 0);
	assert_int_equal(sock_connect(&c, f->path, &f->err), 0);
	s = accept(f->l.fd, NULL, NULL);
	assert_true(s >= 0);
	assert_int_equal(write(c, "hi", 2), 2);
	assert_int_equal(read(s, text, 2), 2);
	assert_string_equal(text, "hi");
	assert_true(fcntl(c, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(f->l.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(c, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(f->l.fd, F_GETFD) & FD_CLOEXEC);
	close(c);
	close(s);
}

static void is_for_its_owner_only(void **state)
{
	struct fix *f = *state;
	struct stat st;
	mode_t mask = umask(0);

	assert_int_equal(listen_at(f, &f->l), 0);
	assert_int_equal(umask(mask), 0); /* was put back */
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void disappears(void **state)
{
	struct fix *f = *state;

	assert_int_equal(listen_at(f, &f->l), 0);
	sock_unlisten(&f->l);
	assert_int_equal(f->l.fd, -1);
	assert_int_equal(access(f->path, F_OK), -1);
	sock_unlisten(&f->l); /* twice: fine */
}

static void replaces_a_stale_one(void **state)
{
	struct fix *f = *state;
	int c;

	leave_stale(f, SOCK_STREAM);
	assert_int_equal(listen_at(f, &f->l), 0);
	assert_int_equal(sock_connect(&c, f->path, &f->err), 0);
	close(c);
}

static void refuses_a_live_one(void **state)
{
	struct fix *f = *state;
	struct sock_listener second;
	char want[256];
	int c;

	assert_int_equal(listen_at(f, &f->l), 0);
	assert_int_equal(listen_at(f, &second), -EADDRINUSE);
	snprintf(want, sizeof(want),
		"listen on the test socket %s: another process is listening there", f->path);
	assert_string_equal(f->err.msg, want);
	assert_int_equal(second.fd, -1);
	assert_int_equal(sock_connect(&c, f->path, &f->err), 0); /* the first goes on */
	close(c);
}

/* Its owner never accepts and its queue is full: alive all the same, and nobody waits for it. */
static void a_full_queue_is_alive(void **state)
{
	struct fix *f = *state;
	struct sock_listener second;
	int c[64], n = 0, rc = 0;

	assert_int_equal(listen_at(f, &f->l), 0);
	while (n < 64 && !rc) {
		rc = sock_connect(&c[n], f->path, &f->err);
		n += !rc;
	}
	assert_int_equal(rc, -EAGAIN);
	assert_int_equal(listen_at(f, &second), -EADDRINUSE);
	while (n)
		close(c[--n]);
}

static void refuses_what_is_no_socket(void **state)
{
	struct fix *f = *state;
	int fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	struct stat st;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(listen_at(f, &f->l), -EEXIST);
	assert_non_null(strstr(f->err.msg, "the path exists and is no socket"));
	assert_int_equal(stat(f->path, &st), 0); /* not removed */
	unlink(f->path);
	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_int_equal(listen_at(f, &f->l), -EEXIST);
	rmdir(f->path);
}

/* A link is not followed, wherever it leads. */
static void refuses_links(void **state)
{
	struct fix *f = *state;

	assert_int_equal(symlink("/nowhere/at/all", f->path), 0);
	assert_int_equal(listen_at(f, &f->l), -EEXIST);
	assert_int_equal(unlink(f->path), 0);
}

static void refuses_bad_paths(void **state)
{
	char path[200];
	struct fix *f = *state;
	int c;

	assert_int_equal(sock_listen(&f->l, "", "x", &f->err), -EINVAL);
	assert_string_equal(f->err.msg, "the socket path is empty");
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	for (size_t len = 108; len < sizeof(path); len += 91) {
		path[len] = 0;
		assert_int_equal(sock_listen(&f->l, path, "x", &f->err), -ENAMETOOLONG);
		assert_int_equal(sock_connect(&c, path, &f->err), -ENAMETOOLONG);
		assert_non_null(strstr(f->err.msg, "longer than the 107 bytes"));
		path[len] = 'x';
	}
	snprintf(path, sizeof(path), "%s/none/s", f->dir);
	assert_int_equal(sock_listen(&f->l, path, "the test socket", &f->err), -ENOENT);
	assert_non_null(strstr(f->err.msg, path));
	assert_non_null(strstr(f->err.msg, "No such file or directory"));
}

static void takes_the_longest_path(void **state)
{
	struct fix *f = *state;
	char path[108];
	size_t used = (size_t)snprintf(path, sizeof(path), "%s/", f->dir);

	memset(path + used, 's', sizeof(path) - 1 - used);
	path[sizeof(path) - 1] = 0;
	assert_int_equal(sock_listen(&f->l, path, "the test socket", &f->err), 0);
	assert_int_equal(access(path, F_OK), 0);
	sock_unlisten(&f->l);
	assert_int_equal(access(path, F_OK), -1);
}

/* Somebody removed our socket and put another one there: that one stays. */
static void removes_only_its_own(void **state)
{
	struct fix *f = *state;

	assert_int_equal(listen_at(f, &f->l), 0);
	assert_int_equal(unlink(f->path), 0);
	leave_stale(f, SOCK_STREAM);
	sock_unlisten(&f->l);
	assert_int_equal(access(f->path, F_OK), 0);
	assert_int_equal(unlink(f->path), 0);
}

static void says_why_it_cannot_connect(void **state)
{
	struct fix *f = *state;
	char want[256];
	int c;

	snprintf(want, sizeof(want), "connect to %s: No such file or directory", f->path);
	assert_int_equal(sock_connect(&c, f->path, &f->err), -ENOENT);
	assert_string_equal(f->err.msg, want);
	leave_stale(f, SOCK_STREAM);
	assert_int_equal(sock_connect(&c, f->path, &f->err), -ECONNREFUSED);
	assert_int_equal(unlink(f->path), 0);
}

struct starter {
	struct fix *f;
	struct sock_listener l;
	int rc;
};

static void *start_one(void *arg)
{
	struct starter *s = arg;
	struct err err = { 0 };

	s->rc = sock_listen(&s->l, s->f->path, "the test socket", &err);
	return NULL;
}

/* Eight starters find one stale socket: exactly one wins, whatever the order. */
static void one_starter_wins(void **state)
{
	struct fix *f = *state;

	for (unsigned round = 0; round < 20; round++) {
		struct starter s[8] = { 0 };
		pthread_t thread[8];
		unsigned won = 0;

		leave_stale(f, SOCK_STREAM);
		for (unsigned i = 0; i < 8; i++) {
			s[i].f = f;
			assert_int_equal(pthread_create(&thread[i], NULL, start_one, &s[i]), 0);
		}
		for (unsigned i = 0; i < 8; i++) {
			pthread_join(thread[i], NULL);
			won += !s[i].rc;
			assert_true(!s[i].rc || s[i].rc == -EADDRINUSE);
		}
		assert_int_equal(won, 1);
		for (unsigned i = 0; i < 8; i++)
			sock_unlisten(&s[i].l);
	}
}

/* Anybody who may read the directory can lock it; that costs half a second, not the monitor. */
static void a_held_lock_is_not_for_ever(void **state)
{
	struct fix *f = *state;
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(listen_at(f, &f->l), -EWOULDBLOCK);
	close(fd);
	assert_int_equal(listen_at(f, &f->l), 0);
}

#define T(t) cmocka_unit_test_setup_teardown(t, fix_new, fix_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(listens_and_connects),
		T(is_for_its_owner_only),
		T(disappears),
		T(replaces_a_stale_one),
		T(refuses_a_live_one),
		T(a_full_queue_is_alive),
		T(refuses_what_is_no_socket),
		T(refuses_links),
		T(refuses_bad_paths),
		T(takes_the_longest_path),
		T(removes_only_its_own),
		T(says_why_it_cannot_connect),
		T(one_starter_wins),
		T(a_held_lock_is_not_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
