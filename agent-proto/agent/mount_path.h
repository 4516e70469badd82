/*
 * Paths that the runtime names below a directory of ours, walked so that nothing in the tree (a
 * symlink that an image or a container left there) leads anywhere else: openat2(2) with
 * RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS. Blocking; any thread.
 */
#ifndef SAMPAN_AGENT_MOUNT_PATH_H
#define SAMPAN_AGENT_MOUNT_PATH_H

#include <sys/types.h>
#include "core/err.h"

/* The part of path below dir, "" for dir itself; NULL when it lies elsewhere, is not absolute or
 * has a ".." in it. Points into path. */
const char *path_below(const char *dir, const char *path);

/* rel below the directory root: a descriptor, or -errno (-ELOOP for a symlink on the way or at the
 * end). */
int path_open(int root, const char *rel, int flags) MUST_USE;

/* How missing directories are made. */
struct path_dirs {
	mode_t mode;
	bool own; /* uid and gid count */
	uid_t uid;
	gid_t gid;
};

/* The directory rel below root with every missing one made: an O_PATH descriptor, or -errno.
 * *made (may be NULL): the last one is new. */
int path_make(int root, const char *rel, const struct path_dirs *dirs, bool *made) MUST_USE;

/* The directory that holds rel's last component, made like the above, and where that name begins.
 * -EINVAL when rel has no last component. */
int path_parent(int root, const char *rel, const struct path_dirs *dirs, const char **name)
	MUST_USE;

/* "/proc/self/fd/N", by which mount(2) and chmod(2) reach what an O_PATH descriptor is open on. */
struct path_fd {
	char text[32];
};
struct path_fd path_fd(int fd);

#endif
