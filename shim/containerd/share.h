/*
 * What a pod's guest sees of the host's files: one directory, served by virtiofsd, into which root
 * file systems and volumes are mounted. The directory is a small tmpfs in a mount namespace of the
 * shim's, virtiofsd's and the monitor's own: nobody else sees the mounts, and they are gone with
 * the last of these processes, however it ends. Mounts of the host still arrive in it. Loop thread
 * only.
 */
#ifndef SAMPAN_CONTAINERD_SHARE_H
#define SAMPAN_CONTAINERD_SHARE_H

#include <sys/types.h>
#include "core/err.h"

#define SHARE_DIR   "/run/sampan"
#define SHARE_TAG   "kataShared"
#define SHARE_GUEST "/run/kata-containers/shared/containers/" /* where the guest has it */

struct share {
	pid_t virtiofsd;
	int fd; /* connected to it, for the monitor; -1 */
};

/* Leaves the host's mount namespace for one of our own, and makes the directory. Once. */
int share_enter(struct err *err) MUST_USE;

/* Starts virtiofsd (a program's path) with this --cache, in cgroup (NULL: ours). */
int share_start(struct share *s, const char *virtiofsd, const char *cache, const char *cgroup,
	struct err *err) MUST_USE;
void share_stop(struct share *s);

/* Mounts source (a file or a directory) at name below the directory; name may have one slash. */
int share_bind(const char *name, const char *source, bool readonly, struct err *err) MUST_USE;
/* An empty directory for mounts of the caller's. */
int share_make(const char *name, struct err *err) MUST_USE;
/* Unmounts all at name and removes it. */
void share_remove(const char *name);

#endif
