/*
 * Namespaces that outlive every process in them: made in a thread that ends, kept by a bind mount.
 * Blocking; any thread.
 */
#ifndef SAMPAN_AGENT_NAMESPACE_H
#define SAMPAN_AGENT_NAMESPACE_H

#include "core/err.h"

/* An ipc and an uts namespace at those paths, the latter with the name. 0 or -errno. */
int namespaces_make(const char *ipc, const char *uts, const char *hostname, struct err *err)
	MUST_USE;
void namespaces_drop(const char *ipc, const char *uts);

#endif
