/*
 * Two socket pairs with a twoway between them: A talks to one end, B to the other. Ends of file,
 * failures, slow readers, and that nothing spins or stays.
 */
#define _GNU_SOURCE
#include "core/twoway.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include "core/test/check.h"

struct fix {
	struct loop *loop;
	struct timer tick;
	struct twoway t;
	int a, b; /* the far ends */
	unsigned done;
};

static void on_done(struct twoway *t)
{
	container_of(t, struct fix, t)->done++;
}

static void tick(struct timer *t)
{
	loop_quit(container_of(t, struct fix, tick)->loop);
}

static void serve(struct fix *f, unsigned ms)
{
	timer_set(&f->tick, ms * UINT64_C(1000000), 0);
	loop_run(f->loop);
}

/* A connected pair over loopback: resets are only seen by TCP. */
static void tcp_pair(int fd[2])
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t len = sizeof(sa);
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(l, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(l, (struct sockaddr *)&sa, &len), 0);
	assert_int_equal(listen(l, 1), 0);
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd[0], (struct sockaddr *)&sa, sizeof(sa)), 0);
	fd[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd[1] >= 0);
	close(l);
	for (int i = 0; i < 2; i++)
		fcntl(fd[i], F_SETFL, O_NONBLOCK);
}

static void begin(struct fix *f, bool tcp_a, bool tcp_b)
{
	int a[2], b[2];

	if (tcp_a)
		tcp_pair(a);
	else
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
					 a),
			0);
	if (tcp_b)
		tcp_pair(b);
	else
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
					 b),
			0);
	f->a = a[0];
	f->b = b[0];
	f->done = 0;
	assert_int_equal(twoway_start(&f->t, f->loop, a[1], b[1], on_done), 0);
}

static void end(struct fix *f)
{
	if (!f->done)
		twoway_stop(&f->t);
	close(f->a);
	close(f->b);
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct err err;

	*state = f;
	return loop_new(&f->loop, &err) || timer_init(f->loop, &f->tick, tick);
}

static int teardown(void **state)
{
	struct fix *f = *state;

	timer_fini(f->loop, &f->tick);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void say(int fd, const char *words)
{
	assert_int_equal(write(fd, words, strlen(words)), strlen(words));
}

static void must_read(int fd, const char *words)
{
	char got[256];
	ssize_t n = read(fd, got, sizeof(got) - 1);

	assert_true(n >= 0);
	got[n] = 0;
	assert_string_equal(got, words);
}

/* --- cases ------------------------------------------------------------------------------------ */

static void ends_are_handed_on(void **state)
{
	struct fix *f = *state;

	for (int kinds = 0; kinds < 4; kinds++) {
		begin(f, kinds & 1, kinds & 2);
		say(f->a, "question");
		shutdown(f->a, SHUT_WR);
		serve(f, 20);
		must_read(f->b, "question");
		must_read(f->b, "");
		assert_int_equal(f->done, 0);
		say(f->b, "answer");
		serve(f, 20);
		must_read(f->a, "answer");
		assert_int_equal(f->done, 0);
		close(f->b); /* all of it: its end and its going are one */
		f->b = -1;
		serve(f, 20);
		must_read(f->a, "");
		assert_int_equal(f->done, 1);
		end(f);
	}
}

/* Much each way at once, both readers slow: all arrives, little waits here. */
static void readers_are_waited_for(void **state)
{
	struct fix *f = *state;
	static unsigned char block[65536], got[65536];
	size_t sent[2] = { 0 }, have[2] = { 0 }, want = 4 << 20;

	begin(f, true, false);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (unsigned char)(i * 7 + i / 251);
	for (int turn = 0; have[0] < want || have[1] < want; turn++) {
		int fd[2] = { f->a, f->b };

		assert_true(turn < 20000);
		for (int i = 0; i < 2; i++) {
			size_t at = sent[i] % sizeof(block);
			ssize_t n = send(fd[i], block + at, MIN(sizeof(block) - at, want - sent[i]),
				MSG_NOSIGNAL);

			sent[i] += n > 0 ? (size_t)n : 0;
			if (sent[i] == want)
				shutdown(fd[i], SHUT_WR);
			at = have[!i] % sizeof(block);
			n = turn < 5 ? 0 : read(fd[i], got, MIN(sizeof(got), sizeof(block) - at));
			if (n > 0)
				assert_memory_equal(got, block + at, n);
			have[!i] += n > 0 ? (size_t)n : 0;
		}
		serve(f, 1);
		for (int i = 0; i < 2; i++)
			assert_true(!f->t.ends[i].rest || f->t.ends[i].end <= 16384);
	}
	serve(f, 20);
	assert_int_equal(f->done, 1);
	assert_null(f->t.ends[0].rest);
	end(f);
}

/* What was sent before a whole close arrives, also when its reader is slow. */
static void close_loses_nothing(void **state)
{
	struct fix *f = *state;
	static char block[65536];
	size_t sent = 0, have = 0;
	ssize_t n;

	begin(f, false, true);
	shutdown(f->b, SHUT_WR);
	serve(f, 20);
	must_read(f->a, "");
	for (int i = 0; i < 200; i++) {
		n = send(f->a, block, sizeof(block), MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		serve(f, 1);
	}
	assert_true(sent > 100000);
	assert_non_null(f->t.ends[0].rest);
	close(f->a);
	f->a = -1;
	serve(f, 20);
	while ((n = read(f->b, block, sizeof(block))) != 0) {
		have += n > 0 ? (size_t)n : 0;
		if (n < 0)
			serve(f, 1);
	}
	assert_int_equal(have, sent);
	serve(f, 20);
	assert_int_equal(f->done, 1);
	end(f);
}

static int error_of(int fd)
{
	char c;

	return read(fd, &c, 1) < 0 ? errno : 0;
}

static void failures_are_handed_on(void **state)
{
	struct fix *f = *state;

	begin(f, true, true); /* a reset is a reset at the other end */
	say(f->a, "lost");
	serve(f, 5);
	twoway_reset(f->a);
	f->a = -1;
	serve(f, 20);
	assert_int_equal(f->done, 1);
	must_read(f->b, "lost");
	assert_int_equal(error_of(f->b), ECONNRESET);
	end(f);

	begin(f, true, false); /* one that closed without waiting for our end has failed */
	close(f->b);
	f->b = -1;
	serve(f, 20);
	assert_int_equal(f->done, 1);
	assert_int_equal(error_of(f->a), ECONNRESET);
	end(f);

	begin(f, true, false); /* also when its own end came before, and nothing is said since */
	shutdown(f->b, SHUT_WR);
	serve(f, 20);
	assert_int_equal(f->done, 0);
	close(f->b);
	f->b = -1;
	serve(f, 20);
	assert_int_equal(f->done, 1);
	end(f);

	begin(f, true, false); /* seen also by who is waiting for the other to read */
	for (int i = 0; i < 200; i++) {
		static char block[65536];

		if (send(f->a, block, sizeof(block), MSG_NOSIGNAL) < 0)
			serve(f, 1);
	}
	assert_non_null(f->t.ends[0].rest);
	twoway_reset(f->a);
	f->a = -1;
	serve(f, 20);
	assert_int_equal(f->done, 1);
	end(f);
}

static void stopping_resets(void **state)
{
	struct fix *f = *state;

	begin(f, true, true);
	say(f->a, "words");
	serve(f, 5);
	say(f->a, "more");
	twoway_stop(&f->t);
	must_read(f->b, "words");
	assert_int_equal(error_of(f->b), ECONNRESET);
	assert_int_equal(error_of(f->a), ECONNRESET);
	close(f->a);
	close(f->b);
}

static int64_t cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (int64_t)u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec +
		(int64_t)u.ru_stime.tv_sec * 1000000 + u.ru_stime.tv_usec;
}

/* One end has hung up with bytes behind, the other does not read: nothing to do. */
static void waiting_is_idle(void **state)
{
	struct fix *f = *state;
	static char block[65536];
	int64_t before;

	begin(f, false, false);
	shutdown(f->b, SHUT_WR);
	for (int i = 0; i < 100; i++) {
		if (send(f->a, block, sizeof(block), MSG_NOSIGNAL) < 0)
			serve(f, 1);
	}
	close(f->a);
	f->a = -1;
	serve(f, 50);
	assert_non_null(f->t.ends[0].rest);
	before = cpu_us();
	serve(f, 500);
	assert_true(cpu_us() - before < 250000);
	end(f);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ends_are_handed_on),
		T(readers_are_waited_for),
		T(close_loses_nothing),
		T(failures_are_handed_on),
		T(stopping_resets),
		T(waiting_is_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
