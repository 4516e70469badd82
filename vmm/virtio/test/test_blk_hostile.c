/*
 * The block device with a driver that lies, once with each back end: what every device goes through
 * (hostile.h), and what only this one does: a table of requests that can't be, then G10 one head
 * twice in flight, G11 and G12 resets and the end with a queue full of requests in flight, G15
 * headers and status bytes, G17 sizes at their extremes, G20 writes to a read-only disk.
 */
#define _GNU_SOURCE
#include "virtio/test/hostile.h"
#include "virtio/test/blk_fix.h"

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

/* G09: a second ring full while nothing of the first has come back: it waits, and none is lost. */
static void more_than_there_are_slots(void **state)
{
	struct fix *f = *state;
	struct virtio_dev *dev;
	struct vring_used_elem e;
	struct buf b[3];

	ready(f);
	dev = f->d.dev;
	b[0] = header(f, VIRTIO_BLK_T_IN, 0);
	b[1] = driver_in(&f->d, 512);
	b[2] = status_buf(f);
	driver_add(&f->d, 0, b, 3);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = round ? 0 : 1; i < QUEUE; i++)
			driver_post(&f->d, 0, 0);
		virtio_lock(dev); /* the loop, which would bring answers, stands still */
		dev->ops->kick(dev, 0);
		virtio_unlock(dev);
		assert_int_equal(dev->queue[0].next_avail, QUEUE);
	}
	for (unsigned i = 0; i < 2 * QUEUE; i++)
		assert_true(driver_wait_used(&f->d, 0, &e));
	restart(f);
}

/* G17: on a disk that is large enough for them. */
static void ranges_longer_than_offered(void **state)
{
	struct virtio_blk_discard_write_zeroes zero = { .num_sectors = 32 * MiB / 512 + 1 },
					       discard = { .num_sectors = 4 * GiB / 512 + 1 };
	struct fix *f = *state;

	fill(f, DISK);
	assert_int_equal(ftruncate(f->fd, (off_t)(8 * GiB)), 0);
	plug(f, (struct vm_disk){ .queues = 1 }, 1);
	driver_start(&f->d, driver_features(&f->d), 1, QUEUE);
	assert_int_equal(ranged(f, VIRTIO_BLK_T_WRITE_ZEROES, &zero, 1), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ranged(f, VIRTIO_BLK_T_DISCARD, &discard, 1), VIRTIO_BLK_S_IOERR);
	check_pattern(f, 0, DISK);
	check_works(f);
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
	struct virtio_blk_discard_write_zeroes r = { .num_sectors = 8 }, none = { 0 };
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
		assert_int_equal(ranged(f, VIRTIO_BLK_T_DISCARD, &none, 1), VIRTIO_BLK_S_IOERR);
		assert_int_equal(ranged(f, VIRTIO_BLK_T_WRITE_ZEROES, &none, 1),
			VIRTIO_BLK_S_IOERR);
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

/* the subject */

static struct driver *plug_disk(void **fix, enum block_io io)
{
	void *state = NULL;
	struct fix *f;

	fix_new(&state, io);
	f = state;
	fill(f, DISK);
	plug(f, (struct vm_disk){ .queues = 1 }, 1);
	*fix = f;
	return &f->d;
}

static struct driver *plug_uring(void **fix)
{
	return plug_disk(fix, BLOCK_IO_URING);
}

static struct driver *plug_threads(void **fix)
{
	return plug_disk(fix, BLOCK_IO_THREADS);
}

static void unplug(void *fix)
{
	fix_free(&fix);
}

static void works(void *fix)
{
	check_works(fix);
}

#define FEATURES                                                                                   \
	(F(VIRTIO_BLK_F_FLUSH) | F(VIRTIO_BLK_F_CONFIG_WCE) | F(VIRTIO_RING_F_INDIRECT_DESC) |     \
		F(VIRTIO_BLK_F_WRITE_ZEROES))
#define KIND(back_end, how)                                                                        \
	{                                                                                          \
		.name = back_end,                                                                  \
		.features = FEATURES,                                                              \
		.nqueues = 1,                                                                      \
		.queue = { "requests" },                                                           \
		.writable_off = offsetof(struct virtio_blk_config, wce),                           \
		.writable_len = 1,                                                                 \
		.plug = how,                                                                       \
		.unplug = unplug,                                                                  \
		.works = works,                                                                    \
	}

static const struct subject_kind kinds[] = { KIND("blk (io_uring)", plug_uring),
	KIND("blk (threads)", plug_threads) };

/* requests that can't be: each is answered, and the disk is as it was */

struct request_row {
	const char *name;
	uint32_t type, len;
	uint64_t sector;
	bool in;
	uint8_t want;
};

#define IN     VIRTIO_BLK_T_IN
#define OUT    VIRTIO_BLK_T_OUT
#define END    (DISK / 512)
#define IOERR  VIRTIO_BLK_S_IOERR
#define UNSUPP VIRTIO_BLK_S_UNSUPP

static const struct request_row requests[] = {
	{ "g15 read of 1 byte", IN, 1, 0, true, IOERR },
	{ "g15 read of 511 bytes", IN, 511, 0, true, IOERR },
	{ "g15 read of 513 bytes", IN, 513, 0, true, IOERR },
	{ "g15 write of 1 byte", OUT, 1, 0, false, IOERR },
	{ "g15 write of 511 bytes", OUT, 511, 0, false, IOERR },
	{ "g15 write of 4097 bytes", OUT, 4097, 0, false, IOERR },
	{ "g14 read behind the end", IN, 512, END, true, IOERR },
	{ "g14 read over the end", IN, 1024, END - 1, true, IOERR },
	{ "g14 read at sector 2^55", IN, 512, UINT64_C(1) << 55, true, IOERR },
	{ "g14 read at sector 2^63", IN, 512, UINT64_C(1) << 63, true, IOERR },
	{ "g14 read at sector 2^64 - 1", IN, 512, UINT64_MAX, true, IOERR },
	{ "g14 write behind the end", OUT, 512, END, false, IOERR },
	{ "g14 write over the end", OUT, 1024, END - 1, false, IOERR },
	{ "g14 write at sector 2^55", OUT, 512, UINT64_C(1) << 55, false, IOERR },
	{ "g14 write at sector 2^55 and the end", OUT, 512, (UINT64_C(1) << 55) + END - 1, false,
		IOERR },
	{ "g14 write at sector 2^63", OUT, 512, UINT64_C(1) << 63, false, IOERR },
	{ "g14 write at sector 2^64 - 1", OUT, 512, UINT64_MAX, false, IOERR },
	{ "g14 empty write behind the end", OUT, 0, END + 1, false, IOERR },
	{ "g16 type 2", 2, 512, 0, false, UNSUPP },
	{ "g16 type 77", 77, 512, 0, true, UNSUPP },
	{ "g16 type 2^31", 0x80000000, 512, 0, false, UNSUPP },
	{ "g16 type 2^32 - 1", UINT32_MAX, 512, 0, false, UNSUPP },
	{ "g16 secure erase, not offered", VIRTIO_BLK_T_SECURE_ERASE, 16, 0, false, UNSUPP },
	{ "g15 discard without ranges", VIRTIO_BLK_T_DISCARD, 0, 0, false, IOERR },
	{ "g15 discard of 15 bytes", VIRTIO_BLK_T_DISCARD, 15, 0, false, IOERR },
	{ "g15 discard of 17 bytes", VIRTIO_BLK_T_DISCARD, 17, 0, false, IOERR },
	{ "g17 discard of a range too many", VIRTIO_BLK_T_DISCARD, 17 * 16, 0, false, IOERR },
	{ "g17 discard of 256 ranges", VIRTIO_BLK_T_DISCARD, 4096, 0, false, IOERR },
	{ "g15 zeroes without ranges", VIRTIO_BLK_T_WRITE_ZEROES, 0, 0, false, IOERR },
	{ "g15 zeroes of 15 bytes", VIRTIO_BLK_T_WRITE_ZEROES, 15, 0, false, IOERR },
	{ "g15 zeroes of 17 bytes", VIRTIO_BLK_T_WRITE_ZEROES, 17, 0, false, IOERR },
	{ "g17 zeroes of a range too many", VIRTIO_BLK_T_WRITE_ZEROES, 17 * 16, 0, false, IOERR },
};

static void run_request(void **state)
{
	struct subject *s = *state;
	const struct request_row *r = s->row;
	struct buf b = { HOSTILE_DATA, r->len, r->in };

	memset(driver_ptr(s->d, b.gpa), r->type == OUT ? 0xff : 0, 8192);
	assert_int_equal(request(s->fix, r->type, r->sector, &b, r->len ? 1 : 0, NULL), r->want);
	check_pattern(s->fix, 0, DISK);
	hostile_judge(s, IGNORED);
}

struct range_row {
	const char *name;
	struct virtio_blk_discard_write_zeroes range;
	bool discard;
	uint8_t want;
};

static const struct range_row ranges[] = {
	{ "g14 discard behind the end", { END, 1, 0 }, true, IOERR },
	{ "g14 discard over the end", { END - 1, 2, 0 }, true, IOERR },
	{ "g14 discard at sector 2^64 - 1", { UINT64_MAX, 2, 0 }, true, IOERR },
	{ "g14 discard wraps 2^64", { UINT64_MAX - 7, 16, 0 }, true, IOERR },
	{ "g14 discard at sector 2^55", { UINT64_C(1) << 55, 1, 0 }, true, IOERR },
	{ "g17 discard of 2^32 - 1 sectors", { 0, UINT32_MAX, 0 }, true, IOERR },
	{ "g16 discard that unmaps", { 0, 8, 1 }, true, UNSUPP },
	{ "g16 discard of unknown flags", { 0, 8, 0x80000000 }, true, UNSUPP },
	{ "g14 zeroes behind the end", { END, 1, 0 }, false, IOERR },
	{ "g14 zeroes over the end", { END - 1, 2, 0 }, false, IOERR },
	{ "g14 zeroes at sector 2^64 - 1", { UINT64_MAX, 2, 0 }, false, IOERR },
	{ "g14 zeroes wrap 2^64", { UINT64_MAX - 7, 16, 0 }, false, IOERR },
	{ "g14 zeroes at sector 2^55", { UINT64_C(1) << 55, 1, 0 }, false, IOERR },
	{ "g17 zeroes of 2^32 - 1 sectors", { 0, UINT32_MAX, 0 }, false, IOERR },
	{ "g16 zeroes of unknown flags", { 0, 8, 2 }, false, UNSUPP },
	{ "g16 zeroes of all flags", { 0, 8, UINT32_MAX }, false, UNSUPP },
};

/* A good range before the bad one: nothing of the request is carried out. */
static void run_range(void **state)
{
	struct subject *s = *state;
	const struct range_row *r = s->row;
	struct virtio_blk_discard_write_zeroes two[] = { { 8, 8, 0 }, r->range };
	uint32_t type = r->discard ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES;

	assert_int_equal(ranged(s->fix, type, two, 2), r->want);
	assert_int_equal(ranged(s->fix, type, two + 1, 1), r->want);
	check_pattern(s->fix, 0, DISK);
	hostile_judge(s, IGNORED);
}

static void add_tables(struct hostile_list *l, const struct subject_kind *kind)
{
	hostile_add_registers(l, kind);
	hostile_add_rings(l, kind);
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		hostile_add_row(l, run_request, kind, &requests[i], HOSTILE_QUEUES,
			requests[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		hostile_add_row(l, run_range, kind, &ranges[i], HOSTILE_QUEUES, ranges[i].name);
}

static const struct {
	const char *name;
	CMUnitTestFunction test;
} stories[] = {
	{ "g05 the longest chain there may be", longest_chain },
	{ "g07 empty buffers", empty_buffers },
	{ "g09 one head without end", one_head_without_end },
	{ "g10 one head twice in flight", same_head_twice },
	{ "g11 reset with requests in flight", reset_in_flight },
	{ "g12 the end with requests in flight", end_in_flight },
	{ "g15 header in pieces, and cut short", split_headers },
	{ "g15 no place for a status", no_place_for_a_status },
	{ "g15 status in the data's last byte", status_eats_data },
	{ "g09 more requests than there are slots", more_than_there_are_slots },
	{ "g17 largest requests", largest_requests },
	{ "g17 ranges longer than offered", ranges_longer_than_offered },
	{ "g18 a thousand errors", a_thousand_errors },
	{ "g20 a read-only disk stays as it is", readonly_refuses },
	{ "h03 the format is never guessed", format_is_never_guessed },
};

int main(void)
{
	struct hostile_list *l = hostile_new();

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		add_tables(l, &kinds[k]);
	for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
		hostile_add(l, stories[i].test, with_uring, fix_free, NULL,
			"%.3s blk (io_uring):%s", stories[i].name, stories[i].name + 3);
		hostile_add(l, stories[i].test, with_threads, fix_free, NULL,
			"%.3s blk (threads):%s", stories[i].name, stories[i].name + 3);
	}
	return hostile_run(l, "blk");
}
