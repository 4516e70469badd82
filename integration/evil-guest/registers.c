/* Registers at the wrong time and with the wrong values: the rows that are the native suite's, too
 * (vmm/virtio/test/hostile_rows.h), and a few; see evil.h. */
#include "evil.h"

#define MOST_QUEUES 34 /* no device has as many */

static const uint32_t junk[] = { 0, 1, 3, HOSTILE_RING + 1, 0x7fff, 0x8000, 0xffff, 0x10000,
	0x80000000, 0xffffffff };

/* A null verdict is a good one. */
static const char *late_write(struct device *d, uint64_t reg)
{
	for (uint32_t q = 0; q < QUEUES + 1; q++)
		for (unsigned i = 0; i < COUNT(junk); i++) {
			set(d, VIRTIO_MMIO_QUEUE_SEL, q);
			set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, junk[i] & 1);
			set(d, (uint32_t)reg, junk[i]);
		}
	kick(d, 0);
	return NULL;
}

static const char *late_status(struct device *d, uint64_t value)
{
	set(d, VIRTIO_MMIO_STATUS, (uint32_t)value);
	return get(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_DRIVER_OK ? NULL : "DRIVER_OK is gone";
}

static const char *bad_queue(struct device *d, uint64_t size, uint64_t desc, uint64_t avail,
	uint64_t used)
{
	volatile struct ring *r = &d->ring[0];

	if (!negotiate(d, 0))
		return "it can't be set up";
	place(d, 0, (uint32_t)size, desc ? desc : (uint64_t)r->desc,
		avail ? avail : (uint64_t)&r->avail, used ? used : (uint64_t)&r->used);
	if (get(d, VIRTIO_MMIO_QUEUE_READY))
		return "the queue is ready";
	driver_ok(d);
	return NULL;
}

static const char *bad_size(struct device *d, uint64_t n)
{
	return bad_queue(d, n, 0, 0, 0);
}

static const char *bad_desc(struct device *d, uint64_t gpa)
{
	return bad_queue(d, HOSTILE_RING, gpa, 0, 0);
}

static const char *bad_avail(struct device *d, uint64_t gpa)
{
	return bad_queue(d, HOSTILE_RING, 0, gpa, 0);
}

static const char *bad_used(struct device *d, uint64_t gpa)
{
	return bad_queue(d, HOSTILE_RING, 0, 0, gpa);
}

static const char *select_none(struct device *d, uint64_t sel)
{
	set(d, VIRTIO_MMIO_QUEUE_SEL, (uint32_t)(sel ? sel : MOST_QUEUES));
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

static const char *features_never_offered(struct device *d, uint64_t bit)
{
	bool accepted = negotiate(d, 1UL << bit);

	driver_ok(d);
	return accepted ? "it is accepted" : NULL;
}

static const char *configuration(struct device *d, uint64_t unused)
{
	(void)unused;
	for (unsigned long off = VIRTIO_MMIO_CONFIG; off < 0x1000; off++) {
		if (off == 0x180) /* the end of what there is, and the page's */
			off = 0xff0;
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
	REGISTER_ROWS,
	{ "g19 configuration by 1, 2 and 8 bytes", IGNORED, configuration, 0 },
	{ "g19 registers by 1, 2 and 8 bytes", IGNORED, narrow, 0 },
};

void registers(struct device *d)
{
	for (unsigned i = 0; i < COUNT(rows); i++) {
		const char *why = start(d) ? rows[i].act(d, rows[i].arg) : "it can't be set up";

		judge(d, rows[i].name, rows[i].outcome, why);
	}
}
