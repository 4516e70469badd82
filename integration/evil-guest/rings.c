/*
 * Rings that lie: the same table as the native suite's (vmm/virtio/test/hostile_rows.h), in the
 * queue that each driver sends by; and G07 to G13 loads that a device may take or leave.
 */
#include "evil.h"

#define N VRING_DESC_F_NEXT
#define W VRING_DESC_F_WRITE

static void row(struct device *d, const struct ring_row *r)
{
	static const struct vring_desc good = { HOSTILE_DATA, 8, 0, 0 };
	struct vring_desc *table = (void *)HOSTILE_TABLE;
	unsigned q = d->kind->attacked;

	if (!negotiate(d, r->without ? 0 : 1UL << VIRTIO_RING_F_INDIRECT_DESC)) {
		judge(d, r->name, EITHER, "it can't be set up");
		return;
	}
	for (unsigned i = 0; i < d->kind->nqueues; i++)
		place_own(d, i);
	driver_ok(d);
	for (unsigned i = 0; i < 4 * HOSTILE_RING; i++)
		table[i] = good;
	for (unsigned i = 0; i < COUNT(r->table) && (r->table[0].len || r->table[0].addr); i++)
		table[i] = r->table[i];
	for (unsigned i = 0; i < r->fill; i++)
		table[i] = (struct vring_desc){ HOSTILE_DATA, 8, i + 1 < r->fill ? N : 0,
			(uint16_t)(i + 1) };
	for (unsigned i = 0; i < HOSTILE_RING; i++)
		put(d, q, i, i < COUNT(r->desc) && (r->desc[i].addr || !i) ? r->desc[i] : good);
	post(d, q, r->head);
	if (r->ahead)
		d->ring[q].avail.idx = r->ahead;
	kick(d, q);
	judge(d, r->name, BROKEN, NULL);
}

static void empty_chain(struct device *d, unsigned q)
{
	for (unsigned i = 0; i < HOSTILE_RING; i++)
		put(d, q, i,
			(struct vring_desc){ HOSTILE_DATA, 0, i + 1 < HOSTILE_RING ? N : 0,
				(uint16_t)(i + 1) });
	post(d, q, 0);
	kick(d, q);
}

static void one_head(struct device *d, unsigned q)
{
	put(d, q, 0, (struct vring_desc){ HOSTILE_DATA, 64, 0, 0 });
	for (unsigned i = 0; i < 1000; i++) {
		while ((uint16_t)(d->ring[q].avail.idx - d->ring[q].used.idx) < HOSTILE_RING)
			post(d, q, 0);
		kick(d, q);
	}
}

static void own_rings(struct device *d, unsigned q)
{
	volatile struct ring *r = &d->ring[q];

	put(d, q, 0, (struct vring_desc){ HOSTILE_DATA, 64, N, 1 });
	put(d, q, 1, (struct vring_desc){ (uint64_t)r, sizeof(*r), W, 0 });
	post(d, q, 0);
	kick(d, q);
}

static void all_of_ram(struct device *d, unsigned q)
{
	for (unsigned i = 0; i < HOSTILE_RING; i++)
		put(d, q, i,
			(struct vring_desc){ HOSTILE_RAM, HOSTILE_RAM_END - HOSTILE_RAM,
				i + 1 < HOSTILE_RING ? N : 0, (uint16_t)(i + 1) });
	post(d, q, 0);
	kick(d, q);
}

/* In flight when the device is reset, again and again. */
static void resets(struct device *d, unsigned q)
{
	for (unsigned i = 0; i < 100; i++) {
		put(d, q, 0, (struct vring_desc){ HOSTILE_DATA, 4096, 0, 0 });
		for (unsigned n = 0; n < HOSTILE_RING / 2; n++)
			post(d, q, 0);
		kick(d, q);
		start(d);
	}
}

static const struct {
	const char *name;
	void (*act)(struct device *d, unsigned q);
} loads[] = {
	{ "g07 chain of empty buffers", empty_chain },
	{ "g09 one head again and again", one_head },
	{ "g11 reset 100 times with requests in flight", resets },
	{ "g13 buffer in its own rings", own_rings },
	{ "g17 all of RAM 16 times", all_of_ram },
};

void rings(struct device *d)
{
	for (unsigned i = 0; i < COUNT(ring_rows); i++)
		row(d, &ring_rows[i]);
	for (unsigned i = 0; i < COUNT(loads); i++) {
		bool up = start(d);

		if (up)
			loads[i].act(d, d->kind->attacked);
		judge(d, loads[i].name, EITHER, up ? NULL : "it can't be set up");
	}
}
