/*
 * The event loop: one epoll set, one thread. All device work, protocol sockets and signals are
 * served here.
 *
 * A watch is embedded in its owner and must stay valid until loop_remove(); after loop_remove()
 * returns its callback is not called again. loop_add, loop_modify, loop_remove may be called from
 * any thread that holds the lock of the watch's owner, except that a watch removed by another
 * thread than the loop's may be in its callback at that moment: the callback takes the owner's lock
 * and looks. loop_defer runs a function in the loop thread, from any thread.
 */
#ifndef SAMPAN_CORE_LOOP_H
#define SAMPAN_CORE_LOOP_H

#include <sys/epoll.h>
#include "core/err.h"

struct loop;

struct watch {
	int fd;		 /* not owned */
	uint32_t events; /* EPOLLIN, EPOLLOUT; 0 = only errors and hang-up */
	void (*fn)(struct watch *w, uint32_t events);
	bool added;
};

/* A function to be run once in the loop thread. Embedded in its owner; queueing it twice before it
 * ran is one run. */
struct deferred {
	void (*fn)(struct deferred *d);
	struct deferred *next;
	bool queued;
};

/* A one-shot or periodic timer on the monotonic clock, in the loop thread. */
struct timer {
	struct watch watch;
	void (*fn)(struct timer *t);
};

int loop_new(struct loop **out, struct err *err) MUST_USE;
void loop_free(struct loop *loop);

int loop_add(struct loop *loop, struct watch *w, int fd, uint32_t events,
	void (*fn)(struct watch *, uint32_t)) MUST_USE; /* 0 or -errno */
void loop_modify(struct loop *loop, struct watch *w, uint32_t events);
void loop_remove(struct loop *loop, struct watch *w); /* fine when not added */

void loop_defer(struct loop *loop, struct deferred *d);
void loop_undefer(struct loop *loop, struct deferred *d);

/* Creates the timer disarmed. */
int timer_init(struct loop *loop, struct timer *t, void (*fn)(struct timer *)) MUST_USE;
void timer_set(struct timer *t, uint64_t first_ns, uint64_t period_ns); /* 0, 0 disarms */
void timer_fini(struct loop *loop, struct timer *t);

/* Runs until loop_quit(), which any thread may call. */
void loop_run(struct loop *loop);
void loop_quit(struct loop *loop);

#endif
