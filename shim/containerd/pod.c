/* See pod.h. BOOTING -the agent answers-> GREETING -the sandbox is made-> READY -pod_end()-> ENDING
 * -> ENDED; whatever fails leads to ENDED at once. */
#include "shim/containerd/pod_inner.h"

#include <stdio.h>
#include <string.h>
#include "core/log.h"
#include "shim/containerd/text.h"

#define END_PATIENCE (UINT64_C(10) * 1000000000) /* ns for the agent to end the sandbox */
#define FAIL_SOON    UINT64_C(200000000)

/* --- telling --- */

static bool is_settled(const struct pod *p)
{
	return p->state == POD_READY || p->state == POD_ENDED || p->state == POD_ENDING;
}

static void tell_waits(struct pod *p)
{
	struct pod_wait *w;
	const char *why = p->state == POD_READY ? ""
		: *p->why.msg			? p->why.msg
						: "the pod has ended";

	while (is_settled(p) && (w = p->waits)) {
		p->waits = w->next;
		w->next = NULL;
		w->fn(w, why);
	}
}

static void on_tell(struct deferred *d)
{
	struct pod *p = container_of(d, struct pod, tell);
	const struct pod_events *events = p->events;
	void (*ended)(void *arg) = p->ended;

	tell_waits(p);
	if (p->state != POD_ENDED)
		return;
	if (*p->why.msg && events) {
		p->events = NULL;
		events->failed(p->arg, p->why.msg);
	}
	p->ended = NULL;
	if (ended)
		ended(p->ended_arg);
}

void pod_when_ready(struct pod *p, struct pod_wait *w)
{
	struct pod_wait **at = &p->waits;

	while (*at)
		at = &(*at)->next;
	w->next = NULL;
	*at = w;
	if (is_settled(p))
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

/* --- events --- */

static void set_ended(struct pod *p)
{
	p->state = POD_ENDED;
	if (p->monitor)
		monitor_kill(p->monitor);
	timer_set(&p->patience, 0, 0);
	loop_defer(p->loop, &p->tell);
}

void pod_ready(struct pod *p)
{
	p->state = POD_READY;
	loop_defer(p->loop, &p->tell);
}

/* A guest that never became ready has said why on its console, maybe. */
void pod_fail(struct pod *p, const char *why)
{
	char words[400] = "";

	if (p->state == POD_ENDED)
		return;
	if (p->state == POD_ENDING) { /* as it should be */
		set_ended(p);
		return;
	}
	if (p->state != POD_READY && p->monitor)
		monitor_last_words(p->monitor, words, sizeof(words));
	failx(&p->why, 0, "%.300s%s%s", why, *words ? "; its console's last lines: " : "", words);
	log_error("pod %s: %s", p->id, p->why.msg);
	set_ended(p);
}

static void on_monitor_started(void *arg)
{
	struct pod *p = arg;

	log_info("pod %s: the machine runs", p->id);
}

static void on_monitor_ended(void *arg, const char *why)
{
	pod_fail(arg, why);
}

const struct monitor_events pod_monitor_events = { on_monitor_started, on_monitor_ended };

static void on_guest_ready(void *arg)
{
	struct pod *p = arg;

	if (p->state != POD_BOOTING)
		return;
	p->state = POD_GREETING;
	pod_greet(p);
}

void pod_fail_soon(struct pod *p, const char *why)
{
	if (p->state == POD_ENDED || p->state == POD_ENDING)
		return;
	failx(&p->why, 0, "%s", why);
	timer_set(&p->patience, FAIL_SOON, 0);
}

static void on_guest_lost(void *arg, const char *why)
{
	struct err err = { 0 };

	failx(&err, 0, "the guest's agent is gone: %s", why);
	pod_fail_soon(arg, err.msg);
}

const struct guest_events pod_guest_events = { on_guest_ready, on_guest_lost };

static void on_patience_over(struct timer *t)
{
	struct pod *p = container_of(t, struct pod, patience);
	struct err why = p->why;

	pod_fail(p, *why.msg ? why.msg : "the guest did not end in time");
}

/* --- making, ending --- */

int pod_boot(struct pod **out, struct loop *loop, const struct config *config, const char *id,
	const json_t *spec, const struct pod_events *events, void *arg, struct err *err)
{
	struct pod *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return fail(err, -ENOMEM, "make the pod");
	*p = (struct pod){ .loop = loop,
		.config = config,
		.id = id,
		.spec = spec,
		.events = events,
		.arg = arg,
		.vsock = -1 };
	p->share.fd = p->virtiofsd.fd = -1;
	p->tell.fn = on_tell;
	rc = timer_init(loop, &p->patience, on_patience_over);
	if (!rc)
		rc = pod_start_machine(p, err);
	if (rc)
		pod_free(p);
	else
		*out = p;
	return rc;
}

static void on_destroyed(void *arg, struct ttrpc_answer *answer)
{
	struct pod *p = arg;

	if (answer->code != TTRPC_OK)
		log_warn("pod %s: end the sandbox: %s", p->id, answer->message);
	set_ended(p);
}

void pod_end(struct pod *p, void (*done)(void *arg), void *arg)
{
	Grpc__DestroySandboxRequest request = FRESH(grpc__destroy_sandbox_request);
	bool ready = p->state == POD_READY;

	p->ended = done;
	p->ended_arg = arg;
	if (p->state == POD_ENDED) {
		loop_defer(p->loop, &p->tell);
		return;
	}
	p->state = POD_ENDING;
	if (!ready || !guest_ask(p->guest, "DestroySandbox", &request.base, 0, on_destroyed, p))
		set_ended(p);
	else
		timer_set(&p->patience, END_PATIENCE, 0);
}

void pod_free(struct pod *p)
{
	if (!p)
		return;
	pod_stop_machine(p);
	timer_fini(p->loop, &p->patience);
	loop_undefer(p->loop, &p->tell);
	free(p);
}

bool pod_is_ready(const struct pod *p)
{
	return p->state == POD_READY;
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
	return p->monitor ? monitor_pid(p->monitor) : 0;
}
