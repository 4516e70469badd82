/*
 * A process's output that goes to a program: containerd's "binary://PATH?KEY=VALUE&...". The
 * program gets the keys and values as arguments, CONTAINER_ID and CONTAINER_NAMESPACE in its
 * environment, the output and the error output to read at its descriptors 3 and 4, and at 5 a pipe
 * in which it may say that it is ready (nobody waits for it: what comes before waits in the pipes).
 * It is to end when both have ended, and is killed with logger_free(). Loop thread only.
 */
#ifndef SAMPAN_CONTAINERD_LOGGER_H
#define SAMPAN_CONTAINERD_LOGGER_H

#include "core/loop.h"

struct logger;

struct logger_wish {
	const char *uri;
	const char *id, *namespace; /* what it is told of */
};

bool logger_is_meant(const char *name); /* by the name of an output */

/* fds: the pipes' ends to write to, O_NONBLOCK, the caller's. ended(arg) is called once, from the
 * loop. */
int logger_start(struct logger **out, struct loop *loop, const struct logger_wish *wish, int fds[2],
	void (*ended)(void *arg), void *arg, struct err *err) MUST_USE;
void logger_free(struct logger *l);

/* The words of the uri: PATH, KEY, VALUE, ... NULL, decoded in place; false if they are no such
 * thing. */
#define LOGGER_WORDS 64
bool logger_parse(char *uri, const char *words[LOGGER_WORDS]);

#endif
