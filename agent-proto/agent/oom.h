/*
 * Out-of-memory kills, as they happen: the kernel tells by inotify on memory.events of a
 * container's cgroup, nothing is polled. Loop thread.
 */
#ifndef SAMPAN_AGENT_OOM_H
#define SAMPAN_AGENT_OOM_H

#include "core/loop.h"

struct oom;

/* killed(arg, container_id) is called once for each container and event. */
int oom_new(struct oom **out, struct loop *loop,
	void (*killed)(void *arg, const char *container_id), void *arg, struct err *err) MUST_USE;
void oom_free(struct oom *o);

/* cgroup is the absolute path of the container's group. Watching ends by itself when the group goes
 * away. */
int oom_watch(struct oom *o, const char *container_id, const char *cgroup, struct err *err)
	MUST_USE;
void oom_unwatch(struct oom *o, const char *container_id);

#endif
