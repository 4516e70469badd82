/* The event loop: watches, removal in the middle of a batch, deferred functions, timers, and the
 * calls from other threads. */
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include "core/test/check.h"
#include "core/loop.h"

#define N 40 /* watches: more than the loop takes in one batch */

struct fix;

/* A watched eventfd that counts its calls, and may do something more. */
struct bell {
	struct watch watch;
	struct fix *fix;
	unsigned calls;
	uint32_t events;
	void (*then)(struct bell *b);
};

struct fix {
	struct loop *loop;
	struct bell bell[N];
	unsigned total, quit_at;
	struct deferred d1, d2;
	char order[16];
	struct timer timer;
	unsigned fired;
	struct watch sock;
	uint32_t seen;
};

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	struct err err = { 0 };

	if (!f || loop_new(&f->loop, &err))
		return -1;
	f->quit_at = 1;
	*state = f;
	return 0;
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	for (unsigned i = 0; i < N; i++)
		if (f->bell[i].fix) {
			loop_remove(f->loop, &f->bell[i].watch);
			close(f->bell[i].watch.fd);
		}
	loop_free(f->loop);
	free(f);
	return 0;
}

static void rung(struct watch *w, uint32_t events)
{
	struct bell *b = container_of(w, struct bell, watch);
	uint64_t n;

	b->calls++;
	b->events = events;
	assert_int_equal(read(w->fd, &n, sizeof(n)), sizeof(n));
	if (b->then)
		b->then(b);
	if (++b->fix->total >= b->fix->quit_at)
		loop_quit(b->fix->loop);
}

static void ring(struct bell *b)
{
	uint64_t one = 1;

	assert_int_equal(write(b->watch.fd, &one, sizeof(one)), sizeof(one));
}

static struct bell *bell_new(struct fix *f, unsigned i)
{
	struct bell *b = &f->bell[i];
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	b->fix = f;
	assert_int_equal(loop_add(f->loop, &b->watch, fd, EPOLLIN, rung), 0);
	return b;
}

static void calls_who_is_ready(void **state)
{
	struct fix *f = *state;
	struct bell *a = bell_new(f, 0), *b = bell_new(f, 1);

	ring(b);
	loop_run(f->loop);
	assert_int_equal(a->calls, 0);
	assert_int_equal(b->calls, 1);
	assert_int_equal(b->events, EPOLLIN);
}

static void serves_more_than_a_batch(void **state)
{
	struct fix *f = *state;

	f->quit_at = N;
	for (unsigned i = 0; i < N; i++)
		ring(bell_new(f, i));
	loop_run(f->loop);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(f->bell[i].calls, 1);
}

static void remove_others(struct bell *b)
{
	for (unsigned i = 0; i < N; i++)
		if (&b->fix->bell[i] != b)
			loop_remove(b->fix->loop, &b->fix->bell[i].watch);
}

/* All are ready at once; the first one served removes the rest, also those already taken from
 * epoll. */
static void removed_is_not_called(void **state)
{
	struct fix *f = *state;
	unsigned calls = 0;

	for (unsigned i = 0; i < N; i++) {
		ring(bell_new(f, i));
		f->bell[i].then = remove_others;
	}
	loop_run(f->loop);
	for (unsigned i = 0; i < N; i++)
		calls += f->bell[i].calls;
	assert_int_equal(calls, 1);
}

static void remove_self(struct bell *b)
{
	loop_remove(b->fix->loop, &b->watch);
	ring(b);
}

static void may_remove_itself(void **state)
{
	struct fix *f = *state;
	struct bell *a = bell_new(f, 0), *b = bell_new(f, 1);

	a->then = remove_self;
	ring(a);
	loop_run(f->loop);
	ring(b);
	loop_run(f->loop);
	assert_int_equal(a->calls, 1);
	assert_int_equal(b->calls, 1);
	loop_remove(f->loop, &a->watch); /* not added: fine */
	assert_false(a->watch.added);
}

static void refuses_what_epoll_refuses(void **state)
{
	struct fix *f = *state;
	struct watch w = { 0 };
	struct bell *b = bell_new(f, 0);

	assert_int_equal(loop_add(f->loop, &w, -1, EPOLLIN, rung), -EBADF);
	assert_int_equal(loop_add(f->loop, &w, b->watch.fd, EPOLLIN, rung), -EEXIST);
	assert_false(w.added);
}

static void saw(struct watch *w, uint32_t events)
{
	struct fix *f = container_of(w, struct fix, sock);

	f->seen = events;
	loop_quit(f->loop);
}

static void modifies_what_is_waited_for(void **state)
{
	struct fix *f = *state;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	loop_modify(f->loop, &f->sock, EPOLLOUT); /* not added: fine */
	assert_int_equal(loop_add(f->loop, &f->sock, fd[0], EPOLLIN, saw), 0);
	loop_modify(f->loop, &f->sock, EPOLLOUT);
	loop_run(f->loop);
	assert_int_equal(f->seen, EPOLLOUT);
	loop_modify(f->loop, &f->sock, EPOLLIN);
	assert_int_equal(write(fd[1], "x", 1), 1);
	loop_run(f->loop);
	assert_int_equal(f->seen, EPOLLIN);
	loop_modify(f->loop, &f->sock, 0); /* only errors and hang-up */
	close(fd[1]);
	loop_run(f->loop);
	assert_true(f->seen & EPOLLHUP);
	loop_remove(f->loop, &f->sock);
	close(fd[0]);
}

static void quit_before_run_is_kept(void **state)
{
	struct fix *f = *state;

	loop_quit(f->loop);
	loop_run(f->loop); /* returns */
	loop_defer(f->loop, &f->d1);
	loop_undefer(f->loop, &f->d1);
	ring(bell_new(f, 0));
	loop_run(f->loop); /* and quits only once */
	assert_int_equal(f->bell[0].calls, 1);
}

static void note(struct fix *f, char c)
{
	f->order[strlen(f->order)] = c;
}

static void run1(struct deferred *d)
{
	struct fix *f = container_of(d, struct fix, d1);

	note(f, '1');
	loop_quit(f->loop);
}

static void run2(struct deferred *d)
{
	note(container_of(d, struct fix, d2), '2');
}

static void deferred_run_once_in_order(void **state)
{
	struct fix *f = *state;

	f->d1.fn = run1;
	f->d2.fn = run2;
	loop_defer(f->loop, &f->d2);
	loop_defer(f->loop, &f->d1);
	loop_defer(f->loop, &f->d2); /* queued already */
	loop_run(f->loop);
	assert_string_equal(f->order, "21");
	loop_defer(f->loop, &f->d1); /* ran: may be queued again */
	loop_run(f->loop);
	assert_string_equal(f->order, "211");
}

/* First, middle, last, only: the list stays whole. */
static void undeferred_does_not_run(void **state)
{
	struct fix *f = *state;
	struct deferred d3 = { .fn = run2 };

	f->d1.fn = run1;
	f->d2.fn = run2;
	loop_defer(f->loop, &d3);
	loop_undefer(f->loop, &d3);
	loop_undefer(f->loop, &d3);
	loop_defer(f->loop, &f->d2);
	loop_defer(f->loop, &f->d1);
	loop_defer(f->loop, &d3);
	loop_undefer(f->loop, &d3);
	loop_undefer(f->loop, &f->d2);
	loop_defer(f->loop, &f->d2);
	loop_run(f->loop);
	assert_string_equal(f->order, "12");
	loop_defer(f->loop, &f->d2);
	loop_defer(f->loop, &f->d1);
	loop_undefer(f->loop, &f->d1);
	loop_defer(f->loop, &f->d1);
	loop_run(f->loop);
	assert_string_equal(f->order, "1221");
}

static void run_again(struct deferred *d)
{
	struct fix *f = container_of(d, struct fix, d1);

	loop_defer(f->loop, d);
	if (!f->fired++)
		ring(&f->bell[0]);
}

/* One that always queues itself again must not keep the descriptors from being served. */
static void a_restless_one_starves_nobody(void **state)
{
	struct fix *f = *state;

	bell_new(f, 0);
	f->d1.fn = run_again;
	loop_defer(f->loop, &f->d1);
	loop_run(f->loop);
	assert_int_equal(f->bell[0].calls, 1);
	assert_true(f->fired < 100);
	loop_undefer(f->loop, &f->d1);
}

static void fire(struct timer *t)
{
	struct fix *f = container_of(t, struct fix, timer);

	if (++f->fired == f->quit_at)
		loop_quit(f->loop);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void timers_fire(void **state)
{
	uint64_t began = now_ns();
	struct fix *f = *state;

	assert_int_equal(timer_init(f->loop, &f->timer, fire), 0);
	timer_set(&f->timer, 5000000, 0);
	loop_run(f->loop);
	assert_int_equal(f->fired, 1);
	assert_true(now_ns() - began >= 5000000);
	f->quit_at = 4;
	timer_set(&f->timer, 1000000, 1000000);
	loop_run(f->loop);
	assert_int_equal(f->fired, 4);
	assert_true(now_ns() - began >= 8000000);
	timer_fini(f->loop, &f->timer);
	timer_fini(f->loop, &f->timer); /* twice: fine */
}

static void disarmed_timers_do_not(void **state)
{
	struct fix *f = *state;
	struct timer late;

	memset(&late, 0, sizeof(late));
	assert_int_equal(timer_init(f->loop, &late, fire), 0);
	assert_int_equal(timer_init(f->loop, &f->timer, fire), 0);
	timer_set(&late, 1000000, 1000000);
	timer_set(&late, 0, 0);
	timer_set(&f->timer, 20000000, 0);
	loop_run(f->loop);
	assert_int_equal(f->fired, 1);
	timer_fini(f->loop, &late);
	timer_fini(f->loop, &f->timer);
}

static void fire_and_end(struct timer *t)
{
	struct fix *f = container_of(t, struct fix, timer);

	timer_fini(f->loop, t);
	loop_quit(f->loop);
}

static void a_timer_may_end_itself(void **state)
{
	struct fix *f = *state;

	assert_int_equal(timer_init(f->loop, &f->timer, fire_and_end), 0);
	timer_set(&f->timer, 1, 0);
	loop_run(f->loop);
	assert_false(f->timer.watch.added);
}

static void *defer_and_quit(void *arg)
{
	struct fix *f = arg;

	for (unsigned i = 0; i < 1000; i++)
		loop_defer(f->loop, &f->d2);
	usleep(2000); /* the loop sleeps by now */
	loop_quit(f->loop);
	return NULL;
}

static void count2(struct deferred *d)
{
	container_of(d, struct fix, d2)->fired++;
}

static void other_threads_wake_it(void **state)
{
	struct fix *f = *state;
	pthread_t thread;

	f->d2.fn = count2;
	assert_int_equal(pthread_create(&thread, NULL, defer_and_quit, f), 0);
	loop_run(f->loop);
	pthread_join(thread, NULL);
	assert_true(f->fired >= 1 && f->fired <= 1000);
}

#define T(t) cmocka_unit_test_setup_teardown(t, fix_new, fix_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(calls_who_is_ready),
		T(serves_more_than_a_batch),
		T(removed_is_not_called),
		T(may_remove_itself),
		T(refuses_what_epoll_refuses),
		T(modifies_what_is_waited_for),
		T(quit_before_run_is_kept),
		T(deferred_run_once_in_order),
		T(undeferred_does_not_run),
		T(a_restless_one_starves_nobody),
		T(timers_fire),
		T(disarmed_timers_do_not),
		T(a_timer_may_end_itself),
		T(other_threads_wake_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
