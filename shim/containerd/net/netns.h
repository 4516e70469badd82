/*
 * Work in another network namespace, without leaving one's own: a thread of its own enters it, does
 * the work and ends; descriptors that it opens are the process's. Blocks until then. Any thread.
 */
#ifndef SAMPAN_CONTAINERD_NET_NETNS_H
#define SAMPAN_CONTAINERD_NET_NETNS_H

#include "core/err.h"

/* The namespace bound to path. */
int netns_open(int *fd, const char *path, struct err *err) MUST_USE;

/* What work() returns, or why it could not be run. -EINVAL: fd is no network namespace. */
int netns_run(int fd, int (*work)(void *arg, struct err *err), void *arg, struct err *err) MUST_USE;

#endif
