/*
 * crun, the OCI runtime that makes the containers: a program run for each step of a container's
 * life. Blocking; any thread. Its files of a container lie in RUN_DIR/agent/bundle/ID.
 */
#ifndef SAMPAN_AGENT_CRUN_H
#define SAMPAN_AGENT_CRUN_H

#include <jansson.h>
#include <sys/types.h>
#include "agent/agent.h"

/* A process to be made, and what came of it. The descriptors are ours; -1: there is none. */
struct crun_process {
	bool tty;
	pid_t pid;
	int in, out, err; /* of a terminal: in and out are its master */
};

void crun_process_init(struct crun_process *p);
void crun_process_close(struct crun_process *p);

/* The caller is inside a reap_hold(), and watches the pid before it releases. A failed create
 * leaves nothing behind. */
int crun_create(struct agent *a, const char *id, json_t *config, struct crun_process *p,
	struct err *err) MUST_USE;
int crun_exec(struct agent *a, const char *id, json_t *process, struct crun_process *p,
	struct err *err) MUST_USE;

int crun_start(struct agent *a, const char *id, struct err *err) MUST_USE;
int crun_update(struct agent *a, const char *id, json_t *resources, struct err *err) MUST_USE;

/* Kills what runs in it and removes all that crun and crun_create() made. timeout_ms 0: a usual
 * one. */
int crun_delete(struct agent *a, const char *id, unsigned timeout_ms, struct err *err) MUST_USE;

#endif
