/* Runs a loop from within a test until something is true. */
#ifndef SAMPAN_DEV_TEST_TURN_H
#define SAMPAN_DEV_TEST_TURN_H

#include <time.h>
#include "core/loop.h"

#define TURN_DEADLINE 5000 /* ms */

static inline int64_t turn_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct turn {
	struct deferred deferred;
	struct loop *loop;
	bool (*done)(void *arg);
	void *arg;
	int64_t deadline;
	bool result;
};

static inline void turn_look(struct deferred *d)
{
	struct turn *t = container_of(d, struct turn, deferred);

	t->result = t->done(t->arg);
	if (t->result || turn_now_ms() >= t->deadline) {
		loop_quit(t->loop);
		return;
	}
	usleep(20);
	loop_defer(t->loop, d);
}

/* False after ms. */
static inline bool turn_within(struct loop *loop, int64_t ms, bool (*done)(void *arg), void *arg)
{
	struct turn t = {
		.deferred.fn = turn_look,
		.loop = loop,
		.done = done,
		.arg = arg,
		.deadline = turn_now_ms() + ms,
	};

	loop_defer(loop, &t.deferred);
	loop_run(loop);
	loop_undefer(loop, &t.deferred);
	return t.result;
}

static inline bool turn_until(struct loop *loop, bool (*done)(void *arg), void *arg)
{
	return turn_within(loop, TURN_DEADLINE, done, arg);
}

static inline bool turn_counted(void *arg)
{
	return ++*(unsigned *)arg > 6;
}

/* A few turns: what is ready is served. */
static inline void turn_some(struct loop *loop)
{
	unsigned n = 0;

	turn_until(loop, turn_counted, &n);
}

#endif
