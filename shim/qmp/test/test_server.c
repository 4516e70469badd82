/* Tests of the sockets around sessions, over a real loop and real sockets: server.c. */
#define _GNU_SOURCE
#include "shim/qmp/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <cmocka.h>
#include "shim/qmp/session.h"

#define NEGOTIATE "{\"execute\":\"qmp_capabilities\"}"
#define BIG	  (60 * 1024)

struct fixture {
	struct loop *loop;
	struct qmp_server *server;
	struct qmp_table table;
	struct qmp_dialect dialect;
	struct deferred end;
	char path[64];
	char text[512 * 1024];
};

/* Tells an event from within a command, as stop and quit do. */
static int tell(void *ctx, json_t *args UNUSED, json_t **ret UNUSED, struct err *err UNUSED)
{
	struct fixture *f = ctx;

	qmp_server_event(f->server, "TOLD", json_pack("{s:i}", "n", 1));
	return 0;
}

static int big(void *ctx UNUSED, json_t *args UNUSED, json_t **ret, struct err *err UNUSED)
{
	AUTO_FREE char *text = malloc(BIG);

	assert_non_null(text);
	memset(text, 'x', BIG);
	*ret = json_stringn(text, BIG);
	return 0;
}

static const struct qmp_command commands[] = {
	{ "tell", tell, { { 0 } }, false },
	{ "big", big, { { 0 } }, false },
};

static void end(struct deferred *d)
{
	loop_quit(container_of(d, struct fixture, end)->loop);
}

/* Lets the loop do all that is there to be done. */
static void turn(struct fixture *f)
{
	for (int i = 0; i < 50; i++) {
		loop_defer(f->loop, &f->end);
		loop_run(f->loop);
	}
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	if (!f)
		return -1;
	f->end.fn = end;
	f->table = (struct qmp_table){ commands, ARRAY_SIZE(commands), f };
	f->dialect = (struct qmp_dialect){ 5, 0, 0, "t", &f->table, 1, NULL };
	snprintf(f->path, sizeof(f->path), "/tmp/test-qmp-server.%d", (int)getpid());
	if (loop_new(&f->loop, &err) ||
		qmp_server_new(&f->server, f->path, &f->dialect, f->loop, &err))
		return -1;
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	qmp_server_free(f->server);
	loop_free(f->loop);
	free(f);
	return 0;
}

static int dial(struct fixture *f)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	strcpy(sa.sun_path, f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	turn(f);
	return fd;
}

/* What has come; *over: the server closed. */
static const char *receive(struct fixture *f, int fd, bool *over)
{
	size_t len = 0;
	ssize_t n;

	turn(f);
	while ((n = recv(fd, f->text + len, sizeof(f->text) - 1 - len, MSG_DONTWAIT)) > 0) {
		len += (size_t)n;
		turn(f);
	}
	f->text[len] = 0;
	if (over)
		*over = n == 0 || errno == ECONNRESET;
	return f->text;
}

static const char *say(struct fixture *f, int fd, const char *text)
{
	assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
	return receive(f, fd, NULL);
}

static int dial_ready(struct fixture *f)
{
	int fd = dial(f);

	assert_non_null(strstr(say(f, fd, NEGOTIATE), "{\"return\":{}}"));
	return fd;
}

static void sequential_clients(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3 * QMP_CLIENTS; i++) {
		int fd = dial(f);

		assert_memory_equal(receive(f, fd, NULL), "{\"QMP\":", 7);
		assert_string_equal(say(f, fd, NEGOTIATE), "{\"return\":{}}\r\n");
		close(fd);
		turn(f);
	}
}

static void all_negotiated_clients_hear_events(void **state)
{
	struct fixture *f = *state;
	int a = dial_ready(f), b = dial_ready(f), shy = dial(f);
	const char *said;

	receive(f, shy, NULL);
	said = say(f, a, "{\"execute\":\"tell\"}");
	assert_memory_equal(said, "{\"event\":\"TOLD\",\"timestamp\":{\"seconds\":", 39);
	assert_non_null(strstr(said, ",\"data\":{\"n\":1}}\r\n{\"return\":{}}\r\n"));
	assert_memory_equal(receive(f, b, NULL), "{\"event\":\"TOLD\",", 16);
	assert_string_equal(receive(f, shy, NULL), "");
	close(a);
	close(b);
	close(shy);
}

static void one_more_is_refused(void **state)
{
	struct fixture *f = *state;
	int fds[QMP_CLIENTS], more;
	bool over;

	for (int i = 0; i < QMP_CLIENTS; i++)
		fds[i] = dial_ready(f);
	more = dial(f);
	assert_non_null(strstr(receive(f, more, &over), "too many clients"));
	assert_true(over);
	close(more);
	for (int i = 0; i < QMP_CLIENTS; i++)
		assert_non_null(
			strstr(say(f, fds[i], "{\"execute\":\"query-version\"}"), "return"));
	close(fds[3]);
	turn(f);
	fds[3] = dial_ready(f);
	for (int i = 0; i < QMP_CLIENTS; i++)
		close(fds[i]);
}

/* Silent connections can't keep others out: the oldest silent one makes room. */
static void silent_clients_make_room(void **state)
{
	struct fixture *f = *state;
	int ready = dial_ready(f), silent[QMP_CLIENTS - 1], late;
	bool over;

	for (int i = 0; i < QMP_CLIENTS - 1; i++)
		silent[i] = dial(f);
	late = dial_ready(f);
	receive(f, silent[0], &over);
	assert_true(over);
	receive(f, silent[1], &over);
	assert_false(over);
	assert_non_null(strstr(say(f, ready, "{\"execute\":\"query-version\"}"), "return"));
	close(ready);
	close(late);
	for (int i = 0; i < QMP_CLIENTS - 1; i++)
		close(silent[i]);
}

static void half_closed_client_gets_its_replies(void **state)
{
	struct fixture *f = *state;
	static const char text[] = NEGOTIATE "{\"execute\":\"big\"}{\"execute\":\"big\"}"
					     "{\"execute\":\"big\"}{\"execute\":\"query-version\"}";
	int fd = dial(f);
	bool over;

	assert_true(send(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
	shutdown(fd, SHUT_WR);
	receive(f, fd, &over);
	assert_true(over);
	assert_true(strlen(f->text) > 3 * BIG);
	assert_string_equal(f->text + strlen(f->text) - 16, "package\":\"t\"}}\r\n");
	close(fd);
}

/* It sends, never reads: it stops itself and nobody else. */
static void deaf_client(void **state)
{
	struct fixture *f = *state;
	int deaf = dial_ready(f), other = dial_ready(f), sent = 0;
	bool over;

	while (send(deaf, "{\"execute\":\"big\"}", 17, MSG_DONTWAIT) == 17 && sent < 100000) {
		turn(f);
		sent++;
	}
	assert_in_range(sent, 10, 99999);
	assert_non_null(strstr(say(f, other, "{\"execute\":\"query-version\"}"), "return"));
	for (int i = 0; i < 4000; i++) /* events overflow its backlog: it is dropped */
		qmp_server_event(f->server, "TOLD",
			json_pack("{s:s}", "x", "0123456789012345678901234567890"));
	receive(f, other, &over);
	receive(f, deaf, &over);
	assert_true(over);
	close(deaf);
	close(other);
}

static void hostile_bytes(void **state)
{
	struct fixture *f = *state;
	static char text[QMP_MESSAGE_MAX + 100];
	int fd = dial_ready(f), n = 0;
	bool over = false;

	memset(text, '"', sizeof(text));
	text[0] = '{';
	for (int i = 1; i < (int)sizeof(text); i += 2)
		text[i] = ' ';
	while (n < (int)sizeof(text)) {
		ssize_t k = send(fd, text + n, sizeof(text) - (size_t)n,
			MSG_DONTWAIT | MSG_NOSIGNAL);

		turn(f);
		if (k < 0 && errno != EAGAIN)
			break;
		n += k > 0 ? (int)k : 0;
	}
	assert_non_null(strstr(receive(f, fd, &over), "longer than"));
	assert_true(over);
	close(fd);
	fd = dial_ready(f);
	close(fd);
}

/* A process without free descriptors still answers, and the loop does not spin. */
static void no_descriptors_left(void **state)
{
	struct fixture *f = *state;
	int ready = dial_ready(f), client = socket(AF_UNIX, SOCK_STREAM, 0), fill[1024], n = 0;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct rlimit old, low;
	bool over;

	getrlimit(RLIMIT_NOFILE, &old);
	low = (struct rlimit){ 128, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &low);
	while (n < 1024 && (fill[n] = dup(0)) >= 0)
		n++;
	strcpy(sa.sun_path, f->path);
	assert_int_equal(connect(client, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_non_null(strstr(receive(f, client, &over), "too many clients"));
	assert_true(over);
	assert_non_null(strstr(say(f, ready, "{\"execute\":\"query-version\"}"), "return"));
	while (n)
		close(fill[--n]);
	setrlimit(RLIMIT_NOFILE, &old);
	close(client);
	close(ready);
	turn(f);
	ready = dial_ready(f);
	close(ready);
}

static ssize_t send_fds(int to, const char *text, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int[2 * QMP_INBOX]))];
	} control = { 0 };
	struct iovec iov = { (char *)(uintptr_t)text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	control.align = (struct cmsghdr){ CMSG_LEN(n * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	return sendmsg(to, &msg, MSG_NOSIGNAL);
}

/* The other ends of pipes tell whether a descriptor is still open anywhere. */
static bool is_gone(int pipe_end)
{
	return write(pipe_end, "x", 1) < 0 && errno == EPIPE;
}

static void descriptors_arrive(void **state)
{
	struct fixture *f = *state;
	struct qmp_fds store = { 0 };
	struct qmp_table tables[] = { f->table, qmp_fds_table(&store) };
	int fd, ends[2], many[2 * QMP_INBOX];

	signal(SIGPIPE, SIG_IGN);
	f->dialect.tables = tables;
	f->dialect.ntables = 2;
	f->dialect.fds = &store;
	fd = dial_ready(f);
	assert_int_equal(pipe(ends), 0);
	assert_true(send_fds(fd, "{\"execute\":\"add-fd\"}", ends, 1) > 0);
	assert_non_null(strstr(receive(f, fd, NULL), "\"fdset-id\":0"));
	assert_int_equal(fcntl(store.kept[0].fd, F_GETFD), FD_CLOEXEC);
	close(ends[0]);
	assert_false(is_gone(ends[1]));
	close(fd); /* the client ends, and with it what it brought */
	turn(f);
	assert_true(is_gone(ends[1]));
	close(ends[1]);

	fd = dial_ready(f); /* more than are taken */
	assert_int_equal(pipe(ends), 0);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = ends[0];
	assert_true(send_fds(fd, "{\"execute\":\"query-version\"}", many, ARRAY_SIZE(many)) > 0);
	assert_non_null(strstr(receive(f, fd, NULL), "return"));
	close(ends[0]);
	assert_true(is_gone(ends[1]));
	close(ends[1]);
	close(fd);
	turn(f);
}

static void paths(void **state)
{
	struct fixture *f = *state;
	struct qmp_server *second = NULL;
	struct err err = { 0 };
	char path[256];

	assert_int_not_equal(qmp_server_new(&second, f->path, &f->dialect, f->loop, &err), 0);
	assert_null(second);
	assert_non_null(strstr(err.msg, "the API socket"));
	memset(path, 'p', sizeof(path));
	path[sizeof(path) - 1] = 0;
	assert_int_not_equal(qmp_server_new(&second, path, &f->dialect, f->loop, &err), 0);
	assert_non_null(strstr(err.msg, "longer than"));
	assert_int_not_equal(qmp_server_new(&second, "/nowhere/x", &f->dialect, f->loop, &err), 0);
}

static void freeing_removes_the_socket_and_says_the_last(void **state)
{
	struct fixture *f = *state;
	int fd = dial_ready(f);
	struct stat st;
	char text[256] = "";

	qmp_server_event(f->server, "SHUTDOWN", NULL);
	qmp_server_free(f->server);
	f->server = NULL;
	assert_int_equal(stat(f->path, &st), -1);
	assert_true(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT) > 0);
	assert_non_null(strstr(text, "SHUTDOWN"));
	assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), 0);
	close(fd);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sequential_clients),
		TEST(all_negotiated_clients_hear_events),
		TEST(one_more_is_refused),
		TEST(silent_clients_make_room),
		TEST(half_closed_client_gets_its_replies),
		TEST(deaf_client),
		TEST(hostile_bytes),
		TEST(no_descriptors_left),
		TEST(descriptors_arrive),
		TEST(paths),
		TEST(freeing_removes_the_socket_and_says_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
