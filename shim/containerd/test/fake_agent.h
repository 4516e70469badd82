/*
 * An agent that only says it did: containers and processes are names, each process says a line,
 * echoes its input and ends by a signal. For the daemon's test; in the test's loop.
 */
#ifndef SAMPAN_CONTAINERD_TEST_FAKE_AGENT_H
#define SAMPAN_CONTAINERD_TEST_FAKE_AGENT_H

#include "agent.pb-c.h"
#include "core/loop.h"
#include "ttrpc/server.h"

#define FAKE_CALLS 256

struct fake_agent {
	struct loop *loop;
	struct ttrpc_server *server;
	char log[4096];	    /* the methods that were called, a space before each */
	char container[80]; /* of the last CreateContainer */
	char root[256];	    /* its root.path */
	char storage[128];  /* its first one: driver, source, type */
	char sysctl[64];    /* its first one */
	char input[256];    /* all that was written */
	const char *create_fails, *exec_fails; /* sentences */
	struct {
		struct ttrpc_call *call;
		char process[80];
		char kind; /* 'w' wait, 'o' stdout, 'e' stderr, 'm' memory */
	} parked[FAKE_CALLS];
	char said[16][80]; /* processes whose line has been read */
	unsigned nsaid;
};

void fake_agent_start(struct fake_agent *a, struct loop *loop, int listener);
void fake_agent_stop(struct fake_agent *a);

/* The process ends with this status. */
void fake_agent_end(struct fake_agent *a, const char *process, int status);
/* A container has run out of memory. */
void fake_agent_oom(struct fake_agent *a, const char *container);

#endif
