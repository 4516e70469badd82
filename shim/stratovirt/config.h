/*
 * The machine that the words of a StratoVirt-like command line describe: struct sv_options to
 * struct vm_config. Devices find their chardev, drive, netdev and object here; what is missing,
 * left over or given twice is refused by name. Pure: opens nothing.
 *
 * Owner: the front. A struct sv_config points into the struct sv_options it was made of; both must
 * outlive vm_new().
 */
#ifndef SAMPAN_STRATOVIRT_CONFIG_H
#define SAMPAN_STRATOVIRT_CONFIG_H

#include "shim/stratovirt/options.h"

/* Disks of the start and empty slots, unless -machine disk-slots= says otherwise. */
#define SV_DISK_SLOTS 16

struct sv_disk_name {
	const char *drive, *device; /* ids, for QMP */
};

struct sv_config {
	struct vm_config vm; /* without callbacks */
	struct vm_disk disks[SV_MAX];
	struct sv_disk_name disk_names[SV_MAX];
	struct vm_net nets[SV_MAX];
	struct vm_console consoles[1];
	struct vm_fs filesystems[SV_MAX];
	char net_ids[SV_MAX][24];
	int fds[SV_MAX * VM_MAX_NET_QUEUES + 2]; /* inherited ones that a device takes over */
	unsigned nfds;
};

int sv_config_make(struct sv_config *c, struct sv_options *o, struct err *err) MUST_USE;

#endif
