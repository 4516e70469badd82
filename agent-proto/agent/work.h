/*
 * Work that may block (mounts, crun, netlink, big files) done beside the loop: run() in a thread of
 * its own, then done() in the loop thread. The agent's tables are the loop thread's; what run()
 * needs of them is copied into the work before.
 *
 * At most WORK_THREADS run at a time, the others wait in order. A work is embedded in its owner and
 * belongs to the workers until done() is called.
 */
#ifndef SAMPAN_AGENT_WORK_H
#define SAMPAN_AGENT_WORK_H

#include "core/loop.h"

#define WORK_THREADS 16

struct workers;

struct work {
	void (*run)(struct work *w);  /* a worker thread */
	void (*done)(struct work *w); /* the loop thread */
	struct work *next;
};

int workers_new(struct workers **out, struct loop *loop, struct err *err) MUST_USE;
void workers_free(
	struct workers *ws); /* waits for what runs; done() of what had not begun is not called */
void work_start(struct workers *ws, struct work *w);

#endif
