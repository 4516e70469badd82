/*
 * Where a pod's shim is found: the socket that its daemon listens on, and the file in the bundle
 * that names its process. containerd's rule for the socket: a hash of its own address, the
 * namespace and the group's id, in a directory of its own.
 */
#ifndef SAMPAN_CONTAINERD_PLACE_H
#define SAMPAN_CONTAINERD_PLACE_H

#include <sys/types.h>
#include "core/err.h"

#define PLACE_DIR    "/run/containerd/s"
#define PLACE_SOCKET 108 /* what fits into a sockaddr_un */
#define PLACE_PID    "shim.pid"

/* dir NULL: PLACE_DIR. address is containerd's gRPC socket. */
int place_socket(char path[PLACE_SOCKET], const char *dir, const char *address,
	const char *namespace, const char *group, struct err *err) MUST_USE;

/* Whether somebody listens there. */
bool place_is_live(const char *path);

/* A listening socket there, mode 0600, its directory 0700; a stale one is replaced. */
int place_listen(int *fd, const char *path, struct err *err) MUST_USE;

/* "PID START" in the bundle dir: START tells this process from a later one of the same number. */
int place_write_pid(const char *dir, pid_t pid, struct err *err) MUST_USE;
/* 0: there is none, or it is not alive. */
pid_t place_read_pid(const char *dir);

#endif
