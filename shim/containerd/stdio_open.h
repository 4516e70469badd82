/* The host's side of a process's standard streams, by the names that containerd's clients give
 * them; "" is a stream that nobody wants: its descriptor stays as it is. */
#ifndef SAMPAN_CONTAINERD_STDIO_OPEN_H
#define SAMPAN_CONTAINERD_STDIO_OPEN_H

#include "core/err.h"

/* A FIFO's path, or file://PATH. */
int stdio_open_output(int *fd, const char *name, struct err *err) MUST_USE;
/* A FIFO, to read from, and a writing end of our own. */
int stdio_open_input(int *fd, int *keep, const char *name, struct err *err) MUST_USE;

#endif
