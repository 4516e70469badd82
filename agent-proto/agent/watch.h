/*
 * Copies that follow their source: a ConfigMap or Secret on the host's share, where no event of the
 * host's changes arrives, is copied into a tmpfs that containers can watch. A source on a file
 * system of this guest tells of its changes (inotify); one on a share is looked at every 2 s.
 *
 * Adding and removing: any thread, blocking. The looking is done by the workers.
 */
#ifndef SAMPAN_AGENT_WATCH_H
#define SAMPAN_AGENT_WATCH_H

#include "agent/work.h"

struct watcher;

/* run_dir must outlive it. */
int watcher_new(struct watcher **out, const char *run_dir, struct loop *loop,
	struct workers *workers, struct err *err) MUST_USE;
void watcher_free(struct watcher *w); /* loop thread, after workers_free() */

/* Copies source (a directory or a file below run_dir) to target, below run_dir as well, and follows
 * it. The directory that target is in becomes a tmpfs if it is none. -EFBIG when the source has
 * more than 16 entries or 1 MiB. */
int watch_add(struct watcher *w, const char *source, const char *target, struct err *err) MUST_USE;
void watch_remove(struct watcher *w, const char *target); /* and the copy */

/* The tmpfs mounts go as well; nothing is followed any more. */
void watch_remove_all(struct watcher *w);

#endif
