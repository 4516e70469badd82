/*
 * OOM kills of containers: see oom.h.
 *
 * memory.events of a group changes for several reasons; a kill is when its count of oom_kill (of
 * the group and all below it) has grown since we last looked. A new group's count is 0, so a kill
 * before oom_watch() is seen too. That a group goes away inotify need not tell, but cgroup.events
 * says when its last process has left, and then nothing can be killed any more.
 */
#include "agent/oom.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include "agent/cgroup_file.h"

struct group {
	struct group *next;
	char *id;
	int dir;	   /* of the cgroup */
	int memory, empty; /* watch descriptors of memory.events and cgroup.events; -1: none */
	uint64_t kills;
	bool changed;
};

struct oom {
	struct loop *loop;
	struct watch watch;
	int fd;
	struct group *groups;
	void (*killed)(void *arg, const char *container_id);
	void *arg;
};

static void group_free(struct oom *o, struct group *g)
{
	if (g->memory >= 0)
		inotify_rm_watch(o->fd, g->memory);
	if (g->empty >= 0)
		inotify_rm_watch(o->fd, g->empty);
	if (g->dir >= 0)
		close(g->dir);
	free(g->id);
	free(g);
}

static void group_end(struct oom *o, struct group *g)
{
	struct group **at = &o->groups;

	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	group_free(o, g);
}

/* The group is off the list, if it has ended, before anybody is told: who is told may change the
 * list. */
static void group_look(struct oom *o, struct group *g)
{
	uint64_t kills = cgroup_value(g->dir, "memory.events", "oom_kill", g->kills);
	bool grown = kills > g->kills;
	char id[NAME_MAX + 1];

	snprintf(id, sizeof(id), "%s", g->id);
	g->kills = kills;
	g->changed = false;
	if (!cgroup_value(g->dir, "cgroup.events", "populated", 0))
		group_end(o, g);
	if (grown)
		o->killed(o->arg, id);
}

static void mark(struct oom *o, const struct inotify_event *e)
{
	for (struct group *g = o->groups; g; g = g->next) {
		if (!(e->mask & IN_Q_OVERFLOW) && e->wd != g->memory && e->wd != g->empty)
			continue;
		g->changed = true;
		if (e->mask & IN_IGNORED) { /* the watch is gone by itself */
			if (e->wd == g->memory)
				g->memory = -1;
			else
				g->empty = -1;
		}
	}
}

static struct group *next_changed(const struct oom *o)
{
	struct group *g = o->groups;

	while (g && !g->changed)
		g = g->next;
	return g;
}

static void on_events(struct watch *w, uint32_t events)
{
	struct oom *o = container_of(w, struct oom, watch);
	_Alignas(struct inotify_event) char buf[4096];
	struct group *g;
	ssize_t n;

	(void)events;
	while ((n = read(o->fd, buf, sizeof(buf))) > 0)
		for (const char *p = buf; p < buf + n;) {
			struct inotify_event e;

			memcpy(&e, p, sizeof(e));
			mark(o, &e);
			p += sizeof(e) + e.len;
		}
	while ((g = next_changed(o)))
		group_look(o, g);
}

int oom_new(struct oom **out, struct loop *loop,
	void (*killed)(void *arg, const char *container_id), void *arg, struct err *err)
{
	struct oom *o = calloc(1, sizeof(*o));
	int rc;

	if (!o)
		return fail(err, -ENOMEM, "watch for kills out of memory");
	o->loop = loop;
	o->killed = killed;
	o->arg = arg;
	o->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	rc = o->fd < 0 ? -errno : loop_add(loop, &o->watch, o->fd, EPOLLIN, on_events);
	if (rc) {
		oom_free(o);
		return fail(err, rc, "watch for kills out of memory");
	}
	*out = o;
	return 0;
}

void oom_free(struct oom *o)
{
	if (!o)
		return;
	while (o->groups)
		group_end(o, o->groups);
	if (o->fd >= 0) {
		loop_remove(o->loop, &o->watch);
		close(o->fd);
	}
	free(o);
}

/* A descriptor's own path, so that the group that was opened is the one that is watched. */
static int watch_file(struct oom *o, const struct group *g, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", g->dir, name);
	return inotify_add_watch(o->fd, path, IN_MODIFY | IN_DELETE_SELF);
}

static int group_new(struct oom *o, struct group *g, const char *container_id, const char *cgroup,
	struct err *err)
{
	g->id = strdup(container_id);
	if (!g->id)
		return fail(err, -ENOMEM, "watch the cgroup %s", cgroup);
	g->dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->dir < 0)
		return fail(err, -errno, "open the cgroup %s", cgroup);
	g->memory = watch_file(o, g, "memory.events");
	if (g->memory < 0)
		return fail(err, -errno, "watch memory.events of the cgroup %s", cgroup);
	g->empty = watch_file(o, g, "cgroup.events");
	if (g->empty < 0)
		return fail(err, -errno, "watch cgroup.events of the cgroup %s", cgroup);
	return 0;
}

int oom_watch(struct oom *o, const char *container_id, const char *cgroup, struct err *err)
{
	struct group *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return fail(err, -ENOMEM, "watch the cgroup %s", cgroup);
	g->dir = g->memory = g->empty = -1;
	rc = group_new(o, g, container_id, cgroup, err);
	if (rc) {
		group_free(o, g);
		return rc;
	}
	g->next = o->groups;
	o->groups = g;
	group_look(o, g); /* what was before the watch */
	return 0;
}

void oom_unwatch(struct oom *o, const char *container_id)
{
	for (struct group *g = o->groups; g; g = g->next)
		if (!strcmp(g->id, container_id)) {
			group_end(o, g);
			return;
		}
}
