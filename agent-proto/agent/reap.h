/*
 * Children: every process that ends below the agent (it is pid 1, or a subreaper) is reaped here
 * and nowhere else, in the loop thread on SIGCHLD.
 *
 * A container's process is no child of a fork of ours: crun makes it and ends, and its pid becomes
 * known a moment later. Between reap_hold() and reap_release() the status of every unknown process
 * that ends is kept, so that reap_watch() inside finds also one that has ended already.
 */
#ifndef SAMPAN_AGENT_REAP_H
#define SAMPAN_AGENT_REAP_H

#include <sys/types.h>
#include "core/loop.h"

struct reaper;

struct reap_watch {
	pid_t pid;
	void (*ended)(struct reap_watch *w,
		int status); /* loop thread; status as wait(2) gives it */
	struct reap_watch *next;
};

/* Blocks SIGCHLD in this thread (and those it makes). One per process. */
int reaper_new(struct reaper **out, struct loop *loop, struct err *err) MUST_USE;
void reaper_free(struct reaper *r);

void reap_hold(struct reaper *r); /* any thread; nests */
void reap_release(struct reaper *r);

/* w->pid and w->ended are set. May call ended() at once (from inside a hold). Loop thread. */
void reap_watch(struct reaper *r, struct reap_watch *w);
void reap_unwatch(struct reaper *r, struct reap_watch *w);

/* All that have ended by now, without waiting for the signal. Loop thread. For tests. */
void reap_now(struct reaper *r);

/* A program run to its end, from a worker thread. */
struct command {
	const char *const *argv; /* argv[0] is looked up in PATH */
	const char *const *envp; /* NULL: ours */
	int in, out;		 /* descriptors for stdin and stdout; -1: /dev/null */
	const int *err;	   /* for stderr; NULL: its last line goes into the sentence of a failure */
	const void *input; /* written to stdin when not NULL (in is -1 then) */
	size_t input_len;
	char **output; /* stdout, malloc'ed and NUL-terminated, when not NULL (out is -1 then) */
	size_t output_max;   /* bytes of it that are kept; 0: 64 KiB */
	unsigned timeout_ms; /* 0: none; a program over its time is killed */
};

/* 0 when it ended with status 0; otherwise -errno (-EIO: it failed, its last stderr line is in the
 * sentence; -ENOENT: there is no such program; -ETIMEDOUT). */
int command_run(struct reaper *r, const struct command *cmd, struct err *err) MUST_USE;

/* For command_run(): a child of our own, from within a hold. reap_join() waits for its end until
 * deadline_ms (monotonic; INT64_MAX: none), and kills it then. False when it had to. Any thread. */
struct reap_child {
	pid_t pid;
	int status;
	bool ended;
	struct reap_child *next;
};

void reap_adopt(struct reaper *r, struct reap_child *c, pid_t pid);
bool reap_join(struct reaper *r, struct reap_child *c, int64_t deadline_ms);
int64_t reap_now_ms(void);

#endif
