/*
 * The sandbox: what all containers share (namespaces, name, resolver) and the end of it all. Its
 * fields are the loop thread's, except the paths, which are set before a container is made.
 */
#ifndef SAMPAN_AGENT_SANDBOX_H
#define SAMPAN_AGENT_SANDBOX_H

#include "agent/agent.h"
#include "agent/container.h"
#include "agent/park.h"

enum sandbox_state { SANDBOX_NONE, SANDBOX_CREATING, SANDBOX_READY, SANDBOX_ENDING };

#define OOM_EVENTS_MAX 32

struct sandbox {
	struct agent *a;
	enum sandbox_state state;
	struct container *containers;
	struct container *leaving; /* removed ones whose processes have not ended yet */
	unsigned ops;		   /* of all containers and of the sandbox */
	struct operation *destroy; /* waits for them */
	struct timer last_words;
	char ipc_ns[96], uts_ns[96]; /* empty: containers have their own */
	char hooks[256];	     /* the directory of the guest's hooks; empty: none */
	struct parked_list oom_waiters;
	char *oom_events[OOM_EVENTS_MAX]; /* ids that nobody has asked for yet, oldest first */
	unsigned noom_events;
};

int sandbox_new(struct sandbox **out, struct agent *a, struct err *err) MUST_USE;
void sandbox_free(struct sandbox *s);

/* An operation has ended. */
void sandbox_operation_ended(struct sandbox *s);

/* For oom.h. */
void sandbox_oom(void *arg, const char *container_id);

ttrpc_handler serve_create_sandbox, serve_destroy_sandbox, serve_get_oom_event;

#endif
