/* Registers at the wrong time and with the wrong values; see evil.h. Numbers are the native
 * suite's. */
#include <linux/virtio_config.h>
#include "evil.h"

static const uint32_t junk[] = { 0, 1, 3, HOSTILE_RING + 1, 0x7fff, 0x8000, 0xffff, 0x10000,
	0x80000000, 0xffffffff };

/* A null verdict is a good one. */
static const char *late(struct device *d, uint64_t reg)
{
	for (uint32_t q = 0; q < QUEUES + 1; q++)
		for (unsigned i = 0; i < COUNT(junk); i++) {
			set(d, VIRTIO_MMIO_QUEUE_SEL, q);
			set(d, (uint32_t)reg, junk[i]);
			kick(d, 0);
		}
	return NULL;
}

static const char *late_status(struct device *d, uint64_t value)
{
	set(d, VIRTIO_MMIO_STATUS, (uint32_t)value);
	return get(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_DRIVER_OK ? NULL : "DRIVER_OK is gone";
}

static const char *size(struct device *d, uint64_t n)
{
	volatile struct ring *r = &d->ring[0];

	if (!negotiate(d, 0))
		return "it can't be set up";
	place(d, 0, (uint32_t)n, (uint64_t)r->desc, (uint64_t)&r->avail, (uint64_t)&r->used);
	driver_ok(d);
	return NULL;
}

static const char *ring_at(struct device *d, uint64_t gpa)
{
	if (!negotiate(d, 0))
		return "it can't be set up";
	place(d, 0, HOSTILE_RING, gpa, gpa, gpa);
	driver_ok(d);
	return NULL;
}

static const char *select_none(struct device *d, uint64_t sel)
{
	set(d, VIRTIO_MMIO_QUEUE_SEL, (uint32_t)sel);
	for (uint32_t reg = VIRTIO_MMIO_QUEUE_NUM; reg <= VIRTIO_MMIO_QUEUE_USED_HIGH; reg += 4)
		if (reg < VIRTIO_MMIO_INTERRUPT_STATUS || reg > VIRTIO_MMIO_STATUS)
			set(d, reg, 1);
	return get(d, VIRTIO_MMIO_QUEUE_NUM_MAX) || get(d, VIRTIO_MMIO_QUEUE_READY)
		? "such a queue is there"
		: NULL;
}

static const char *notify(struct device *d, uint64_t q)
{
	set(d, VIRTIO_MMIO_QUEUE_NOTIFY, (uint32_t)q);
	return NULL;
}

static const char *never_offered(struct device *d, uint64_t bit)
{
	bool accepted = negotiate(d, 1UL << bit);

	driver_ok(d);
	return accepted ? "it is accepted" : NULL;
}

static const char *configuration(struct device *d, uint64_t unused)
{
	(void)unused;
	for (unsigned long off = VIRTIO_MMIO_CONFIG; off < 0x1000; off++) {
		*(volatile uint8_t *)(d->regs + off) = 0;
		(void)*(volatile uint8_t *)(d->regs + off);
		if (off % 2 == 0)
			*(volatile uint16_t *)(d->regs + off) = 0;
		if (off % 8 == 0)
			(void)*(volatile uint64_t *)(d->regs + off);
	}
	return NULL;
}

static const char *narrow(struct device *d, uint64_t unused)
{
	uint32_t bad = 0;

	(void)unused;
	for (unsigned long off = 0; off < VIRTIO_MMIO_CONFIG; off++) {
		*(volatile uint8_t *)(d->regs + off) = 0xff;
		bad |= *(volatile uint8_t *)(d->regs + off);
		if (off % 2 == 0)
			bad |= *(volatile uint16_t *)(d->regs + off);
		if (off % 8 == 0)
			*(volatile uint64_t *)(d->regs + off) = ~0UL;
	}
	return bad ? "a narrow read gives something" : NULL;
}

static const char *every_register(struct device *d, uint64_t value)
{
	for (uint32_t off = 0; off < VIRTIO_MMIO_CONFIG; off += 4) {
		set(d, off, (uint32_t)value);
		get(d, off);
	}
	return get(d, VIRTIO_MMIO_DEVICE_ID) == d->id ? NULL : "the device is another";
}

static const struct {
	const char *name;
	enum outcome outcome;
	const char *(*act)(struct device *d, uint64_t arg);
	uint64_t arg;
} rows[] = {
	{ "g01 QueueNum after DRIVER_OK", IGNORED, late, VIRTIO_MMIO_QUEUE_NUM },
	{ "g01 QueueReady after DRIVER_OK", IGNORED, late, VIRTIO_MMIO_QUEUE_READY },
	{ "g01 QueueDescLow after DRIVER_OK", IGNORED, late, VIRTIO_MMIO_QUEUE_DESC_LOW },
	{ "g01 QueueDriverHigh after DRIVER_OK", IGNORED, late, VIRTIO_MMIO_QUEUE_AVAIL_HIGH },
	{ "g01 QueueDeviceLow after DRIVER_OK", IGNORED, late, VIRTIO_MMIO_QUEUE_USED_LOW },
	{ "g01 DriverFeatures after DRIVER_OK", IGNORED, late, VIRTIO_MMIO_DRIVER_FEATURES },
	{ "g01 Status loses DRIVER_OK", IGNORED, late_status, 1 },
	{ "g01 Status of all ones", IGNORED, late_status, UINT32_MAX },
	{ "g01 a feature never offered", EITHER, never_offered, 50 },
	{ "g02 size 0", BROKEN, size, 0 },
	{ "g02 size 3", BROKEN, size, 3 },
	{ "g02 size 0xffff", BROKEN, size, 0xffff },
	{ "g02 size 2^16 + 16", BROKEN, size, 0x10010 },
	{ "g02 size 2^32 - 1", BROKEN, size, UINT32_MAX },
	{ "g03 QueueSel 34", IGNORED, select_none, 34 },
	{ "g03 QueueSel 2^32 - 1", IGNORED, select_none, UINT32_MAX },
	{ "g03 QueueNotify 0xffff", IGNORED, notify, 0xffff },
	{ "g03 QueueNotify 2^32 - 1", IGNORED, notify, UINT32_MAX },
	{ "g14 rings in the registers", BROKEN, ring_at, HOSTILE_REGISTERS },
	{ "g14 rings over the end of RAM", BROKEN, ring_at, HOSTILE_RAM_END - 16 },
	{ "g14 rings at 2^64 - 16", BROKEN, ring_at, UINT64_MAX - 15 },
	{ "g19 configuration by 1, 2 and 8 bytes", IGNORED, configuration, 0 },
	{ "g19 registers by 1, 2 and 8 bytes", IGNORED, narrow, 0 },
	{ "g19 all registers 0", EITHER, every_register, 0 },
	{ "g19 all registers 2^31", EITHER, every_register, 0x80000000 },
	{ "g19 all registers 2^32 - 1", EITHER, every_register, UINT32_MAX },
};

void registers(struct device *d)
{
	for (unsigned i = 0; i < COUNT(rows); i++) {
		const char *why = start(d) ? rows[i].act(d, rows[i].arg) : "it can't be set up";

		judge(d, rows[i].name, rows[i].outcome, why);
	}
}
