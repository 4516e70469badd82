/*
 * What containerd says on the standard input of `start`, and what it wants to hear. Since 2.3 that
 * is a BootstrapParams message; before, an Any with the runtime's options, or nothing. An Any can
 * look like BootstrapParams: only one that repeats the command line's id and namespace is one.
 */
#ifndef SAMPAN_CONTAINERD_BOOTSTRAP_H
#define SAMPAN_CONTAINERD_BOOTSTRAP_H

#include "core/err.h"
#include "shim/containerd/config.h"

#define BOOTSTRAP_MAX (10 * MiB) /* bytes of standard input */

struct bootstrap {
	bool modern; /* the answer is a BootstrapResult, the Task service version 3 */
	bool debug;
	char *ttrpc_address; /* NULL: not told here */
	char *socket_dir;    /* NULL: the usual one */
	char *config_path;   /* of the runtime's options; NULL: none */
	char *config_text;   /* theirs, too */
	size_t config_len;
};

/* id and namespace are the command line's. */
int bootstrap_parse(struct bootstrap *b, const void *data, size_t len, const char *id,
	const char *namespace, struct err *err) MUST_USE;
void bootstrap_free(struct bootstrap *b);

/* Where the configuration is. Points into b. */
struct config_source bootstrap_config(const struct bootstrap *b);

/* What `start` writes to its standard output; malloc'ed. */
int bootstrap_answer(const struct bootstrap *b, const char *address, void **data, size_t *len,
	struct err *err) MUST_USE;

#endif
