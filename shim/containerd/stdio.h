/*
 * A process's standard streams: between the FIFOs that containerd's clients read and write, and the
 * agent's ReadStdout, ReadStderr, WriteStdin and CloseStdin.
 *
 * Output FIFOs are held open for reading, too, so that a containerd that restarts is no end of
 * them; input's is held open for writing until CloseIO, so that writers come and go. A reader that
 * does not read stops its stream and nothing else. An output stream ends when the guest says so, or
 * when stdio_free() comes; a name that is empty is a stream that nobody wants: what comes is
 * dropped. Loop thread only.
 */
#ifndef SAMPAN_CONTAINERD_STDIO_H
#define SAMPAN_CONTAINERD_STDIO_H

#include "core/loop.h"
#include "shim/containerd/guest.h"

struct stdio;

struct stdio_names {
	const char *in, *out, *err; /* paths of FIFOs, file://PATH for output, or "" */
	bool terminal;		    /* err is not used */
	const char *id, *namespace; /* for a logger, of which out may be the name: see logger.h */
};

/* Opens them; names and ids are copied. closed(arg) is called once, from the loop, when both
 * outputs have ended, and their logger after them. */
int stdio_new(struct stdio **out, struct loop *loop, const struct stdio_names *names,
	void (*closed)(void *arg), void *arg, struct err *err) MUST_USE;
void stdio_free(struct stdio *s);

/* The process runs: container and exec are the agent's names of it. */
void stdio_start(struct stdio *s, struct guest *g, const char *container, const char *exec);

/* CloseIO: input ends when what is in the FIFO has been read and other writers have gone. */
void stdio_close_input(struct stdio *s);

/* The process will say no more that we know of (its guest is gone): the outputs end. */
void stdio_cut(struct stdio *s);

/* Text of the shim's own to the process's error output (to its output, with a terminal), before
 * stdio_start(). */
void stdio_say(struct stdio *s, const char *text);

#endif
