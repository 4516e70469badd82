/*
 * The thread-pool back end, for hosts without io_uring: up to four workers carry out a request's
 * steps with ordinary system calls, and an eventfd in the event loop tells of what is finished.
 *
 * Workers are started when requests first wait for one, or all at once by pool_settle(), after
 * which there are no more. They know the pool's lock only, never the owner's, so that the owner may
 * wait for them (block_drain) while it holds its own.
 *
 * syscall(setup): clone, eventfd2: the pool and its workers
 */
#define _GNU_SOURCE
#include "block/backend.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#define WORKERS 4
#define STACK	(128 * KiB)

struct list {
	struct block_req *first, **last;
};

struct pool {
	struct block *b;
	struct watch watch; /* of the eventfd */
	struct list queued; /* submitted, not yet kicked; owner's lock, as flying */
	unsigned flying;    /* submitted and not yet done */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t work, ready;
	struct list todo, finished;
	unsigned waiting; /* requests in todo */
	unsigned idle, nworkers;
	bool quit;
	pthread_t worker[WORKERS]; /* nworkers of them; changed by the owner only */
	void (*first)(void);	   /* what a worker does first; NULL: nothing */
	bool settled;
};

static void list_init(struct list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void list_add(struct list *l, struct block_req *req)
{
	req->next = NULL;
	*l->last = req;
	l->last = &req->next;
}

static struct block_req *list_take(struct list *l)
{
	struct block_req *req = l->first;

	if (req) {
		l->first = req->next;
		if (!l->first)
			l->last = &l->first;
	}
	return req;
}

static void list_move(struct list *to, struct list *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	list_init(from);
}

static int64_t carry_out(const struct block *b, const struct block_step *s)
{
	off_t at = (off_t)s->offset;
	int64_t n = -1;

	switch (s->kind) {
	case STEP_READV:
		/* syscall(worker): preadv: a read request */
		n = preadv(b->fd, s->iov, (int)s->niov, at);
		break;
	case STEP_WRITEV:
		/* syscall(worker): pwritev: a write request */
		n = pwritev(b->fd, s->iov, (int)s->niov, at);
		break;
	case STEP_WRITE:
		/* syscall(worker): pwrite64: zeroes, where the file system has no other way */
		n = pwrite(b->fd, s->buf, s->len, at);
		break;
	case STEP_FDATASYNC:
		/* syscall(worker): fdatasync: a flush request */
		n = fdatasync(b->fd);
		break;
	case STEP_FALLOCATE:
		/* syscall(worker): fallocate: a discard or zeroing request */
		n = fallocate(b->fd, s->mode, at, (off_t)s->len);
		break;
	}
	return n < 0 ? -errno : n;
}

static void run(struct block *b, struct block_req *req)
{
	struct block_step s;

	do {
		s = block_step(b, req);
	} while (!block_stepped(b, req, carry_out(b, &s)));
}

/* Pool's lock held. Whoever found finished empty is told by one write. */
static void finish(struct pool *p, struct block_req *req)
{
	uint64_t one = 1;
	bool first = !p->finished.first;

	list_add(&p->finished, req);
	if (!first)
		return;
	pthread_cond_signal(&p->ready);
	/* syscall(worker): write: tells the loop that something is finished */
	if (write(p->watch.fd, &one, sizeof(one)) < 0)
		return; /* full: the loop is awake anyway */
}

/*
 * What a worker makes beside its calls, by the C library or the kernel:
 * syscall(worker): futex: locks
 * syscall(worker): rt_sigprocmask: its end
 * syscall(worker): madvise(MADV_DONTNEED): its end: its stack
 * syscall(worker): exit: its end
 */
static void *work(void *arg)
{
	struct pool *p = arg;

	pthread_setname_np(pthread_self(), "blk-worker"); /* for another thread it opens a file */
	if (p->first)
		p->first();
	pthread_mutex_lock(&p->lock);
	while (!p->quit) {
		struct block_req *req = list_take(&p->todo);

		if (!req) {
			p->idle++;
			pthread_cond_wait(&p->work, &p->lock);
			p->idle--;
			continue;
		}
		p->waiting--;
		pthread_mutex_unlock(&p->lock);
		run(p->b, req);
		pthread_mutex_lock(&p->lock);
		finish(p, req);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Signals are the main thread's business: a worker starts with all of them blocked. */
static int start_worker(struct pool *p)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, MAX(STACK, (size_t)PTHREAD_STACK_MIN));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&p->worker[p->nworkers], &attr, work, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (!rc)
		p->nworkers++;
	return -rc;
}

/* Pool's lock held. With no worker at all, what waits is failed rather than kept for ever. */
static void call_workers(struct pool *p)
{
	struct block_req *req;
	int rc = 0;

	for (unsigned spare = p->idle;
		spare < p->waiting && p->nworkers < WORKERS && !p->settled && !rc; spare++)
		rc = start_worker(p);
	if (p->nworkers) {
		pthread_cond_broadcast(&p->work);
		return;
	}
	while ((req = list_take(&p->todo))) {
		p->waiting--;
		req->result = rc;
		finish(p, req);
	}
}

static void pool_submit(struct block *b, struct block_req *req)
{
	struct pool *p = b->backend;

	p->flying++;
	list_add(&p->queued, req);
}

static void pool_kick(struct block *b)
{
	struct pool *p = b->backend;

	if (!p->queued.first)
		return;
	pthread_mutex_lock(&p->lock);
	for (struct block_req *req = p->queued.first; req; req = req->next)
		p->waiting++;
	list_move(&p->todo, &p->queued);
	call_workers(p);
	pthread_mutex_unlock(&p->lock);
}

/* Owner's lock held. */
static void reap(struct pool *p, bool wait)
{
	struct list got;
	struct block_req *req;

	list_init(&got);
	pthread_mutex_lock(&p->lock);
	while (wait && !p->finished.first)
		pthread_cond_wait(&p->ready, &p->lock);
	list_move(&got, &p->finished);
	pthread_mutex_unlock(&p->lock);
	if (!got.first)
		return;
	while ((req = list_take(&got))) {
		p->flying--;
		p->b->owner->done(p->b->owner, req, req->result);
	}
	p->b->owner->settled(p->b->owner);
	pool_kick(p->b);
}

static void completed(struct watch *w, uint32_t events UNUSED)
{
	struct pool *p = container_of(w, struct pool, watch);
	pthread_mutex_t *lock = p->b->owner->lock;

	pthread_mutex_lock(lock);
	reap(p, false);
	pthread_mutex_unlock(lock);
}

static int pool_settle(struct block *b, void (*first)(void))
{
	struct pool *p = b->backend;
	int rc = 0;

	p->first = first;
	p->settled = true;
	while (p->nworkers < WORKERS && !rc)
		rc = start_worker(p);
	return rc;
}

static void pool_drain(struct block *b)
{
	struct pool *p = b->backend;

	pool_kick(b);
	while (p->flying)
		reap(p, true);
}

static void pool_close(struct block *b)
{
	struct pool *p = b->backend;

	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->nworkers; i++)
		pthread_join(p->worker[i], NULL);
	loop_remove(b->loop, &p->watch);
	if (p->watch.fd >= 0)
		close(p->watch.fd);
	pthread_cond_destroy(&p->ready);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free(p);
	b->backend = NULL;
}

static int pool_open(struct block *b)
{
	struct pool *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return -ENOMEM;
	p->b = b;
	list_init(&p->queued);
	list_init(&p->todo);
	list_init(&p->finished);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->ready, NULL);
	b->backend = p;
	p->watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = p->watch.fd < 0 ? -errno : 0;
	if (!rc) /* edges: the eventfd need not be read */
		rc = loop_add(b->loop, &p->watch, p->watch.fd, EPOLLIN | EPOLLET, completed);
	if (rc)
		pool_close(b);
	return rc;
}

const struct block_ops block_threads = {
	.name = "threads",
	.open = pool_open,
	.settle = pool_settle,
	.submit = pool_submit,
	.kick = pool_kick,
	.drain = pool_drain,
	.close = pool_close,
};
