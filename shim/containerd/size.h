/*
 * How large a pod's machine is: the configuration's size, and what the pod's limits add. A machine
 * is not resized while it runs, so what counts is known before it starts: the sums that the kubelet
 * gives with the sandbox, or the limits of a container that is alone. Pure.
 */
#ifndef SAMPAN_CONTAINERD_SIZE_H
#define SAMPAN_CONTAINERD_SIZE_H

#include <jansson.h>
#include "shim/containerd/config.h"

struct size {
	unsigned vcpus;
	unsigned memory; /* MiB, even */
};

/* spec: the sandbox's, or the lone container's. */
int size_pod(struct size *size, const struct config *config, const json_t *spec, struct err *err)
	MUST_USE;

#endif
