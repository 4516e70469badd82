/*
 * What containerd asks about tasks. All but Stats is answered from the shim's own knowledge, at
 * once: a guest that hangs makes no caller wait.
 */
#include <string.h>
#include "shim/containerd/stats.h"
#include "shim/containerd/task.h"
#include "shim/containerd/text.h"

void serve_state(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StateRequest *r = (const void *)message;
	Containerd__Task__V2__StateResponse response = FRESH(containerd__task__v2__state_response);
	Google__Protobuf__Timestamp at = FRESH(google__protobuf__timestamp);
	const struct process *p = process_for(arg, call, r->id, r->exec_id);

	if (!p)
		return;
	at.seconds = p->exited_at.tv_sec;
	at.nanos = (int32_t)p->exited_at.tv_nsec;
	response.id = p->id;
	response.bundle = p->container->bundle;
	response.pid = shim_pid_of_tasks(arg);
	response.status = (Containerd__Task__V2__Status)life_status(p->state);
	response.stdin = p->in;
	response.stdout = p->out;
	response.stderr = p->err;
	response.terminal = p->terminal;
	response.exit_status = p->reported ? p->status : 0;
	response.exited_at = p->reported ? &at : NULL;
	response.exec_id = UNCONST(r->exec_id);
	ttrpc_reply(call, &response.base);
}

/* There is one process of the host's for all of a pod's. */
void serve_pids(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PidsRequest *r = (const void *)message;
	Containerd__Task__V2__PidsResponse response = FRESH(containerd__task__v2__pids_response);
	Containerd__Task__V2__ProcessInfo info = FRESH(containerd__task__v2__process_info);
	Containerd__Task__V2__ProcessInfo *list[] = { &info };

	if (!container_for(arg, call, r->id))
		return;
	info.pid = shim_pid_of_tasks(arg);
	response.processes = list;
	response.n_processes = 1;
	ttrpc_reply(call, &response.base);
}

void serve_connect(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ConnectRequest *r = (const void *)message;
	Containerd__Task__V2__ConnectResponse response = FRESH(
		containerd__task__v2__connect_response);

	response.shim_pid = (uint32_t)getpid();
	response.task_pid = container_find(arg, r->id) ? shim_pid_of_tasks(arg) : 0;
	response.version = UNCONST(SAMPAN_VERSION);
	ttrpc_reply(call, &response.base);
}

/* --- Wait --- */

static void reply_waited(struct ttrpc_call *call, const struct process *p)
{
	Containerd__Task__V2__WaitResponse response = FRESH(containerd__task__v2__wait_response);
	Google__Protobuf__Timestamp at = FRESH(google__protobuf__timestamp);

	at.seconds = p->exited_at.tv_sec;
	at.nanos = (int32_t)p->exited_at.tv_nsec;
	response.exit_status = p->status;
	response.exited_at = &at;
	ttrpc_reply(call, &response.base);
}

/* Its caller has gone away: nobody waits any more. */
static void on_waiter_gone(void *arg)
{
	struct waiter *w = arg;
	struct ttrpc_call *call = w->call;

	LIST_REMOVE(w, link);
	free(w);
	ttrpc_fail(call, TTRPC_CANCELLED, "the caller has gone");
}

void serve_wait(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__WaitRequest *r = (const void *)message;
	struct process *p = process_for(arg, call, r->id, r->exec_id);
	struct waiter *w;

	if (!p)
		return;
	if (p->reported) {
		reply_waited(call, p);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	w->call = call;
	LIST_INSERT_HEAD(&p->waiters, w, link);
	ttrpc_on_gone(call, on_waiter_gone, w);
}

/* --- Stats --- */

struct question {
	struct shim *shim;
	struct ttrpc_call *call;
	char id[80];
};

static void reply_stats(struct ttrpc_call *call, const struct container *c)
{
	Containerd__Task__V2__StatsResponse response = FRESH(containerd__task__v2__stats_response);
	Google__Protobuf__Any any = FRESH(google__protobuf__any);
	AUTO_FREE uint8_t *data = NULL;
	struct err err = { 0 };
	size_t len;

	if (stats_pack(c->last, c->oom_kills, &data, &len, &err)) {
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "%s", err.msg);
		return;
	}
	any.type_url = UNCONST(STATS_URL);
	any.value = (ProtobufCBinaryData){ len, data };
	response.stats = &any;
	ttrpc_reply(call, &response.base);
}

/* Figures that can't be had any more are the last ones. */
static void on_stats(void *arg, struct ttrpc_answer *answer)
{
	struct question *q = arg;
	struct container *c = container_for(q->shim, q->call, q->id);

	if (c && answer->code == TTRPC_OK) {
		if (c->last)
			grpc__stats_container_response__free_unpacked(c->last, NULL);
		c->last = (Grpc__StatsContainerResponse *)answer->response;
		answer->response = NULL;
	}
	if (c && (answer->code == TTRPC_OK || c->init.gone))
		reply_stats(q->call, c);
	else if (c)
		fail_by_answer(q->call, answer);
	free(q);
}

void serve_stats(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StatsRequest *r = (const void *)message;
	Grpc__StatsContainerRequest request = FRESH(grpc__stats_container_request);
	struct container *c = container_for(arg, call, r->id);
	struct shim *s = arg;
	struct question *q;

	if (!c)
		return;
	if (!c->made || s->pod_over) {
		reply_stats(call, c);
		return;
	}
	q = calloc(1, sizeof(*q));
	request.container_id = c->id;
	if (q) {
		q->shim = s;
		q->call = call;
		strncpy(q->id, c->id, sizeof(q->id) - 1);
	}
	if (!q ||
		!guest_ask(pod_guest(s->pod), "StatsContainer", &request.base, call_timeout(s),
			on_stats, q)) {
		free(q);
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "no memory");
	}
}
