/*
 * Containers of the sandbox and what may be asked of them in which state. A request that needs crun
 * or the file system is an operation: its work is done in a worker thread, and the container stays
 * in the table until the last one has ended. Loop thread.
 */
#ifndef SAMPAN_AGENT_CONTAINER_H
#define SAMPAN_AGENT_CONTAINER_H

#include "agent/agent.h"
#include "agent/process.h"
#include "agent/rpc.h"

/* The sentences that runtimes know, in the form in which they know them. */
#define NO_CONTAINER "\"invalid container id\""
#define NO_INIT	     "rpc status: Status { code: NOT_FOUND, message: \"InitProcessNotFound\" }"
#define NO_EXEC	     "rpc status: Status { code: NOT_FOUND, message: \"InvalidExecId\" }"

enum container_state {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_STARTED,
	CONTAINER_STOPPED, /* its first process has ended */
	CONTAINER_REMOVING,
};

struct container {
	struct agent *a;
	struct container *next; /* in the sandbox's list */
	struct process *processes;
	enum container_state state;
	unsigned ops;		  /* operations under way */
	struct operation *remove; /* waits for them */
	bool gone; /* removed; waits for the end of its last processes, which have been killed */
	bool shares_pid_ns;
	pid_t pid; /* of its first process, as long as that runs; otherwise 0 */
	char id[];
};

/* A request's work. run() is the worker's; it may look at the request, at id and at what begin()
 * copied, and says what happened in rc and err. end() is the loop's, after a success or not, and
 * may be NULL; the call is answered after it. */
struct operation {
	struct work work;
	struct agent *a;
	struct ttrpc_call *call;
	const ProtobufCMessage *request;
	struct container *container;
	struct process *process;
	int (*run)(struct operation *op, struct err *err);
	void (*end)(struct operation *op);
	int rc;
	struct err err;
	ProtobufCMessage *response; /* made by operation_new() */
	struct crun_process made;
	char pid_ns[32];
	pid_t pid;
};

/* The table. */
struct container *container_find(struct agent *a, const char *id);
struct process *container_init(struct container *c); /* NULL: it has been waited for */
struct process *container_process(struct container *c, const char *exec_id);
void container_process_ended(struct container *c, struct process *p);
struct container *container_new(struct agent *a, const char *id); /* NULL: no memory */

/* Out of the table. It is freed when its processes have ended, so that who waits for them learns
 * how. */
void container_remove(struct container *c);
void container_settle(struct container *c); /* one of its processes has been freed */
void container_free(struct container *c);   /* at once, with its processes */

/* Whether a name may be part of a path: letters, digits, "_.-", the first a letter or digit. */
bool container_name_ok(const char *id);

/* For handlers: NULL after the call has been failed. */
struct container *container_for(struct agent *a, struct ttrpc_call *call, const char *id,
	enum container_state least);
struct process *process_for(struct agent *a, struct ttrpc_call *call, const char *id,
	const char *exec_id);

/* container may be NULL. NULL after the call has been failed. */
struct operation *operation_new(struct agent *a, struct container *c, struct ttrpc_call *call,
	const ProtobufCMessage *request);
void operation_abandon(struct operation *op); /* no memory to go on: fails the call */
void operation_start(struct operation *op);

/* Starts when no other operation of the container is under way; none may begin meanwhile. */
void operation_start_alone(struct operation *op);

/* An operation in one line: what run() and end() are, for a container in the state at least. */
void operation_serve(struct agent *a, struct container *c, struct ttrpc_call *call,
	const ProtobufCMessage *request, int (*run)(struct operation *op, struct err *err));

/* Loop-thread handlers of service.c. */
ttrpc_handler serve_create_container, serve_start_container, serve_remove_container,
	serve_exec_process, serve_update_container, serve_stats_container, serve_pause_container,
	serve_resume_container, serve_signal_process, serve_wait_process, serve_write_stdin,
	serve_read_stdout, serve_read_stderr, serve_close_stdin, serve_tty_win_resize;

#endif
