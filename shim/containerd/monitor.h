/*
 * The shim's side of a monitor: its process, its commands, what it says, and the last lines of the
 * guest's console. Loop thread only.
 */
#ifndef SAMPAN_CONTAINERD_MONITOR_H
#define SAMPAN_CONTAINERD_MONITOR_H

#include <sys/types.h>
#include "core/loop.h"
#include "shim/containerd/monitor_wire.h"

#define MONITOR_CONSOLE 4096 /* bytes of the guest's console that are kept */

struct monitor;

struct monitor_events {
	void (*started)(void *arg);
	/* It has ended, or did not start; why is a sentence. Once; the last that is heard. */
	void (*ended)(void *arg, const char *why);
};

struct monitor_place {
	int netns;	    /* -1: the shim's */
	const char *cgroup; /* NULL: the shim's */
	bool log_console;   /* each line goes to the log */
};

/* fds are in the order of struct wire_config, without the console, which is made here and put in
 * its place; they stay the caller's. */
int monitor_start(struct monitor **out, struct loop *loop, const struct wire_config *config,
	const int *fds, unsigned nfds, const struct monitor_place *place,
	const struct monitor_events *events, void *arg, struct err *err) MUST_USE;
/* Kills it. Commands not answered are forgotten. */
void monitor_free(struct monitor *m);

/* It ends, as if something had killed it; ended() follows. */
void monitor_kill(struct monitor *m);

pid_t monitor_pid(const struct monitor *m);

/* done() is called once, from the loop; rc -EPIPE when the monitor ends first. fd (-1: none) stays
 * the caller's. */
void monitor_command(struct monitor *m, const struct wire_command *command, int fd,
	void (*done)(void *arg, int rc, const char *text), void *arg);

/* The console's last lines on one line, at most size bytes. */
void monitor_last_words(const struct monitor *m, char *text, size_t size);

#endif
