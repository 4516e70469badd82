/* What the files of workload.h share. */
#ifndef SAMPAN_CONTAINERD_WORKLOAD_INNER_H
#define SAMPAN_CONTAINERD_WORKLOAD_INNER_H

#include "shim/containerd/workload.h"

#define GUEST_RUN  "/run/kata-containers/"
#define GUEST_SHM  GUEST_RUN "sandbox/shm"
#define GUEST_PATH 512 /* bytes of a path in the guest */

#define WORKLOAD_DISKS	128
#define WORKLOAD_SHARES 256
#define WORKLOAD_COPIES 64

struct workload {
	const struct workload_wish *wish; /* while it is being made */
	json_t *spec;			  /* ours, being rewritten */
	Grpc__CreateContainerRequest *request;
	struct disks *disks;
	unsigned disk[WORKLOAD_DISKS], ndisks;
	char *share[WORKLOAD_SHARES];
	unsigned nshares;
	struct workload_copy copy[WORKLOAD_COPIES]; /* texts are ours */
	unsigned ncopies;
	unsigned plugging; /* disks that are not there yet, and one while it is being made */
	bool freed;
	int plug_rc;
	struct err plug_err;
	void (*settled)(void *arg, int rc, const char *text);
	void *arg;
};

/* A storage or a device of the request; its texts are copied. NULL: no memory, or too many. */
Grpc__Storage *workload_storage(struct workload *w, const char *driver, const char *source,
	const char *fstype, const char *mount_point);
Grpc__Device *workload_device(struct workload *w, const char *guest, const char *container);
int workload_option(char ***list, size_t *n, const char *fmt, ...) PRINTF(3, 4);

/* Has a disk plugged; name is the guest's. */
int workload_plug(struct workload *w, const char *path, bool readonly, char name[16],
	struct err *err) MUST_USE;
/* A file to be copied. */
int workload_copy(struct workload *w, const char *source, const char *target, struct err *err)
	MUST_USE;
/* Remembers that name is in the shared directory. */
int workload_shared(struct workload *w, const char *name, struct err *err) MUST_USE;

/* The steps: each rewrites its part of w->spec. */
int workload_rootfs(struct workload *w, struct err *err) MUST_USE;
int workload_mounts(struct workload *w, struct err *err) MUST_USE;
int workload_devices(struct workload *w, struct err *err) MUST_USE;
/* What is the host's or the monitor's business; what the pod shares. */
void workload_constrain(struct workload *w);

#endif
