/* See process.h. The end of a process: its status is kept, its waiters are answered, and after half
 * a second its output ends even if a grandchild still holds it. */
#include "agent/process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "agent/container.h"

#define DRAIN_NS UINT64_C(500000000)

/* Whoever was told, it is told once. */
static void answer_waiters(struct process *p)
{
	Grpc__WaitProcessResponse response = GRPC__WAIT_PROCESS_RESPONSE__INIT;
	struct ttrpc_call *call;

	response.status = p->exit_status;
	while ((call = unpark(&p->waiters)))
		ttrpc_reply(call, &response.base);
	process_free(p);
}

static void on_drained(struct timer *t)
{
	struct process *p = container_of(t, struct process, drain);

	timer_fini(p->a->loop, t);
	output_expire(&p->out);
	if (!p->tty)
		output_expire(&p->err);
}

static void on_ended(struct reap_watch *w, int status)
{
	struct process *p = container_of(w, struct process, reap);
	struct container *c = p->container;

	p->state = PROCESS_ENDED;
	p->exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	log_info("process %.64s of %.64s ended with %d", p->id, c->id, p->exit_status);
	if (timer_init(p->a->loop, &p->drain, on_drained))
		on_drained(&p->drain);
	else
		timer_set(&p->drain, DRAIN_NS, 0);
	container_process_ended(c, p);
	if (p->waiters.first)
		answer_waiters(p);
	else if (c->gone)
		process_free(p);
	container_settle(c);
}

struct process *process_new(struct agent *a, struct container *c, const char *id, bool tty)
{
	size_t len = strlen(id) + 1;
	struct process *p = calloc(1, sizeof(*p) + len), **at = &c->processes;

	if (!p)
		return NULL;
	p->a = a;
	p->container = c;
	p->tty = tty;
	memcpy(p->id, id, len);
	while (*at)
		at = &(*at)->next;
	*at = p;
	return p;
}

void process_run(struct process *p, struct crun_process *made)
{
	p->state = PROCESS_RUNNING;
	p->pid = made->pid;
	input_open(&p->in, p->a->loop, take_fd(&made->in), p->tty);
	output_open(&p->out, p->a->loop, take_fd(&made->out), p->tty);
	if (!p->tty)
		output_open(&p->err, p->a->loop, take_fd(&made->err), false);
	p->reap = (struct reap_watch){ .pid = p->pid, .ended = on_ended };
	reap_watch(p->a->reaper, &p->reap);
}

void process_free(struct process *p)
{
	struct ttrpc_call *call;

	for (struct process **at = &p->container->processes; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	if (p->state == PROCESS_RUNNING)
		reap_unwatch(p->a->reaper, &p->reap);
	timer_fini(p->a->loop, &p->drain);
	input_close(&p->in);
	output_close(&p->out);
	output_close(&p->err);
	while ((call = unpark(&p->waiters)))
		ttrpc_fail(call, TTRPC_INTERNAL, "%s", NO_EXEC);
	free(p);
}

void process_wait(struct process *p, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	if (park(&p->waiters, call, request) && p->state == PROCESS_ENDED)
		answer_waiters(p);
}

/* Whether the process has said what is to happen to it at sig: a handler, or to ignore or hold it
 * back. True when nothing can be learnt. */
static bool expects(pid_t pid, int sig)
{
	char path[32], text[4096];
	FILE *f;
	bool expected = false;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return true;
	while (fgets(text, sizeof(text), f)) {
		unsigned long long mask;

		if (sscanf(text, "SigCgt: %llx", &mask) == 1 ||
			sscanf(text, "SigIgn: %llx", &mask) == 1 ||
			sscanf(text, "SigBlk: %llx", &mask) == 1)
			expected |= mask >> (sig - 1) & 1;
	}
	fclose(f);
	return expected;
}

int process_signal(struct process *p, int sig)
{
	if (p->state != PROCESS_RUNNING)
		return 0;
	if (sig == SIGTERM && container_init(p->container) == p && !expects(p->pid, sig))
		sig = SIGKILL;
	if (kill(p->pid, sig) && errno != ESRCH)
		return -errno;
	return 0;
}
