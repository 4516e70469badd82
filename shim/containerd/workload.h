/*
 * One container as the guest gets it: its specification rewritten for the guest, its files shared,
 * its disks plugged, and the request that makes it. What was shared and plugged is given back by
 * workload_free(). Loop thread only.
 */
#ifndef SAMPAN_CONTAINERD_WORKLOAD_H
#define SAMPAN_CONTAINERD_WORKLOAD_H

#include <jansson.h>
#include "agent.pb-c.h"
#include "shim/containerd/disks.h"
#include "shim/containerd/rootfs.h"

struct workload_wish {
	const char *id, *bundle;
	unsigned number;       /* of this workload in its pod, for names that must be short */
	const json_t *spec;    /* as containerd wrote it; borrowed */
	const json_t *sandbox; /* the pod's, whose sysctls hold for its members; NULL: none */
	const struct rootfs_mount *rootfs;
	size_t nrootfs;
	struct disks *disks;
	bool seccomp, watch_config_maps;
	bool shared_files; /* else files are copied, and directories are refused */
};

struct workload;

/* settled(arg, rc, text) is called once, when all its disks are there or one is not; maybe before
 * this returns: *out is set then. */
int workload_new(struct workload **out, const struct workload_wish *wish,
	void (*settled)(void *arg, int rc, const char *text), void *arg, struct err *err) MUST_USE;
void workload_free(struct workload *w);

/* The files that must be copied into the guest before the request, until workload_free(). */
struct workload_copy {
	const char *source, *target; /* of the host, of the guest */
};
size_t workload_copies(const struct workload *w, const struct workload_copy **list);

/* Until workload_free(). */
const Grpc__CreateContainerRequest *workload_request(const struct workload *w);

#endif
