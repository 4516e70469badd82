/*
 * The split queue with a driver that lies. The numbers are the hostile guest's cases:
 * head out of range, loops, indirect tables, empty buffers, jumping indices, addresses that are no
 * RAM. The oracle: -EINVAL, nothing moved, nothing touched.
 */
#include "virtio/test/queue_fix.h"

#define H(id, t) { id " queue: " #t, t, fix_new, fix_free, NULL }

/* A queue of SIZE whose table goes on with good descriptors: a walk that leaves it finds something.
 */
static void enable_with_more_behind(struct fix *f)
{
	enable(f, 4 * SIZE);
	f->q.size = SIZE;
	for (uint16_t i = 0; i < 4 * SIZE; i++)
		driver_desc(&f->d, 0, i, (struct vring_desc){ f->data, 1, 0, 0 });
}

static void head_out_of_range(void **state)
{
	static const uint16_t heads[] = { SIZE, SIZE + 1, 0x7fff, 0x8000, 0xffff };
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		enable_with_more_behind(f);
		driver_post(&f->d, 0, heads[i]);
		refused(f);
	}
}

static void next_out_of_range(void **state)
{
	static const uint16_t nexts[] = { SIZE, SIZE + 1, 0x8000, 0xffff };
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(nexts); i++) {
		struct vring_desc d = { f->data, 1, VRING_DESC_F_NEXT, nexts[i] };

		enable_with_more_behind(f);
		post(f, &d, 1);
		refused(f);
	}
}

/* Without the NEXT flag, next means nothing. */
static void next_without_its_flag(void **state)
{
	struct fix *f = *state;
	struct vring_desc d = { f->data, 1, 0, 0xffff };

	post(f, &d, 1);
	assert_int_equal(pop(f), 1);
}

static void sizes_that_can_not_be(void **state)
{
	static const uint16_t sizes[] = { 0, 3, 7, 255, QUEUE_MAX_SIZE + 1, 2 * QUEUE_MAX_SIZE,
		0x8000, 0xffff };
	struct fix *f = *state;

	enable(f, QUEUE_MAX_SIZE);
	driver_alloc(&f->d, MiB, 16); /* more than any of them takes */
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct queue q = f->q;

		q.size = sizes[i];
		q.ready = false;
		assert_int_equal(queue_enable(&q, &f->d.mem), -EINVAL);
		assert_false(q.ready);
	}
}

/* Not enabled yet, or not any more: whatever lies there, nothing is read or written. */
static void a_queue_that_is_not_ready(void **state)
{
	struct fix *f = *state;
	struct buf b = driver_in(&f->d, 8);
	const struct vring_used *used = driver_ptr(&f->d, f->q.used);

	driver_add(&f->d, 0, &b, 1);
	f->q.ready = false;
	assert_int_equal(pop(f), 0);
	assert_true(queue_empty(&f->q, &f->d.mem));
	queue_push(&f->q, &f->d.mem, 0, 8);
	assert_int_equal(used->idx, 0);
	assert_int_equal(used->ring[0].len, 0);
	for (unsigned event_idx = 0; event_idx < 2; event_idx++) {
		f->q.event_idx = event_idx;
		assert_false(queue_want_kick(&f->q, &f->d.mem, true));
		assert_false(queue_want_kick(&f->q, &f->d.mem, false));
		assert_false(queue_want_irq(&f->q, &f->d.mem));
	}
	assert_int_equal(used->flags, 0);
}

/* Every head in its turn, three times round: entry and answer lie where the index says. */
static void indices_wrap(void **state)
{
	struct fix *f = *state;
	const struct vring_used *used = driver_ptr(&f->d, f->q.used);

	for (uint16_t i = 0; i < SIZE; i++)
		driver_desc(&f->d, 0, i, (struct vring_desc){ f->data, i, 0, 0 });
	for (uint16_t i = 0; i < 3 * SIZE; i++) {
		uint16_t head = (uint16_t)(i * 3 % SIZE);

		driver_post(&f->d, 0, head);
		assert_int_equal(pop(f), 1);
		assert_int_equal(f->c.head, head);
		queue_push(&f->q, &f->d.mem, head, i);
		assert_int_equal(used->ring[i % SIZE].id, head);
		assert_int_equal(used->ring[i % SIZE].len, i);
	}
}

static void chains_that_loop(void **state)
{
	struct fix *f = *state;

	for (uint16_t period = 1; period <= SIZE; period++) {
		enable(f, SIZE);
		for (uint16_t i = 0; i < period; i++)
			driver_desc(&f->d, 0, i,
				(struct vring_desc){ f->data, 0, VRING_DESC_F_NEXT,
					(uint16_t)((i + 1) % period) });
		driver_post(&f->d, 0, 0);
		refused(f);
	}
}

static void the_longest_chain(void **state)
{
	struct buf b[QUEUE_MAX_SIZE];
	struct fix *f = *state;

	for (unsigned i = 0; i < QUEUE_MAX_SIZE; i++)
		b[i] = (struct buf){ .gpa = f->data, .len = 1, .in = i >= 100 };
	for (uint16_t size = 1; size <= QUEUE_MAX_SIZE; size *= 2) {
		enable(f, size);
		driver_add(&f->d, 0, b, size);
		assert_int_equal(pop(f), 1);
		assert_int_equal(f->c.nout + f->c.nin, size);
		driver_add_indirect(&f->d, 0, b, size);
		assert_int_equal(pop(f), 1);
		assert_int_equal(f->c.nout + f->c.nin, size);
	}
}

/* n descriptors of the queue's own table, then a table of m: together no more than the queue's
 * size. */
static void a_chain_too_long_over_two_tables(void **state)
{
	struct fix *f = *state;

	for (uint16_t n = 0; n < SIZE; n++)
		for (uint16_t m = 1; m <= SIZE; m++) {
			uint64_t table = driver_alloc(&f->d, 16 * SIZE, 16);
			struct vring_desc *in = driver_ptr(&f->d, table);

			enable(f, SIZE);
			for (uint16_t i = 0; i < n; i++)
				driver_desc(&f->d, 0, i,
					(struct vring_desc){ f->data, 1, VRING_DESC_F_NEXT,
						(uint16_t)(i + 1) });
			driver_desc(&f->d, 0, n,
				(struct vring_desc){ table, 16 * (uint32_t)m, VRING_DESC_F_INDIRECT,
					0 });
			for (uint16_t i = 0; i < m; i++)
				in[i] = (struct vring_desc){ f->data, 1,
					i < m - 1 ? VRING_DESC_F_NEXT : 0, (uint16_t)(i + 1) };
			driver_post(&f->d, 0, 0);
			assert_int_equal(pop(f), n + m <= SIZE ? 1 : -EINVAL);
		}
}

static void indirect_tables(void **state)
{
	struct fix *f = *state;
	uint64_t good = driver_alloc(&f->d, 16 * (SIZE + 1), 16);
	const struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags;
		int rc;
	} t[] = {
		{ good, 16, 0, 1 },
		{ good + 16, 16, 0, 1 },
		{ good + 1, 16, 0, 1 }, /* no alignment is asked of a table */
		{ good, 16 * SIZE, 0, 1 },
		{ good, 0, 0, -EINVAL },
		{ good, 1, 0, -EINVAL },
		{ good, 15, 0, -EINVAL },
		{ good, 17, 0, -EINVAL },
		{ good, 16 * SIZE + 8, 0, -EINVAL },
		{ good, 16 * (SIZE + 1), 0, -EINVAL },
		{ good, UINT32_MAX - 15, 0, -EINVAL },
		{ good, UINT32_MAX, 0, -EINVAL },
		{ good, 1U << 31, 0, -EINVAL },
		{ good, 16, VRING_DESC_F_NEXT, -EINVAL },
		{ DRIVER_RAM_END - 16, 16, 0, 1 },
		{ DRIVER_RAM_END - 16, 32, 0, -EINVAL },
		{ DRIVER_RAM_END - 8, 16, 0, -EINVAL },
		{ DRIVER_RAM_END, 16, 0, -EINVAL },
		{ DRIVER_RAM2 - 16, 32, 0, -EINVAL },
		{ DRIVER_GPA, 16, 0, -EINVAL },
		{ UINT64_MAX - 15, 16, 0, -EINVAL },
		{ UINT64_MAX - 15, 32, 0, -EINVAL },
		{ UINT64_MAX, 16, 0, -EINVAL },
		{ 0, 16, 0, -EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct vring_desc d = { t[i].addr, t[i].len,
			(uint16_t)(VRING_DESC_F_INDIRECT | t[i].flags), 1 };
		struct vring_desc one = { f->data, 1, 0, 0 };

		enable(f, SIZE);
		if (t[i].rc > 0)
			memcpy(driver_ptr(&f->d, t[i].addr), &one, sizeof(one));
		post(f, &d, 1);
		if (t[i].rc > 0)
			assert_int_equal(pop(f), 1);
		else
			refused(f);
	}
}

static void a_table_in_a_table(void **state)
{
	struct fix *f = *state;
	uint64_t table = driver_alloc(&f->d, 16, 16);
	struct vring_desc nested = { table, 16, VRING_DESC_F_INDIRECT, 0 };

	memcpy(driver_ptr(&f->d, table), &nested, sizeof(nested));
	post(f, &nested, 1);
	refused(f);
}

/* Inside a table next is bounded by the table, and a loop there ends too. */
static void bad_links_in_a_table(void **state)
{
	static const uint16_t nexts[] = { 0, 1, 2, SIZE, 0xffff };
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(nexts); i++) {
		uint64_t table = driver_alloc(&f->d, 32, 16);
		struct vring_desc outer = { table, 32, VRING_DESC_F_INDIRECT, 0 };
		struct vring_desc inner[] = { { f->data, 0, VRING_DESC_F_NEXT, 1 },
			{ f->data, 0, VRING_DESC_F_NEXT, nexts[i] } };

		enable(f, SIZE);
		memcpy(driver_ptr(&f->d, table), inner, sizeof(inner));
		post(f, &outer, 1);
		refused(f);
	}
}

static void indirect_not_negotiated(void **state)
{
	struct fix *f = *state;
	struct buf b = driver_in(&f->d, 1);

	f->q.indirect = false;
	driver_add_indirect(&f->d, 0, &b, 1);
	refused(f);
}

/* §2.7.4.2: what the device reads comes before what it writes. */
static void readable_after_writable(void **state)
{
	struct fix *f = *state;
	struct buf b[] = { driver_in(&f->d, 1), driver_out(&f->d, "x", 1) };

	driver_add(&f->d, 0, b, 2);
	refused(f);
	enable(f, SIZE);
	driver_add_indirect(&f->d, 0, b, 2);
	refused(f);
}

static void empty_buffers(void **state)
{
	struct fix *f = *state;
	struct buf b[SIZE];
	size_t got;
	char x;
	struct iovec iov[SIZE];

	for (unsigned i = 0; i < SIZE; i++)
		b[i] = (struct buf){ .gpa = f->data, .in = i >= SIZE / 2 };
	driver_add(&f->d, 0, b, SIZE);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->c.out_len, 0);
	assert_int_equal(f->c.in_len, 0);
	assert_int_equal(chain_read(&f->c, 0, &x, 1), 0);
	assert_int_equal(chain_write(&f->c, 0, &x, 1), 0);
	assert_int_equal(chain_iov(&f->c, false, 0, 1, iov, SIZE, &got), 0);
	assert_int_equal(got, 0);
}

static void index_jumps(void **state)
{
	static const uint16_t ahead[] = { SIZE + 1, 256, 32767, 32768, 32769, 65535 };
	struct buf b = { 0 };
	struct fix *f = *state;

	b = driver_in(&f->d, 1);
	driver_desc(&f->d, 0, 0,
		(struct vring_desc){ f->data, 1, 0, 0 }); /* what the ring's zeros name is good */
	for (unsigned start = 0; start <= 65535; start += 13107)
		for (size_t i = 0; i < ARRAY_SIZE(ahead); i++) {
			f->q.next_avail = (uint16_t)start;
			driver_avail_idx(&f->d, 0, (uint16_t)(start + ahead[i]));
			refused(f);
		}
	enable(f, SIZE);
	for (unsigned i = 0; i < SIZE; i++) /* exactly full is good */
		driver_add(&f->d, 0, &b, 1);
	for (unsigned i = 0; i < SIZE; i++)
		assert_int_equal(pop(f), 1);
	assert_int_equal(pop(f), 0);
	driver_avail_idx(&f->d, 0, SIZE - 1); /* backwards */
	refused(f);
}

static void addresses_that_are_no_ram(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
		bool ram;
	} t[] = {
		{ DRIVER_GPA, 4, false }, /* our own registers */
		{ DRIVER_GPA + VIRTIO_MMIO_QUEUE_NOTIFY, 4, false },
		{ 0x28000000, 4096, false }, /* an interrupt file's page */
		{ 0, 1, false },
		{ DRIVER_RAM - 1, 1, false },
		{ DRIVER_RAM - 1, 2, false },
		{ DRIVER_RAM_END - 1, 1, true },
		{ DRIVER_RAM_END - 1, 2, false },
		{ DRIVER_RAM_END, 0, false },
		{ DRIVER_RAM_END, 1, false },
		{ DRIVER_RAM_END + MiB / 2, 1, false }, /* the hole */
		{ DRIVER_RAM_END - 1, MiB + 2, false }, /* across the hole */
		{ DRIVER_RAM, UINT32_MAX, false },
		{ DRIVER_RAM + 16, UINT32_MAX, false },
		{ DRIVER_RAM2, DRIVER_RAM2_SIZE, true },
		{ DRIVER_RAM2, DRIVER_RAM2_SIZE + 1, false },
		{ UINT64_MAX, 0, false },
		{ UINT64_MAX, 1, false },
		{ UINT64_MAX, 2, false },
		{ UINT64_MAX, UINT32_MAX, false },
		{ UINT64_MAX - UINT32_MAX + 1, UINT32_MAX, false },
		{ (UINT64_C(1) << 63) | DRIVER_RAM, 16, false },
		{ (UINT64_C(1) << 32) | DRIVER_RAM, 16, false },
	};
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		for (unsigned how = 0; how < 4; how++) { /* read or written; direct or in a table */
			struct buf b = { .gpa = t[i].addr, .len = t[i].len, .in = how & 1 };

			enable(f, SIZE);
			if (how & 2)
				driver_add_indirect(&f->d, 0, &b, 1);
			else
				driver_add(&f->d, 0, &b, 1);
			if (!t[i].ram)
				refused(f);
			else
				assert_int_equal(pop(f), 1);
		}
}

/* Buffers in the queue's own rings are RAM like any other: written to, they change later chains,
 * nothing else (G13). */
static void buffers_in_the_rings(void **state)
{
	struct fix *f = *state;
	struct buf b[] = { { f->q.desc, 16 * SIZE, true }, { f->q.avail, 4 + 2 * SIZE, true },
		{ f->q.used, 4 + 8 * SIZE, true } };
	uint8_t junk[512];
	int rc;

	memset(junk, 0xff, sizeof(junk));
	driver_add(&f->d, 0, b, 3);
	assert_int_equal(pop(f), 1);
	assert_int_equal(chain_write(&f->c, 0, junk, sizeof(junk)), 24 * SIZE + 8 + 2 * SIZE);
	queue_push(&f->q, &f->d.mem, f->c.head, 1);
	assert_int_equal(driver_used_idx(&f->d, 0), 1); /* ours again */
	rc = pop(f);
	assert_int_equal(rc, -EINVAL);
}

/* A total above 2^32 - 1 has no length in the used ring: 8192 x 512 KiB and more. */
static void the_total_is_bounded(void **state)
{
	struct fix *f = *state;
	struct buf b[QUEUE_MAX_SIZE];
	uint64_t big = UINT64_C(1) << 40;
	void *hva = f->d.ram; /* never touched: only its bounds count */

	assert_int_equal(mem_add_borrowed(&f->d.mem, big, GiB, hva), 0);
	for (unsigned i = 0; i < 5; i++)
		b[i] = (struct buf){ .gpa = big, .len = (uint32_t)GiB, .in = i > 1 };
	b[3].len = (uint32_t)GiB - 1;
	driver_add(&f->d, 0, b, 4); /* 2^32 - 1 */
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->c.out_len, 2 * GiB);
	assert_int_equal(f->c.in_len, 2 * GiB - 1);
	b[3].len = (uint32_t)GiB;
	enable(f, SIZE);
	driver_add(&f->d, 0, b, 4); /* 2^32 */
	refused(f);
}

static void unknown_flags_mean_nothing(void **state)
{
	struct fix *f = *state;
	struct vring_desc d = { f->data, 1, 0xfff8, 0 };

	post(f, &d, 1);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->c.nout, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		H("g04", head_out_of_range),
		H("g04", next_out_of_range),
		H("g04", next_without_its_flag),
		H("g02", sizes_that_can_not_be),
		H("g02", a_queue_that_is_not_ready),
		H("g09", indices_wrap),
		H("g05", chains_that_loop),
		H("g05", the_longest_chain),
		H("g05", a_chain_too_long_over_two_tables),
		H("g06", indirect_tables),
		H("g06", a_table_in_a_table),
		H("g06", bad_links_in_a_table),
		H("g06", indirect_not_negotiated),
		H("g15", readable_after_writable),
		H("g07", empty_buffers),
		H("g08", index_jumps),
		H("g14", addresses_that_are_no_ram),
		H("g13", buffers_in_the_rings),
		H("g17", the_total_is_bounded),
		H("g16", unknown_flags_mean_nothing),
	};

	cmocka_set_test_filter(getenv("HOSTILE"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
