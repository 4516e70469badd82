/* What containerd does to containers that run: signals, pauses, sizes, input, limits; see task.h.
 */
#include <signal.h>
#include <string.h>
#include "events.pb-c.h"
#include "shim/containerd/args.h"
#include "shim/containerd/oci.h"
#include "shim/containerd/task.h"
#include "shim/containerd/text.h"

/* A call that an answer of the agent's ends; what it is about is looked for again then. */
struct order {
	struct shim *shim;
	struct ttrpc_call *call;
	enum life_event done; /* of the first process, when it worked */
	char id[80];
};

static struct order *order_new(struct shim *s, struct ttrpc_call *call, const char *id,
	enum life_event done)
{
	struct order *o = calloc(1, sizeof(*o));

	if (!o) {
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "no memory");
		return NULL;
	}
	o->shim = s;
	o->call = call;
	o->done = done;
	strncpy(o->id, id, sizeof(o->id) - 1);
	return o;
}

static void give(struct order *o, const char *method, const ProtobufCMessage *request,
	ttrpc_done *done)
{
	struct shim *s = o->shim;

	if (s->pod && !s->pod_over &&
		guest_ask(pod_guest(s->pod), method, request, call_timeout(s), done, o))
		return;
	ttrpc_fail(o->call, TTRPC_NOT_FOUND, "the pod has ended");
	free(o);
}

static void on_done(void *arg, struct ttrpc_answer *answer)
{
	struct order *o = arg;

	if (answer->code == TTRPC_OK)
		reply_empty(o->call);
	else
		fail_by_answer(o->call, answer);
	free(o);
}

/* --- signals --- */

/* What is gone already is what was wanted. */
static bool is_gone(const struct ttrpc_answer *answer)
{
	static const char *const words[] = { "NotFound", "not found", "ESRCH", "No such process",
		"InitProcessNotFound" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(answer->message, words[i]))
			return true;
	return answer->code == TTRPC_NOT_FOUND;
}

static void on_signalled(void *arg, struct ttrpc_answer *answer)
{
	struct order *o = arg;

	if (answer->code == TTRPC_OK)
		reply_empty(o->call);
	else if (is_gone(answer))
		ttrpc_fail(o->call, TTRPC_NOT_FOUND, "process of %.80s: not found", o->id);
	else
		fail_by_answer(o->call, answer);
	free(o);
}

/* Nothing runs in a sandbox: what would end a program ends it. */
static void give_up_start(struct process *p)
{
	struct container *c = p->container;

	if (c->waiting)
		pod_forget(c->shim->pod, &c->ready);
	c->waiting = false;
	p->state = life_step(p->state, LIFE_FAILED).next;
	if (p->starting)
		ttrpc_fail(take(&p->starting), TTRPC_UNKNOWN, "the sandbox was killed");
}

static void signal_sandbox(struct process *p, struct ttrpc_call *call, uint32_t number)
{
	static const uint32_t ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGTERM };
	bool end = false;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		end |= ends[i] == number;
	reply_empty(call);
	if (!end)
		return;
	if (p->state == LIFE_STARTING)
		give_up_start(p);
	p->quiet = true;
	process_ended(p, 128 + number);
}

/* A container's first process gets a signal alone, unless all are meant; SIGKILL is for all that
 * it has left. */
static void signal_guest(struct process *p, struct ttrpc_call *call,
	const Containerd__Task__V2__KillRequest *r)
{
	struct container *c = p->container;
	Grpc__SignalProcessRequest request = FRESH(grpc__signal_process_request);
	struct order *o = order_new(c->shim, call, c->id, LIFE_CHANGE);
	bool all = process_is_first(p) && (r->all || r->signal == SIGKILL);

	if (!o)
		return;
	c->killed |= process_is_first(p);
	request.container_id = c->id;
	if (!all)
		request.exec_id = p->id;
	request.signal = r->signal;
	give(o, "SignalProcess", &request.base, on_signalled);
}

void serve_kill(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__KillRequest *r = (const void *)message;
	struct process *p = process_for(arg, call, r->id, r->exec_id);

	if (!p || !process_step(p, call, LIFE_KILL))
		return;
	if (r->signal > (uint32_t)SIGRTMAX)
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "%u is no signal", r->signal);
	else if (!process_is_first(p) && p->state == LIFE_CREATED)
		ttrpc_fail(call, TTRPC_FAILED_PRECONDITION, "process %.80s has not been started",
			p->id);
	else if (p->gone)
		ttrpc_fail(call, TTRPC_NOT_FOUND, "process %.80s has ended", p->id);
	else if (p->container->kind == BUNDLE_SANDBOX)
		signal_sandbox(p, call, r->signal);
	else
		signal_guest(p, call, r);
}

/* --- pause, resume --- */

static void tell_held(const struct order *o)
{
	Containerd__Events__TaskPaused paused = FRESH(containerd__events__task_paused);
	Containerd__Events__TaskResumed resumed = FRESH(containerd__events__task_resumed);

	paused.container_id = resumed.container_id = (char *)(uintptr_t)o->id;
	publish(o->shim->publisher, o->done == LIFE_HELD ? &paused.base : &resumed.base);
}

static void on_held(void *arg, struct ttrpc_answer *answer)
{
	struct order *o = arg;
	struct container *c = container_find(o->shim, o->id);
	bool ok = answer->code == TTRPC_OK;

	if (c)
		c->init.state = life_step(c->init.state, ok ? o->done : LIFE_FAILED).next;
	if (c && ok)
		tell_held(o);
	on_done(o, answer);
}

void serve_pause(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PauseRequest *r = (const void *)message;
	Grpc__PauseContainerRequest request = FRESH(grpc__pause_container_request);
	struct container *c = container_for(arg, call, r->id);
	struct order *o;

	if (!c || !process_step(&c->init, call, LIFE_PAUSE))
		return;
	o = order_new(arg, call, c->id, LIFE_HELD);
	request.container_id = c->id;
	if (o && c->kind != BUNDLE_SANDBOX)
		give(o, "PauseContainer", &request.base, on_held);
	else if (o)
		on_held(o, &(struct ttrpc_answer){ .message = "" });
}

void serve_resume(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ResumeRequest *r = (const void *)message;
	Grpc__ResumeContainerRequest request = FRESH(grpc__resume_container_request);
	struct container *c = container_for(arg, call, r->id);
	struct order *o;

	if (!c || !process_step(&c->init, call, LIFE_RESUME))
		return;
	o = order_new(arg, call, c->id, LIFE_RELEASED);
	request.container_id = c->id;
	if (o && c->kind != BUNDLE_SANDBOX)
		give(o, "ResumeContainer", &request.base, on_held);
	else if (o)
		on_held(o, &(struct ttrpc_answer){ .message = "" });
}

/* --- terminals, input --- */

/* Before the start it is remembered. */
void serve_resize_pty(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ResizePtyRequest *r = (const void *)message;
	Grpc__TtyWinResizeRequest request = FRESH(grpc__tty_win_resize_request);
	struct process *p = process_for(arg, call, r->id, r->exec_id);
	struct order *o;

	if (!p || !process_step(p, call, LIFE_CHANGE))
		return;
	p->rows = r->height;
	p->columns = r->width;
	if (!p->terminal || p->state != LIFE_RUNNING) {
		reply_empty(call);
		return;
	}
	o = order_new(arg, call, p->container->id, LIFE_CHANGE);
	request.container_id = p->container->id;
	request.exec_id = p->id;
	request.row = r->height;
	request.column = r->width;
	if (o)
		give(o, "TtyWinResize", &request.base, on_done);
}

void serve_close_io(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CloseIORequest *r = (const void *)message;
	struct process *p = process_for(arg, call, r->id, r->exec_id);

	if (!p)
		return;
	if (r->stdin)
		stdio_close_input(p->stdio);
	reply_empty(call);
}

/* --- limits --- */

static int read_resources(ProtobufCMessage **out, const Google__Protobuf__Any *any, struct err *err)
{
	static const char *const hosts[] = { "devices", "network", "blockIO", "hugepageLimits",
		"rdma", "unified" };
	json_t *json, *cpu;
	int rc;

	if (!any)
		return failx(err, -EINVAL, "there are no limits in it");
	rc = bundle_parse(&json, (const char *)any->value.data, any->value.len, "the limits", err);
	if (rc)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		json_object_del(json, hosts[i]);
	cpu = json_object_get(json, "cpu");
	json_object_del(cpu, "cpus");
	json_object_del(cpu, "mems");
	rc = oci_message(out, &grpc__linux_resources__descriptor, json, err);
	json_decref(json);
	return rc;
}

static void update(struct container *c, struct ttrpc_call *call, Grpc__LinuxResources *resources)
{
	Grpc__UpdateContainerRequest request = FRESH(grpc__update_container_request);
	struct order *o;

	if (c->kind == BUNDLE_SANDBOX || !c->made) {
		reply_empty(call);
		return;
	}
	o = order_new(c->shim, call, c->id, LIFE_CHANGE);
	request.container_id = c->id;
	request.resources = resources;
	if (o)
		give(o, "UpdateContainer", &request.base, on_done);
}

void serve_update(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__UpdateTaskRequest *r = (const void *)message;
	struct container *c = container_for(arg, call, r->id);
	ProtobufCMessage *resources = NULL;
	struct err err = { 0 };

	if (!c || !process_step(&c->init, call, LIFE_CHANGE))
		return;
	if (read_resources(&resources, r->resources, &err)) {
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "%s", err.msg);
		return;
	}
	update(c, call, (Grpc__LinuxResources *)resources);
	protobuf_c_message_free_unpacked(resources, NULL);
}

void serve_checkpoint(void *arg UNUSED, struct ttrpc_call *call,
	const ProtobufCMessage *message UNUSED)
{
	ttrpc_fail(call, TTRPC_UNIMPLEMENTED, "checkpoints are not possible");
}
