/*
 * Rings that lie, as a table: what a driver puts in a queue of HOSTILE_RING entries so that the
 * device must break. One table for both players: test_X_hostile.c against a device in fake RAM, and
 * integration/evil-guest in a real machine, each of which says where its RAM is before it includes
 * this: HOSTILE_RAM, HOSTILE_RAM_END, HOSTILE_HOLE (no RAM from the end to there),
 * HOSTILE_REGISTERS (a device's), HOSTILE_RING, and in RAM HOSTILE_DATA and HOSTILE_TABLE.
 */
#ifndef SAMPAN_VIRTIO_TEST_HOSTILE_ROWS_H
#define SAMPAN_VIRTIO_TEST_HOSTILE_ROWS_H

#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#ifdef HOSTILE_RAM /* a player has said it */

#define N	 VRING_DESC_F_NEXT
#define W	 VRING_DESC_F_WRITE
#define I	 VRING_DESC_F_INDIRECT
#define DATA	 HOSTILE_DATA
#define TABLE	 HOSTILE_TABLE
#define RING	 HOSTILE_RING
#define INDIRECT (UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)

struct ring_row {
	const char *name;
	struct vring_desc desc[3];  /* from entry 0 on */
	struct vring_desc table[3]; /* at TABLE */
	unsigned fill;		    /* or so many chained entries there */
	uint16_t head, ahead;	    /* ahead: how far avail.idx goes; 0: one */
	uint64_t without;	    /* features that are not negotiated */
};

static const struct ring_row ring_rows[] = {
	{ .name = "g04 head is the queue's size", .desc = { { DATA, 8, 0, 0 } }, .head = RING },
	{ .name = "g04 head is twice the queue's size",
		.desc = { { DATA, 8, 0, 0 } },
		.head = 2 * RING },
	{ .name = "g04 head is 0x7fff", .desc = { { DATA, 8, 0, 0 } }, .head = 0x7fff },
	{ .name = "g04 head is 0xffff", .desc = { { DATA, 8, 0, 0 } }, .head = 0xffff },
	{ .name = "g04 next is the queue's size", .desc = { { DATA, 8, N, RING } } },
	{ .name = "g04 next is 0x8000", .desc = { { DATA, 8, N, 0x8000 } } },
	{ .name = "g04 next is 0xffff", .desc = { { DATA, 8, N, 0xffff } } },
	{ .name = "g05 next is itself", .desc = { { DATA, 8, N, 0 } } },
	{ .name = "g05 next is itself, written to", .desc = { { DATA, 8, N | W, 0 } } },
	{ .name = "g05 next is itself, empty", .desc = { { DATA, 0, N, 0 } } },
	{ .name = "g05 a ring of two", .desc = { { DATA, 8, N, 1 }, { DATA, 8, N, 0 } } },
	{ .name = "g05 a ring of three, empty",
		.desc = { { DATA, 0, N, 1 }, { DATA, 0, N, 2 }, { DATA, 0, N, 0 } } },
	{ .name = "g05 longer than the queue by a table",
		.desc = { { DATA, 8, N, 1 }, { TABLE, 16 * RING, I, 0 } },
		.fill = RING },
	{ .name = "g05 a loop in a table",
		.desc = { { TABLE, 32, I, 0 } },
		.table = { { DATA, 8, N, 1 }, { DATA, 8, N, 0 } } },
	{ .name = "g05 an empty loop in a table",
		.desc = { { TABLE, 16, I, 0 } },
		.table = { { DATA, 0, N, 0 } } },
	{ .name = "g06 table of no bytes",
		.desc = { { TABLE, 0, I, 0 } },
		.table = { { DATA, 8, 0, 0 } } },
	{ .name = "g06 table of 1 byte",
		.desc = { { TABLE, 1, I, 0 } },
		.table = { { DATA, 8, 0, 0 } } },
	{ .name = "g06 table of 15 bytes",
		.desc = { { TABLE, 15, I, 0 } },
		.table = { { DATA, 8, 0, 0 } } },
	{ .name = "g06 table of 17 bytes",
		.desc = { { TABLE, 17, I, 0 } },
		.table = { { DATA, 8, 0, 0 } } },
	{ .name = "g06 table of 2^31 bytes",
		.desc = { { TABLE, 1U << 31, I, 0 } },
		.table = { { DATA, 8, 0, 0 } } },
	{ .name = "g06 table of 2^32 - 16 bytes",
		.desc = { { TABLE, 0xfffffff0, I, 0 } },
		.table = { { DATA, 8, 0, 0 } } },
	{ .name = "g06 table larger than the queue",
		.desc = { { TABLE, 16 * (RING + 1), I, 0 } },
		.table = { { DATA, 8, 0, 0 } } },
	{ .name = "g06 table with a next",
		.desc = { { TABLE, 16, I | N, 1 }, { DATA, 8, 0, 0 } },
		.table = { { DATA, 8, 0, 0 } } },
	{ .name = "g06 table in a table",
		.desc = { { TABLE, 16, I, 0 } },
		.table = { { TABLE + 16, 16, I, 0 }, { DATA, 8, 0, 0 } } },
	{ .name = "g06 table in itself",
		.desc = { { TABLE, 16, I, 0 } },
		.table = { { TABLE, 16, I, 0 } } },
	{ .name = "g06 next beyond the table",
		.desc = { { TABLE, 16, I, 0 } },
		.table = { { DATA, 8, N, 1 }, { DATA, 8, 0, 0 } } },
	{ .name = "g06 next 0xffff in a table",
		.desc = { { TABLE, 32, I, 0 } },
		.table = { { DATA, 8, N, 0xffff } } },
	{ .name = "g06 table over the end of RAM", .desc = { { HOSTILE_RAM_END - 16, 32, I, 0 } } },
	{ .name = "g06 table over the start of RAM", .desc = { { HOSTILE_HOLE - 16, 32, I, 0 } } },
	{ .name = "g06 table in the registers", .desc = { { HOSTILE_REGISTERS, 16, I, 0 } } },
	{ .name = "g06 table at 2^64 - 16", .desc = { { UINT64_MAX - 15, 32, I, 0 } } },
	{ .name = "g06 table not negotiated",
		.desc = { { TABLE, 16, I, 0 } },
		.table = { { DATA, 8, 0, 0 } },
		.without = INDIRECT },
	{ .name = "g08 avail.idx ahead by size + 1",
		.desc = { { DATA, 8, 0, 0 } },
		.ahead = RING + 1 },
	{ .name = "g08 avail.idx ahead by 0x7fff", .desc = { { DATA, 8, 0, 0 } }, .ahead = 0x7fff },
	{ .name = "g08 avail.idx ahead by 0x8000", .desc = { { DATA, 8, 0, 0 } }, .ahead = 0x8000 },
	{ .name = "g08 avail.idx backwards", .desc = { { DATA, 8, 0, 0 } }, .ahead = 0xffff },
	{ .name = "g13 buffer in the registers", .desc = { { HOSTILE_REGISTERS, 8, 0, 0 } } },
	{ .name = "g13 buffer in QueueNotify, written to",
		.desc = { { HOSTILE_REGISTERS + VIRTIO_MMIO_QUEUE_NOTIFY, 4, W, 0 } } },
	{ .name = "g13 buffer in an interrupt file", .desc = { { 0x28000000, 4, W, 0 } } },
	{ .name = "g14 buffer at 0", .desc = { { 0, 8, 0, 0 } } },
	{ .name = "g14 buffer before RAM", .desc = { { HOSTILE_RAM - 1, 2, 0, 0 } } },
	{ .name = "g14 buffer over the end of RAM", .desc = { { HOSTILE_RAM_END - 1, 2, 0, 0 } } },
	{ .name = "g14 buffer over the end of RAM, written to",
		.desc = { { HOSTILE_RAM_END - 1, 2, W, 0 } } },
	{ .name = "g14 buffer behind RAM", .desc = { { HOSTILE_RAM_END, 8, W, 0 } } },
	{ .name = "g14 buffer in the hole", .desc = { { HOSTILE_RAM_END + 0x1000, 8, W, 0 } } },
	{ .name = "g14 buffer across the hole",
		.desc = { { HOSTILE_RAM_END - 8, HOSTILE_HOLE - HOSTILE_RAM_END + 16, W, 0 } } },
	{ .name = "g14 buffer of 2^32 - 1 bytes", .desc = { { DATA, UINT32_MAX, W, 0 } } },
	{ .name = "g14 buffer at 2^64 - 1", .desc = { { UINT64_MAX, 1, 0, 0 } } },
	{ .name = "g14 buffer wraps 2^64", .desc = { { UINT64_MAX - 7, 16, W, 0 } } },
	{ .name = "g14 buffer 2^63 above RAM",
		.desc = { { (UINT64_C(1) << 63) | DATA, 8, W, 0 } } },
	{ .name = "g14 empty buffer behind RAM", .desc = { { HOSTILE_RAM_END, 0, 0, 0 } } },
	{ .name = "g14 second buffer outside RAM",
		.desc = { { DATA, 8, N, 1 }, { HOSTILE_REGISTERS, 8, W, 0 } } },
	{ .name = "g15 readable behind writable",
		.desc = { { DATA, 8, N | W, 1 }, { DATA, 8, 0, 0 } } },
	{ .name = "g15 readable behind writable in a table",
		.desc = { { TABLE, 32, I, 0 } },
		.table = { { DATA, 8, N | W, 1 }, { DATA, 8, 0, 0 } } },
};

#undef N
#undef W
#undef I
#undef DATA
#undef TABLE
#undef RING
#undef INDIRECT

#endif
#endif
