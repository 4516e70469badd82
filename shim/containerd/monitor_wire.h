/*
 * What the shim and the monitor's process say to each other: structs on a SOCK_SEQPACKET pair,
 * which both ends inherit from the same executable. The first message is the configuration, with
 * every descriptor that the machine needs; then commands, each answered in order; events come
 * whenever. The end of the socket is the end of the monitor. Header only.
 */
#ifndef SAMPAN_CONTAINERD_MONITOR_WIRE_H
#define SAMPAN_CONTAINERD_MONITOR_WIRE_H

#include <stdint.h>
#include "core/util.h"

#define WIRE_FD	    3 /* the monitor's number for its end */
#define WIRE_NETS   8
#define WIRE_TAPS   4 /* queue pairs of one network */
#define WIRE_APPEND 1024
#define WIRE_TEXT   480
/* kernel, root, vsock, file system, console, taps */
#define WIRE_FDS (5 + WIRE_NETS * WIRE_TAPS)

struct wire_net {
	uint8_t mac[6];
	uint16_t mtu;
	uint32_t ntaps;
	char id[16];
};

/* Descriptors, in this order: kernel, image or initrd, vhost-vsock, console, file system (if
 * has_fs), each network's taps. */
struct wire_config {
	uint64_t mem_size; /* bytes */
	uint32_t cpus, disk_slots, cid, nnets;
	bool root_is_image, has_fs, hugepages, debug;
	char name[80], tag[37], append[WIRE_APPEND];
	struct wire_net net[WIRE_NETS];
};

enum wire_op { WIRE_PLUG, WIRE_UNPLUG, WIRE_STOP };

struct wire_command {
	enum wire_op op;
	uint32_t slot; /* of disks */
	bool readonly;
	char id[21];
};

enum wire_what {
	WIRE_STARTED, /* code 0: the guest runs; else the monitor ends */
	WIRE_ANSWER,  /* to a command */
	WIRE_ENDED,   /* the guest has stopped; text says how */
};

struct wire_event {
	enum wire_what what;
	int code; /* 0 or -errno */
	char text[WIRE_TEXT];
};

#endif
