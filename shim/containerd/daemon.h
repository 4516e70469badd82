/* The process that stays: it serves a pod until its last container has been deleted. */
#ifndef SAMPAN_CONTAINERD_DAEMON_H
#define SAMPAN_CONTAINERD_DAEMON_H

#include <jansson.h>
#include "shim/containerd/config.h"

struct daemon {
	const char *namespace, *id; /* of the sandbox, or the lone container */
	const char *ttrpc_address;  /* containerd's, for events */
	const char *socket;	    /* ours: removed in the end */
	int listener;
	int answered; /* a pipe's end: a byte once containerd has been told of the socket, its end
			 without one if nobody will ever come; -1: it has been told */
	struct config config; /* taken over */
	json_t *spec;	      /* taken over */
};

/* Returns the exit status. */
int daemon_run(struct daemon *d);

#endif
