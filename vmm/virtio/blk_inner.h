/*
 * The block device's own structures, between blk.c (its life, queues and answers), blk_request.c
 * (what a request asks for) and blk_disk.c (the disk it shows). All of it is guarded by the
 * device's lock.
 */
#ifndef SAMPAN_VIRTIO_BLK_INNER_H
#define SAMPAN_VIRTIO_BLK_INNER_H

#include <linux/virtio_blk.h>
#include "block/block.h"
#include "virtio/devices.h"

#define BLK_SECTOR   512
#define BLK_SEGMENTS 128 /* in the longest chain, a header and a status among them */
#define BLK_RANGES   16	 /* in one DISCARD or WRITE_ZEROES */

/* The longest range, in sectors. */
#define BLK_MAX_DISCARD (4 * GiB / BLK_SECTOR)
#define BLK_MAX_ZEROES	(32 * MiB / BLK_SECTOR) /* may be written, and a reset waits */

struct blk_reply {
	uint8_t __guest *status;
	uint32_t room; /* bytes for the device to write before the status byte */
	uint32_t fill; /* how many of them are written if all goes well */
	uint16_t head;
	uint8_t queue;
};

struct blk_slot {
	struct block_req req;
	struct blk_slot *next; /* while free */
	struct blk_reply reply;
	unsigned range_at, nranges;
	union {
		struct iovec iov[BLK_SEGMENTS];
		struct virtio_blk_discard_write_zeroes range[BLK_RANGES];
	};
};

struct blk {
	struct virtio_dev dev; /* whose lock guards all of this */
	struct block_owner owner;
	struct block *block; /* NULL: no disk is in, capacity is 0 */
	struct block *place; /* a replaceable slot's back end, with or without a disk */
	uint64_t capacity;   /* bytes, a multiple of BLK_SECTOR */
	char serial[VIRTIO_BLK_ID_BYTES];
	struct blk_slot *slots, *spare; /* spare: used before and free */
	unsigned nslots, fresh;		/* slots[fresh..] were never used */
	uint32_t dirty;			/* queues with answers that their driver was not told of */
	uint32_t starved;		/* queues that wait for a slot */
	bool draining;
	bool unheard; /* the disk changed while no driver could be told */
};

/*
 * Reads the request in chain c, which has room for a header and a status byte. 1: s->req is to be
 * submitted; else the result, 0 or -errno (-EOPNOTSUPP: UNSUPP).
 */
int blk_request(struct blk *blk, const struct chain *c, struct blk_slot *s) MUST_USE;

/* Makes the slot's next range its request; false when none is left. */
bool blk_next_range(struct blk_slot *s);

/* blk.c: a device without a disk, its queues and slots ready. */
int blk_new(struct blk **out, const struct virtio_env *env, unsigned queues, struct err *err)
	MUST_USE;

/* blk_disk.c. What can be said of cfg before its file is looked at. */
int blk_check(const struct blk *blk, const struct vm_disk *cfg, struct err *err) MUST_USE;
/* Capacity and serial number become those of blk->block, or nothing. */
void blk_show(struct blk *blk, const struct vm_disk *cfg);
/* Features and configuration space for a disk like info. */
void blk_describe(struct blk *blk, const struct block_info *info);

#endif
