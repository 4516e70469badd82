/*
 * The command line of a shim, as containerd writes it: Go's flags (-namespace NS or -namespace=NS),
 * then start or delete. Parsing only; points into argv.
 */
#ifndef SAMPAN_CONTAINERD_ARGS_H
#define SAMPAN_CONTAINERD_ARGS_H

#include "core/err.h"

struct args {
	const char *namespace, *id;
	const char *address;	    /* containerd's gRPC socket; its ttrpc socket is beside it */
	const char *publish_binary; /* accepted, not used: events go by ttrpc */
	const char *bundle;	    /* of delete; NULL: the current directory */
	const char *action;	    /* "start", "delete", ... or NULL */
	bool debug, info, version, help;
};

int args_parse(struct args *a, int argc, char *const *argv, struct err *err) MUST_USE;

/* Whether text may name a container, a namespace or an exec: containerd's identifiers, which can't
 * lead out of a directory. */
bool args_identifier(const char *text);

#endif
