/*
 * The words of sampan-stratovirt, as they were said: a QEMU-like command line in the dialect of
 * Kata's StratoVirt driver. Options come in any order; what refers to what (a device to its
 * chardev) is looked at in config.h. Nothing is opened; inherited descriptors are looked at.
 *
 * A -device, -drive, -chardev, -netdev or -object that repeats an earlier one to the letter counts
 * once: Kata's driver does that when it is given a disk before the start. Texts point into argv
 * and into texts.
 */
#ifndef SAMPAN_STRATOVIRT_OPTIONS_H
#define SAMPAN_STRATOVIRT_OPTIONS_H

#include "shim/opts/opts.h"
#include "vm.h"

#define SV_MAX 64 /* of each kind of part */

enum sv_kind { SV_RNG, SV_SERIAL, SV_CONSOLE, SV_BLK, SV_NET, SV_VSOCK, SV_FS };

struct sv_device {
	const char *raw; /* the option's value */
	const char *driver, *id;
	const char *rng, *chardev, *drive, *netdev; /* what it refers to */
	const char *tag, *serial;
	uint8_t mac[6];
	unsigned cid, nr, queues;
	uint64_t max_bytes, period_ms;
	int vhostfd;
	enum sv_kind kind;
};

struct sv_object {
	const char *raw, *type, *id, *filename;
	bool used;
};

struct sv_chardev {
	const char *raw, *backend, *id, *path;
	bool server, used;
};

struct sv_drive {
	const char *raw, *id, *file, *serial;
	bool readonly, direct, used;
	enum block_io io;
};

struct sv_netdev {
	const char *raw, *backend, *id;
	struct vm_net net;
	bool used;
};

struct sv_options {
	const char *name, *uuid, *kernel, *initrd, *append;
	const char *qmp, *log_file, *pid_file;
	struct chardev_config serial;
	unsigned cpus, max_cpus;
	uint64_t mem_mib;
	unsigned machine_type, disk_slots; /* 0: the usual number */
	bool mem_share, dump_guest_core, no_seccomp, help, version;
	struct sv_device devices[SV_MAX];
	struct sv_object objects[SV_MAX];
	struct sv_chardev chardevs[SV_MAX];
	struct sv_drive drives[SV_MAX];
	struct sv_netdev netdevs[SV_MAX];
	unsigned ndevices, nobjects, nchardevs, ndrives, nnetdevs;
	unsigned repeated; /* parts that came twice */
	struct opts_texts texts;
};

/* argv without the program's name. -EINVAL and the like with a sentence that names the option. */
int sv_options_parse(struct sv_options *o, int argc, char *const *argv, struct err *err) MUST_USE;
void sv_options_free(struct sv_options *o);
void sv_options_help(FILE *to);

#endif
