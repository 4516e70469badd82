/*
 * Mount options as a list of words, the way fstab and the OCI specification write them: flags of
 * mount(2), propagation, and what is left for the file system itself. Pure; any thread.
 */
#ifndef SAMPAN_AGENT_MOUNT_OPTS_H
#define SAMPAN_AGENT_MOUNT_OPTS_H

#include <sys/types.h>
#include "core/err.h"

struct mount_opts {
	unsigned long flags;	   /* MS_RDONLY, MS_BIND... without propagation */
	unsigned long propagation; /* MS_PRIVATE..., with MS_REC; 0: as it comes */
	bool has_fsgid;		   /* "fsgid=N": the group of the mount's root */
	gid_t fsgid;
	bool has_mode; /* "mode=N", which is among the data as well */
	mode_t mode;
	uint64_t size, page_size; /* "size=N[kmg]" and "pagesize=N[kmg]" in bytes; 0: not given */
	bool overlay_rw;	  /* Kata's word for an overlay with a writable layer of its own */
	char *data; /* the file system's own words, joined by commas; malloc'ed, never NULL */
};

/* Words that begin with "io.katacontainers." are for the runtime and the agent, no file system sees
 * them. -EINVAL for a number that is none, -E2BIG when the data exceeds what mount(2) takes. */
int mount_opts_parse(struct mount_opts *o, char *const *words, size_t n, struct err *err) MUST_USE;
void mount_opts_free(struct mount_opts *o);

/* One more word for the file system. */
int mount_opts_add(struct mount_opts *o, struct err *err, const char *fmt, ...) PRINTF(3, 4)
MUST_USE;

#endif
