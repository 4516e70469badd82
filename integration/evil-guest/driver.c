/* The driver's side of virtio-mmio and of split queues, by polling; see evil.h and virtio 1.2 §2.7,
 * §4.2. */
#include <linux/virtio_config.h>
#include "evil.h"

#define PATIENCE (20 * SECOND) /* on an emulated host, beside others */

uint32_t get(const struct device *d, uint32_t reg)
{
	return *(volatile uint32_t *)(d->regs + reg);
}

void set(const struct device *d, uint32_t reg, uint32_t value)
{
	__asm__ volatile("fence rw, rw" ::: "memory");
	*(volatile uint32_t *)(d->regs + reg) = value;
}

void kick(const struct device *d, unsigned q)
{
	set(d, VIRTIO_MMIO_QUEUE_NOTIFY, q);
}

void reset(struct device *d)
{
	set(d, VIRTIO_MMIO_STATUS, 0);
}

bool negotiate(struct device *d, uint64_t features)
{
	uint32_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	features |= 1UL << VIRTIO_F_VERSION_1;
	reset(d);
	fill(d->ring, 0, QUEUES * sizeof(*d->ring));
	fill(d->seen, 0, sizeof(d->seen));
	set(d, VIRTIO_MMIO_STATUS, status);
	for (uint32_t half = 0; half < 2; half++) {
		set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		set(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * half)));
	}
	set(d, VIRTIO_MMIO_STATUS, status | VIRTIO_CONFIG_S_FEATURES_OK);
	return get(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static void address(struct device *d, uint32_t low, uint64_t gpa)
{
	set(d, low, (uint32_t)gpa);
	set(d, low + 4, (uint32_t)(gpa >> 32));
}

void place(struct device *d, unsigned q, uint32_t size, uint64_t desc, uint64_t avail,
	uint64_t used)
{
	set(d, VIRTIO_MMIO_QUEUE_SEL, q);
	set(d, VIRTIO_MMIO_QUEUE_NUM, size);
	address(d, VIRTIO_MMIO_QUEUE_DESC_LOW, desc);
	address(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, avail);
	address(d, VIRTIO_MMIO_QUEUE_USED_LOW, used);
	set(d, VIRTIO_MMIO_QUEUE_READY, 1);
}

void place_own(struct device *d, unsigned q)
{
	volatile struct ring *r = &d->ring[q];

	place(d, q, HOSTILE_RING, (uint64_t)r->desc, (uint64_t)&r->avail, (uint64_t)&r->used);
}

void driver_ok(struct device *d)
{
	set(d, VIRTIO_MMIO_STATUS, get(d, VIRTIO_MMIO_STATUS) | VIRTIO_CONFIG_S_DRIVER_OK);
}

bool start(struct device *d)
{
	if (!negotiate(d, 1UL << VIRTIO_RING_F_INDIRECT_DESC))
		return false;
	for (unsigned q = 0; q < d->kind->nqueues; q++)
		place_own(d, q);
	driver_ok(d);
	return !needs_reset(d);
}

bool needs_reset(const struct device *d)
{
	return get(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

void put(struct device *d, unsigned q, unsigned i, struct vring_desc desc)
{
	d->ring[q].desc[i].addr = desc.addr;
	d->ring[q].desc[i].len = desc.len;
	d->ring[q].desc[i].flags = desc.flags;
	d->ring[q].desc[i].next = desc.next;
}

void post(struct device *d, unsigned q, uint16_t head)
{
	volatile struct ring *r = &d->ring[q];
	uint16_t idx = r->avail.idx;

	r->avail.ring[idx % HOSTILE_RING] = head;
	__asm__ volatile("fence w, w" ::: "memory");
	r->avail.idx = (uint16_t)(idx + 1);
}

bool wait_used(struct device *d, unsigned q, uint32_t *len)
{
	volatile struct ring *r = &d->ring[q];
	unsigned long end = now() + PATIENCE;

	while (r->used.idx == d->seen[q])
		if (now() > end)
			return false;
	__asm__ volatile("fence r, r" ::: "memory");
	*len = r->used.ring[d->seen[q]++ % HOSTILE_RING].len;
	return true;
}

bool wait_reset(const struct device *d)
{
	unsigned long end = now() + PATIENCE;

	while (!needs_reset(d))
		if (now() > end)
			return false;
	return true;
}

bool works(struct device *d)
{
	return start(d) && d->kind->request(d) && !needs_reset(d);
}

/* Broken is deaf: a good chain is not taken. */
static bool is_deaf(struct device *d)
{
	unsigned q = d->kind->attacked;
	uint16_t used = d->ring[q].used.idx;

	put(d, q, 0, (struct vring_desc){ HOSTILE_DATA, 64, 0, 0 });
	post(d, q, 0);
	kick(d, q);
	for (unsigned long end = now() + SECOND / 50; now() < end;)
		if (d->ring[q].used.idx != used)
			return false;
	return needs_reset(d);
}

void judge(struct device *d, const char *name, enum outcome outcome, const char *why)
{
	if (!why && outcome == BROKEN && !wait_reset(d))
		why = "the device does not break";
	else if (!why && outcome == BROKEN && !is_deaf(d))
		why = "the device is broken and goes on";
	else if (!why && outcome == IGNORED && needs_reset(d))
		why = "the device breaks";
	else if (!why && outcome == IGNORED && !d->kind->request(d))
		why = "the device does not work on";
	if (!works(d) && !why)
		why = "the device does not work after a reset";
	reset(d);
	verdict(d->guest, d->kind->name, name, why);
}
