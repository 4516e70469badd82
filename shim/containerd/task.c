/* Containers and processes: found, made, freed; see task.h. */
#include "shim/containerd/task.h"

#include <string.h>
#include "core/log.h"
#include "empty.pb-c.h"
#include "shim/containerd/text.h"

struct container *container_find(struct shim *s, const char *id)
{
	struct container *c;

	LIST_FOREACH(c, &s->containers, link)
	if (!strcmp(c->id, id))
		return c;
	return NULL;
}

bool process_is_first(const struct process *p)
{
	return p == &p->container->init;
}

struct process *process_find(struct container *c, const char *exec)
{
	struct process *p;

	if (!*exec)
		return &c->init;
	LIST_FOREACH(p, &c->execs, link)
	if (!strcmp(p->id, exec))
		return p;
	return NULL;
}

struct container *container_for(struct shim *s, struct ttrpc_call *call, const char *id)
{
	struct container *c = container_find(s, id);

	if (!c)
		ttrpc_fail(call, TTRPC_NOT_FOUND, "container %.80s: not found", id);
	return c;
}

struct process *process_for(struct shim *s, struct ttrpc_call *call, const char *id,
	const char *exec)
{
	struct container *c = container_for(s, call, id);
	struct process *p = c ? process_find(c, exec) : NULL;

	if (c && !p)
		ttrpc_fail(call, TTRPC_NOT_FOUND, "process %.80s of container %.80s: not found",
			exec, id);
	return p;
}

bool process_step(struct process *p, struct ttrpc_call *call, enum life_event event)
{
	struct life_step step = life_step(p->state, event);

	p->state = step.next;
	if (step.code && process_is_first(p))
		ttrpc_fail(call, step.code, "container %.80s %s", p->id, step.text);
	else if (step.code)
		ttrpc_fail(call, step.code, "process %.80s of container %.80s %s", p->id,
			p->container->id, step.text);
	return !step.code;
}

/* --- making, freeing --- */

int process_init(struct process *p, struct container *c, const char *id,
	const struct process_names *n, struct err *err)
{
	const struct stdio_names names = { n->in, n->out, n->err, n->terminal, id,
		c->shim->namespace };
	int rc;

	p->container = c;
	p->state = LIFE_CREATING;
	p->terminal = n->terminal;
	LIST_INIT(&p->waiters);
	rc = timer_init(c->shim->loop, &p->drain, on_patience_over);
	if (rc)
		return fail(err, rc, "make a process");
	p->id = strdup(id);
	p->in = strdup(n->in);
	p->out = strdup(n->out);
	p->err = strdup(n->err);
	if (!p->id || !p->in || !p->out || !p->err)
		return fail(err, -ENOMEM, "make a process");
	return stdio_new(&p->stdio, c->shim->loop, &names, on_stdio_closed, p, err);
}

/* Who still asks for it is told that it is gone. */
void process_fini(struct process *p)
{
	struct waiter *w;

	ask_forget(p->wait);
	stdio_free(p->stdio);
	while ((w = LIST_FIRST(&p->waiters))) {
		LIST_REMOVE(w, link);
		ttrpc_fail(w->call, TTRPC_NOT_FOUND, "process %.80s: removed", p->id);
		free(w);
	}
	timer_fini(p->container->shim->loop, &p->drain);
	if (p->spec)
		grpc__process__free_unpacked(p->spec, NULL);
	free(p->id);
	free(p->in);
	free(p->out);
	free(p->err);
}

struct container *container_new(struct shim *s, const char *id, const char *bundle, struct err *err)
{
	struct container *c = calloc(1, sizeof(*c));
	struct bundle_group group;

	if (!c) {
		fail(err, -ENOMEM, "make a container");
		return NULL;
	}
	c->shim = s;
	LIST_INIT(&c->execs);
	LIST_INSERT_HEAD(&s->containers, c, link);
	c->init.container = c;
	c->id = strdup(id);
	c->bundle = strdup(bundle);
	if (!c->id || !c->bundle)
		fail(err, -ENOMEM, "make a container");
	else if (!bundle_load(&c->spec, bundle, err) &&
		!bundle_group(&group, c->spec, c->id, err)) {
		c->kind = group.kind;
		return c;
	}
	container_free(c);
	return NULL;
}

void container_free(struct container *c)
{
	struct process *p;

	while ((p = LIST_FIRST(&c->execs))) {
		LIST_REMOVE(p, link);
		process_fini(p);
		free(p);
	}
	process_fini(&c->init);
	if (c->waiting)
		pod_forget(c->shim->pod, &c->ready);
	workload_free(c->workload);
	if (c->kept)
		containerd__task__v2__create_task_request__free_unpacked(c->kept, NULL);
	if (c->last)
		grpc__stats_container_response__free_unpacked(c->last, NULL);
	LIST_REMOVE(c, link);
	json_decref(c->spec);
	free(c->bundle);
	free(c->id);
	free(c);
}

/* --- small things --- */

int64_t call_timeout(const struct shim *s)
{
	return s->config.call_timeout * SECOND_NS;
}

uint32_t shim_pid_of_tasks(const struct shim *s)
{
	pid_t pid = s->pod ? pod_pid(s->pod) : 0;

	return (uint32_t)(pid > 0 ? pid : getpid());
}

/* The agent's codes are mostly INTERNAL, with the reason in the text. */
void fail_by_answer(struct ttrpc_call *call, const struct ttrpc_answer *answer)
{
	ttrpc_fail(call, answer->code == TTRPC_INTERNAL ? TTRPC_UNKNOWN : answer->code, "%s",
		answer->message);
}

void reply_empty(struct ttrpc_call *call)
{
	Google__Protobuf__Empty nothing = FRESH(google__protobuf__empty);

	ttrpc_reply(call, &nothing.base);
}
