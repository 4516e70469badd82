/*
 * What a driver does wrong, as tables: rings that lie, which are put in a queue of HOSTILE_RING
 * entries so that the device must break; and registers. One table for both players:
 * test_X_hostile.c against a device in fake RAM, and integration/evil-guest in a real machine, each
 * of which says where its RAM is before it includes this: HOSTILE_RAM, HOSTILE_RAM_END,
 * HOSTILE_HOLE (no RAM from the end to there), HOSTILE_REGISTERS (a device's), HOSTILE_RING, and in
 * RAM HOSTILE_DATA and HOSTILE_TABLE.
 */
#ifndef SAMPAN_VIRTIO_TEST_HOSTILE_ROWS_H
#define SAMPAN_VIRTIO_TEST_HOSTILE_ROWS_H

#include <linux/virtio_config.h>
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

/* Registers: rows of { name, outcome, act, arg }, where each player defines the outcomes and, under
 * these names, what is done. */
#define STATUS_NEW                                                                                 \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK)
#define STATUS_LIVE (STATUS_NEW | VIRTIO_CONFIG_S_DRIVER_OK)

#define REGISTER_ROWS                                                                              \
	{ "g01 QueueNum after DRIVER_OK", IGNORED, late_write, VIRTIO_MMIO_QUEUE_NUM },            \
		{ "g01 QueueReady after DRIVER_OK", IGNORED, late_write,                           \
			VIRTIO_MMIO_QUEUE_READY },                                                 \
		{ "g01 QueueDescLow after DRIVER_OK", IGNORED, late_write,                         \
			VIRTIO_MMIO_QUEUE_DESC_LOW },                                              \
		{ "g01 QueueDescHigh after DRIVER_OK", IGNORED, late_write,                        \
			VIRTIO_MMIO_QUEUE_DESC_HIGH },                                             \
		{ "g01 QueueDriverLow after DRIVER_OK", IGNORED, late_write,                       \
			VIRTIO_MMIO_QUEUE_AVAIL_LOW },                                             \
		{ "g01 QueueDriverHigh after DRIVER_OK", IGNORED, late_write,                      \
			VIRTIO_MMIO_QUEUE_AVAIL_HIGH },                                            \
		{ "g01 QueueDeviceLow after DRIVER_OK", IGNORED, late_write,                       \
			VIRTIO_MMIO_QUEUE_USED_LOW },                                              \
		{ "g01 QueueDeviceHigh after DRIVER_OK", IGNORED, late_write,                      \
			VIRTIO_MMIO_QUEUE_USED_HIGH },                                             \
		{ "g01 DriverFeatures after DRIVER_OK", IGNORED, late_write,                       \
			VIRTIO_MMIO_DRIVER_FEATURES },                                             \
		{ "g01 Status loses DRIVER_OK", IGNORED, late_status, STATUS_NEW },                \
		{ "g01 Status says NEEDS_RESET", IGNORED, late_status,                             \
			STATUS_LIVE | VIRTIO_CONFIG_S_NEEDS_RESET },                               \
		{ "g01 Status of all ones", IGNORED, late_status, UINT32_MAX },                    \
		{ "g01 Status of high bits only", IGNORED, late_status, 0xffffff00 },              \
		{ "g01 a feature never offered", EITHER, features_never_offered, 50 },             \
		{ "g01 feature bit 63", EITHER, features_never_offered, 63 },                      \
		{ "g02 size 0", BROKEN, bad_size, 0 }, { "g02 size 3", BROKEN, bad_size, 3 },      \
		{ "g02 size 15", BROKEN, bad_size, HOSTILE_RING - 1 },                             \
		{ "g02 size 0xffff", BROKEN, bad_size, 0xffff },                                   \
		{ "g02 size 2^16 + 16", BROKEN, bad_size, 0x10000 + HOSTILE_RING },                \
		{ "g02 size 2^31", BROKEN, bad_size, 0x80000000 },                                 \
		{ "g02 size 2^32 - 1", BROKEN, bad_size, UINT32_MAX },                             \
		{ "g03 QueueSel is the number of queues", IGNORED, select_none, 0 },               \
		{ "g03 QueueSel 0xffff", IGNORED, select_none, 0xffff },                           \
		{ "g03 QueueSel 2^31", IGNORED, select_none, 0x80000000 },                         \
		{ "g03 QueueSel 2^32 - 1", IGNORED, select_none, UINT32_MAX },                     \
		{ "g03 QueueNotify 0xffff", IGNORED, notify, 0xffff },                             \
		{ "g03 QueueNotify 2^32 - 1", IGNORED, notify, UINT32_MAX },                       \
		{ "g14 table in the registers", BROKEN, bad_desc, HOSTILE_REGISTERS },             \
		{ "g14 table over the end of RAM", BROKEN, bad_desc, HOSTILE_RAM_END - 16 },       \
		{ "g14 table unaligned", BROKEN, bad_desc, HOSTILE_RAM + 8 },                      \
		{ "g14 table at 2^64 - 16", BROKEN, bad_desc, UINT64_MAX - 15 },                   \
		{ "g14 table across the hole", BROKEN, bad_desc, HOSTILE_HOLE - 16 },              \
		{ "g14 available ring in the registers", BROKEN, bad_avail, HOSTILE_REGISTERS },   \
		{ "g14 available ring over the end of RAM", BROKEN, bad_avail,                     \
			HOSTILE_RAM_END - 4 - 2 * HOSTILE_RING },                                  \
		{ "g14 available ring unaligned", BROKEN, bad_avail, HOSTILE_RAM + 1 },            \
		{ "g14 available ring at 2^64 - 2", BROKEN, bad_avail, UINT64_MAX - 1 },           \
		{ "g14 used ring in the registers", BROKEN, bad_used, HOSTILE_REGISTERS },         \
		{ "g14 used ring over the end of RAM", BROKEN, bad_used,                           \
			HOSTILE_RAM_END - 4 - 8 * HOSTILE_RING },                                  \
		{ "g14 used ring unaligned", BROKEN, bad_used, HOSTILE_RAM + 2 },                  \
		{ "g14 used ring at 2^64 - 4", BROKEN, bad_used, UINT64_MAX - 3 },                 \
		{ "g19 all registers 0", EITHER, every_register, 0 },                              \
		{ "g19 all registers 1", EITHER, every_register, 1 },                              \
		{ "g19 all registers 2^31", EITHER, every_register, 0x80000000 },                  \
	{                                                                                          \
		"g19 all registers 2^32 - 1", EITHER, every_register, UINT32_MAX                   \
	}

#endif
#endif
