/*
 * Mounting below the agent's run directory, and undoing it. Mount points are walked without
 * symlinks and made when missing (mount_path.h). Blocking; any thread.
 */
#ifndef SAMPAN_AGENT_MOUNT_H
#define SAMPAN_AGENT_MOUNT_H

#include "agent/mount_opts.h"

/* An open mount point, before or after something is mounted on it. */
struct mount_point {
	const char *path; /* as it was named */
	int fd;		  /* O_PATH; the caller closes it */
	bool made;	  /* the last component is new */
};

/* path below run_dir (itself excluded): a directory, or an empty file when file is true. */
int mount_point_open(struct mount_point *p, const char *run_dir, const char *path, bool file,
	struct err *err) MUST_USE;

/* A file system of its own, or with MS_BIND in the options a bind mount of source, its other flags
 * set in a second step. What was half done is undone. */
int mount_on(const struct mount_point *p, const char *source, const char *fstype,
	const struct mount_opts *opts, struct err *err) MUST_USE;

/* Options of a mount that is there; data counts as well. */
int mount_change(const char *run_dir, const char *path, const char *fstype,
	const struct mount_opts *opts, struct err *err) MUST_USE;

/* Unmounts path (lazily, with a warning, when it is busy) and takes away the empty directory or
 * file when rm is true. Logs what fails. */
void mount_end(const char *run_dir, const char *path, bool rm);

/* Is the object that fd is open on the root of a mount? */
bool mount_is_root(int fd);

/* Mount points of this mount namespace at or below dir, in the order they were mounted; *paths and
 * each string are malloc'ed. The number, or -errno. */
ssize_t mount_list(const char *dir, char ***paths, struct err *err) MUST_USE;
void mount_list_free(char **paths, ssize_t n);

/* The mount point of one line of /proc/self/mountinfo, its octal escapes undone, into buf. False
 * for a line that is none. */
bool mount_parse_line(const char *line, char *buf, size_t len);

#endif
