/*
 * The end of a process: the guest tells its status, its outputs run dry, then containerd hears of
 * it. What is told last waits: a container's first process for its execs, one that was killed for
 * the news that its memory ran out, an output for its reader; each for a bounded time.
 */
#include <string.h>
#include "core/log.h"
#include "events.pb-c.h"
#include "shim/containerd/exit_file.h"
#include "shim/containerd/task.h"
#include "shim/containerd/text.h"

#define DRAIN_NS   UINT64_C(10000000000) /* for whoever reads the output */
#define OOM_NS	   UINT64_C(300000000)	 /* for the agent to tell of memory that ran out */
#define NO_COMMAND 127			 /* as shells say it */
#define NO_EXECUTE 126
#define NO_START   128 /* what containerd says of it */

static bool has_running_exec(const struct container *c)
{
	const struct process *p;

	LIST_FOREACH(p, &c->execs, link)
	if (p->state == LIFE_STARTING || p->state == LIFE_RUNNING)
		return true;
	return false;
}

static void tell_exit(const struct process *p)
{
	Containerd__Events__TaskExit event = FRESH(containerd__events__task_exit);
	Google__Protobuf__Timestamp at = FRESH(google__protobuf__timestamp);

	at.seconds = p->exited_at.tv_sec;
	at.nanos = (int32_t)p->exited_at.tv_nsec;
	event.container_id = p->container->id;
	event.id = p->id;
	event.pid = shim_pid_of_tasks(p->container->shim);
	event.exit_status = p->status;
	event.exited_at = &at;
	publish(p->container->shim->publisher, &event.base);
}

static void answer_waiters(struct process *p)
{
	Containerd__Task__V2__WaitResponse response = FRESH(containerd__task__v2__wait_response);
	Google__Protobuf__Timestamp at = FRESH(google__protobuf__timestamp);
	struct waiter *w;

	at.seconds = p->exited_at.tv_sec;
	at.nanos = (int32_t)p->exited_at.tv_nsec;
	response.exit_status = p->status;
	response.exited_at = &at;
	while ((w = LIST_FIRST(&p->waiters))) {
		LIST_REMOVE(w, link);
		ttrpc_reply(w->call, &response.base);
		free(w);
	}
}

/* For a `delete` without us. */
static void write_down(const struct process *p)
{
	const struct exit_file e = { p->status, p->exited_at };
	struct err err = { 0 };

	if (exit_file_write(p->container->bundle, &e, &err))
		log_warn("container %s: %s", p->id, err.msg);
}

static void report(struct process *p)
{
	struct container *c = p->container;

	p->reported = true;
	timer_set(&p->drain, 0, 0);
	p->state = life_step(p->state, LIFE_ENDED).next;
	log_info("process %s of %s ended with %u", p->id, c->id, p->status);
	if (process_is_first(p))
		write_down(p);
	tell_exit(p);
	answer_waiters(p);
	if (!process_is_first(p))
		process_report(&c->init);
}

/* What a process whose end the guest has told still waits for. */
static bool must_wait(const struct process *p)
{
	const struct container *c = p->container;

	if (p->expired)
		return false;
	if (!p->quiet || p->state == LIFE_STARTING)
		return true;
	if (!process_is_first(p) || c->kind == BUNDLE_SANDBOX || c->shim->pod_over)
		return false;
	return has_running_exec(c) || (p->status == KILLED && !c->killed && !c->oom_kills);
}

void process_report(struct process *p)
{
	if (p->gone && !p->reported && !must_wait(p))
		report(p);
}

/* How long what must_wait() waits for may take. */
static void be_patient(struct process *p)
{
	bool for_oom = p->quiet && process_is_first(p) && !has_running_exec(p->container);

	timer_set(&p->drain, for_oom ? OOM_NS : DRAIN_NS, 0);
	process_report(p);
}

void on_patience_over(struct timer *t)
{
	struct process *p = container_of(t, struct process, drain);

	if (!p->quiet)
		log_warn("process %s of %s: its output is not read", p->id, p->container->id);
	p->expired = true;
	process_report(p);
}

void on_stdio_closed(void *arg)
{
	struct process *p = arg;

	p->quiet = true;
	if (p->gone && !p->reported)
		be_patient(p);
}

/* A container's other processes end with the first, even where they share a pid namespace that
 * outlives it. */
static void kill_execs(struct container *c)
{
	Grpc__SignalProcessRequest request = FRESH(grpc__signal_process_request);

	if (!has_running_exec(c) || c->shim->pod_over)
		return;
	request.container_id = c->id;
	request.signal = 9;
	guest_ask(pod_guest(c->shim->pod), "SignalProcess", &request.base, call_timeout(c->shim),
		ask_ignored, NULL);
}

void process_ended(struct process *p, uint32_t status)
{
	if (p->gone)
		return;
	p->gone = true;
	p->status = status;
	clock_gettime(CLOCK_REALTIME, &p->exited_at);
	if (p->state != LIFE_RUNNING && p->state != LIFE_PAUSED && p->state != LIFE_PAUSING &&
		p->state != LIFE_RESUMING)
		stdio_cut(p->stdio); /* nobody reads for it in the guest */
	if (process_is_first(p))
		kill_execs(p->container);
	be_patient(p);
}

uint32_t status_of_failure(const char *why)
{
	if (strstr(why, "not found") || strstr(why, "No such file"))
		return NO_COMMAND;
	return strstr(why, "Permission denied") ? NO_EXECUTE : NO_START;
}

static void on_waited(void *arg, struct ttrpc_answer *answer)
{
	struct process *p = arg;
	const Grpc__WaitProcessResponse *r = (const void *)answer->response;

	p->wait = NULL;
	process_ended(p, answer->code == TTRPC_OK ? (uint32_t)r->status : KILLED);
}

void process_watch(struct process *p)
{
	Grpc__WaitProcessRequest request = FRESH(grpc__wait_process_request);

	request.container_id = p->container->id;
	request.exec_id = p->id;
	p->wait = guest_ask(pod_guest(p->container->shim->pod), "WaitProcess", &request.base, 0,
		on_waited, p);
	if (!p->wait)
		process_ended(p, KILLED);
}

/* Those that are being made hear of it by themselves: their questions are answered. */
static void end_process(struct process *p)
{
	if (p->state == LIFE_CREATING || p->state == LIFE_STARTING)
		return;
	stdio_cut(p->stdio);
	p->quiet = true;
	process_ended(p, KILLED);
	p->expired = true;
	process_report(p);
}

void tasks_end(struct shim *s)
{
	struct container *c;
	struct process *p;

	LIST_FOREACH(c, &s->containers, link)
	{
		LIST_FOREACH(p, &c->execs, link)
		end_process(p);
		end_process(&c->init);
	}
}
