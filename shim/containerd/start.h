/* The two calls of containerd's to a shim's program. Each returns the exit status. */
#ifndef SAMPAN_CONTAINERD_START_H
#define SAMPAN_CONTAINERD_START_H

#include "shim/containerd/args.h"

#define SHIM_NAME "containerd-shim-sampan-v2"

/* A new pod gets a daemon, a member of one its address. */
int start_run(const struct args *a);
int delete_run(const struct args *a);
/* -info: what the runtime can do. */
int info_run(void);

/* One line on stderr: "containerd-shim-sampan-v2: SENTENCE". Returns 1. */
int shim_error(const char *sentence);

#endif
