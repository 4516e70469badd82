/*
 * Processes of containers: the first of each (its name is the container's id) and those of
 * ExecProcess. A process is in its container's list from the request that makes it until somebody
 * has waited for it, and its end is known only to those who wait: until then it can be signalled
 * in vain and its output read. Loop thread.
 */
#ifndef SAMPAN_AGENT_PROCESS_H
#define SAMPAN_AGENT_PROCESS_H

#include "agent/crun.h"
#include "agent/park.h"
#include "agent/reap.h"
#include "agent/stream.h"

struct container;

enum process_state { PROCESS_STARTING, PROCESS_RUNNING, PROCESS_ENDED };

struct process {
	struct agent *a;
	struct container *container;
	struct process *next; /* in the container's list */
	enum process_state state;
	bool tty;
	pid_t pid;
	int exit_status; /* 0..255, 128 + signal */
	struct reap_watch reap;
	struct output out, err; /* a terminal has no err */
	struct input in;
	struct timer drain;
	struct parked_list waiters;
	char id[]; /* exec_id */
};

/* In the container's list at once, PROCESS_STARTING. NULL: no memory. */
struct process *process_new(struct agent *a, struct container *c, const char *id, bool tty);

/* crun has made it: takes over the descriptors and watches for its end. Inside a reap_hold(). */
void process_run(struct process *p, struct crun_process *made);

/* Out of the list; who waits is told that it is gone. */
void process_free(struct process *p);

/* Answers WaitProcess when it has ended; the first answer given to a living connection frees it. */
void process_wait(struct process *p, struct ttrpc_call *call, const ProtobufCMessage *request);

/* A signal to this process alone. One that it would not notice because it is a container's first
 * process becomes SIGKILL. 0 also when it has ended already; -errno otherwise. */
int process_signal(struct process *p, int sig);

#endif
