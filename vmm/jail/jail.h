/*
 * The sandbox: what is left to the monitor once it has opened all it needs.
 *
 * Two steps. jail_enter(), while the process has one thread, takes away what a process can be
 * without: root and groups, capabilities, the file system, other processes' namespaces, the
 * environment, the right to gain any of it again. jail_filter(), called by each thread for itself,
 * leaves it the few system calls of its kind; anything else kills the process. The lists are made
 * at build time of the comments beside the calls (policy.awk), `sampan --print-policy` shows them.
 *
 * Between the two, threads are started. Nothing can be undone.
 */
#ifndef SAMPAN_JAIL_JAIL_H
#define SAMPAN_JAIL_JAIL_H

#include <stdio.h>
#include <sys/types.h>
#include "core/err.h"

enum jail_kind {
	JAIL_LOOP,   /* the event loop: the process's first thread */
	JAIL_VCPU,   /* a vCPU */
	JAIL_WORKER, /* carries out disk requests where there is no io_uring */
	JAIL_OPENER, /* the helper that opens what comes later; opener.h */
	JAIL_KINDS
};

struct jail {
	uid_t uid; /* who it is then, if it was started as root: not 0 */
	gid_t gid;
	uint64_t file_max; /* bytes that a file may grow to; 0: as the caller has it */
};

/*
 * The process, which has one thread, becomes what is described above. Started without root it does
 * what it can; what it could not do is one line of the log. An error leaves it in between: the
 * process must end.
 */
int jail_enter(const struct jail *jail, struct err *err) MUST_USE;

/* The calling thread keeps the calls of its kind. Needs what jail_enter() or jail_no_new_privs()
 * did. */
int jail_filter(enum jail_kind kind, struct err *err) MUST_USE;

const char *jail_kind_name(enum jail_kind kind);

/* Every call of every kind of thread, with its reason and where it is made. */
void jail_print_policy(FILE *to);

#endif
