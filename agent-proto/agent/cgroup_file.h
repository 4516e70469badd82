/*
 * The files of one cgroup: small, read whole, written whole. All names are relative to a descriptor
 * of the group's directory. Internal to cgroup*.c.
 */
#ifndef SAMPAN_AGENT_CGROUP_FILE_H
#define SAMPAN_AGENT_CGROUP_FILE_H

#include "core/err.h"

#define CGROUP_FILE_MAX (256 * KiB) /* what is longer is cut off */

/* A descriptor of the directory ROOT/PATH, or -errno. */
int cgroup_open(const char *root, const char *path, struct err *err) MUST_USE;

/* The whole file, malloc'ed and NUL-terminated; NULL with errno set. */
char *cgroup_read(int dir, const char *name);

/* One number; "max" is UINT64_MAX. missing when there is no such file or no number in it. */
uint64_t cgroup_number(int dir, const char *name, uint64_t missing);

/* The next line of "KEY VALUE" at *text, which is moved on and cut up; false at the end. Lines of
 * another form are skipped. */
bool cgroup_pair(char **text, const char **key, uint64_t *value);

/* The value of a key in a file of such lines. */
uint64_t cgroup_value(int dir, const char *name, const char *key, uint64_t missing);

int cgroup_write(int dir, const char *name, const char *value); /* 0 or -errno */

/* Waits until key of cgroup.events has that value: the kernel tells when the file changes. 0,
 * -ETIMEDOUT or what reading failed with (-ENOENT, -ENODEV: the group is gone). */
int cgroup_await(int dir, const char *key, uint64_t value, unsigned timeout_ms) MUST_USE;

#endif
