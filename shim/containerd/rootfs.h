/*
 * How a container's root file system gets into the guest, from the list of mounts that containerd's
 * snapshotter gave: by sharing what is mounted here, by a disk, or by an overlay of disks. Pure but
 * for one stat(2): whether a source is a block device.
 *
 * - overlayfs, native and whatever else makes directories: mounted here in order, shared;
 * - blockfile (a file with a file system) and devmapper (a block device): one disk;
 * - erofs: its layers are disks, the last entry an overlay of them with "{{ mount N }}" and
 *   "{{ overlay A B }}" in its options, N counting the list's entries; the writable layer is one
 *   of the disks (block mode) or, else, in the guest's memory.
 */
#ifndef SAMPAN_CONTAINERD_ROOTFS_H
#define SAMPAN_CONTAINERD_ROOTFS_H

#include "core/err.h"

#define ROOTFS_DISKS 64

struct rootfs_mount { /* containerd.types.Mount */
	const char *type, *source;
	char *const *options;
	size_t noptions;
};

enum rootfs_kind {
	ROOTFS_PATH,   /* there are no mounts: the specification's root.path */
	ROOTFS_SHARED, /* all of the list */
	ROOTFS_DISK,   /* disks[0] */
	ROOTFS_OVERLAY,
};

struct rootfs_disk {
	const char *source, *type;
	bool readonly;
	char *const *options; /* of the mount it comes from: mount_flags_parse() */
	size_t noptions;
};

struct rootfs_plan {
	enum rootfs_kind kind;
	struct rootfs_disk disks[ROOTFS_DISKS];
	unsigned ndisks;
	/* ROOTFS_OVERLAY: indices of disks, the topmost first */
	unsigned lower[ROOTFS_DISKS], nlower;
	int upper;	   /* the disk with the writable layer; -1: the guest's memory */
	char upperdir[64]; /* in that disk, as workdir: "upper" */
	char workdir[64];
	bool readonly; /* there is no writable layer at all */
};

int rootfs_plan(struct rootfs_plan *plan, const struct rootfs_mount *mounts, size_t n,
	struct err *err) MUST_USE;

#endif
