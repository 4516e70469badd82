/* What is asked of a running container or process: signals, its end, its streams, figures, a pause.
 * See container.h. */
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include "agent/cgroup.h"
#include "agent/container.h"

static int run_kill(struct operation *op, struct err *err)
{
	char path[160];

	cgroup_container_path(path, sizeof(path), op->container->id);
	return cgroup_kill(op->a->config.cgroup_root, path, err);
}

/* The whole container: whoever is in it, also what its first process has left behind. */
static void kill_all(struct agent *a, struct container *c, struct ttrpc_call *call,
	const ProtobufCMessage *message)
{
	if (container_init(c))
		operation_serve(a, c, call, message, run_kill);
	else
		ttrpc_fail(call, TTRPC_INTERNAL, "%s", NO_INIT);
}

/* Without a process's name the signal is for the container: its first process gets it and those
 * that this one has made. */
static int signal_all(struct agent *a, struct container *c, struct process *init, int sig)
{
	char path[160];
	int rc = process_signal(init, sig);

	cgroup_container_path(path, sizeof(path), c->id);
	if (init->state == PROCESS_RUNNING)
		cgroup_signal(a->config.cgroup_root, path, init->pid, sig);
	return rc;
}

void serve_signal_process(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__SignalProcessRequest *request = (const void *)message;
	struct container *c = container_for(arg, call, request->container_id, CONTAINER_CREATED);
	Google__Protobuf__Empty nothing = GOOGLE__PROTOBUF__EMPTY__INIT;
	struct process *p;
	int rc;

	if (!c)
		return;
	if (request->signal > (uint32_t)SIGRTMAX) {
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "%u is no signal", request->signal);
		return;
	}
	if (!*request->exec_id && request->signal == SIGKILL) {
		kill_all(arg, c, call, message);
		return;
	}
	p = container_process(c, request->exec_id);
	if (!p || p->state == PROCESS_STARTING) {
		ttrpc_fail(call, TTRPC_INTERNAL, "%s", *request->exec_id ? NO_EXEC : NO_INIT);
		return;
	}
	rc = *request->exec_id ? process_signal(p, (int)request->signal)
			       : signal_all(arg, c, p, (int)request->signal);
	if (rc)
		ttrpc_fail(call, TTRPC_INTERNAL, "signal %u: %s", request->signal, strerror(-rc));
	else
		ttrpc_reply(call, &nothing.base);
}

void serve_wait_process(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__WaitProcessRequest *request = (const void *)message;
	struct process *p = process_for(arg, call, request->container_id, request->exec_id);

	if (p)
		process_wait(p, call, message);
}

void serve_write_stdin(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__WriteStreamRequest *request = (const void *)message;
	struct process *p = process_for(arg, call, request->container_id, request->exec_id);

	if (p)
		input_write(&p->in, call, message);
}

void serve_close_stdin(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__CloseStdinRequest *request = (const void *)message;
	struct process *p = process_for(arg, call, request->container_id, request->exec_id);

	if (p)
		input_write(&p->in, call, message);
}

void serve_read_stdout(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__ReadStreamRequest *request = (const void *)message;
	struct process *p = process_for(arg, call, request->container_id, request->exec_id);

	if (p)
		output_read(&p->out, call, message);
}

/* A terminal has one output. */
void serve_read_stderr(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__ReadStreamRequest *request = (const void *)message;
	struct process *p = process_for(arg, call, request->container_id, request->exec_id);

	if (p)
		output_read(p->tty ? &p->out : &p->err, call, message);
}

void serve_tty_win_resize(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__TtyWinResizeRequest *request = (const void *)message;
	struct process *p = process_for(arg, call, request->container_id, request->exec_id);
	Google__Protobuf__Empty nothing = GOOGLE__PROTOBUF__EMPTY__INIT;
	struct winsize size = { 0 };

	if (!p)
		return;
	size.ws_row = (unsigned short)MIN(request->row, UINT16_MAX);
	size.ws_col = (unsigned short)MIN(request->column, UINT16_MAX);
	if (!p->tty || p->in.fd < 0)
		ttrpc_fail(call, TTRPC_UNAVAILABLE, "no tty");
	else if (ioctl(p->in.fd, TIOCSWINSZ, &size))
		ttrpc_fail(call, TTRPC_INTERNAL, "resize the terminal: %s", strerror(errno));
	else
		ttrpc_reply(call, &nothing.base);
}

static int run_stats(struct operation *op, struct err *err)
{
	Grpc__StatsContainerResponse *response = (void *)op->response;
	char path[160];
	int rc;

	response->cgroup_stats = malloc(sizeof(*response->cgroup_stats));
	if (!response->cgroup_stats)
		return fail(err, -ENOMEM, "collect figures");
	grpc__cgroup_stats__init(response->cgroup_stats);
	cgroup_container_path(path, sizeof(path), op->container->id);
	rc = cgroup_stats(op->a->config.cgroup_root, path, response->cgroup_stats, err);
	if (!rc && op->pid && cgroup_network_stats(op->pid, response, err))
		log_debug("network figures: %s", err->msg); /* it has just ended */
	return rc;
}

void serve_stats_container(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__StatsContainerRequest *request = (const void *)message;
	struct container *c = container_for(arg, call, request->container_id, CONTAINER_CREATED);

	if (c)
		operation_serve(arg, c, call, message, run_stats);
}

static int freeze(struct operation *op, bool frozen, struct err *err)
{
	char path[160];

	cgroup_container_path(path, sizeof(path), op->container->id);
	return cgroup_freeze(op->a->config.cgroup_root, path, frozen, err);
}

static int run_pause(struct operation *op, struct err *err)
{
	return freeze(op, true, err);
}

static int run_resume(struct operation *op, struct err *err)
{
	return freeze(op, false, err);
}

void serve_pause_container(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__PauseContainerRequest *request = (const void *)message;
	struct container *c = container_for(arg, call, request->container_id, CONTAINER_CREATED);

	if (c)
		operation_serve(arg, c, call, message, run_pause);
}

void serve_resume_container(void *arg, struct ttrpc_call *call, const ProtobufCMessage *message)
{
	const Grpc__ResumeContainerRequest *request = (const void *)message;
	struct container *c = container_for(arg, call, request->container_id, CONTAINER_CREATED);

	if (c)
		operation_serve(arg, c, call, message, run_resume);
}
