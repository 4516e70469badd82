/*
 * Starting a program of ours: descriptors at the numbers it expects, in another network namespace
 * and cgroup, dying with its parent. Blocking until the program is executed; single-threaded
 * callers only (it forks).
 */
#ifndef SAMPAN_CONTAINERD_SPAWN_H
#define SAMPAN_CONTAINERD_SPAWN_H

#include <sys/types.h>
#include "core/err.h"

#define SPAWN_FDS 8

struct spawn {
	const char *path; /* executed */
	const char *const *argv;
	const char *const *env; /* NULL: ours */
	int fds[SPAWN_FDS];	/* become 0, 1, ...; -1: /dev/null */
	unsigned nfds;
	int netns;	    /* a descriptor of it; -1: ours */
	const char *cgroup; /* its directory; NULL: ours */
};

int spawn(pid_t *pid, const struct spawn *s, struct err *err) MUST_USE;

/* Kills it and waits; fine with 0. *pid becomes 0. */
void spawn_kill(pid_t *pid);

#endif
