/*
 * Rings that lie, for every queue that a device walks itself: G04 heads, G05 loops, G06 indirect
 * tables, G07 empty buffers, G08 indices, G09 one head again and again, G10 one head twice, G13 and
 * G14 addresses that are no RAM, G22 descriptors that change while they are read. A row is what is
 * put in the ring; unless it says otherwise the device must break.
 */
#include <pthread.h>
#include <string.h>
#include "virtio/test/hostile.h"
#include "virtio/test/hostile_rows.h"

#define N     VRING_DESC_F_NEXT
#define W     VRING_DESC_F_WRITE
#define I     VRING_DESC_F_INDIRECT
#define DATA  HOSTILE_DATA
#define TABLE HOSTILE_TABLE
#define RING  HOSTILE_RING

/* Behind the queue's own entries and the table lie good descriptors: whoever strays finds one. */
static void put(struct subject *s, const struct ring_row *r)
{
	static const struct vring_desc good = { DATA, 8, 0, 0 };
	char *table = driver_ptr(s->d, TABLE);

	for (unsigned i = 0; i < 4 * RING; i++)
		memcpy(table + i * sizeof(good), &good, sizeof(good));
	if (r->table[0].len || r->table[0].addr)
		memcpy(table, r->table, sizeof(r->table));
	for (unsigned i = 0; i < r->fill; i++) {
		struct vring_desc d = { DATA, 8, i + 1 < r->fill ? N : 0, (uint16_t)(i + 1) };

		memcpy(table + i * sizeof(d), &d, sizeof(d));
	}
	for (uint16_t i = 0; i < RING; i++)
		driver_desc(s->d, s->q, i,
			i < ARRAY_SIZE(r->desc) && (r->desc[i].addr || !i) ? r->desc[i] : good);
}

static void run_row(void **state)
{
	struct subject *s = *state;
	const struct ring_row *r = s->row;

	if (r->without) {
		driver_start(s->d, s->kind->features & ~r->without, s->kind->nqueues, RING);
		if (s->kind->started)
			s->kind->started(s->fix);
	}
	put(s, r);
	driver_post(s->d, s->q, r->head);
	driver_avail_idx(s->d, s->q,
		(uint16_t)(s->d->dev->queue[s->q].next_avail + (r->ahead ? r->ahead : 1)));
	hostile_look(s, s->q);
	assert_true(driver_get(s->d, VIRTIO_MMIO_INTERRUPT_STATUS) & VIRTIO_MMIO_INT_CONFIG);
	hostile_judge(s, BROKEN);
}

/* What a device may take or leave, but not for long, and not at the monitor's cost. */

static void all_empty(struct subject *s, bool in_table)
{
	struct buf b[RING];

	for (unsigned i = 0; i < RING; i++)
		b[i] = (struct buf){ .gpa = DATA, .in = i >= RING / 2 };
	if (in_table)
		driver_add_indirect(s->d, s->q, b, RING);
	else
		driver_add(s->d, s->q, b, RING);
}

static void empty_chain(struct subject *s)
{
	all_empty(s, false);
}

static void empty_chain_in_a_table(struct subject *s)
{
	all_empty(s, true);
}

static void full_of_empty_chains(struct subject *s)
{
	for (unsigned i = 0; i < RING; i++)
		driver_add(s->d, s->q, &(struct buf){ .gpa = DATA, .in = i & 1 }, 1);
}

/* One head in every entry, in a ring that is kept full. */
static void one_head(struct subject *s)
{
	uint64_t rounds = hostile_times(200, 1000000 / RING);

	driver_desc(s->d, s->q, 0, (struct vring_desc){ DATA, 64, N, 1 });
	driver_desc(s->d, s->q, 1, (struct vring_desc){ DATA + 64, 4096, W, 0 });
	for (uint64_t round = 0; round < rounds && !driver_needs_reset(s->d); round++) {
		while ((uint16_t)(s->d->q[s->q].next_avail - s->d->dev->queue[s->q].next_avail) <
			RING)
			driver_post(s->d, s->q, 0);
		driver_signal(s->d, s->q);
		if (round % 16 == 0)
			driver_turn(s->d);
	}
}

static void same_head_twice(struct subject *s)
{
	one_head(s);
	driver_turn(s->d);
	driver_post(s->d, s->q, 0);
	driver_post(s->d, s->q, 0);
}

/* The device writes its answer over the rings that it reads (G13). */
static void buffers_in_the_rings(struct subject *s)
{
	const struct driver_queue *q = &s->d->q[s->q];
	struct buf b[] = { { DATA, 64, false }, { q->desc, 16 * RING, true },
		{ q->avail, 4 + 2 * RING, true }, { q->used, 4 + 8 * RING, true } };

	driver_add(s->d, s->q, b, 4);
	driver_add(s->d, s->q, b + 1, 3);
}

/* G17: the most that a chain can ask for. */
static void largest_chain(struct subject *s)
{
	struct buf b[RING];

	for (unsigned i = 0; i < RING; i++)
		b[i] = (struct buf){ DRIVER_RAM, DRIVER_RAM_SIZE, i >= RING / 2 };
	driver_add(s->d, s->q, b, RING);
}

static void largest_to_read(struct subject *s)
{
	struct buf b[RING];

	for (unsigned i = 0; i < RING; i++)
		b[i] = (struct buf){ DRIVER_RAM, DRIVER_RAM_SIZE, false };
	driver_add(s->d, s->q, b, RING);
}

static void largest_to_write(struct subject *s)
{
	struct buf b[RING];

	for (unsigned i = 0; i < RING; i++)
		b[i] = (struct buf){ DATA, 128 * KiB, true };
	driver_add(s->d, s->q, b, RING);
}

struct load_row {
	const char *name;
	void (*post)(struct subject *s);
};

static const struct load_row loads[] = {
	{ "g07 chain of empty buffers", empty_chain },
	{ "g07 chain of empty buffers in a table", empty_chain_in_a_table },
	{ "g07 ring full of empty chains", full_of_empty_chains },
	{ "g09 one head again and again", one_head },
	{ "g10 one head twice", same_head_twice },
	{ "g13 buffers in its own rings", buffers_in_the_rings },
	{ "g17 all of RAM, half to read, half to write", largest_chain },
	{ "g17 all of RAM to read", largest_to_read },
	{ "g17 as much as there is to write", largest_to_write },
};

static void run_load(void **state)
{
	struct subject *s = *state;
	const struct load_row *r = s->row;

	r->post(s);
	hostile_look(s, s->q);
	hostile_judge(s, EITHER);
}

/* G22: a second vCPU rewrites descriptors, table and indices all the time. Guest memory is racy by
 * nature: no business of the thread sanitizer's. */

struct flipper {
	struct subject *s;
	bool end; /* atomic */
};

__attribute__((no_sanitize("thread"))) static void *flip(void *arg)
{
	static const uint64_t addr[] = { DATA, DRIVER_GPA, DRIVER_RAM_END - 4, TABLE };
	static const uint32_t len[] = { 16, 0, UINT32_MAX, 512, 44 };
	static const uint16_t flags[] = { 0, N, W, N | W, I };
	struct flipper *f = arg;
	const struct driver_queue *q = &f->s->d->q[f->s->q];
	volatile struct vring_desc *own = driver_ptr(f->s->d, q->desc),
				   *table = driver_ptr(f->s->d, TABLE);
	volatile struct vring_avail *avail = driver_ptr(f->s->d, q->avail);

	for (unsigned i = 0; !__atomic_load_n(&f->end, __ATOMIC_RELAXED); i++) {
		volatile struct vring_desc *d = i & 16 ? &table[i % 4] : &own[i % 4];

		d->addr = addr[i % ARRAY_SIZE(addr)];
		d->len = len[i % ARRAY_SIZE(len)];
		d->flags = flags[i / 3 % ARRAY_SIZE(flags)];
		d->next = (uint16_t)(i % 5);
		avail->ring[i % RING] = (uint16_t)(i % (RING + 1));
		if (i % 64 == 0)
			avail->idx = (uint16_t)(avail->idx + 1 + (i % 4096 == 0) * RING);
	}
	return NULL;
}

static void flips(void **state)
{
	struct subject *s = *state;
	struct flipper f = { .s = s };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, flip, &f), 0);
	for (uint64_t i = 0, n = hostile_times(60, 20000); i < n; i++) {
		driver_kick(s->d, s->q);
		if (driver_needs_reset(s->d)) { /* the same rings, from the start */
			driver_negotiate(s->d, s->kind->features);
			for (unsigned q = 0; q < s->kind->nqueues; q++) {
				driver_queue_write(s->d, q);
				driver_set(s->d, VIRTIO_MMIO_QUEUE_READY, 1);
			}
			driver_ok(s->d);
		}
	}
	__atomic_store_n(&f.end, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	hostile_judge(s, EITHER);
}

void hostile_add_rings(struct hostile_list *l, const struct subject_kind *kind)
{
	for (unsigned q = 0; q < HOSTILE_QUEUES; q++) {
		if (!kind->queue[q])
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(ring_rows); i++)
			hostile_add_row(l, run_row, kind, &ring_rows[i], q, ring_rows[i].name);
		for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
			hostile_add_row(l, run_load, kind, &loads[i], q, loads[i].name);
		hostile_add_row(l, flips, kind, NULL, q, "g22 a vCPU rewrites the ring");
	}
}
