/* Addresses as people write them, and connecting to what is there, comes later, or answers
 * strangely. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include "client/dial.h"
#include "core/sock.h"
#include "core/test/check.h"

#define MS INT64_C(1000000)

static void test_addresses(void **state)
{
	static const struct {
		const char *text;
		enum address_kind kind;
		const char *path;
		uint32_t cid, port;
		const char *shown;
	} good[] = {
		{ "unix:///run/a.sock", ADDRESS_UNIX, "/run/a.sock", 0, 0, "unix:///run/a.sock" },
		{ "unix:/run/a.sock", ADDRESS_UNIX, "/run/a.sock", 0, 0, "unix:///run/a.sock" },
		{ "unix://a:b", ADDRESS_UNIX, "a:b", 0, 0, "unix://a:b" },
		{ "vsock://3:1024", ADDRESS_VSOCK, "", 3, 1024, "vsock://3:1024" },
		{ "vsock://4294967294:0", ADDRESS_VSOCK, "", 4294967294, 0,
			"vsock://4294967294:0" },
		{ "hvsock:///run/v.sock:1024", ADDRESS_HVSOCK, "/run/v.sock", 0, 1024,
			"hvsock:///run/v.sock:1024" },
		{ "hvsock://a:b:7", ADDRESS_HVSOCK, "a:b", 0, 7, "hvsock://a:b:7" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct address a;
		struct err err;
		char shown[160];

		assert_int_equal(address_parse(&a, good[i].text, &err), 0);
		assert_int_equal(a.kind, good[i].kind);
		assert_string_equal(a.path, good[i].path);
		assert_int_equal(a.cid, good[i].cid);
		assert_int_equal(a.port, good[i].port);
		address_text(&a, shown, sizeof(shown));
		assert_string_equal(shown, good[i].shown);
	}
}

static void test_no_addresses(void **state)
{
	static const char long_path[] = "unix:///" /* 108 bytes */
					"12345678901234567890123456789012345678901234567890123"
					"123456789012345678901234567890123456789012345678901234";
	static const char *const bad[] = { "", "/run/a.sock", "unix://", "unix:", "tcp://1:2",
		"vsock://", "vsock://3", "vsock://:1", "vsock://3:", "vsock://x:1",
		"vsock://4294967295:1", "vsock://3:4294967295", "vsock://3:99999999999999999999",
		"vsock://-1:1024", "vsock://3:-1", "vsock://11111111111111111111111111111111:1",
		"hvsock://a", "hvsock://:1", "hvsock://a:", "hvsock://a:1x", long_path };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct address a;
		struct err err = { 0 };

		if (!address_parse(&a, bad[i], &err))
			fail_msg("\"%s\" is taken for an address", bad[i]);
		assert_true(*err.msg);
	}
}

struct fix {
	struct loop *loop;
	struct sock_listener l;
	char dir[64], path[80];
	struct timer later;
	int peer, fd;
	unsigned done;
	const char *says, *then; /* to a first and second line; NULL: closes */
	uint32_t inner;
	char heard[64];
	struct watch watch;
	struct err err, why;
};

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->dir, "/tmp/sampan-test-dial-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
	f->l.fd = f->peer = f->fd = -1;
	*state = f;
	return loop_new(&f->loop, &f->err);
}

static int fix_free(void **state)
{
	struct fix *f = *state;
	int rc;

	loop_remove(f->loop, &f->watch);
	timer_fini(f->loop, &f->later);
	sock_unlisten(&f->l);
	auto_fd_close(&f->peer);
	auto_fd_close(&f->fd);
	loop_free(f->loop);
	rc = rmdir(f->dir);
	free(f);
	return rc;
}

static void on_done(void *arg, int fd, const struct err *err)
{
	struct fix *f = arg;

	f->done++;
	f->fd = fd;
	f->why = *err;
	loop_quit(f->loop);
}

static void dial(struct fix *f, const char *scheme, const char *tail, int64_t timeout, bool again)
{
	char text[128];
	struct address a;
	struct dial *d;

	snprintf(text, sizeof(text), "%s%s%s", scheme, f->path, tail);
	assert_int_equal(address_parse(&a, text, &f->err), 0);
	a.inner = f->inner;
	assert_int_equal(dial_start(&d, f->loop, &a, timeout, again, on_done, f, &f->err), 0);
	loop_run(f->loop);
	assert_int_equal(f->done, 1);
}

static void listen_now(struct fix *f)
{
	assert_int_equal(sock_listen(&f->l, f->path, "the test socket", &f->err), 0);
}

static void test_unix(void **state)
{
	struct fix *f = *state;
	AUTO_FD got = -1;

	listen_now(f);
	dial(f, "unix://", "", 1000 * MS, false);
	assert_true(f->fd >= 0);
	got = accept(f->l.fd, NULL, NULL);
	assert_true(got >= 0);
	assert_int_equal(write(f->fd, "x", 1), 1);
}

static void test_nobody(void **state)
{
	struct fix *f = *state;

	dial(f, "unix://", "", 1000 * MS, false);
	assert_int_equal(f->fd, -1);
	assert_non_null(strstr(f->why.msg, "No such file"));
	assert_non_null(strstr(f->why.msg, f->path));
}

static void appear(struct timer *t)
{
	listen_now(container_of(t, struct fix, later));
}

static void test_comes_later(void **state)
{
	struct fix *f = *state;

	assert_int_equal(timer_init(f->loop, &f->later, appear), 0);
	timer_set(&f->later, 120 * MS, 0);
	dial(f, "unix://", "", 5000 * MS, true);
	assert_true(f->fd >= 0);
}

static void test_never_comes(void **state)
{
	struct fix *f = *state;

	dial(f, "unix://", "", 150 * MS, true);
	assert_int_equal(f->fd, -1);
	assert_non_null(strstr(f->why.msg, "No such file"));
}

/* A name that no wait makes right. */
static void test_not_passing(void **state)
{
	struct fix *f = *state;
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	fprintf(file, "x");
	fclose(file);
	dial(f, "unix://", "/below", 5000 * MS, true);
	unlink(f->path);
	assert_int_equal(f->fd, -1);
	assert_non_null(strstr(f->why.msg, "Not a directory"));
}

/* --- a monitor's hybrid vsock --- */

static void on_line(struct watch *w, uint32_t events UNUSED)
{
	struct fix *f = container_of(w, struct fix, watch);
	ssize_t n = read(f->peer, f->heard, sizeof(f->heard) - 1);

	if (n <= 0 || !f->says) {
		loop_remove(f->loop, w);
		close(take_fd(&f->peer));
		return;
	}
	f->heard[n] = 0;
	assert_int_equal(write(f->peer, f->says, strlen(f->says)), (ssize_t)strlen(f->says));
	f->says = take(&f->then);
}

static void on_accept(struct watch *w, uint32_t events UNUSED)
{
	struct fix *f = container_of(w, struct fix, watch);

	loop_remove(f->loop, w);
	f->peer = accept(f->l.fd, NULL, NULL);
	assert_true(f->peer >= 0);
	assert_int_equal(loop_add(f->loop, w, f->peer, EPOLLIN, on_line), 0);
}

static void hybrid(struct fix *f, const char *says)
{
	listen_now(f);
	f->says = says;
	assert_int_equal(loop_add(f->loop, &f->watch, f->l.fd, EPOLLIN, on_accept), 0);
	dial(f, "hvsock://", ":1024", 300 * MS, false);
	assert_string_equal(f->heard, "CONNECT 1024\n");
}

/* What follows the line belongs to the guest. */
static void test_hybrid(void **state)
{
	struct fix *f = *state;
	char rest[8] = "";

	hybrid(f, "OK 1073741824\nhello");
	assert_true(f->fd >= 0);
	assert_int_equal(read(f->fd, rest, sizeof(rest) - 1), 5);
	assert_string_equal(rest, "hello");
}

static void test_hybrid_refused(void **state)
{
	struct fix *f = *state;

	hybrid(f, NULL);
	assert_int_equal(f->fd, -1);
	assert_non_null(strstr(f->why.msg, "reset"));
}

static void test_hybrid_strange(void **state)
{
	struct fix *f = *state;

	hybrid(f, "HTTP/1.1 400\n");
	assert_int_equal(f->fd, -1);
	assert_non_null(strstr(f->why.msg, "Protocol error"));
}

static void test_hybrid_endless(void **state)
{
	struct fix *f = *state;

	hybrid(f, "OK 11111111111111111111111111111111111111111111111");
	assert_int_equal(f->fd, -1);
	assert_non_null(strstr(f->why.msg, "Protocol error"));
}

static void test_hybrid_hangs(void **state)
{
	struct fix *f = *state;

	hybrid(f, "OK 1");
	assert_int_equal(f->fd, -1);
	assert_non_null(strstr(f->why.msg, "timed out"));
}

/* --- an agent's relay --- */

static void test_relay(void **state)
{
	struct fix *f = *state;
	char rest[8] = "";

	listen_now(f);
	f->inner = 80;
	f->says = "OK 80\nhello";
	assert_int_equal(loop_add(f->loop, &f->watch, f->l.fd, EPOLLIN, on_accept), 0);
	dial(f, "unix://", "", 300 * MS, false);
	assert_string_equal(f->heard, "CONNECT 80\n");
	assert_int_equal(read(f->fd, rest, sizeof(rest) - 1), 5);
	assert_string_equal(rest, "hello");
}

/* Two lines, one after the other. */
static void test_relay_behind_hybrid(void **state)
{
	struct fix *f = *state;

	listen_now(f);
	f->inner = 65535;
	f->says = "OK 5\n";
	f->then = "OK 65535\n";
	assert_int_equal(loop_add(f->loop, &f->watch, f->l.fd, EPOLLIN, on_accept), 0);
	dial(f, "hvsock://", ":1027", 300 * MS, false);
	assert_true(f->fd >= 0);
	assert_string_equal(f->heard, "CONNECT 65535\n");
}

static void test_relay_refuses(void **state)
{
	struct fix *f = *state;

	listen_now(f);
	f->inner = 80;
	f->says = "OK 5\n";
	assert_int_equal(loop_add(f->loop, &f->watch, f->l.fd, EPOLLIN, on_accept), 0);
	dial(f, "hvsock://", ":1027", 300 * MS, false);
	assert_int_equal(f->fd, -1);
	assert_non_null(strstr(f->why.msg, "reset"));
}

static void test_cancel(void **state)
{
	struct fix *f = *state;
	struct address a;
	struct dial *d;

	assert_int_equal(address_parse(&a, "unix:///nowhere", &f->err), 0);
	assert_int_equal(dial_start(&d, f->loop, &a, MS, true, on_done, f, &f->err), 0);
	dial_cancel(d);
	usleep(10000);
	assert_int_equal(f->done, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fix_new, fix_free)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_no_addresses),
		T(test_unix),
		T(test_nobody),
		T(test_comes_later),
		T(test_never_comes),
		T(test_not_passing),
		T(test_hybrid),
		T(test_hybrid_refused),
		T(test_hybrid_strange),
		T(test_hybrid_endless),
		T(test_hybrid_hangs),
		T(test_relay),
		T(test_relay_behind_hybrid),
		T(test_relay_refuses),
		T(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
