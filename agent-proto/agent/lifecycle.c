/*
 * Containers made, started and removed, processes added: the operations that run crun. A worker
 * does storages, devices, translation and crun in one go and undoes what it did when a later step
 * fails; the loop thread then watches the process that came of it. See container.h.
 */
#include "agent/container.h"

#include <stdio.h>
#include <string.h>
#include "agent/cgroup.h"
#include "agent/device.h"
#include "agent/hooks.h"
#include "agent/readonly.h"
#include "agent/oom.h"
#include "agent/sandbox.h"
#include "agent/spec.h"
#include "agent/storage.h"

#define CONTAINERS_MAX 1024
#define PROCESSES_MAX  1024 /* of one container */
#define DEVICES_MAX    256

static const Grpc__CreateContainerRequest *create_request(const struct operation *op)
{
	return (const void *)op->request;
}

/* The specification as crun wants it, for this guest. */
static int translate(struct operation *op, json_t **config, struct err *err)
{
	const Grpc__CreateContainerRequest *request = create_request(op);
	struct sandbox *s = op->a->sandbox;
	AUTO_FREE struct spec_device *devices = calloc(request->n_devices + 1, sizeof(*devices));
	char cgroup[160];
	struct spec_place place = {
		.container_id = op->container->id,
		.cgroup_path = cgroup,
		.ipc_ns = *s->ipc_ns ? s->ipc_ns : NULL,
		.uts_ns = *s->uts_ns ? s->uts_ns : NULL,
		.pid_ns = *op->pid_ns ? op->pid_ns : NULL,
		.devices = devices,
		.ndevices = request->n_devices,
	};
	int rc;

	if (!devices)
		return fail(err, -ENOMEM, "find devices");
	cgroup_container_path(cgroup, sizeof(cgroup), op->container->id);
	rc = devices_find(op->a->uevents, &op->a->config, request->devices, request->n_devices,
		devices, err);
	if (rc)
		return rc;
	rc = spec_config(config, request->oci, &place, err);
	if (rc)
		return rc == -EINVAL ? TTRPC_INVALID_ARGUMENT : rc;
	rc = readonly_keep(*config, err);
	if (!rc && *s->hooks)
		rc = hooks_add(*config, s->hooks, err);
	return rc ? rc : spec_set_sysctls(request->oci, &place, err);
}

static int run_create(struct operation *op, struct err *err)
{
	const Grpc__CreateContainerRequest *request = create_request(op);
	const char *id = op->container->id;
	json_t *config = NULL;
	int rc = storages_add(op->a->storages, id, request->storages, request->n_storages, err);

	if (rc)
		return rc;
	rc = translate(op, &config, err);
	if (!rc) {
		reap_hold(op->a->reaper); /* until end_create() watches */
		rc = crun_create(op->a, id, config, &op->made, err);
		if (rc)
			reap_release(op->a->reaper);
	}
	json_decref(config);
	if (rc)
		storages_remove(op->a->storages, id);
	return rc;
}

static void watch_memory(struct agent *a, struct container *c)
{
	char path[160], cgroup[256];
	struct err err;

	cgroup_container_path(path, sizeof(path), c->id);
	snprintf(cgroup, sizeof(cgroup), "%s%s", a->config.cgroup_root, path);
	if (oom_watch(a->oom, c->id, cgroup, &err))
		log_warn("container %.64s: %s", c->id, err.msg);
}

static void end_create(struct operation *op)
{
	struct container *c = op->container;

	if (op->rc) {
		log_info("container %.64s was not made: %s", c->id, op->err.msg);
		container_free(c);
		return;
	}
	c->state = CONTAINER_CREATED;
	c->pid = op->made.pid;
	watch_memory(op->a, c);
	process_run(op->process, &op->made);
	reap_release(op->a->reaper);
}

/* The namespace of the first living container that shares its own. */
static void find_pid_ns(struct agent *a, struct operation *op)
{
	for (struct container *c = a->sandbox->containers; c; c = c->next)
		if (c->shares_pid_ns && c->pid) {
			snprintf(op->pid_ns, sizeof(op->pid_ns), "/proc/%d/ns/pid", (int)c->pid);
			return;
		}
}

static bool may_create(struct agent *a, struct ttrpc_call *call,
	const Grpc__CreateContainerRequest *request)
{
	unsigned n = 0;

	for (struct container *c = a->sandbox->containers; c; c = c->next)
		n++;
	if (!container_name_ok(request->container_id))
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, NO_CONTAINER);
	else if (container_find(a, request->container_id))
		ttrpc_fail(call, TTRPC_ALREADY_EXISTS, "there is a container %.64s already",
			request->container_id);
	else if (!request->oci || !request->oci->process)
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "the specification has no process");
	else if (a->sandbox->state == SANDBOX_ENDING)
		ttrpc_fail(call, TTRPC_FAILED_PRECONDITION, "the sandbox is coming to its end");
	else if (n >= CONTAINERS_MAX || request->n_devices > DEVICES_MAX)
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "too many containers or devices");
	else
		return true;
	return false;
}

void serve_create_container(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__CreateContainerRequest *request = (const void *)message;
	struct agent *a = arg;
	struct operation *op;
	bool first = !a->sandbox->containers; /* others may share its pid namespace */
	struct container *c;

	if (!may_create(a, call, request))
		return;
	op = operation_new(a, NULL, call, message);
	if (!op)
		return;
	c = container_new(a, request->container_id);
	op->process = c ? process_new(a, c, c->id, request->oci->process->terminal) : NULL;
	if (!op->process) {
		if (c)
			container_free(c);
		operation_abandon(op);
		return;
	}
	op->container = c;
	op->made.tty = op->process->tty;
	op->run = run_create;
	op->end = end_create;
	if (request->sandbox_pidns)
		find_pid_ns(a, op);
	c->shares_pid_ns = request->sandbox_pidns || first;
	operation_start(op);
}

static int run_start(struct operation *op, struct err *err)
{
	return crun_start(op->a, op->container->id, err);
}

static void end_start(struct operation *op)
{
	if (!op->rc && op->container->state == CONTAINER_CREATED)
		op->container->state = CONTAINER_STARTED;
}

void serve_start_container(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__StartContainerRequest *request = (const void *)message;
	struct container *c = container_for(arg, call, request->container_id, CONTAINER_CREATED);
	struct operation *op = c ? operation_new(arg, c, call, message) : NULL;

	if (!op)
		return;
	op->run = run_start;
	op->end = end_start;
	operation_start(op);
}

static int run_remove(struct operation *op, struct err *err)
{
	const Grpc__RemoveContainerRequest *request = (const void *)op->request;
	const char *id = op->container->id;
	uint32_t seconds = MIN(request->timeout, 3600);
	int rc = crun_delete(op->a, id, seconds * 1000, err);

	if (rc == -ETIMEDOUT)
		return TTRPC_DEADLINE_EXCEEDED;
	if (rc) /* nothing runs in it any more, and a second try would find no more to remove */
		log_warn("remove container %.64s: %s", id, err->msg);
	storages_remove(op->a->storages, id);
	return 0;
}

static void end_remove(struct operation *op)
{
	struct container *c = op->container;

	if (op->rc == TTRPC_DEADLINE_EXCEEDED) {
		c->state = c->pid ? CONTAINER_STARTED : CONTAINER_STOPPED;
		return;
	}
	oom_unwatch(op->a->oom, c->id);
	container_remove(c);
}

void serve_remove_container(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__RemoveContainerRequest *request = (const void *)message;
	struct container *c = container_for(arg, call, request->container_id, CONTAINER_CREATED);
	struct operation *op = c ? operation_new(arg, c, call, message) : NULL;

	if (!op)
		return;
	op->run = run_remove;
	op->end = end_remove;
	c->state = CONTAINER_REMOVING;
	operation_start_alone(op);
}

static int run_exec(struct operation *op, struct err *err)
{
	const Grpc__ExecProcessRequest *request = (const void *)op->request;
	json_t *process = NULL;
	int rc = spec_process(&process, request->process, err);

	if (rc)
		return rc == -EINVAL ? TTRPC_INVALID_ARGUMENT : rc;
	reap_hold(op->a->reaper); /* until end_exec() watches */
	rc = crun_exec(op->a, op->container->id, process, &op->made, err);
	if (rc)
		reap_release(op->a->reaper);
	json_decref(process);
	return rc;
}

static void end_exec(struct operation *op)
{
	if (op->rc) {
		process_free(op->process);
		return;
	}
	process_run(op->process, &op->made);
	reap_release(op->a->reaper);
}

static bool may_exec(struct container *c, struct ttrpc_call *call,
	const Grpc__ExecProcessRequest *request)
{
	unsigned n = 0;

	for (struct process *p = c->processes; p; p = p->next)
		n++;
	if (!container_name_ok(request->exec_id))
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "\"invalid exec id\"");
	else if (!request->process)
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "there is no process to execute");
	else if (!strcmp(request->exec_id, c->id) || container_process(c, request->exec_id))
		ttrpc_fail(call, TTRPC_ALREADY_EXISTS, "there is a process %.64s already",
			request->exec_id);
	else if (n >= PROCESSES_MAX)
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "too many processes");
	else
		return true;
	return false;
}

void serve_exec_process(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__ExecProcessRequest *request = (const void *)message;
	struct container *c = container_for(arg, call, request->container_id, CONTAINER_CREATED);
	struct operation *op = c && may_exec(c, call, request)
		? operation_new(arg, c, call, message)
		: NULL;

	if (!op)
		return;
	op->process = process_new(arg, c, request->exec_id, request->process->terminal);
	if (!op->process) {
		operation_abandon(op);
		return;
	}
	op->made.tty = op->process->tty;
	op->run = run_exec;
	op->end = end_exec;
	operation_start(op);
}

static int run_update(struct operation *op, struct err *err)
{
	const Grpc__UpdateContainerRequest *request = (const void *)op->request;
	json_t *resources = NULL;
	int rc = spec_resources(&resources, request->resources, err);

	if (!rc)
		rc = crun_update(op->a, op->container->id, resources, err);
	json_decref(resources);
	return rc == -EINVAL ? TTRPC_INVALID_ARGUMENT : rc;
}

void serve_update_container(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__UpdateContainerRequest *request = (const void *)message;
	struct container *c = container_for(arg, call, request->container_id, CONTAINER_CREATED);

	if (c && !request->resources)
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "there are no resources to update");
	else if (c)
		operation_serve(arg, c, call, message, run_update);
}
