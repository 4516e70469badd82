/*
 * epoll, an eventfd to wake it, and a list of deferred functions; see loop.h.
 * syscall(setup): epoll_create1, eventfd2, timerfd_create: the loop and its timers
 */
#include "core/loop.h"

#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#define BATCH 16

struct loop {
	int epoll;
	struct watch wake;
	pthread_mutex_t lock; /* guards deferred, last, ndeferred, batch */
	struct deferred *deferred, **last;
	unsigned ndeferred;
	struct epoll_event
		batch[BATCH]; /* what epoll returned; a removed watch is erased from it */
	int nbatch;
	bool quit;
};

static void wake_drain(struct watch *w, uint32_t events UNUSED)
{
	uint64_t n;

	/* syscall(loop): read: eventfds, timers, signals, taps, consoles */
	if (read(w->fd, &n, sizeof(n)) < 0)
		return;
}

int loop_new(struct loop **out, struct err *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int fd;

	if (!loop)
		return fail(err, -ENOMEM, "create the event loop");
	loop->epoll = loop->wake.fd = -1;
	loop->last = &loop->deferred;
	pthread_mutex_init(&loop->lock, NULL);
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->wake.fd = fd;
	if (loop->epoll < 0 || fd < 0 || loop_add(loop, &loop->wake, fd, EPOLLIN, wake_drain)) {
		int rc = fail(err, -errno, "create the event loop");

		loop_free(loop);
		return rc;
	}
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	if (loop->epoll >= 0)
		close(loop->epoll);
	if (loop->wake.fd >= 0)
		close(loop->wake.fd);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

int loop_add(struct loop *loop, struct watch *w, int fd, uint32_t events,
	void (*fn)(struct watch *, uint32_t))
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	int rc = -EEXIST;

	pthread_mutex_lock(&loop->lock);
	if (!w->added) {
		w->fd = fd;
		w->events = events;
		w->fn = fn;
		/* syscall(loop,vcpu): epoll_ctl: watches come and go; a vCPU starts and resets
		 * devices */
		rc = epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
		w->added = !rc;
	}
	pthread_mutex_unlock(&loop->lock);
	return rc;
}

void loop_modify(struct loop *loop, struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };

	if (!w->added || w->events == events)
		return;
	w->events = events;
	epoll_ctl(loop->epoll, EPOLL_CTL_MOD, w->fd, &ev);
}

void loop_remove(struct loop *loop, struct watch *w)
{
	if (!w->added)
		return;
	pthread_mutex_lock(&loop->lock);
	w->added = false;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	for (int i = 0; i < loop->nbatch; i++)
		if (loop->batch[i].data.ptr == w)
			loop->batch[i].data.ptr = NULL;
	pthread_mutex_unlock(&loop->lock);
}

static void wake(struct loop *loop)
{
	uint64_t one = 1;

	/* syscall(loop,vcpu): write: eventfds, to the loop, to the guest and to back ends */
	if (write(loop->wake.fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: awake anyway */
}

void loop_defer(struct loop *loop, struct deferred *d)
{
	pthread_mutex_lock(&loop->lock);
	if (!d->queued) {
		d->queued = true;
		d->next = NULL;
		*loop->last = d;
		loop->last = &d->next;
		loop->ndeferred++;
	}
	pthread_mutex_unlock(&loop->lock);
	wake(loop);
}

void loop_undefer(struct loop *loop, struct deferred *d)
{
	pthread_mutex_lock(&loop->lock);
	for (struct deferred **p = &loop->deferred; *p; p = &(*p)->next) {
		if (*p != d)
			continue;
		*p = d->next;
		if (loop->last == &d->next)
			loop->last = p;
		loop->ndeferred--;
		break;
	}
	d->queued = false;
	pthread_mutex_unlock(&loop->lock);
}

static struct deferred *next_deferred(struct loop *loop)
{
	struct deferred *d;

	pthread_mutex_lock(&loop->lock);
	d = loop->deferred;
	if (d) {
		loop->deferred = d->next;
		if (!loop->deferred)
			loop->last = &loop->deferred;
		d->queued = false;
		loop->ndeferred--;
	}
	pthread_mutex_unlock(&loop->lock);
	return d;
}

/* At most as many as there were: one that queues itself again has its turn after the descriptors'.
 */
static void run_deferred(struct loop *loop)
{
	unsigned n;

	pthread_mutex_lock(&loop->lock);
	n = loop->ndeferred;
	pthread_mutex_unlock(&loop->lock);
	while (n--) {
		struct deferred *d = next_deferred(loop);

		if (!d)
			return;
		d->fn(d);
	}
}

static void timer_fire(struct watch *w, uint32_t events UNUSED)
{
	struct timer *t = container_of(w, struct timer, watch);
	uint64_t n;

	if (read(w->fd, &n, sizeof(n)) == sizeof(n))
		t->fn(t);
}

int timer_init(struct loop *loop, struct timer *t, void (*fn)(struct timer *))
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), rc;

	if (fd < 0)
		return -errno;
	t->fn = fn;
	rc = loop_add(loop, &t->watch, fd, EPOLLIN, timer_fire);
	if (rc)
		close(fd);
	return rc;
}

void timer_set(struct timer *t, uint64_t first_ns, uint64_t period_ns)
{
	struct itimerspec its = {
		.it_value = { (time_t)(first_ns / 1000000000), (long)(first_ns % 1000000000) },
		.it_interval = { (time_t)(period_ns / 1000000000), (long)(period_ns % 1000000000) },
	};

	/* syscall(loop,vcpu): timerfd_settime: a device's clock is set; a vCPU resets devices */
	timerfd_settime(t->watch.fd, 0, &its, NULL);
}

void timer_fini(struct loop *loop, struct timer *t)
{
	if (!t->watch.added)
		return;
	loop_remove(loop, &t->watch);
	close(t->watch.fd);
}

void loop_quit(struct loop *loop)
{
	__atomic_store_n(&loop->quit, true, __ATOMIC_RELEASE);
	wake(loop);
}

/* Under the lock, so that a watch removed meanwhile by another thread, be it between the wait and
 * the batch, is not called. */
static void batch_call(struct loop *loop, int i)
{
	void (*fn)(struct watch *, uint32_t) = NULL;
	struct watch *w;

	pthread_mutex_lock(&loop->lock);
	w = loop->batch[i].data.ptr;
	loop->batch[i].data.ptr = NULL;
	if (w && w->added)
		fn = w->fn;
	pthread_mutex_unlock(&loop->lock);
	if (fn)
		fn(w, loop->batch[i].events);
}

void loop_run(struct loop *loop)
{
	while (!__atomic_load_n(&loop->quit, __ATOMIC_ACQUIRE)) {
		struct epoll_event ready[BATCH];
		/* syscall(loop): epoll_pwait: waits for what happens next */
		int n = epoll_wait(loop->epoll, ready, BATCH, -1);

		pthread_mutex_lock(&loop->lock);
		loop->nbatch = n > 0 ? n : 0;
		memcpy(loop->batch, ready, (size_t)loop->nbatch * sizeof(ready[0]));
		pthread_mutex_unlock(&loop->lock);
		for (int i = 0; i < loop->nbatch; i++)
			batch_call(loop, i);
		run_deferred(loop);
	}
	__atomic_store_n(&loop->quit, false, __ATOMIC_RELAXED);
}
