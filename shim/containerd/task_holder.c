/*
 * The holder of a pid namespace. Containers of a pod that share one need a first process in it that
 * stays when any of them ends: the sandbox's own program, made and started when the first of them
 * comes. Pods whose containers have pid namespaces of their own, as usual, never need it.
 */
#include "core/log.h"
#include "shim/containerd/task.h"
#include "shim/containerd/text.h"

static struct container *find_sandbox(struct shim *s)
{
	struct container *c;

	LIST_FOREACH(c, &s->containers, link)
	if (c->kind == BUNDLE_SANDBOX)
		return c;
	return NULL;
}

/* Those that wait for it go on. container_make() may free the container. */
static void go_on(struct shim *s, const char *why_not)
{
	struct container *c, *next;

	for (c = LIST_FIRST(&s->containers); c; c = next) {
		next = LIST_NEXT(c, link);
		if (!c->wants_holder)
			continue;
		c->wants_holder = false;
		container_make(c, why_not);
	}
}

static void failed(struct container *sandbox, const char *why)
{
	log_warn("pod %s: its pid namespace: %s", sandbox->id, why);
	sandbox->shim->holder = HOLDER_NONE;
	workload_free(take(&sandbox->workload));
	go_on(sandbox->shim, why);
}

static void on_started(void *arg, struct ttrpc_answer *answer)
{
	struct container *sandbox = arg;

	if (answer->code != TTRPC_OK) {
		failed(sandbox, answer->message);
		return;
	}
	sandbox->shim->holder = HOLDER_READY;
	go_on(sandbox->shim, "");
}

static void on_made(void *arg, struct ttrpc_answer *answer)
{
	struct container *sandbox = arg;
	Grpc__StartContainerRequest request = FRESH(grpc__start_container_request);

	if (answer->code != TTRPC_OK) {
		failed(sandbox, answer->message);
		return;
	}
	sandbox->made = true;
	request.container_id = sandbox->id;
	if (!guest_ask(pod_guest(sandbox->shim->pod), "StartContainer", &request.base,
		    call_timeout(sandbox->shim), on_started, sandbox))
		failed(sandbox, "no memory");
}

static void make(struct container *sandbox)
{
	if (sandbox->workload_err.msg[0])
		failed(sandbox, sandbox->workload_err.msg);
	else if (!guest_ask(pod_guest(sandbox->shim->pod), "CreateContainer",
			 &workload_request(sandbox->workload)->base, call_timeout(sandbox->shim),
			 on_made, sandbox))
		failed(sandbox, "no memory");
}

static void on_settled(void *arg, int rc, const char *text)
{
	struct container *sandbox = arg;

	if (rc)
		failx(&sandbox->workload_err, rc, "%s", text);
	make(sandbox);
}

static void start(struct container *sandbox)
{
	struct err err = { 0 };

	sandbox->shim->holder = HOLDER_MAKING;
	sandbox->workload_err = (struct err){ 0 };
	if (container_workload(sandbox, sandbox->kept, on_settled, &err))
		failed(sandbox, err.msg);
}

void holder_want(struct container *member)
{
	struct shim *s = member->shim;
	struct container *sandbox = find_sandbox(s);

	if (!sandbox || s->holder == HOLDER_READY) {
		container_make(member, "");
		return;
	}
	member->wants_holder = true;
	if (s->holder == HOLDER_NONE)
		start(sandbox);
}
