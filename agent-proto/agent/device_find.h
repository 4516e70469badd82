/*
 * Finding a disk of this guest by what the runtime calls it:
 *   "/dev/vdb"                        its node (the driver mmioblk, and blk's predicted name)
 *   "05", "02/05", "05.0/00.1"        slots on the way from PCI bus 0000:00, bridge by bridge
 *   "virtio3", "10008000.virtio_mmio" a device it hangs below in sysfs
 * It is there when sysfs has it with a size and its node is in /dev. Blocking; any thread.
 */
#ifndef SAMPAN_AGENT_DEVICE_FIND_H
#define SAMPAN_AGENT_DEVICE_FIND_H

#include <stdint.h>
#include "core/err.h"

struct uevents;

/* Where to look; for tests. */
struct device_places {
	const char *sys, *dev; /* "/sys", "/dev" */
};
extern const struct device_places device_places;

struct disk {
	char node[64]; /* "/dev/vdb" */
	uint32_t major, minor;
};

/* Waits up to timeout_ms for it. -EINVAL for a name of none of these forms, -ETIMEDOUT. */
int disk_find(struct disk *out, const struct device_places *at, struct uevents *u, const char *name,
	unsigned timeout_ms, struct err *err) MUST_USE;

/* Does the sysfs path of a block device ("../devices/.../block/vdb") lie at the PCI slots? False as
 * well for slots of no such form. */
bool pci_path_matches(const char *sysfs, const char *slots);

#endif
