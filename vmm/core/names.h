/*
 * What this process has put into the host's file system and must take away again: sockets, the pid
 * file. A name is removed only while it still is the file that was made.
 *
 * The names belong to the process, like its log: so the list is the second piece of process-wide
 * state. A process that leaves the file system (vmm/jail) leaves its names to a helper: after
 * names_leave() nothing is removed here. The helper keeps a list of its own in the same way, and
 * removes them all when the process is gone, however it went. Any thread.
 */
#ifndef SAMPAN_CORE_NAMES_H
#define SAMPAN_CORE_NAMES_H

#include "core/util.h"

/* Embedded in its owner; must stay where it is until name_remove(). All zero: none. */
struct name {
	const char *path; /* the owner's; relative ones are relative to where the process was */
	uint64_t dev, ino;
	struct name *next;
};

/* The file at path is fd's, or, for fd < 0, what lstat() finds there. 0 or -errno. */
int name_made(struct name *n, const char *path, int fd) MUST_USE;
bool name_is_ours(const struct name *n);
void name_remove(struct name *n); /* fine on one that was never made */
void name_forget(struct name *n); /* it is somebody else's */

const struct name *names_first(void); /* NULL: there are none */
void names_leave(void);
void names_remove_all(void);

#endif
