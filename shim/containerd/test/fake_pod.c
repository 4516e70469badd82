/* See fake_pod.h. */
#include "shim/containerd/test/fake_pod.h"

#include <stdio.h>
#include <string.h>
#include "shim/containerd/monitor.h"
#include "shim/containerd/pod.h"
#include "shim/containerd/share.h"

#define TIMEOUT INT64_C(10000000000)

struct pod {
	struct loop *loop;
	const struct pod_events *events;
	void *arg;
	struct guest *guest;
	struct disks disks;
	struct pod_wait *waits;
	struct deferred tell;
	bool ready, ended, failed;
	struct err why;
	void (*done)(void *arg);
	void *done_arg;
};

static void on_tell(struct deferred *d)
{
	struct pod *p = container_of(d, struct pod, tell);
	void (*done)(void *arg) = p->done;
	struct pod_wait *w;

	while ((p->ready || p->ended) && (w = p->waits)) {
		p->waits = w->next;
		w->fn(w, p->ready && !p->ended ? "" : p->why.msg);
	}
	if (p->failed) {
		p->failed = false;
		p->events->failed(p->arg, p->why.msg);
	}
	p->done = NULL;
	if (done)
		done(p->done_arg);
}

static void on_ready(void *arg)
{
	struct pod *p = arg;

	p->ready = true;
	loop_defer(p->loop, &p->tell);
}

static void on_lost(void *arg, const char *why)
{
	struct pod *p = arg;

	failx(&p->why, 0, "the guest's agent is gone: %s", why);
	p->failed = !p->ended;
	p->ended = true;
	loop_defer(p->loop, &p->tell);
}

static const struct guest_events guest_events = { on_ready, on_lost };

int pod_boot(struct pod **out, struct loop *loop, const struct config *config, const char *id,
	const json_t *spec, const struct pod_events *events, void *arg, struct err *err)
{
	struct address where = { .kind = ADDRESS_UNIX };
	struct pod *p = calloc(1, sizeof(*p));
	int rc;

	(void)id;
	(void)spec;
	if (!p)
		return fail(err, -ENOMEM, "fake a pod");
	snprintf(where.path, sizeof(where.path), "%s", getenv(FAKE_AGENT));
	p->loop = loop;
	p->events = events;
	p->arg = arg;
	p->tell.fn = on_tell;
	p->disks.first = 1;
	p->disks.slots = config->disk_slots;
	rc = guest_new(&p->guest, loop, &where, TIMEOUT, &guest_events, p, err);
	if (rc)
		free(p);
	else
		*out = p;
	return rc;
}

void pod_when_ready(struct pod *p, struct pod_wait *w)
{
	w->next = p->waits;
	p->waits = w;
	loop_defer(p->loop, &p->tell);
}

void pod_forget(struct pod *p, struct pod_wait *w)
{
	for (struct pod_wait **at = &p->waits; *at; at = &(*at)->next)
		if (*at == w) {
			*at = w->next;
			return;
		}
}

bool pod_is_ready(const struct pod *p)
{
	return p->ready;
}

void pod_end(struct pod *p, void (*done)(void *arg), void *arg)
{
	p->ended = true;
	p->done = done;
	p->done_arg = arg;
	loop_defer(p->loop, &p->tell);
}

void pod_free(struct pod *p)
{
	if (!p)
		return;
	guest_free(p->guest);
	loop_undefer(p->loop, &p->tell);
	free(p);
}

struct guest *pod_guest(struct pod *p)
{
	return p->guest;
}

struct disks *pod_disks(struct pod *p)
{
	return &p->disks;
}

pid_t pod_pid(const struct pod *p)
{
	(void)p;
	return 4242;
}

void monitor_command(struct monitor *m, const struct wire_command *command, int fd,
	void (*done)(void *arg, int rc, const char *text), void *arg)
{
	(void)m;
	(void)command;
	(void)fd;
	done(arg, 0, "");
}

int share_enter(struct err *err)
{
	(void)err;
	return 0;
}

int share_bind(const char *name, const char *source, bool readonly, struct err *err)
{
	(void)name;
	(void)readonly;
	return access(source, F_OK) ? fail(err, -errno, "share %s", source) : 0;
}

int share_make(const char *name, struct err *err)
{
	(void)name;
	(void)err;
	return 0;
}

void share_remove(const char *name)
{
	(void)name;
}
