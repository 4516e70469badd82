/*
 * The replaceable disks of a pod's machine: which slot holds what, and for how many. What is
 * read-only and wanted twice is plugged once. Loop thread only; owner: the pod.
 */
#ifndef SAMPAN_CONTAINERD_DISKS_H
#define SAMPAN_CONTAINERD_DISKS_H

#include <sys/types.h>
#include "core/err.h"

#define DISKS_MAX 48

struct monitor;

struct disk_slot {
	unsigned users;
	bool readonly, busy; /* busy: being unplugged */
	dev_t dev;
	ino_t ino;
};

struct disks {
	struct monitor *monitor;
	unsigned first; /* disks that the machine has from the start */
	unsigned slots;
	struct disk_slot slot[DISKS_MAX];
};

/*
 * Opens path (a file or a block device) and has it plugged; *index is its number among the guest's
 * disks. done(arg, rc, text) is called once when it is there, or not. -ENOSPC: no slot is free.
 */
int disks_plug(struct disks *d, const char *path, bool readonly, unsigned *index,
	void (*done)(void *arg, int rc, const char *text), void *arg, struct err *err) MUST_USE;

/* One user less; the last unplugs it. */
void disks_drop(struct disks *d, unsigned index);

/* "/dev/vdb" of the guest. */
void disks_name(char name[16], unsigned index);

#endif
