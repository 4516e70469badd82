/*
 * One lock guards three lists: the children that a thread waits for, the watches of the loop
 * thread, and the statuses kept while somebody holds. A process is reaped under the lock, so a pid
 * found in a list under it is no other process's yet. See reap.h.
 */
#include "agent/reap.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include "core/log.h"

/* Statuses of processes that nobody asked for, kept during a hold: what one container can make is
 * bounded by its pids limit only. */
#define KEPT_MAX 256

struct kept {
	pid_t pid;
	int status;
};

struct reaper {
	struct loop *loop;
	struct watch signal;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t ended;
	struct reap_child *children;
	struct reap_watch *watches;
	unsigned holds;
	struct kept kept[KEPT_MAX]; /* a ring */
	unsigned nkept, next_kept;
};

int64_t reap_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void keep(struct reaper *r, pid_t pid, int status)
{
	if (!r->holds)
		return;
	r->kept[r->next_kept] = (struct kept){ pid, status };
	r->next_kept = (r->next_kept + 1) % KEPT_MAX;
	r->nkept = MIN(r->nkept + 1, KEPT_MAX);
}

/* A kept status is given away once. */
static bool take_kept(struct reaper *r, pid_t pid, int *status)
{
	for (unsigned i = 0; i < r->nkept; i++) {
		struct kept *k = &r->kept[(r->next_kept + KEPT_MAX - 1 - i) % KEPT_MAX];

		if (k->pid != pid)
			continue;
		*status = k->status;
		k->pid = 0;
		return true;
	}
	return false;
}

static bool end_child(struct reaper *r, pid_t pid, int status)
{
	for (struct reap_child **p = &r->children; *p; p = &(*p)->next) {
		struct reap_child *c = *p;

		if (c->pid != pid)
			continue;
		*p = c->next;
		c->status = status;
		c->ended = true;
		pthread_cond_broadcast(&r->ended);
		return true;
	}
	return false;
}

static struct reap_watch *take_watch(struct reaper *r, pid_t pid)
{
	for (struct reap_watch **p = &r->watches; *p; p = &(*p)->next) {
		struct reap_watch *w = *p;

		if (w->pid != pid)
			continue;
		*p = w->next;
		return w;
	}
	return NULL;
}

static bool reap_one(struct reaper *r)
{
	struct reap_watch *w = NULL;
	int status = 0;
	pid_t pid;

	pthread_mutex_lock(&r->lock);
	pid = waitpid(-1, &status, WNOHANG | __WALL);
	if (pid > 0 && !end_child(r, pid, status)) {
		w = take_watch(r, pid);
		if (!w)
			keep(r, pid, status);
	}
	pthread_mutex_unlock(&r->lock);
	if (w)
		w->ended(w, status);
	return pid > 0;
}

void reap_now(struct reaper *r)
{
	while (reap_one(r))
		;
}

static void on_signal(struct watch *w, uint32_t events UNUSED)
{
	struct reaper *r = container_of(w, struct reaper, signal);
	struct signalfd_siginfo info;

	while (read(w->fd, &info, sizeof(info)) > 0)
		;
	reap_now(r);
}

int reaper_new(struct reaper **out, struct loop *loop, struct err *err)
{
	struct reaper *r = calloc(1, sizeof(*r));
	pthread_condattr_t attr;
	sigset_t set;
	int fd, rc;

	if (!r)
		return fail(err, -ENOMEM, "watch for children");
	r->loop = loop;
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&r->ended, &attr);
	pthread_condattr_destroy(&attr);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	rc = fd < 0 ? -errno : loop_add(loop, &r->signal, fd, EPOLLIN, on_signal);
	if (rc) {
		if (fd >= 0)
			close(fd);
		free(r);
		return fail(err, rc, "watch for children");
	}
	*out = r;
	return 0;
}

void reaper_free(struct reaper *r)
{
	if (!r)
		return;
	loop_remove(r->loop, &r->signal);
	close(r->signal.fd);
	pthread_cond_destroy(&r->ended);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void reap_hold(struct reaper *r)
{
	pthread_mutex_lock(&r->lock);
	r->holds++;
	pthread_mutex_unlock(&r->lock);
}

void reap_release(struct reaper *r)
{
	pthread_mutex_lock(&r->lock);
	if (!--r->holds)
		r->nkept = r->next_kept = 0;
	pthread_mutex_unlock(&r->lock);
}

void reap_watch(struct reaper *r, struct reap_watch *w)
{
	int status = 0;
	bool ended;

	pthread_mutex_lock(&r->lock);
	ended = take_kept(r, w->pid, &status);
	if (!ended) {
		w->next = r->watches;
		r->watches = w;
	}
	pthread_mutex_unlock(&r->lock);
	if (ended)
		w->ended(w, status);
}

void reap_unwatch(struct reaper *r, struct reap_watch *w)
{
	pthread_mutex_lock(&r->lock);
	for (struct reap_watch **p = &r->watches; *p; p = &(*p)->next)
		if (*p == w) {
			*p = w->next;
			break;
		}
	pthread_mutex_unlock(&r->lock);
}

void reap_adopt(struct reaper *r, struct reap_child *c, pid_t pid)
{
	*c = (struct reap_child){ .pid = pid };
	pthread_mutex_lock(&r->lock);
	c->ended = take_kept(r, pid, &c->status);
	if (!c->ended) {
		c->next = r->children;
		r->children = c;
	}
	pthread_mutex_unlock(&r->lock);
}

bool reap_join(struct reaper *r, struct reap_child *c, int64_t deadline_ms)
{
	struct timespec ts = { (time_t)(deadline_ms / 1000), (long)(deadline_ms % 1000) * 1000000 };
	bool in_time = true;

	pthread_mutex_lock(&r->lock);
	while (!c->ended) {
		if (deadline_ms == INT64_MAX || !in_time) {
			pthread_cond_wait(&r->ended, &r->lock);
		} else if (pthread_cond_timedwait(&r->ended, &r->lock, &ts) == ETIMEDOUT) {
			in_time = c->ended;
			if (!c->ended)
				kill(c->pid, SIGKILL);
		}
	}
	pthread_mutex_unlock(&r->lock);
	return in_time;
}
