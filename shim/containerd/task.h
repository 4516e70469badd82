/*
 * The shim's daemon: one pod, its containers, their processes, and containerd's calls about them.
 * Everything hangs from struct shim; loop thread only.
 *
 * A pod's sandbox container is only a name: nothing runs in the guest for it (the guest itself is
 * what holds the pod's namespaces). It "runs" from Start, which waits for the guest, to Kill.
 */
#ifndef SAMPAN_CONTAINERD_TASK_H
#define SAMPAN_CONTAINERD_TASK_H

#include <sys/queue.h>
#include <time.h>
#include "shim/containerd/bundle.h"
#include "shim/containerd/config.h"
#include "shim/containerd/life.h"
#include "shim/containerd/pod.h"
#include "shim/containerd/publish.h"
#include "shim/containerd/stdio.h"
#include "shim/containerd/workload.h"
#include "task.pb-c.h"
#include "ttrpc/server.h"

#define KILLED 137 /* the exit status when all that is known is that it is gone */

struct waiter {
	LIST_ENTRY(waiter) link;
	struct ttrpc_call *call;
};

struct process {
	LIST_ENTRY(process) link; /* of execs */
	struct container *container;
	char *id; /* an exec's; the container's for its first process */
	enum life_state state;
	char *in, *out, *err; /* as the request had them */
	bool terminal;
	struct stdio *stdio;
	Grpc__Process *spec;	     /* an exec's */
	struct ttrpc_call *starting; /* Start, until it is answered */
	LIST_HEAD(, waiter) waiters;
	struct ask *wait; /* WaitProcess, parked */
	bool gone;	  /* the guest has told its end */
	bool quiet;	  /* its outputs have ended */
	bool expired;	  /* nothing is waited for any more */
	bool reported;
	uint32_t status;
	struct timespec exited_at;
	struct timer drain;	/* bounds what an end waits for */
	uint32_t rows, columns; /* of a terminal, when told before the start */
};

struct container {
	LIST_ENTRY(container) link;
	struct shim *shim;
	char *id, *bundle;
	json_t *spec;
	enum bundle_kind kind;
	struct workload *workload; /* NULL: a sandbox, or not made yet */
	struct process init;
	LIST_HEAD(, process) execs;
	struct pod_wait ready;
	bool waiting; /* ready is queued */
	struct ttrpc_call *creating, *deleting;
	const Containerd__Task__V2__CreateTaskRequest *request; /* creating's, until answered */
	Containerd__Task__V2__CreateTaskRequest *kept;		/* a sandbox's, for the holder */
	bool wants_holder;
	size_t copied;		 /* files of the workload's */
	struct err workload_err; /* why its files or disks could not be brought in */
	uint64_t oom_kills;
	Grpc__StatsContainerResponse *last; /* the figures asked for last */
	bool made;			    /* in the guest */
	bool killed;			    /* containerd asked for it */
};

/* The process that holds the pid namespace of a pod whose containers share one: the pause program,
 * which is started in the guest for that only. */
enum holder { HOLDER_NONE, HOLDER_MAKING, HOLDER_READY };

struct shim {
	struct loop *loop;
	struct config config;
	char *namespace, *id; /* of the sandbox */
	json_t *spec;	      /* the sandbox's */
	struct pod *pod;
	struct err pod_err; /* why there is none */
	bool pod_over;	    /* it has ended by itself */
	struct publisher *publisher;
	struct ttrpc_server *server;
	ProtobufCServiceDescriptor task_v3;
	struct ttrpc_service services[2];
	LIST_HEAD(, container) containers;
	unsigned number;
	struct ask *oom;
	enum holder holder;
	struct timer oom_pause, leave;
	bool leaving;
};

/* --- finding (task.c) --- */

struct container *container_find(struct shim *s, const char *id);
/* exec "" or the container's own id: its first process. */
struct process *process_find(struct container *c, const char *exec);

/* The same for a call, which fails with NOT_FOUND when there is none. */
struct container *container_for(struct shim *s, struct ttrpc_call *call, const char *id);
struct process *process_for(struct shim *s, struct ttrpc_call *call, const char *id,
	const char *exec);

/* Takes the step, or fails the call with the table's sentence. */
bool process_step(struct process *p, struct ttrpc_call *call, enum life_event event);

struct process_names {
	const char *in, *out, *err;
	bool terminal;
};

struct container *container_new(struct shim *s, const char *id, const char *bundle,
	struct err *err);
void container_free(struct container *c);
int process_init(struct process *p, struct container *c, const char *id,
	const struct process_names *names, struct err *err) MUST_USE;
void process_fini(struct process *p);

bool process_is_first(const struct process *p);
int64_t call_timeout(const struct shim *s);
uint32_t shim_pid_of_tasks(const struct shim *s);

/* An answer of the agent's as containerd wants to hear it: the code if it tells something, and the
 * sentence. Ends the call. */
void fail_by_answer(struct ttrpc_call *call, const struct ttrpc_answer *answer);
void reply_empty(struct ttrpc_call *call);

/* --- the end of a process (task_end.c) --- */

/* Asks the agent for it, from the moment it exists. */
void process_watch(struct process *p);
/* The guest, or nobody any more, tells that it has ended. */
void process_ended(struct process *p, uint32_t status);
/* Tells containerd, if nothing is to be waited for any more. */
void process_report(struct process *p);
/* The pod is no more: so are all processes. */
void tasks_end(struct shim *s);
void on_stdio_closed(void *arg);
void on_patience_over(struct timer *t);

/* A process that could not be started, and why: 127 when its program is missing, 126 when it can't
 * be executed, else 128. */
uint32_t status_of_failure(const char *why);

/* --- the holder (task_holder.c) --- */

/* container_make() is called for it when there is a holder. */
void holder_want(struct container *member);

/* Has the agent make it: its files and disks are there, the guest is ready (task_create.c). */
void container_make(struct container *c, const char *why_not);
int container_workload(struct container *c, const Containerd__Task__V2__CreateTaskRequest *request,
	void (*settled)(void *arg, int rc, const char *text), struct err *err) MUST_USE;

/* --- containerd's calls, by file --- */

ttrpc_handler serve_create;	       /* task_create.c */
ttrpc_handler serve_start, serve_exec; /* task_start.c */
ttrpc_handler serve_delete;	       /* task_delete.c */
ttrpc_handler serve_kill, serve_pause, serve_resume, serve_resize_pty, serve_close_io, serve_update,
	serve_checkpoint;						       /* task_control.c */
ttrpc_handler serve_state, serve_pids, serve_wait, serve_stats, serve_connect; /* task_info.c */
ttrpc_handler serve_shutdown;						       /* daemon.c */

/* The first process of a container has been made, or could not be. */
void container_start_oom(struct shim *s); /* task_start.c */
void on_oom_pause_over(struct timer *t);

/* Table of all calls (service.c). */
extern const struct ttrpc_method task_methods[];
extern const size_t task_nmethods;

#endif
