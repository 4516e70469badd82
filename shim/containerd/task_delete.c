/*
 * Delete: what a process or a container has left is removed, in the guest, then here. With a pod's
 * sandbox, or with a container that is alone, the pod ends.
 */
#include <string.h>
#include "core/log.h"
#include "events.pb-c.h"
#include "shim/containerd/task.h"
#include "shim/containerd/text.h"

static void set_time(Google__Protobuf__Timestamp *at, const struct process *p)
{
	google__protobuf__timestamp__init(at);
	at->seconds = p->exited_at.tv_sec;
	at->nanos = (int32_t)p->exited_at.tv_nsec;
}

static void reply_deleted(struct ttrpc_call *call, const struct process *p)
{
	Containerd__Task__V2__DeleteResponse response = FRESH(
		containerd__task__v2__delete_response);
	Google__Protobuf__Timestamp at;

	set_time(&at, p);
	response.pid = shim_pid_of_tasks(p->container->shim);
	response.exit_status = p->status;
	response.exited_at = &at;
	ttrpc_reply(call, &response.base);
}

static void tell_deleted(const struct container *c)
{
	Containerd__Events__TaskDelete event = FRESH(containerd__events__task_delete);
	Google__Protobuf__Timestamp at;

	set_time(&at, &c->init);
	event.container_id = c->id;
	event.pid = shim_pid_of_tasks(c->shim);
	event.exit_status = c->init.status;
	event.exited_at = &at;
	publish(c->shim->publisher, &event.base);
}

static void delete_exec(struct process *p, struct ttrpc_call *call)
{
	LIST_REMOVE(p, link);
	reply_deleted(call, p);
	process_fini(p);
	free(p);
}

/* --- a container --- */

static void finish(struct container *c)
{
	struct ttrpc_call *call = take(&c->deleting);

	tell_deleted(c);
	reply_deleted(call, &c->init);
	container_free(c);
}

static void on_pod_ended(void *arg)
{
	struct shim *s = arg;
	struct container *c;

	s->pod_over = true;
	LIST_FOREACH(c, &s->containers, link)
	if (c->deleting && c->kind != BUNDLE_MEMBER)
		break;
	if (c)
		finish(c);
	tasks_end(s);
}

/* What the guest still holds of a share that has gone is dropped there. */
static void drop_stale(struct shim *s)
{
	Grpc__RemoveStaleVirtiofsShareMountsRequest request = FRESH(
		grpc__remove_stale_virtiofs_share_mounts_request);

	guest_ask(pod_guest(s->pod), "RemoveStaleVirtiofsShareMounts", &request.base,
		call_timeout(s), ask_ignored, NULL);
}

static void removed(struct container *c)
{
	struct shim *s = c->shim;

	workload_free(take(&c->workload));
	if (c->kind != BUNDLE_MEMBER && s->pod && !s->pod_over) {
		pod_end(s->pod, on_pod_ended, s);
		return;
	}
	if (c->made && s->pod && !s->pod_over)
		drop_stale(s);
	finish(c);
}

static void on_removed(void *arg, struct ttrpc_answer *answer)
{
	struct container *c = arg;

	if (answer->code != TTRPC_OK)
		log_warn("remove container %s in the guest: %s", c->id, answer->message);
	removed(c);
}

static void delete_container(struct container *c, struct ttrpc_call *call)
{
	Grpc__RemoveContainerRequest request = FRESH(grpc__remove_container_request);

	c->deleting = call;
	request.container_id = c->id;
	if (!c->made || c->shim->pod_over ||
		!guest_ask(pod_guest(c->shim->pod), "RemoveContainer", &request.base,
			call_timeout(c->shim), on_removed, c))
		removed(c);
}

void serve_delete(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Containerd__Task__V2__DeleteRequest *r = (const void *)message;
	struct process *p = process_for(arg, call, r->id, r->exec_id);

	if (!p || !process_step(p, call, LIFE_DELETE))
		return;
	if (process_is_first(p))
		delete_container(p->container, call);
	else
		delete_exec(p, call);
}
