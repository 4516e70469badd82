/*
 * Worker threads are made when there is work and nobody idle, up to WORK_THREADS, and end when they
 * have been idle while another one is: an agent at rest keeps one. Finished work is handed to the
 * loop thread through a list. See work.h.
 */
#include "agent/work.h"

#include <pthread.h>
#include <signal.h>
#include "core/log.h"

#define STACK_SIZE (128 * KiB)

struct queue {
	struct work *first, **last;
};

struct workers {
	struct loop *loop;
	struct deferred deliver;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;  /* there is work, or the end */
	pthread_cond_t gone;  /* a thread has ended */
	struct queue todo, done;
	unsigned threads, idle;
	bool ending;
};

static void push(struct queue *q, struct work *w)
{
	w->next = NULL;
	*q->last = w;
	q->last = &w->next;
}

static struct work *pop(struct queue *q)
{
	struct work *w = q->first;

	if (w) {
		q->first = w->next;
		if (!q->first)
			q->last = &q->first;
	}
	return w;
}

static void deliver(struct deferred *d)
{
	struct workers *ws = container_of(d, struct workers, deliver);

	for (;;) {
		struct work *w;

		pthread_mutex_lock(&ws->lock);
		w = pop(&ws->done);
		pthread_mutex_unlock(&ws->lock);
		if (!w)
			return;
		w->done(w);
	}
}

static void *thread_main(void *arg)
{
	struct workers *ws = arg;

	pthread_mutex_lock(&ws->lock);
	for (;;) {
		struct work *w = ws->ending ? NULL : pop(&ws->todo);

		if (w) {
			pthread_mutex_unlock(&ws->lock);
			w->run(w);
			pthread_mutex_lock(&ws->lock);
			push(&ws->done, w);
			loop_defer(ws->loop, &ws->deliver);
			continue;
		}
		if (ws->ending || ws->idle)
			break;
		ws->idle++;
		pthread_cond_wait(&ws->wake, &ws->lock);
		ws->idle--;
	}
	ws->threads--;
	pthread_cond_signal(&ws->gone);
	pthread_mutex_unlock(&ws->lock);
	return NULL;
}

/* With the lock held. Signals are the loop thread's. */
static int thread_start(struct workers *ws)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	rc = pthread_create(&thread, &attr, thread_main, ws);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!rc)
		ws->threads++;
	return -rc;
}

int workers_new(struct workers **out, struct loop *loop, struct err *err)
{
	struct workers *ws = calloc(1, sizeof(*ws));

	if (!ws)
		return fail(err, -ENOMEM, "make worker threads");
	ws->loop = loop;
	ws->deliver.fn = deliver;
	ws->todo.last = &ws->todo.first;
	ws->done.last = &ws->done.first;
	pthread_mutex_init(&ws->lock, NULL);
	pthread_cond_init(&ws->wake, NULL);
	pthread_cond_init(&ws->gone, NULL);
	*out = ws;
	return 0;
}

void workers_free(struct workers *ws)
{
	if (!ws)
		return;
	pthread_mutex_lock(&ws->lock);
	ws->ending = true;
	pthread_cond_broadcast(&ws->wake);
	while (ws->threads)
		pthread_cond_wait(&ws->gone, &ws->lock);
	pthread_mutex_unlock(&ws->lock);
	loop_undefer(ws->loop, &ws->deliver);
	deliver(&ws->deliver);
	pthread_cond_destroy(&ws->gone);
	pthread_cond_destroy(&ws->wake);
	pthread_mutex_destroy(&ws->lock);
	free(ws);
}

void work_start(struct workers *ws, struct work *w)
{
	bool alone = false;

	pthread_mutex_lock(&ws->lock);
	push(&ws->todo, w);
	if (ws->idle)
		pthread_cond_signal(&ws->wake);
	if ((!ws->idle || ws->todo.first != w) && ws->threads < WORK_THREADS)
		alone = thread_start(ws) && !ws->threads;
	if (alone)
		pop(&ws->todo);
	pthread_mutex_unlock(&ws->lock);
	if (!alone)
		return;
	/* No thread can be had at all: better slow than never. */
	log_warn("no memory for a worker thread");
	w->run(w);
	pthread_mutex_lock(&ws->lock);
	push(&ws->done, w);
	pthread_mutex_unlock(&ws->lock);
	loop_defer(ws->loop, &ws->deliver);
}
