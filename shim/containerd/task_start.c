/*
 * Start, of a container or an exec, and Exec, which only registers one. A sandbox starts when the
 * guest is ready.
 */
#include <stdio.h>
#include <string.h>
#include "core/log.h"
#include "events.pb-c.h"
#include "shim/containerd/args.h"
#include "shim/containerd/oci.h"
#include "shim/containerd/task.h"
#include "shim/containerd/text.h"

/* --- memory that ran out --- */

#define OOM_PAUSE_NS UINT64_C(100000000) /* between two: the guest may tell of any number */

static void on_oom(void *arg, struct ttrpc_answer *answer)
{
	struct shim *s = arg;
	const Grpc__OOMEvent *event = (const void *)answer->response;
	Containerd__Events__TaskOOM told = FRESH(containerd__events__task_oom);
	struct container *c;

	s->oom = NULL;
	if (answer->code != TTRPC_OK)
		return; /* the pod ends */
	c = container_find(s, event->container_id);
	if (c) {
		c->oom_kills++;
		told.container_id = c->id;
		publish(s->publisher, &told.base);
		process_report(&c->init); /* which may have waited for this */
	}
	timer_set(&s->oom_pause, OOM_PAUSE_NS, 0);
}

void on_oom_pause_over(struct timer *t)
{
	struct shim *s = container_of(t, struct shim, oom_pause);

	if (s->pod && !s->pod_over)
		container_start_oom(s);
}

void container_start_oom(struct shim *s)
{
	Grpc__GetOOMEventRequest request = FRESH(grpc__get_oomevent_request);

	if (!s->oom)
		s->oom = guest_ask(pod_guest(s->pod), "GetOOMEvent", &request.base, 0, on_oom, s);
}

/* --- how a start ends --- */

static void tell_started(const struct process *p)
{
	const struct container *c = p->container;
	Containerd__Events__TaskStart start = FRESH(containerd__events__task_start);
	Containerd__Events__TaskExecStarted exec = FRESH(containerd__events__task_exec_started);

	start.container_id = exec.container_id = c->id;
	start.pid = exec.pid = shim_pid_of_tasks(c->shim);
	exec.exec_id = p->id;
	publish(c->shim->publisher, process_is_first(p) ? &start.base : &exec.base);
}

static void reply_started(struct process *p)
{
	Containerd__Task__V2__StartResponse response = FRESH(containerd__task__v2__start_response);

	response.pid = shim_pid_of_tasks(p->container->shim);
	if (p->starting)
		ttrpc_reply(take(&p->starting), &response.base);
}

/* An end that the guest told meanwhile comes after the event of the start. */
static void started(struct process *p)
{
	p->state = life_step(p->state, LIFE_STARTED).next;
	tell_started(p);
	reply_started(p);
	process_report(p);
}

static void not_started(struct process *p, const struct ttrpc_answer *answer)
{
	p->state = life_step(p->state, LIFE_FAILED).next;
	if (p->starting)
		fail_by_answer(take(&p->starting), answer);
	process_ended(p, status_of_failure(answer->message));
}

/* crun's words. */
static bool is_missing(const char *why)
{
	return strstr(why, "executable file") && strstr(why, "not found");
}

/* As a shell says it: the sentence on its error output, and 127. */
static void start_missing(struct process *p, const char *why)
{
	char text[600];

	snprintf(text, sizeof(text), "%.500s\n", why);
	stdio_say(p->stdio, text);
	started(p);
	stdio_cut(p->stdio);
	process_ended(p, status_of_failure("not found"));
}

/* --- a container --- */

static void resize(const struct process *p)
{
	Grpc__TtyWinResizeRequest request = FRESH(grpc__tty_win_resize_request);

	if (!p->terminal || !p->rows)
		return;
	request.container_id = p->container->id;
	request.exec_id = p->id;
	request.row = p->rows;
	request.column = p->columns;
	guest_ask(pod_guest(p->container->shim->pod), "TtyWinResize", &request.base,
		call_timeout(p->container->shim), ask_ignored, NULL);
}

static void run_streams(struct process *p)
{
	resize(p);
	stdio_start(p->stdio, pod_guest(p->container->shim->pod), p->container->id, p->id);
}

static void on_container_started(void *arg, struct ttrpc_answer *answer)
{
	struct process *p = arg;

	if (answer->code != TTRPC_OK) {
		not_started(p, answer);
		return;
	}
	run_streams(p);
	started(p);
	container_start_oom(p->container->shim);
}

static void start_container(struct process *p)
{
	Grpc__StartContainerRequest request = FRESH(grpc__start_container_request);
	struct ttrpc_answer none = { .code = TTRPC_RESOURCE_EXHAUSTED, .message = "no memory" };

	request.container_id = p->container->id;
	if (!guest_ask(pod_guest(p->container->shim->pod), "StartContainer", &request.base,
		    call_timeout(p->container->shim), on_container_started, p))
		not_started(p, &none);
}

/* --- a sandbox --- */

static void on_ready(struct pod_wait *w, const char *why)
{
	struct container *c = container_of(w, struct container, ready);
	struct ttrpc_answer failed = { .code = TTRPC_UNKNOWN, .message = why };

	c->waiting = false;
	if (*why)
		not_started(&c->init, &failed);
	else
		started(&c->init);
}

static void start_sandbox(struct container *c)
{
	c->init.quiet = true; /* it has no output */
	c->ready.fn = on_ready;
	c->waiting = true;
	pod_when_ready(c->shim->pod, &c->ready);
}

/* --- an exec --- */

static void on_exec_started(void *arg, struct ttrpc_answer *answer)
{
	struct process *p = arg;

	if (answer->code != TTRPC_OK && is_missing(answer->message)) {
		start_missing(p, answer->message);
		return;
	}
	if (answer->code != TTRPC_OK) {
		not_started(p, answer);
		return;
	}
	run_streams(p);
	started(p);
	process_watch(p);
}

static void start_exec(struct process *p)
{
	Grpc__ExecProcessRequest request = FRESH(grpc__exec_process_request);
	struct ttrpc_answer none = { .code = TTRPC_RESOURCE_EXHAUSTED, .message = "no memory" };

	request.container_id = p->container->id;
	request.exec_id = p->id;
	request.process = p->spec;
	if (!guest_ask(pod_guest(p->container->shim->pod), "ExecProcess", &request.base,
		    call_timeout(p->container->shim), on_exec_started, p))
		not_started(p, &none);
}

void serve_start(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StartRequest *r = (const void *)message;
	struct process *p = process_for(arg, call, r->id, r->exec_id);
	struct container *c = p ? p->container : NULL;

	if (!p)
		return;
	if (!process_is_first(p)) {
		struct life_step step = life_step(c->init.state, LIFE_EXEC);

		if (step.code) {
			ttrpc_fail(call, step.code, "container %.80s %s", c->id, step.text);
			return;
		}
	}
	if (!process_step(p, call, LIFE_START))
		return;
	p->starting = call;
	if (c->kind == BUNDLE_SANDBOX)
		start_sandbox(c);
	else if (process_is_first(p))
		start_container(p);
	else
		start_exec(p);
}

/* --- Exec --- */

/* Labels are of the host's policies. */
static int read_process(Grpc__Process **spec, const Google__Protobuf__Any *any, struct err *err)
{
	ProtobufCMessage *message;
	json_t *json;
	int rc;

	if (!any)
		return failx(err, -EINVAL, "there is no process to execute");
	rc = bundle_parse(&json, (const char *)any->value.data, any->value.len, "the process", err);
	if (rc)
		return rc;
	json_object_del(json, "apparmorProfile");
	json_object_del(json, "selinuxLabel");
	rc = oci_message(&message, &grpc__process__descriptor, json, err);
	json_decref(json);
	if (!rc)
		*spec = (Grpc__Process *)message;
	return rc;
}

static int make_exec(struct process *p, struct container *c,
	const Containerd__Task__V2__ExecProcessRequest *r, struct err *err)
{
	const struct process_names names = { r->stdin, r->stdout, r->stderr, r->terminal };
	int rc = process_init(p, c, r->exec_id, &names, err);

	if (!rc)
		rc = read_process(&p->spec, r->spec, err);
	if (!rc)
		p->spec->terminal = r->terminal;
	return rc;
}

static void register_exec(struct container *c, struct ttrpc_call *call,
	const Containerd__Task__V2__ExecProcessRequest *r)
{
	Containerd__Events__TaskExecAdded event = FRESH(containerd__events__task_exec_added);
	struct process *p = calloc(1, sizeof(*p));
	struct err err = { 0 };

	if (!p || make_exec(p, c, r, &err)) {
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "%s", p ? err.msg : "no memory");
		if (p)
			process_fini(p);
		free(p);
		return;
	}
	p->state = life_step(p->state, LIFE_MADE).next;
	LIST_INSERT_HEAD(&c->execs, p, link);
	event.container_id = c->id;
	event.exec_id = p->id;
	publish(c->shim->publisher, &event.base);
	reply_empty(call);
}

void serve_exec(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ExecProcessRequest *r = (const void *)message;
	struct container *c = container_for(arg, call, r->id);

	if (!c)
		return;
	if (!args_identifier(r->exec_id))
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "\"%.80s\" is no identifier", r->exec_id);
	else if (!strcmp(r->exec_id, c->id) || process_find(c, r->exec_id))
		ttrpc_fail(call, TTRPC_ALREADY_EXISTS, "process %.80s: exists already", r->exec_id);
	else if (c->kind == BUNDLE_SANDBOX)
		ttrpc_fail(call, TTRPC_FAILED_PRECONDITION,
			"container %.80s is a pod's sandbox: nothing runs in it", c->id);
	else if (process_step(&c->init, call, LIFE_EXEC))
		register_exec(c, call, r);
}
