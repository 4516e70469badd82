/*
 * CreateSandbox makes what containers share before the first of them; DestroySandbox waits for the
 * operations under way, ends all containers, answers, and then the agent ends: the answer has a
 * second to leave before a guest whose pid 1 we are is powered off, since runtimes still talk to
 * its monitor then. See sandbox.h.
 */
#include "agent/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "agent/namespace.h"
#include "agent/storage.h"

#define LAST_WORDS_NS	  UINT64_C(1000000000)
#define LAST_ENDS_NS	  UINT64_C(200000000) /* of killed processes that somebody waits for */
#define RESOLV_CONF	  "/etc/resolv.conf"
#define MODPROBE_TIMEOUT  30000
#define MODULE_PARAMS_MAX 32

static void on_last_words(struct timer *t)
{
	struct sandbox *s = container_of(t, struct sandbox, last_words);

	loop_quit(s->a->loop);
}

int sandbox_new(struct sandbox **out, struct agent *a, struct err *err)
{
	struct sandbox *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return fail(err, -ENOMEM, "make the sandbox");
	s->a = a;
	rc = timer_init(a->loop, &s->last_words, on_last_words);
	if (rc) {
		free(s);
		return fail(err, rc, "make the sandbox");
	}
	*out = s;
	return 0;
}

void sandbox_free(struct sandbox *s)
{
	if (!s)
		return;
	while (s->containers)
		container_free(s->containers);
	while (s->leaving)
		container_free(s->leaving);
	while (s->noom_events)
		free(s->oom_events[--s->noom_events]);
	timer_fini(s->a->loop, &s->last_words);
	free(s);
}

void sandbox_operation_ended(struct sandbox *s)
{
	struct operation *op;

	if (--s->ops || !s->destroy)
		return;
	op = take(&s->destroy);
	operation_start(op);
}

/* The resolver's file of the guest, and of containers whose mounts name it. */
static int write_dns(struct agent *a, char *const *lines, size_t n, struct err *err)
{
	char path[128];
	FILE *f;
	bool failed;

	snprintf(path, sizeof(path), "%s/sandbox/resolv.conf", a->config.run_dir);
	f = fopen(path, "we");
	if (!f)
		return fail(err, -errno, "write %s", path);
	for (size_t i = 0; i < n; i++)
		if (*lines[i])
			fprintf(f, "%s\n", lines[i]);
	failed = ferror(f);
	if (fclose(f) || failed)
		return fail(err, -EIO, "write %s", path);
	if (a->config.init && !access(RESOLV_CONF, F_OK) &&
		mount(path, RESOLV_CONF, NULL, MS_BIND, NULL))
		return fail(err, -errno, "put %s at " RESOLV_CONF, path);
	return 0;
}

static int load_module(struct agent *a, const Grpc__KernelModule *module, struct err *err)
{
	const char *argv[MODULE_PARAMS_MAX + 4] = { "modprobe", "-v", module->name };
	struct command cmd = { .argv = argv, .in = -1, .out = -1, .timeout_ms = MODPROBE_TIMEOUT };

	if (module->n_parameters > MODULE_PARAMS_MAX)
		return failx(err, -EINVAL, "module %.64s has too many parameters", module->name);
	if (!*module->name || *module->name == '-')
		return failx(err, -EINVAL, "\"%.64s\" is no kernel module", module->name);
	for (size_t i = 0; i < module->n_parameters; i++)
		argv[3 + i] = module->parameters[i];
	if (command_run(a->reaper, &cmd, err))
		return err_prefix(err, -EIO, "load kernel module %.64s", module->name);
	return 0;
}

static void make_dirs(struct agent *a)
{
	static const char *const names[] = { "", "/agent", "/sandbox", "/shared",
		"/shared/containers" };
	char path[160];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s%s", a->config.run_dir, names[i]);
		mkdir(path, 0755); /* what fails shows in the first file */
	}
}

static int run_create_sandbox(struct operation *op, struct err *err)
{
	const Grpc__CreateSandboxRequest *request = (const void *)op->request;
	struct agent *a = op->a;
	struct sandbox *s = a->sandbox;
	int rc = 0;

	if (strlen(request->guest_hook_path) >= sizeof(s->hooks))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "the path of the hooks is too long");
	make_dirs(a);
	snprintf(s->hooks, sizeof(s->hooks), "%s", request->guest_hook_path);
	for (size_t i = 0; !rc && i < request->n_kernel_modules; i++)
		rc = load_module(a, request->kernel_modules[i], err);
	if (rc)
		return rc;
	snprintf(s->ipc_ns, sizeof(s->ipc_ns), "%s/agent/ipc", a->config.run_dir);
	snprintf(s->uts_ns, sizeof(s->uts_ns), "%s/agent/uts", a->config.run_dir);
	rc = namespaces_make(s->ipc_ns, s->uts_ns, request->hostname, err);
	if (rc) {
		*s->ipc_ns = *s->uts_ns = 0;
		return rc;
	}
	rc = storages_add(a->storages, "", request->storages, request->n_storages, err);
	if (!rc && request->n_dns)
		rc = write_dns(a, request->dns, request->n_dns, err);
	if (rc) {
		storages_remove(a->storages, "");
		namespaces_drop(s->ipc_ns, s->uts_ns);
		*s->ipc_ns = *s->uts_ns = 0;
	}
	return rc;
}

static void end_create_sandbox(struct operation *op)
{
	struct sandbox *s = op->a->sandbox;

	if (s->state == SANDBOX_CREATING)
		s->state = op->rc ? SANDBOX_NONE : SANDBOX_READY;
}

void serve_create_sandbox(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct agent *a = arg;
	struct operation *op;

	if (a->sandbox->state != SANDBOX_NONE) {
		ttrpc_fail(call, TTRPC_ALREADY_EXISTS, "there is a sandbox already");
		return;
	}
	op = operation_new(a, NULL, call, message);
	if (!op)
		return;
	a->sandbox->state = SANDBOX_CREATING;
	op->run = run_create_sandbox;
	op->end = end_create_sandbox;
	operation_start(op);
}

/* Nobody changes the list of containers meanwhile: all are being removed, and none is made. */
static int run_destroy_sandbox(struct operation *op, struct err *err)
{
	struct agent *a = op->a;
	struct sandbox *s = a->sandbox;

	for (struct container *c = s->containers; c; c = c->next) {
		if (crun_delete(a, c->id, 0, err))
			log_warn("remove container %.64s: %s", c->id, err->msg);
		storages_remove(a->storages, c->id);
	}
	storages_remove(a->storages, "");
	if (*s->ipc_ns)
		namespaces_drop(s->ipc_ns, s->uts_ns);
	if (a->config.init)
		umount2(RESOLV_CONF, MNT_DETACH);
	return 0;
}

static void say_last_words(void *arg)
{
	struct sandbox *s = arg;

	timer_set(&s->last_words, s->a->config.init ? LAST_WORDS_NS : LAST_ENDS_NS, 0);
}

static void end_destroy_sandbox(struct operation *op)
{
	struct sandbox *s = op->a->sandbox;
	struct ttrpc_call *call;

	while (s->containers)
		container_remove(s->containers);
	while ((call = unpark(&s->oom_waiters)))
		ttrpc_fail(call, TTRPC_INTERNAL, "\"\"");
	ttrpc_reply(op->call, op->response);
	op->call = NULL;
	ttrpc_server_drain(op->a->server, say_last_words, s);
}

void serve_destroy_sandbox(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct agent *a = arg;
	struct sandbox *s = a->sandbox;
	struct operation *op;

	if (s->state == SANDBOX_ENDING) {
		ttrpc_fail(call, TTRPC_FAILED_PRECONDITION, "the sandbox is coming to its end");
		return;
	}
	op = operation_new(a, NULL, call, message);
	if (!op)
		return;
	op->run = run_destroy_sandbox;
	op->end = end_destroy_sandbox;
	s->state = SANDBOX_ENDING;
	for (struct container *c = s->containers; c; c = c->next)
		if (c->state != CONTAINER_CREATING)
			c->state = CONTAINER_REMOVING;
	if (s->ops)
		s->destroy = op;
	else
		operation_start(op);
}

static void answer_oom(struct ttrpc_call *call, char *id)
{
	Grpc__OOMEvent response;

	grpc__oomevent__init(&response);
	response.container_id = id;
	ttrpc_reply(call, &response.base);
}

/* For a listener who comes late; once for a container is enough. */
static void keep_oom(struct sandbox *s, const char *container_id)
{
	for (unsigned i = 0; i < s->noom_events; i++)
		if (!strcmp(s->oom_events[i], container_id))
			return;
	if (s->noom_events == OOM_EVENTS_MAX)
		return;
	s->oom_events[s->noom_events] = strdup(container_id);
	s->noom_events += s->oom_events[s->noom_events] != NULL;
}

void sandbox_oom(void *arg, const char *container_id)
{
	struct sandbox *s = ((struct agent *)arg)->sandbox;
	struct ttrpc_call *call = unpark(&s->oom_waiters);
	AUTO_FREE char *id = call ? strdup(container_id) : NULL;

	log_info("container %.64s ran out of memory", container_id);
	if (!call)
		keep_oom(s, container_id);
	else if (id)
		answer_oom(call, id);
	else
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "no memory");
}

void serve_get_oom_event(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	struct sandbox *s = ((struct agent *)arg)->sandbox;
	char *id;

	if (!s->noom_events) {
		if (!park(&s->oom_waiters, call, message))
			log_warn("too many wait for an end of memory");
		return;
	}
	id = s->oom_events[0];
	memmove(s->oom_events, s->oom_events + 1, --s->noom_events * sizeof(*s->oom_events));
	answer_oom(call, id);
	free(id);
}
