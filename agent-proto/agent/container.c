/* The table of containers and the running of operations; see container.h. */
#include "agent/container.h"

#include <string.h>
#include "agent/sandbox.h"

#define NAME_LEN_MAX 128

struct container *container_find(struct agent *a, const char *id)
{
	struct container *c = a->sandbox->containers;

	while (c && strcmp(c->id, id) != 0)
		c = c->next;
	return c;
}

struct process *container_init(struct container *c)
{
	return container_process(c, c->id);
}

/* "" is the first process as well. */
struct process *container_process(struct container *c, const char *exec_id)
{
	struct process *p = c->processes;

	if (!*exec_id)
		exec_id = c->id;
	while (p && strcmp(p->id, exec_id) != 0)
		p = p->next;
	return p;
}

void container_process_ended(struct container *c, struct process *p)
{
	if (p != container_init(c))
		return;
	c->pid = 0;
	if (c->state < CONTAINER_STOPPED)
		c->state = CONTAINER_STOPPED;
}

static void unlink_from(struct container **list, struct container *c)
{
	while (*list && *list != c)
		list = &(*list)->next;
	if (*list)
		*list = c->next;
}

void container_remove(struct container *c)
{
	struct sandbox *s = c->a->sandbox;
	struct process *next;

	unlink_from(&s->containers, c);
	c->gone = true;
	c->next = s->leaving;
	s->leaving = c;
	for (struct process *p = c->processes; p; p = next) {
		next = p->next;
		if (p->state != PROCESS_RUNNING)
			process_free(p);
	}
	container_settle(c);
}

void container_settle(struct container *c)
{
	if (c->gone && !c->processes)
		container_free(c);
}

struct container *container_new(struct agent *a, const char *id)
{
	size_t len = strlen(id) + 1;
	struct container *c = calloc(1, sizeof(*c) + len), **at = &a->sandbox->containers;

	if (!c)
		return NULL;
	c->a = a;
	memcpy(c->id, id, len);
	while (*at)
		at = &(*at)->next;
	*at = c;
	return c;
}

void container_free(struct container *c)
{
	struct sandbox *s = c->a->sandbox;

	unlink_from(c->gone ? &s->leaving : &s->containers, c);
	while (c->processes)
		process_free(c->processes);
	free(c);
}

bool container_name_ok(const char *id)
{
	size_t len = strspn(id,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return len && !id[len] && len <= NAME_LEN_MAX && !strchr("_.-", *id);
}

struct container *container_for(struct agent *a, struct ttrpc_call *call, const char *id,
	enum container_state least)
{
	struct container *c = container_find(a, id);

	if (!c || c->state == CONTAINER_REMOVING) {
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, NO_CONTAINER);
		return NULL;
	}
	if (c->state < least) {
		ttrpc_fail(call, TTRPC_FAILED_PRECONDITION, "container %.64s is not ready for this",
			id);
		return NULL;
	}
	return c;
}

struct process *process_for(struct agent *a, struct ttrpc_call *call, const char *id,
	const char *exec_id)
{
	struct container *c = container_for(a, call, id, CONTAINER_CREATING);
	struct process *p = c ? container_process(c, exec_id) : NULL;

	if (!c)
		return NULL;
	if (!p || p->state == PROCESS_STARTING) {
		ttrpc_fail(call, TTRPC_INTERNAL, "%s", NO_EXEC);
		return NULL;
	}
	return p;
}

static void operation_run(struct work *w)
{
	struct operation *op = container_of(w, struct operation, work);

	op->rc = op->run(op, &op->err);
}

static void answer(struct operation *op)
{
	if (!op->call)
		return;
	if (!op->rc)
		ttrpc_reply(op->call, op->response);
	else
		ttrpc_fail(op->call, op->rc > 0 ? op->rc : TTRPC_INTERNAL, "%s", op->err.msg);
}

static void operation_done(struct work *w)
{
	struct operation *op = container_of(w, struct operation, work);
	struct sandbox *s = op->a->sandbox;
	struct container *c = op->container;

	if (c && !--c->ops && c->remove) {
		struct operation *next = take(&c->remove);

		c->ops++;
		work_start(op->a->workers, &next->work);
	}
	if (op->end)
		op->end(op);
	answer(op);
	protobuf_c_message_free_unpacked(op->response, NULL);
	free(op);
	sandbox_operation_ended(s);
}

struct operation *operation_new(struct agent *a, struct container *c, struct ttrpc_call *call,
	const ProtobufCMessage *request)
{
	const ProtobufCMessageDescriptor *d = ttrpc_call_method(call)->output;
	struct operation *op = calloc(1, sizeof(*op));

	if (op)
		op->response = calloc(1, d->sizeof_message);
	if (!op || !op->response) {
		free(op);
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "no memory");
		return NULL;
	}
	protobuf_c_message_init(d, op->response);
	crun_process_init(&op->made);
	op->work = (struct work){ .run = operation_run, .done = operation_done };
	op->a = a;
	op->container = c;
	op->call = call;
	op->request = request;
	return op;
}

void operation_abandon(struct operation *op)
{
	ttrpc_fail(op->call, TTRPC_RESOURCE_EXHAUSTED, "no memory");
	protobuf_c_message_free_unpacked(op->response, NULL);
	free(op);
}

void operation_start(struct operation *op)
{
	op->a->sandbox->ops++;
	if (op->container)
		op->container->ops++;
	work_start(op->a->workers, &op->work);
}

void operation_start_alone(struct operation *op)
{
	struct container *c = op->container;

	op->a->sandbox->ops++;
	if (c->ops) {
		c->remove = op;
		return;
	}
	c->ops++;
	work_start(op->a->workers, &op->work);
}

void operation_serve(struct agent *a, struct container *c, struct ttrpc_call *call,
	const ProtobufCMessage *request, int (*run)(struct operation *op, struct err *err))
{
	struct operation *op = operation_new(a, c, call, request);

	if (!op)
		return;
	op->pid = c->pid;
	op->run = run;
	operation_start(op);
}
