/* Namespaces of one's own and an empty root; see root.c. */
#ifndef SAMPAN_JAIL_ROOT_H
#define SAMPAN_JAIL_ROOT_H

#include "core/err.h"

/* Whether the process has the network that the host's first process has, rather than one that its
 * caller made for it (a pod's). */
bool root_has_host_network(void);

/* As an unprivileged user: a user namespace in which the process has all capabilities, and is the
 * same user. 0 or -errno; then all is as before. */
int root_own_users(void) MUST_USE;

/* Mounts, System V IPC, host name, and network if wanted: the process's own. Then / is an empty
 * file system that can't be written, and nothing else is mounted. */
int root_leave(bool network, struct err *err) MUST_USE;

#endif
