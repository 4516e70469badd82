/*
 * The block device with a driver that breaks the rules: malformed chains and requests, one head
 * twice in flight, a reset with a queue full of requests in flight, sizes at their extremes, writes
 * to a read-only disk. After each the device lives: it answered with an error, or broke and works
 * again after a reset.
 */
#define _GNU_SOURCE
#include "virtio/test/blk_fix.h"

static void raw(struct fix *f, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
	uint16_t next)
{
	driver_desc(&f->d, 0, i,
		(struct vring_desc){ .addr = addr, .len = len, .flags = flags, .next = next });
}

/* G04 */
static void head_out_of_range(void **state)
{
	static const uint16_t heads[] = { QUEUE, QUEUE + 1, 0x7fff, 0xffff };
	struct fix *f = *state;

	ready(f);
	for (unsigned i = 0; i < ARRAY_SIZE(heads); i++) {
		driver_post(&f->d, 0, heads[i]);
		driver_kick(&f->d, 0);
		check_broken(f);
	}
}

/* G05 */
static void chain_that_loops(void **state)
{
	struct fix *f = *state;
	struct buf h;

	ready(f);
	h = header(f, VIRTIO_BLK_T_IN, 0);
	raw(f, 0, h.gpa, 16, VRING_DESC_F_NEXT, 0); /* itself */
	driver_post(&f->d, 0, 0);
	driver_kick(&f->d, 0);
	check_broken(f);
	h = header(f, VIRTIO_BLK_T_IN, 0);
	raw(f, 0, h.gpa, 16, VRING_DESC_F_NEXT, 1);
	raw(f, 1, h.gpa, 16, VRING_DESC_F_NEXT, 0);
	driver_post(&f->d, 0, 0);
	driver_kick(&f->d, 0);
	check_broken(f);
}

static void post_indirect(struct fix *f, uint64_t table, uint32_t len, uint16_t flags)
{
	raw(f, 0, table, len, VRING_DESC_F_INDIRECT | flags, 1);
	driver_post(&f->d, 0, 0);
	driver_kick(&f->d, 0);
}

/* G06 */
static void bad_indirect_tables(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 15, 17, UINT32_C(0xfffffff0), 16 * (QUEUE + 1) };
	struct fix *f = *state;

	ready(f);
	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++) {
		post_indirect(f, driver_alloc(&f->d, 4096, 16), lengths[i], 0);
		check_broken(f);
	}
	post_indirect(f, DRIVER_RAM_END - 16, 32, 0);
	check_broken(f);
	post_indirect(f, driver_alloc(&f->d, 16, 16), 16, VRING_DESC_F_NEXT);
	check_broken(f);
}

/* A request of the longest chain that the queue holds, the header and the status split as far as
 * that goes. */
static void longest_chain(void **state)
{
	struct fix *f = *state;
	struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_IN, .sector = 2 };
	struct buf b[QUEUE];
	unsigned n = 0;

	ready(f);
	for (unsigned i = 0; i < 16; i++)
		b[n++] = driver_out(&f->d, (uint8_t *)&h + i, 1);
	for (unsigned i = 0; i < QUEUE - 17; i++) /* 110 of 4 bytes and one of 72 */
		b[n++] = driver_in(&f->d, i ? 4 : 72);
	b[n++] = status_buf(f);
	assert_int_equal(n, QUEUE);
	driver_add(&f->d, 0, b, n);
	driver_signal(&f->d, 0);
	assert_int_equal(wait_status(f, 0, b[n - 1], NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(*(uint8_t *)driver_ptr(&f->d, b[16].gpa), pattern(1024));
	assert_int_equal(*(uint8_t *)driver_ptr(&f->d, b[n - 2].gpa + 3), pattern(1024 + 511));
}

/* G07 */
static void empty_buffers(void **state)
{
	struct fix *f = *state;
	struct buf b[6];

	ready(f);
	for (unsigned i = 0; i < 4; i++)
		b[i] = (struct buf){ .gpa = DRIVER_RAM, .in = i > 1 };
	driver_add(&f->d, 0, b, 4);
	driver_kick(&f->d, 0);
	check_broken(f);
	/* between others they mean nothing, the status byte before an empty buffer included */
	b[0] = (struct buf){ .gpa = DRIVER_RAM };
	b[1] = header(f, VIRTIO_BLK_T_IN, 3);
	b[2] = (struct buf){ .gpa = DRIVER_RAM, .in = true };
	b[3] = driver_in(&f->d, 512);
	b[4] = status_buf(f);
	b[5] = b[2];
	driver_add(&f->d, 0, b, 6);
	driver_signal(&f->d, 0);
	assert_int_equal(wait_status(f, 0, b[4], NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(*(uint8_t *)driver_ptr(&f->d, b[3].gpa), pattern(1536));
	/* a transfer of nothing */
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, NULL, 0, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, DISK / 512, NULL, 0, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, DISK / 512 + 1, NULL, 0, NULL),
		VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, NULL, 0, NULL), VIRTIO_BLK_S_OK);
}

/* G10: each posting is answered, with the head it came with; in whatever order the host ends them.
 */
static void same_head_twice(void **state)
{
	struct fix *f = *state;
	struct buf b[3];

	ready(f);
	for (unsigned round = 0; round < 50; round++) {
		f->d.next = DRIVER_RAM + 64 * KiB;
		b[0] = header(f, round & 1 ? VIRTIO_BLK_T_IN : VIRTIO_BLK_T_FLUSH, 8);
		b[1] = driver_in(&f->d, 64 * 1024);
		b[2] = status_buf(f);
		for (unsigned i = 0; i < 4; i++)
			driver_post(&f->d, 0, driver_add(&f->d, 0, b, 3)); /* twice each */
		driver_signal(&f->d, 0);
		for (unsigned i = 0; i < 8; i++) {
			struct vring_used_elem e;

			assert_true(driver_wait_used(&f->d, 0, &e));
			assert_true(e.id < QUEUE);
		}
		assert_int_equal(*(uint8_t *)driver_ptr(&f->d, b[2].gpa), VIRTIO_BLK_S_OK);
	}
	assert_false(driver_needs_reset(&f->d));
	restart(f);
}

/* G09: one head, posted again as often as the ring turns; requests in flight stay bounded, none is
 * lost. */
static void one_head_without_end(void **state)
{
	struct fix *f = *state;
	struct buf b[3];
	unsigned got = 0;

	ready(f);
	b[0] = header(f, VIRTIO_BLK_T_IN, 0);
	b[1] = driver_in(&f->d, 512);
	b[2] = status_buf(f);
	driver_add(&f->d, 0, b, 3);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = round ? 0 : 1; i < QUEUE; i++)
			driver_post(&f->d, 0, 0);
		driver_kick(&f->d, 0);
	}
	virtio_mmio_pause(f->d.m);
	got = driver_used_idx(&f->d, 0);
	virtio_mmio_resume(f->d.m);
	for (struct vring_used_elem e; !driver_needs_reset(&f->d) && got < 20 * QUEUE;
		got = driver_used_idx(&f->d, 0)) {
		f->d.q[0].last_used = (uint16_t)got;
		assert_true(driver_wait_used(&f->d, 0, &e));
	}
	restart(f);
}

static void *reset_by_vcpu(void *arg)
{
	struct fix *f = arg;

	driver_reset(&f->d);
	return NULL;
}

/* G11: nothing is written to guest memory once the reset has been seen. */
static void reset_in_flight(void **state)
{
	struct fix *f = *state;

	ready(f);
	for (unsigned round = 0; round < 20; round++) {
		uint64_t first;
		pthread_t vcpu;

		f->d.next = first = DRIVER_RAM + 64 * KiB;
		for (unsigned i = 0; i < QUEUE; i++) {
			static const uint32_t types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_FLUSH };
			struct buf b[3] = { header(f, types[i % 8 == 7], i), driver_in(&f->d, 8192),
				status_buf(f) };

			driver_add_indirect(&f->d, 0, b, 3);
		}
		if (round & 1)
			driver_signal(&f->d, 0); /* kicked and not yet seen */
		else
			driver_kick(&f->d, 0);
		if (round & 2) {
			assert_int_equal(pthread_create(&vcpu, NULL, reset_by_vcpu, f), 0);
			pthread_join(vcpu, NULL);
		} else {
			driver_reset(&f->d);
		}
		memset(f->d.ram, 0x5a, DRIVER_RAM_SIZE);
		driver_turn(&f->d);
		assert_memory_equal(f->d.ram, f->d.ram + 1,
			DRIVER_RAM_SIZE - 1); /* still all alike */
		restart(f);
	}
}

/* G12 */
static void end_in_flight(void **state)
{
	struct fix *f = *state;

	ready(f);
	for (unsigned i = 0; i < QUEUE; i++) {
		struct buf b[3] = { header(f, VIRTIO_BLK_T_IN, i), driver_in(&f->d, 8192),
			status_buf(f) };

		driver_add_indirect(&f->d, 0, b, 3);
	}
	driver_kick(&f->d, 0); /* the rest is fix_free()'s */
}

/* G15: the header in 1 to 16 pieces, and cut short at every length. */
static void split_headers(void **state)
{
	struct fix *f = *state;
	struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_IN, .sector = 3 };

	ready(f);
	for (unsigned pieces = 1; pieces <= 16; pieces++) {
		struct buf b[18];
		unsigned n = 0;

		for (unsigned at = 0; n < pieces; n++) {
			unsigned len = n == pieces - 1 ? 16 - at : 1;

			b[n] = driver_out(&f->d, (uint8_t *)&h + at, len);
			at += len;
		}
		b[n++] = driver_in(&f->d, 512);
		b[n++] = status_buf(f);
		driver_add(&f->d, 0, b, n);
		driver_signal(&f->d, 0);
		assert_int_equal(wait_status(f, 0, b[n - 1], NULL), VIRTIO_BLK_S_OK);
		assert_int_equal(*(uint8_t *)driver_ptr(&f->d, b[n - 2].gpa), pattern(1536));
	}
	for (unsigned len = 0; len < 16; len++) {
		struct buf b[2] = { driver_out(&f->d, &h, len), status_buf(f) };

		driver_add(&f->d, 0, b, 2);
		driver_kick(&f->d, 0);
		assert_int_equal(*(uint8_t *)driver_ptr(&f->d, b[1].gpa), NO_STATUS);
		check_broken(f);
	}
}

static void no_place_for_a_status(void **state)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH,
		VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES, 77 };
	struct fix *f = *state;

	ready(f);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct buf b[3] = { header(f, types[i], 0) };

		driver_add(&f->d, 0, b, 1); /* none */
		driver_kick(&f->d, 0);
		check_broken(f);
		b[0] = header(f, types[i], 0);
		b[1] = driver_out(&f->d, NULL, 1); /* one the device may not write */
		driver_add(&f->d, 0, b, 2);
		driver_kick(&f->d, 0);
		check_broken(f);
		b[0] = header(f, types[i], 0);
		b[1] = driver_in(&f->d, 0); /* one of no length */
		driver_add(&f->d, 0, b, 2);
		driver_kick(&f->d, 0);
		check_broken(f);
	}
	check_pattern(f, 0, DISK);
}

/* A status in the last byte of a data buffer: of 512 bytes, 511 are data, which is no sector. */
static void status_eats_data(void **state)
{
	struct fix *f = *state;
	struct buf b[2];
	uint32_t len;

	ready(f);
	b[0] = header(f, VIRTIO_BLK_T_IN, 0);
	b[1] = driver_in(&f->d, 512);
	driver_add(&f->d, 0, b, 2);
	driver_signal(&f->d, 0);
	b[1].gpa += 511;
	assert_int_equal(wait_status(f, 0, b[1], &len), VIRTIO_BLK_S_IOERR);
	assert_int_equal(len, 0);
	check_works(f);
}

/* G17: all of RAM as the data of every type, more times than the disk is large. */
static void largest_requests(void **state)
{
	static const uint32_t types[] = { VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH,
		VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES, 77 };
	struct fix *f = *state;

	ready(f);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		for (unsigned in = 0; in < 2; in++) {
			struct buf b[QUEUE] = { header(f, types[i], 0) };
			uint8_t status;

			for (unsigned j = 1; j < QUEUE - 1; j++)
				b[j] = (struct buf){ .gpa = DRIVER_RAM,
					.len = DRIVER_RAM_SIZE,
					.in = in };
			b[QUEUE - 1] = (struct buf){ .gpa = DRIVER_RAM2, .len = 1, .in = true };
			driver_add(&f->d, 0, b, QUEUE);
			driver_signal(&f->d, 0);
			status = wait_status(f, 0, b[QUEUE - 1], NULL);
			if (types[i] == 77)
				assert_int_equal(status, VIRTIO_BLK_S_UNSUPP);
			else if (types[i] == VIRTIO_BLK_T_GET_ID &&
				in) /* wrote the id over everything: start anew */
				assert_int_equal(status, VIRTIO_BLK_S_OK);
			else if (types[i] == VIRTIO_BLK_T_IN && in)
				assert_int_equal(status, VIRTIO_BLK_S_IOERR);
			restart(f);
		}
	check_pattern(f, 0, DISK);
}

/* G18 */
static void a_thousand_errors(void **state)
{
	struct fix *f = *state;

	ready(f);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(request(f, VIRTIO_BLK_T_OUT, UINT64_MAX - i, NULL, 0, NULL),
			VIRTIO_BLK_S_IOERR);
	check_works(f);
}

/* G20 */
static void readonly_refuses(void **state)
{
	struct fix *f = *state;
	struct virtio_blk_discard_write_zeroes r = { .num_sectors = 8 };
	struct buf b;

	fill(f, DISK);
	plug(f, (struct vm_disk){ .queues = 1, .readonly = true }, 1);
	assert_true(driver_features(&f->d) & F(VIRTIO_BLK_F_RO));
	assert_false(
		driver_features(&f->d) & (F(VIRTIO_BLK_F_DISCARD) | F(VIRTIO_BLK_F_WRITE_ZEROES)));
	for (unsigned i = 0; i < 2;
		i++) { /* with and without the driver's knowing that it is read-only */
		driver_start(&f->d, i ? driver_features(&f->d) : 0, 1, QUEUE);
		b = driver_out(&f->d, NULL, 4096);
		assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, &b, 1, NULL), VIRTIO_BLK_S_IOERR);
		assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, NULL, 0, NULL),
			VIRTIO_BLK_S_IOERR);
		assert_int_equal(ranged(f, VIRTIO_BLK_T_DISCARD, &r, 1), VIRTIO_BLK_S_IOERR);
		assert_int_equal(ranged(f, VIRTIO_BLK_T_WRITE_ZEROES, &r, 1), VIRTIO_BLK_S_IOERR);
		r.flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
		assert_int_equal(ranged(f, VIRTIO_BLK_T_WRITE_ZEROES, &r, 1), VIRTIO_BLK_S_IOERR);
		r.flags = 0;
		assert_int_equal(request(f, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL), VIRTIO_BLK_S_OK);
		check_works(f);
	}
	check_pattern(f, 0, DISK);
}

/* H03: what looks like an image of another format is the disk's content. */
static void format_is_never_guessed(void **state)
{
	struct fix *f = *state;
	struct buf b;

	fill(f, DISK);
	assert_int_equal(pwrite(f->fd, "QFI\xfb\0\0\0\3", 8, 0), 8);
	plug(f, (struct vm_disk){ .queues = 1 }, 1);
	driver_start(&f->d, driver_features(&f->d), 1, QUEUE);
	b = driver_in(&f->d, 512);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, &b, 1, NULL), VIRTIO_BLK_S_OK);
	assert_memory_equal(driver_ptr(&f->d, b.gpa), "QFI\xfb\0\0\0\3", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(head_out_of_range),
		BOTH(chain_that_loops),
		BOTH(bad_indirect_tables),
		BOTH(longest_chain),
		BOTH(empty_buffers),
		BOTH(same_head_twice),
		BOTH(one_head_without_end),
		BOTH(reset_in_flight),
		BOTH(end_in_flight),
		BOTH(split_headers),
		BOTH(no_place_for_a_status),
		BOTH(status_eats_data),
		BOTH(largest_requests),
		BOTH(a_thousand_errors),
		BOTH(readonly_refuses),
		BOTH(format_is_never_guessed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
