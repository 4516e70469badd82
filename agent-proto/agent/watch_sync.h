/*
 * One step of following: what a small tree looks like, and making another tree the same. Kubernetes
 * changes a volume by one rename of the symlink "..data"; the copy is changed in the same order
 * (new files, then "..data", then the other links, then what is gone), so that a reader sees the
 * old content or the new one. Blocking; any thread.
 */
#ifndef SAMPAN_AGENT_WATCH_SYNC_H
#define SAMPAN_AGENT_WATCH_SYNC_H

#include <sys/stat.h>
#include "core/err.h"

#define WATCH_ENTRIES_MAX 16
#define WATCH_BYTES_MAX	  MiB

struct watch_entry {
	char *path; /* below the root, "a/b" */
	char *link; /* a symlink's target, or NULL */
	struct stat st;
};

struct watch_tree {
	struct stat root; /* a directory, or the one file */
	struct watch_entry entry[WATCH_ENTRIES_MAX];
	unsigned n;
	uint64_t bytes;
};

/* Looks at the tree (or file) that fd, open for reading, stands for. 0, -EFBIG beyond the limits,
 * -errno. What is neither directory, file nor symlink is left out. */
int watch_tree_read(struct watch_tree *t, int fd) MUST_USE;
void watch_tree_free(struct watch_tree *t); /* fine for a zeroed one */
bool watch_tree_same(const struct watch_tree *a, const struct watch_tree *b);

/* Makes the directory (or file) to like the tree t, whose root from is open on. -EAGAIN when from
 * has changed meanwhile; nothing that a reader relies on has gone then. */
int watch_tree_apply(const struct watch_tree *t, int from, int to) MUST_USE;

/* Removes name in dir with all that is below it. */
int watch_tree_remove(int dir, const char *name);

#endif
