/*
 * fstab-style options (containerd's mounts, the specification's) and mounting by them on the host.
 * Blocking; any thread.
 */
#ifndef SAMPAN_CONTAINERD_MOUNTS_H
#define SAMPAN_CONTAINERD_MOUNTS_H

#include "core/err.h"

struct mount_flags {
	unsigned long flags; /* MS_ */
	char *data;	     /* what is the file system's own, with commas; malloc'ed, maybe "" */
	bool loop;
};

/* "X-..." options are orders to others and left out. */
int mount_flags_parse(struct mount_flags *f, char *const *options, size_t n, struct err *err)
	MUST_USE;

/* Whether word is among the options. */
bool mount_has_option(char *const *options, size_t n, const char *word);

/* Mounts source of this type on target. Options of an overlay may be longer than a page. */
int mount_one(const char *type, const char *source, const char *target, char *const *options,
	size_t n, struct err *err) MUST_USE;

/* source with all that is mounted below it on target, which is there. */
int mount_bind(const char *source, const char *target, bool readonly, struct err *err) MUST_USE;

#endif
