/*
 * Create: a container's files and disks are brought in while the guest still boots, then the agent
 * makes it. A sandbox needs nothing of that.
 */
#include <string.h>
#include <sys/stat.h>
#include "core/log.h"
#include "events.pb-c.h"
#include "shim/containerd/args.h"
#include "shim/containerd/file.h"
#include "shim/containerd/task.h"
#include "shim/containerd/text.h"

#define COPY_MAX MiB /* bytes of a file that is copied into the guest */

typedef Containerd__Task__V2__CreateTaskRequest Request;

/* --- how it ends --- */

static void tell_created(const struct container *c)
{
	Containerd__Events__TaskCreate event = FRESH(containerd__events__task_create);
	Containerd__Events__TaskIO io = FRESH(containerd__events__task_io);

	io.stdin = c->init.in;
	io.stdout = c->init.out;
	io.stderr = c->init.err;
	io.terminal = c->init.terminal;
	event.container_id = c->id;
	event.bundle = c->bundle;
	event.rootfs = c->request->rootfs;
	event.n_rootfs = c->request->n_rootfs;
	event.io = &io;
	event.pid = shim_pid_of_tasks(c->shim);
	publish(c->shim->publisher, &event.base);
}

static void created(struct container *c)
{
	Containerd__Task__V2__CreateTaskResponse response = FRESH(
		containerd__task__v2__create_task_response);

	c->init.state = life_step(c->init.state, LIFE_MADE).next;
	tell_created(c);
	response.pid = shim_pid_of_tasks(c->shim);
	ttrpc_reply(take(&c->creating), &response.base);
	c->request = NULL;
}

static void not_created(struct container *c, const char *why)
{
	log_info("container %s was not made: %s", c->id, why);
	ttrpc_fail(take(&c->creating), TTRPC_UNKNOWN, "%s", why);
	container_free(c);
}

/* --- in the guest --- */

static void on_made(void *arg, struct ttrpc_answer *answer)
{
	struct container *c = arg;

	if (answer->code != TTRPC_OK) {
		not_created(c, answer->message);
		return;
	}
	c->made = true;
	created(c);
	process_watch(&c->init);
}

static void on_copied(void *arg, struct ttrpc_answer *answer)
{
	container_make(arg, answer->code == TTRPC_OK ? "" : answer->message);
}

static int send_file(struct container *c, const struct workload_copy *copy, struct err *err)
{
	Grpc__CopyFileRequest request = FRESH(grpc__copy_file_request);
	AUTO_FREE char *text = NULL;
	struct stat st;
	size_t len;
	int rc = file_read(copy->source, COPY_MAX, &text, &len, err);

	if (!rc && stat(copy->source, &st))
		rc = fail(err, -errno, "look at %s", copy->source);
	if (rc)
		return rc;
	request.path = UNCONST(copy->target);
	request.file_size = (int64_t)len;
	request.file_mode = st.st_mode;
	request.dir_mode = S_IFDIR | 0755;
	request.uid = (int32_t)st.st_uid;
	request.gid = (int32_t)st.st_gid;
	request.data = (ProtobufCBinaryData){ len, (uint8_t *)text };
	return guest_ask(pod_guest(c->shim->pod), "CopyFile", &request.base, call_timeout(c->shim),
		       on_copied, c)
		? 0
		: fail(err, -ENOMEM, "copy %s", copy->source);
}

/* One after another, then the container. */
static void copy_file(struct container *c, const struct workload_copy *copy)
{
	struct err err = { 0 };

	if (send_file(c, copy, &err))
		not_created(c, err.msg);
}

void container_make(struct container *c, const char *why_not)
{
	const struct workload_copy *copies;

	if (!*why_not && c->copied < workload_copies(c->workload, &copies))
		copy_file(c, &copies[c->copied++]);
	else if (*why_not)
		not_created(c, why_not);
	else if (!guest_ask(pod_guest(c->shim->pod), "CreateContainer",
			 &workload_request(c->workload)->base, call_timeout(c->shim), on_made, c))
		not_created(c, "no memory");
}

static void on_ready(struct pod_wait *w, const char *why)
{
	struct container *c = container_of(w, struct container, ready);

	c->waiting = false;
	if (c->workload_err.msg[0])
		not_created(c, c->workload_err.msg);
	else if (!*why && c->kind == BUNDLE_MEMBER && workload_request(c->workload)->sandbox_pidns)
		holder_want(c);
	else
		container_make(c, why);
}

static void on_settled(void *arg, int rc, const char *text)
{
	struct container *c = arg;

	if (rc)
		failx(&c->workload_err, rc, "%s", text);
	c->ready.fn = on_ready;
	c->waiting = true;
	pod_when_ready(c->shim->pod, &c->ready);
}

int container_workload(struct container *c, const Request *request,
	void (*settled)(void *arg, int rc, const char *text), struct err *err)
{
	struct shim *s = c->shim;
	size_t n = request->n_rootfs;
	AUTO_FREE struct rootfs_mount *mounts = calloc(n + 1, sizeof(*mounts));
	struct workload_wish wish = {
		.id = c->id,
		.bundle = c->bundle,
		.number = s->number++,
		.spec = c->spec,
		.sandbox = c->kind == BUNDLE_MEMBER ? s->spec : NULL,
		.rootfs = mounts,
		.nrootfs = n,
		.disks = pod_disks(s->pod),
		.seccomp = s->config.seccomp,
		.watch_config_maps = s->config.watch_config_maps,
		.shared_files = s->config.shared_files,
	};

	if (!mounts)
		return fail(err, -ENOMEM, "make a container");
	for (size_t i = 0; i < n; i++)
		mounts[i] = (struct rootfs_mount){ request->rootfs[i]->type,
			request->rootfs[i]->source, request->rootfs[i]->options,
			request->rootfs[i]->n_options };
	return workload_new(&c->workload, &wish, settled, c, err);
}

/* --- the call --- */

static bool may_create(struct shim *s, struct ttrpc_call *call, const Request *r)
{
	if (!args_identifier(r->id))
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "\"%.80s\" is no identifier", r->id);
	else if (*r->bundle != '/')
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "the bundle has no absolute path");
	else if (*r->checkpoint)
		ttrpc_fail(call, TTRPC_UNIMPLEMENTED, "a checkpoint can't be restored");
	else if (container_find(s, r->id))
		ttrpc_fail(call, TTRPC_ALREADY_EXISTS, "container %.80s: exists already", r->id);
	else if (!s->pod || s->pod_over)
		ttrpc_fail(call, TTRPC_UNKNOWN, "%s", s->pod_err.msg);
	else
		return true;
	return false;
}

static Request *copy_request(const Request *r)
{
	size_t len = containerd__task__v2__create_task_request__get_packed_size(r);
	AUTO_FREE uint8_t *data = malloc(len + 1);

	if (!data)
		return NULL;
	containerd__task__v2__create_task_request__pack(r, data);
	return containerd__task__v2__create_task_request__unpack(NULL, len, data);
}

static int start_create(struct container *c, struct err *err)
{
	const Request *r = c->request;
	const struct process_names names = { r->stdin, r->stdout, r->stderr, r->terminal };
	int rc;

	if (c->kind == BUNDLE_MEMBER &&
		strcmp(bundle_annotation(c->spec, "io.kubernetes.cri.sandbox-id"), c->shim->id) !=
			0)
		return failx(err, -EINVAL, "container %s belongs to another pod", c->id);
	rc = process_init(&c->init, c, c->id, &names, err);
	if (rc)
		return rc;
	if (c->kind != BUNDLE_SANDBOX)
		return container_workload(c, r, on_settled, err);
	c->kept = copy_request(r);
	if (!c->kept)
		return fail(err, -ENOMEM, "make the sandbox");
	created(c);
	return 0;
}

void serve_create(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct shim *s = arg;
	const Request *r = (const Request *)message;
	struct err err = { 0 };
	struct container *c;

	if (!may_create(s, call, r))
		return;
	c = container_new(s, r->id, r->bundle, &err);
	if (!c) {
		ttrpc_fail(call, TTRPC_UNKNOWN, "%s", err.msg);
		return;
	}
	c->creating = call;
	c->request = r;
	if (start_create(c, &err))
		not_created(c, err.msg);
}
