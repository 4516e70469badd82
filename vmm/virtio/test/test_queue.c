/* The split queue with a driver that keeps the rules (virtio 1.2 §2.7): set-up, chains, kicks,
 * interrupts, chains as bytes. */
#include "virtio/test/queue_fix.h"

/* enabling */

static void sizes(void **state)
{
	struct fix *f = *state;

	for (uint32_t size = 0; size <= UINT16_MAX; size++) {
		struct queue q = { .max = 256,
			.size = (uint16_t)size,
			.desc = DRIVER_RAM,
			.avail = DRIVER_RAM + MiB,
			.used = DRIVER_RAM + 2 * MiB };
		bool good = size && size <= 256 && !(size & (size - 1));

		assert_int_equal(queue_enable(&q, &f->d.mem), good ? 0 : -EINVAL);
		assert_int_equal(q.ready, good);
	}
}

/* Each area of a queue of 16 at addresses right and wrong; the other two are good. */
static void areas(void **state)
{
	enum { DESC, AVAIL, USED };
	static const uint64_t len[] = { 256, 38, 134 }, align[] = { 16, 2, 4 };
	struct fix *f = *state;

	for (int area = DESC; area <= USED; area++) {
		const struct {
			uint64_t gpa;
			bool good;
		} t[] = {
			{ DRIVER_RAM, true },
			{ ALIGN_DOWN(DRIVER_RAM_END - len[area], align[area]), true },
			{ ALIGN_DOWN(DRIVER_RAM_END - len[area], align[area]) + align[area],
				false },
			{ DRIVER_RAM_END - align[area], false },
			{ DRIVER_RAM + 1, false },
			{ DRIVER_RAM + align[area] / 2, false },
			{ DRIVER_RAM + align[area], true },
			{ DRIVER_RAM - align[area], false },
			{ DRIVER_RAM_END, false },
			{ DRIVER_RAM2, true },
			{ DRIVER_RAM2 - align[area], false },
			{ DRIVER_GPA, false },
			{ 0, false },
			{ UINT64_MAX - align[area] + 1, false },
			{ UINT64_MAX - 15, false },
			{ UINT64_C(1) << 63, false },
		};

		for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
			struct queue q = { .max = 256,
				.size = 16,
				.desc = DRIVER_RAM + MiB,
				.avail = DRIVER_RAM + 2 * MiB,
				.used = DRIVER_RAM + 3 * MiB };

			*(area == DESC ? &q.desc : area == AVAIL ? &q.avail : &q.used) = t[i].gpa;
			assert_int_equal(queue_enable(&q, &f->d.mem), t[i].good ? 0 : -EFAULT);
			assert_int_equal(q.ready, t[i].good);
		}
	}
}

static void reset_forgets_all_but_the_maximum(void **state)
{
	static const struct queue fresh = { .max = QUEUE_MAX_SIZE };
	struct fix *f = *state;
	struct buf b = driver_in(&f->d, 4);

	driver_add(&f->d, 0, &b, 1);
	assert_int_equal(pop(f), 1);
	queue_push(&f->q, &f->d.mem, f->c.head, 4);
	f->q.event_idx = true;
	queue_reset(&f->q);
	assert_memory_equal(&f->q, &fresh, sizeof(fresh));
}

static void an_unready_queue_does_nothing(void **state)
{
	struct fix *f = *state;
	struct buf b = driver_in(&f->d, 4);

	driver_add(&f->d, 0, &b, 1);
	f->q.ready = false;
	assert_int_equal(pop(f), 0);
	assert_true(queue_empty(&f->q, &f->d.mem));
	assert_false(queue_want_kick(&f->q, &f->d.mem, true));
	assert_false(queue_want_irq(&f->q, &f->d.mem));
	queue_push(&f->q, &f->d.mem, 0, 4);
	assert_int_equal(driver_used_idx(&f->d, 0), 0);
}

/* good chains */

static void a_request(void **state)
{
	struct fix *f = *state;
	struct buf b[] = { driver_out(&f->d, "head", 4), driver_out(&f->d, "body!", 5),
		driver_in(&f->d, 7), driver_in(&f->d, 1) };
	uint16_t head;

	assert_true(queue_empty(&f->q, &f->d.mem));
	assert_int_equal(pop(f), 0);
	driver_add(&f->d, 0, b, 1); /* so that the head is not 0 */
	assert_int_equal(pop(f), 1);
	head = driver_add(&f->d, 0, b, 4);
	assert_false(queue_empty(&f->q, &f->d.mem));
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->c.head, head);
	assert_int_equal(f->c.nout, 2);
	assert_int_equal(f->c.nin, 2);
	assert_int_equal(f->c.out_len, 9);
	assert_int_equal(f->c.in_len, 8);
	for (unsigned i = 0; i < 4; i++) {
		assert_ptr_equal(plain(&f->c.seg[i]), driver_ptr(&f->d, b[i].gpa));
		assert_int_equal(f->c.seg[i].len, b[i].len);
	}
	assert_true(queue_empty(&f->q, &f->d.mem));
	assert_int_equal(pop(f), 0);
}

static void an_indirect_request(void **state)
{
	struct fix *f = *state;
	struct buf b[] = { driver_out(&f->d, "head", 4), driver_in(&f->d, 7), driver_in(&f->d, 1) };
	uint16_t head = driver_add_indirect(&f->d, 0, b, 3);

	assert_int_equal(pop(f), 1);
	assert_int_equal(f->c.head, head);
	assert_int_equal(f->c.nout, 1);
	assert_int_equal(f->c.nin, 2);
	assert_int_equal(f->c.out_len, 4);
	assert_int_equal(f->c.in_len, 8);
	for (unsigned i = 0; i < 3; i++)
		assert_ptr_equal(plain(&f->c.seg[i]), driver_ptr(&f->d, b[i].gpa));
}

/* §2.7.5.3.2: direct descriptors may come before the one that names a table. */
static void direct_then_indirect(void **state)
{
	struct fix *f = *state;
	uint64_t table = driver_alloc(&f->d, 32, 16);
	struct vring_desc inner[] = { { f->data + 8, 8, VRING_DESC_F_NEXT, 1 },
		{ f->data + 16, 8, VRING_DESC_F_WRITE, 0 } };
	struct vring_desc outer[] = { { f->data, 8, VRING_DESC_F_NEXT, 1 },
		{ table, 32, VRING_DESC_F_INDIRECT, 0 } };

	memcpy(driver_ptr(&f->d, table), inner, sizeof(inner));
	post(f, outer, 2);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->c.nout, 2);
	assert_int_equal(f->c.nin, 1);
}

/* §2.7.5.3.2: the write flag of the descriptor that names a table means nothing. */
static void a_table_marked_writable(void **state)
{
	struct fix *f = *state;
	uint64_t table = driver_alloc(&f->d, 16, 16);
	struct vring_desc inner = { f->data, 8, 0, 0 };
	struct vring_desc outer = { table, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0 };

	memcpy(driver_ptr(&f->d, table), &inner, sizeof(inner));
	post(f, &outer, 1);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->c.nout, 1);
	assert_int_equal(f->c.nin, 0);
}

/* The chain is of the bytes at the time of the pop, whatever another vCPU writes afterwards (G22).
 */
static void what_was_popped_stays(void **state)
{
	struct fix *f = *state;
	struct buf b[] = { driver_out(&f->d, "head", 4), driver_in(&f->d, 7) };
	struct chain before;

	driver_add(&f->d, 0, b, 2);
	assert_int_equal(pop(f), 1);
	before = f->c;
	memset(driver_ptr(&f->d, f->q.desc), 0xff, 16 * SIZE);
	memset(driver_ptr(&f->d, f->q.avail), 0xff, 4 + 2 * SIZE);
	assert_memory_equal(&before, &f->c, sizeof(before));
	assert_int_equal(chain_write(&f->c, 0, "1234567890", 10), 7);
	assert_memory_equal(driver_ptr(&f->d, b[1].gpa), "1234567", 8);
}

/* 70,000 requests: every index passes 2^16. */
static void indices_run_round(void **state)
{
	struct fix *f = *state;
	struct buf b[] = { driver_out(&f->d, "x", 1), driver_in(&f->d, 1) };
	struct vring_used_elem e;

	for (uint32_t i = 0; i < 70000; i++) {
		uint16_t head = driver_add(&f->d, 0, b, 2);

		assert_int_equal(pop(f), 1);
		assert_int_equal(f->c.head, head);
		queue_push(&f->q, &f->d.mem, f->c.head, i);
		assert_true(driver_take_used(&f->d, 0, &e));
		assert_int_equal(e.id, head);
		assert_int_equal(e.len, i);
		assert_false(driver_take_used(&f->d, 0, &e));
	}
}

static void unpop_gives_it_back(void **state)
{
	struct fix *f = *state;
	struct buf b = driver_out(&f->d, "x", 1);
	uint16_t first = driver_add(&f->d, 0, &b, 1), second = driver_add(&f->d, 0, &b, 1);

	assert_int_equal(pop(f), 1);
	queue_unpop(&f->q);
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->c.head, first);
	assert_int_equal(pop(f), 1);
	queue_unpop(&f->q);
	assert_false(queue_empty(&f->q, &f->d.mem));
	assert_int_equal(pop(f), 1);
	assert_int_equal(f->c.head, second);
	assert_int_equal(pop(f), 0);
}

static void completes_in_any_order(void **state)
{
	struct fix *f = *state;
	struct buf b = driver_in(&f->d, 16);
	struct vring_used_elem e;
	uint16_t head[SIZE];

	for (unsigned i = 0; i < SIZE; i++) {
		head[i] = driver_add(&f->d, 0, &b, 1);
		assert_int_equal(pop(f), 1);
	}
	for (unsigned i = SIZE; i--;)
		queue_push(&f->q, &f->d.mem, head[i], i);
	for (unsigned i = SIZE; i--;) {
		assert_true(driver_take_used(&f->d, 0, &e));
		assert_int_equal(e.id, head[i]);
		assert_int_equal(e.len, i);
	}
}

/* kicks and interrupts */

static void kick_flag(void **state)
{
	struct fix *f = *state;
	struct vring_used *used = driver_ptr(&f->d, f->q.used);
	struct buf b = driver_in(&f->d, 1);

	assert_false(queue_want_kick(&f->q, &f->d.mem, false));
	assert_int_equal(used->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(queue_want_kick(&f->q, &f->d.mem, true));
	assert_int_equal(used->flags, 0);
	queue_want_kick(&f->q, &f->d.mem, false);
	driver_add(&f->d, 0, &b, 1);
	assert_true(queue_want_kick(&f->q, &f->d.mem, true)); /* look again */
}

/* §2.7.10: with EVENT_IDX the flag stays 0 and the word behind the used ring says for which entry.
 */
static void kick_event(void **state)
{
	struct fix *f = *state;
	struct vring_used *used = driver_ptr(&f->d, f->q.used);
	struct buf b = driver_in(&f->d, 1);
	uint16_t *event = (uint16_t *)&used->ring[SIZE];

	f->q.event_idx = true;
	for (uint32_t i = 0; i < 70000; i++) {
		if (i >= 65530 || i < 10) {
			assert_false(queue_want_kick(&f->q, &f->d.mem, true));
			assert_int_equal(*event, (uint16_t)i);
			assert_true(vring_need_event(*event, (uint16_t)(i + 1), (uint16_t)i));
			queue_want_kick(&f->q, &f->d.mem, false);
			for (uint16_t n = 1; n <= SIZE; n++) /* whatever is added now, no kick */
				assert_false(
					vring_need_event(*event, (uint16_t)(i + n), (uint16_t)i));
		}
		driver_add(&f->d, 0, &b, 1);
		assert_int_equal(pop(f), 1);
	}
	assert_int_equal(used->flags, 0);
}

static void interrupt_flag(void **state)
{
	struct fix *f = *state;

	queue_push(&f->q, &f->d.mem, 0, 0);
	assert_true(queue_want_irq(&f->q, &f->d.mem));
	driver_avail_flags(&f->d, 0, VRING_AVAIL_F_NO_INTERRUPT);
	queue_push(&f->q, &f->d.mem, 1, 0);
	assert_false(queue_want_irq(&f->q, &f->d.mem));
	driver_avail_flags(&f->d, 0, 0xfffe); /* other bits mean nothing */
	assert_true(queue_want_irq(&f->q, &f->d.mem));
}

/* Of a queue just enabled nobody knows what its driver has seen: the first look always says yes. */
static void the_first_interrupt(void **state)
{
	struct fix *f = *state;

	f->q.event_idx = true;
	driver_used_event(&f->d, 0, 1000);
	queue_push(&f->q, &f->d.mem, 0, 0);
	assert_true(queue_want_irq(&f->q, &f->d.mem));
	queue_push(&f->q, &f->d.mem, 0, 0);
	assert_false(queue_want_irq(&f->q, &f->d.mem));
}

/* used_event = e: an interrupt when entry e was among those pushed since the last look (§2.7.7.2).
 */
static void interrupt_event(void **state)
{
	static const struct {
		uint16_t event, pushes;
		bool irq;
	} t[] = {
		/* event relative to the first of the pushes */
		{ 0, 1, true },
		{ 0, 3, true },
		{ 1, 1, false },
		{ 1, 2, true },
		{ 2, 3, true },
		{ 3, 3, false },
		{ 7, 8, true },
		{ 0xffff, 1, false },
		{ 0xffff, 8, false },
		{ 0x8000, 8, false },
		{ 0, 0, false },
	};
	static const uint16_t starts[] = { 0, 1, 100, 0x7ffe, 0xfff9, 0xffff };
	struct fix *f = *state;

	f->q.event_idx = true;
	for (size_t s = 0; s < ARRAY_SIZE(starts); s++)
		for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
			f->q.next_used = f->q.signalled = starts[s];
			f->q.signalled_valid = true;
			driver_used_event(&f->d, 0, (uint16_t)(starts[s] + t[i].event));
			driver_avail_flags(&f->d, 0,
				VRING_AVAIL_F_NO_INTERRUPT); /* means nothing now */
			for (uint16_t n = 0; n < t[i].pushes; n++)
				queue_push(&f->q, &f->d.mem, 0, 0);
			assert_int_equal(queue_want_irq(&f->q, &f->d.mem), t[i].irq);
			assert_false(queue_want_irq(&f->q, &f->d.mem)); /* once */
		}
}

/* chains as bytes */

static void reads_and_writes(void **state)
{
	struct fix *f = *state;
	struct buf b[] = { driver_out(&f->d, "ab", 2), driver_out(&f->d, NULL, 0),
		driver_out(&f->d, "cdef", 4), driver_in(&f->d, 3), driver_in(&f->d, 0),
		driver_in(&f->d, 2) };
	char got[8];

	driver_add(&f->d, 0, b, ARRAY_SIZE(b));
	assert_int_equal(pop(f), 1);
	for (size_t skip = 0; skip <= 7; skip++)
		for (size_t len = 0; len <= 7; len++) {
			size_t n = skip >= 6 ? 0 : MIN(6 - skip, len);

			memset(got, 0, sizeof(got));
			assert_int_equal(chain_read(&f->c, skip, got, len), n);
			assert_memory_equal(got, &"abcdef"[MIN(skip, 6)], n);
			assert_int_equal(got[n], 0);
		}
	for (size_t skip = 0; skip <= 6; skip++)
		for (size_t len = 0; len <= 6; len++) {
			size_t n = skip >= 5 ? 0 : MIN(5 - skip, len);
			char want[6] = ".....";

			memset(driver_ptr(&f->d, b[3].gpa), '.', 3);
			memset(driver_ptr(&f->d, b[5].gpa), '.', 2);
			memcpy(want + MIN(skip, 5), "123456", n);
			assert_int_equal(chain_write(&f->c, skip, "123456", len), n);
			assert_memory_equal(driver_ptr(&f->d, b[3].gpa), want, 3);
			assert_memory_equal(driver_ptr(&f->d, b[5].gpa), want + 3, 2);
		}
	assert_int_equal(chain_read(&f->c, SIZE_MAX, got, 1), 0);
	assert_int_equal(chain_read(&f->c, 0, got, 0), 0);
}

/* The pieces of every range, put together, are the bytes that chain_read() gives. */
static void pieces(void **state)
{
	struct fix *f = *state;
	struct buf b[] = { driver_out(&f->d, "ab", 2), driver_out(&f->d, NULL, 0),
		driver_out(&f->d, "cdef", 4), driver_out(&f->d, "g", 1), driver_in(&f->d, 3) };
	struct iovec iov[4];
	size_t got;

	driver_add(&f->d, 0, b, ARRAY_SIZE(b));
	assert_int_equal(pop(f), 1);
	for (size_t skip = 0; skip <= 8; skip++)
		for (size_t len = 0; len <= 8; len++)
			for (unsigned max = 0; max <= 4; max++) {
				unsigned n = chain_iov(&f->c, false, skip, len, iov, max, &got);
				char joined[8] = "", want[8] = "";
				size_t sum = 0;

				assert_true(n <= max);
				for (unsigned i = 0; i < n; i++) {
					assert_true(iov[i].iov_len > 0);
					memcpy(joined + sum, iov[i].iov_base, iov[i].iov_len);
					sum += iov[i].iov_len;
				}
				assert_int_equal(sum, got);
				assert_true(got <= len);
				if (max == 4)
					assert_int_equal(got, skip >= 7 ? 0 : MIN(7 - skip, len));
				chain_read(&f->c, skip, want, got);
				assert_memory_equal(joined, want, got);
			}
	assert_int_equal(chain_iov(&f->c, true, 1, 9, iov, 4, &got), 1);
	assert_int_equal(got, 2);
	assert_ptr_equal(iov[0].iov_base, (char *)driver_ptr(&f->d, b[4].gpa) + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sizes),
		T(areas),
		T(reset_forgets_all_but_the_maximum),
		T(an_unready_queue_does_nothing),
		T(a_request),
		T(an_indirect_request),
		T(direct_then_indirect),
		T(a_table_marked_writable),
		T(what_was_popped_stays),
		T(indices_run_round),
		T(unpop_gives_it_back),
		T(completes_in_any_order),
		T(kick_flag),
		T(kick_event),
		T(interrupt_flag),
		T(the_first_interrupt),
		T(interrupt_event),
		T(reads_and_writes),
		T(pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
