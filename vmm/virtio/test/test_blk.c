/*
 * The block device with a driver that keeps the rules: every operation, its errors, its
 * configuration, several queues, pause and reset, through io_uring and through threads on a real
 * file.
 */
#define _GNU_SOURCE
#include "virtio/test/blk_fix.h"

#include <signal.h>
#include <sys/resource.h>

static struct virtio_blk_config config_of(struct fix *f)
{
	struct virtio_blk_config cfg = { 0 };

	for (unsigned i = 0; i < offsetof(struct virtio_blk_config, max_secure_erase_sectors);
		i += 4)
		driver_config(&f->d, i, (uint8_t *)&cfg + i, 4);
	return cfg;
}

static void says_what_it_is(void **state)
{
	struct fix *f = *state;
	struct virtio_blk_config cfg;
	uint64_t want = F(VIRTIO_BLK_F_SEG_MAX) | F(VIRTIO_BLK_F_BLK_SIZE) |
		F(VIRTIO_BLK_F_TOPOLOGY) | F(VIRTIO_BLK_F_FLUSH) | F(VIRTIO_BLK_F_CONFIG_WCE) |
		F(VIRTIO_BLK_F_MQ) | F(VIRTIO_BLK_F_WRITE_ZEROES) | F(VIRTIO_RING_F_EVENT_IDX) |
		F(VIRTIO_RING_F_INDIRECT_DESC) | F(VIRTIO_F_VERSION_1);

	fill(f, DISK);
	plug(f, (struct vm_disk){ 0 }, 3);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_DEVICE_ID), 2);
	assert_int_equal(driver_features(&f->d) & ~F(VIRTIO_BLK_F_DISCARD), want);
	cfg = config_of(f);
	assert_int_equal(cfg.capacity, DISK / 512);
	assert_int_equal(cfg.seg_max, 126);
	assert_int_equal(cfg.blk_size, 512);
	assert_int_equal(cfg.num_queues, 3);
	assert_int_equal(512 << cfg.physical_block_exp, 512 * cfg.min_io_size);
	assert_int_equal(cfg.wce, 1);
	assert_int_equal(cfg.max_write_zeroes_seg, 16);
	assert_true(cfg.max_write_zeroes_sectors >= 8);
	driver_set(&f->d, VIRTIO_MMIO_QUEUE_SEL, 2);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_QUEUE_NUM_MAX), 128);
	driver_set(&f->d, VIRTIO_MMIO_QUEUE_SEL, 3);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
}

static void at_most_eight_queues_of_itself(void **state)
{
	struct fix *f = *state;

	fill(f, 512);
	plug(f, (struct vm_disk){ 0 }, 64);
	assert_int_equal(config_of(f).num_queues, 8);
}

static void reads(void **state)
{
	struct fix *f = *state;
	struct buf b[3];
	uint32_t len;
	uint64_t at = 5 * 512;

	ready(f);
	b[0] = driver_in(&f->d, 700); /* need not end where sectors do */
	b[1] = driver_in(&f->d, 1);
	b[2] = driver_in(&f->d, 4096 - 701);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 5, b, 3, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 4097);
	for (unsigned i = 0; i < 3; i++) {
		const uint8_t *p = driver_ptr(&f->d, b[i].gpa);

		for (unsigned j = 0; j < b[i].len; j++)
			assert_int_equal(p[j], pattern(at++));
	}
}

static void writes(void **state)
{
	struct fix *f = *state;
	struct buf b[2];
	uint32_t len;

	ready(f);
	b[0] = driver_out(&f->d, NULL, 1000);
	b[1] = driver_out(&f->d, NULL, 24);
	memset(driver_ptr(&f->d, b[0].gpa), 0xa5, 1000);
	memset(driver_ptr(&f->d, b[1].gpa), 0xa5, 24);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 7, b, 2, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 1);
	check_pattern(f, 0, 7 * 512);
	check_bytes(f, 7 * 512, 1024, 0xa5);
	check_pattern(f, 9 * 512, 4096);
	assert_int_equal(request(f, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 1);
}

static void header_and_data_in_one_buffer(void **state)
{
	struct fix *f = *state;
	struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_OUT, .sector = 1 };
	struct buf b[2];

	ready(f);
	b[0] = driver_out(&f->d, NULL, sizeof(h) + 512);
	memcpy(driver_ptr(&f->d, b[0].gpa), &h, sizeof(h));
	memset((char *)driver_ptr(&f->d, b[0].gpa) + sizeof(h), 0x11, 512);
	b[1] = status_buf(f);
	driver_add_indirect(&f->d, 0, b, 2);
	driver_signal(&f->d, 0);
	assert_int_equal(wait_status(f, 0, b[1], NULL), VIRTIO_BLK_S_OK);
	check_bytes(f, 512, 512, 0x11);
	/* and back: data and status in one */
	h.type = VIRTIO_BLK_T_IN;
	b[0] = driver_out(&f->d, &h, sizeof(h));
	b[1] = driver_in(&f->d, 513);
	driver_add(&f->d, 0, b, 2);
	driver_signal(&f->d, 0);
	b[1].gpa += 512;
	assert_int_equal(wait_status(f, 0, b[1], NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(*(uint8_t *)driver_ptr(&f->d, b[1].gpa - 1), 0x11);
}

static void tells_its_id(void **state)
{
	struct fix *f = *state;
	struct buf b;
	char *p;
	uint32_t len;

	fill(f, 512);
	plug(f, (struct vm_disk){ .queues = 1, .id = "sn-42" }, 1);
	driver_start(&f->d, driver_features(&f->d), 1, QUEUE);
	b = driver_in(&f->d, 20);
	p = driver_ptr(&f->d, b.gpa);
	memset(p, 'x', 20);
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, &b, 1, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 21);
	assert_memory_equal(p, "sn-42\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
	memset(p, 'x', 20);
	b.len = 3;
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, &b, 1, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 4);
	assert_memory_equal(p, "sn-x", 4);
	b = driver_in(&f->d, 64); /* larger: the id does not reach the status byte */
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, &b, 1, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 20);
}

static void discards(void **state)
{
	struct fix *f = *state;
	struct virtio_blk_discard_write_zeroes r[3] = { { .sector = 256, .num_sectors = 512 },
		{ .sector = 1024 }, { .sector = 1024, .num_sectors = 128 } };
	struct stat before, after;

	ready(f);
	if (!(driver_features(&f->d) & F(VIRTIO_BLK_F_DISCARD)))
		skip();
	assert_int_equal(fsync(f->fd), 0);
	assert_int_equal(fstat(f->fd, &before), 0);
	assert_int_equal(ranged(f, VIRTIO_BLK_T_DISCARD, r, 3), VIRTIO_BLK_S_OK);
	check_pattern(f, 0, 256 * 512);
	check_bytes(f, 256 * 512, 512 * 512, 0);
	check_pattern(f, 768 * 512, 256 * 512);
	check_bytes(f, 1024 * 512, 128 * 512, 0);
	check_pattern(f, 1152 * 512, 512);
	assert_int_equal(fstat(f->fd, &after), 0);
	assert_int_equal(after.st_size, DISK);
	assert_true(after.st_blocks + 640 <= before.st_blocks);
}

static void zeroes(void **state)
{
	struct fix *f = *state;
	struct virtio_blk_discard_write_zeroes r[2] = { { .sector = 1, .num_sectors = 3 },
		{ .sector = 64, .num_sectors = 64, .flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP } };

	ready(f);
	assert_int_equal(ranged(f, VIRTIO_BLK_T_WRITE_ZEROES, r, 2), VIRTIO_BLK_S_OK);
	check_pattern(f, 0, 512);
	check_bytes(f, 512, 1536, 0);
	check_pattern(f, 2048, 60 * 512);
	check_bytes(f, 64 * 512, 64 * 512, 0);
	check_pattern(f, 128 * 512, 512);
}

static void bad_ranges(void **state)
{
	struct fix *f = *state;
	struct virtio_blk_discard_write_zeroes good = { .num_sectors = 1 }, many[17];
	static const struct {
		uint64_t sector;
		uint32_t sectors, flags;
		uint8_t zero, discard; /* the answers */
	} bad[] = {
		{ DISK / 512, 1, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR },
		{ DISK / 512 - 1, 2, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR },
		{ UINT64_MAX, 2, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR },
		{ UINT64_C(1) << 55, 1, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR },
		{ 0, UINT32_MAX, 0, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_IOERR },
		{ 0, 1, 2, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_S_UNSUPP },
		{ 0, 1, 0x80000001, VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_S_UNSUPP },
	};

	ready(f);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct virtio_blk_discard_write_zeroes r[2] = { good,
			{ .sector = bad[i].sector,
				.num_sectors = bad[i].sectors,
				.flags = bad[i].flags } };

		assert_int_equal(ranged(f, VIRTIO_BLK_T_WRITE_ZEROES, r, 2), bad[i].zero);
		if (driver_features(&f->d) & F(VIRTIO_BLK_F_DISCARD))
			assert_int_equal(ranged(f, VIRTIO_BLK_T_DISCARD, r, 2), bad[i].discard);
	}
	if (driver_features(&f->d) & F(VIRTIO_BLK_F_DISCARD)) {
		good.flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP; /* §5.2.6.2: not in a DISCARD */
		assert_int_equal(ranged(f, VIRTIO_BLK_T_DISCARD, &good, 1), VIRTIO_BLK_S_UNSUPP);
	}
	memset(many, 0, sizeof(many));
	assert_int_equal(ranged(f, VIRTIO_BLK_T_WRITE_ZEROES, many, 17), VIRTIO_BLK_S_IOERR);
	assert_int_equal(ranged(f, VIRTIO_BLK_T_WRITE_ZEROES, many, 16),
		VIRTIO_BLK_S_OK); /* of nothing */
	assert_int_equal(ranged(f, VIRTIO_BLK_T_WRITE_ZEROES, many, 0), VIRTIO_BLK_S_IOERR);
	check_pattern(f, 0, DISK); /* one bad range, and none is touched */
}

static void bad_places(void **state)
{
	struct fix *f = *state;
	static const struct {
		uint64_t sector;
		uint32_t len;
	} bad[] = {
		{ DISK / 512, 512 },
		{ DISK / 512 - 1, 1024 },
		{ UINT64_MAX, 512 },
		{ UINT64_MAX / 512, 1024 },
		{ UINT64_C(1) << 55, 512 }, /* wraps to 0 when multiplied */
		{ 0, 511 },
		{ 0, 513 },
		{ 0, 1 },
	};
	uint32_t len;

	ready(f);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct buf in = driver_in(&f->d, bad[i].len),
			   out = driver_out(&f->d, NULL, bad[i].len);

		assert_int_equal(request(f, VIRTIO_BLK_T_IN, bad[i].sector, &in, 1, &len),
			VIRTIO_BLK_S_IOERR);
		assert_int_equal(len, 0); /* the status byte comes after a gap */
		assert_int_equal(request(f, VIRTIO_BLK_T_OUT, bad[i].sector, &out, 1, &len),
			VIRTIO_BLK_S_IOERR);
		assert_int_equal(len, 1);
	}
	check_pattern(f, 0, DISK);
	check_works(f);
}

static void unknown_types(void **state)
{
	struct fix *f = *state;
	static const uint32_t types[] = { 2, 3, 5, 9, 10, 12, 14, 0x80000000, UINT32_MAX };

	ready(f);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		assert_int_equal(request(f, types[i], 0, NULL, 0, NULL), VIRTIO_BLK_S_UNSUPP);
	check_works(f);
}

/* The host takes the file's end away, then refuses to store any more there, as when it runs out of
 * space: the guest is told of an error, and goes on. */
static void host_errors(void **state)
{
	struct fix *f = *state;
	struct rlimit old, low;
	struct buf b;

	ready(f);
	assert_int_equal(ftruncate(f->fd, 4096), 0);
	b = driver_in(&f->d, 512);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 100, &b, 1, NULL), VIRTIO_BLK_S_IOERR);
	check_works(f);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = (struct rlimit){ .rlim_cur = 4096, .rlim_max = old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	b.in = false;
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 100, &b, 1, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 100, &b, 1, NULL), VIRTIO_BLK_S_OK);
	check_works(f);
}

static void tiny_disk(void **state)
{
	struct fix *f = *state;
	const uint8_t *p;
	struct buf b;

	assert_int_equal(pwrite(f->fd, "#!/bin/sh\n", 10, 0), 10);
	plug(f, (struct vm_disk){ .queues = 1, .readonly = true }, 1);
	driver_start(&f->d, driver_features(&f->d), 1, QUEUE);
	assert_int_equal(config_of(f).capacity, 1);
	b = driver_in(&f->d, 512);
	memset(driver_ptr(&f->d, b.gpa), 0xee, 512);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 0, &b, 1, NULL), VIRTIO_BLK_S_OK);
	p = driver_ptr(&f->d, b.gpa);
	assert_memory_equal(p, "#!/bin/sh\n", 10);
	for (unsigned i = 10; i < 512; i++)
		assert_int_equal(p[i], 0);
	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 1, &b, 1, NULL), VIRTIO_BLK_S_IOERR);
}

static void write_through_without_flush(void **state)
{
	struct fix *f = *state;
	struct virtio_blk_discard_write_zeroes r = { .sector = 20, .num_sectors = 2 };
	struct buf b;

	fill(f, DISK);
	plug(f, (struct vm_disk){ .queues = 1 }, 1);
	driver_start(&f->d, 0, 1, QUEUE);
	b = driver_out(&f->d, NULL, 1024);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 10, &b, 1, NULL), VIRTIO_BLK_S_OK);
	check_bytes(f, 5120, 1024, 0);
	assert_int_equal(ranged(f, VIRTIO_BLK_T_WRITE_ZEROES, &r, 1), VIRTIO_BLK_S_OK);
	check_bytes(f, 10240, 1024, 0);
}

static void cache_mode_can_be_set(void **state)
{
	struct fix *f = *state;
	uint8_t off = 0, got = 9;
	struct buf b;

	ready(f);
	driver_config_set(&f->d, offsetof(struct virtio_blk_config, wce), &off, 1);
	driver_config(&f->d, offsetof(struct virtio_blk_config, wce), &got, 1);
	assert_int_equal(got, 0);
	b = driver_out(&f->d, NULL, 512);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, &b, 1, NULL), VIRTIO_BLK_S_OK);
	driver_config_set(&f->d, 0, &off, 1); /* the capacity is not the driver's to change */
	assert_int_equal(config_of(f).capacity, DISK / 512);
	driver_reset(&f->d);
	driver_config(&f->d, offsetof(struct virtio_blk_config, wce), &got, 1);
	assert_int_equal(got, 1);
}

static void several_queues(void **state)
{
	struct fix *f = *state;
	struct buf b[4][3];
	struct vring_used_elem e;

	fill(f, DISK);
	plug(f, (struct vm_disk){ .queues = 4 }, 1);
	driver_start(&f->d, driver_features(&f->d), 4, QUEUE);
	for (unsigned q = 0; q < 4; q++) {
		b[q][0] = header(f, VIRTIO_BLK_T_IN, q);
		b[q][1] = driver_in(&f->d, 512);
		b[q][2] = status_buf(f);
		driver_add(&f->d, q, b[q], 3);
		driver_signal(&f->d, q);
	}
	for (unsigned q = 0; q < 4; q++) {
		assert_int_equal(wait_status(f, q, b[q][2], NULL), VIRTIO_BLK_S_OK);
		assert_int_equal(*(uint8_t *)driver_ptr(&f->d, b[q][1].gpa), pattern(512 * q));
		assert_false(driver_take_used(&f->d, q, &e));
	}
}

/* Posts n reads of one sector each. */
static void post_reads(struct fix *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct buf b[3] = { header(f, VIRTIO_BLK_T_IN, i), driver_in(&f->d, 512),
			status_buf(f) };

		driver_add_indirect(&f->d, 0, b, 3);
	}
}

static void interrupts_when_wanted(void **state)
{
	struct fix *f = *state;

	ready(f);
	assert_false(driver_take_irq(&f->d));
	driver_used_event(&f->d, 0, 0);
	check_works(f);
	assert_true(driver_wait_irq(&f->d));
	assert_int_equal(driver_ack_irq(&f->d), VIRTIO_MMIO_INT_VRING);
	driver_used_event(&f->d, 0, 2); /* not for the next, but for the one after it */
	check_works(f);
	assert_false(driver_take_irq(&f->d));
	check_works(f);
	assert_true(driver_wait_irq(&f->d));
	post_reads(f, 1);
	assert_true(driver_kick_wanted(&f->d,
		0)); /* the queue was emptied, so the next entry is worth a kick */
}

static void full_queue_at_once(void **state)
{
	struct fix *f = *state;
	bool seen[QUEUE] = { false };

	ready(f);
	for (unsigned round = 0; round < 3; round++) {
		uint64_t mark = f->d.next;

		memset(seen, 0, sizeof(seen));
		post_reads(f, QUEUE);
		driver_signal(&f->d, 0);
		for (unsigned i = 0; i < QUEUE; i++) {
			struct vring_used_elem e;

			assert_true(driver_wait_used(&f->d, 0, &e));
			assert_int_equal(e.len, 513);
			assert_true(e.id < QUEUE && !seen[e.id]);
			seen[e.id] = true;
		}
		f->d.next = mark;
	}
}

/* More queues' worth of requests than there are slots: those that find none wait, and none is lost.
 */
static void more_than_there_are_slots(void **state)
{
	struct fix *f = *state;
	struct vring_used_elem e;

	fill(f, DISK);
	plug(f, (struct vm_disk){ .queues = 4 }, 1);
	driver_start(&f->d, driver_features(&f->d), 4, QUEUE);
	for (unsigned q = 0; q < 4; q++) {
		for (unsigned i = 0; i < QUEUE; i++) {
			struct buf b[3] = { header(f, VIRTIO_BLK_T_IN, i), driver_in(&f->d, 512),
				status_buf(f) };

			driver_add_indirect(&f->d, q, b, 3);
		}
		driver_signal(&f->d, q);
	}
	for (unsigned q = 0; q < 4; q++)
		for (unsigned i = 0; i < QUEUE; i++) {
			assert_true(driver_wait_used(&f->d, q, &e));
			assert_int_equal(e.len, 513);
		}
}

static void pause_waits_and_resume_goes_on(void **state)
{
	struct fix *f = *state;
	uint16_t before;

	ready(f);
	post_reads(f, 32);
	virtio_lock(f->d.dev); /* as the loop would, but without the loop's bringing completions */
	f->d.dev->ops->kick(f->d.dev, 0);
	virtio_unlock(f->d.dev);
	virtio_mmio_pause(f->d.m);
	before = driver_used_idx(&f->d, 0);
	assert_int_equal(before, 32); /* all that were begun have ended */
	post_reads(f, 16);
	driver_kick(&f->d, 0);
	assert_int_equal(driver_used_idx(&f->d, 0), before);
	virtio_mmio_resume(f->d.m);
	for (unsigned i = 0; i < 48; i++) {
		struct vring_used_elem e;

		assert_true(driver_wait_used(&f->d, 0, &e));
	}
	virtio_mmio_pause(f->d.m);
	virtio_mmio_resume(f->d.m);
	check_works(f);
}

static long resident_kib(void)
{
	char line[256];
	FILE *smaps = fopen("/proc/self/smaps_rollup", "re");
	long kib = 0;

	while (fgets(line, sizeof(line), smaps))
		if (sscanf(line, "Private_Dirty: %ld kB", &kib) == 1)
			break;
	fclose(smaps);
	return kib;
}

static void costs_little_at_idle(void **state)
{
	struct fix *f = *state;
	long before;

	fill(f, DISK);
	before = resident_kib();
	plug(f, (struct vm_disk){ .queues = 8 }, 1);
	assert_true(resident_kib() - before <=
		128); /* slots untouched: 550 KiB; the sanitizer adds its own */
}

static void refuses_bad_configurations(void **state)
{
	struct fix *f = *state;
	struct virtio_env env = { .mem = &f->d.mem,
		.loop = f->d.loop,
		.label = "disk0",
		.cpus = 1 };
	struct vm_disk cfg = { .path = f->path, .fd = -1, .io = f->io };
	struct virtio_dev *dev = NULL;
	struct err err = { 0 };

	assert_int_equal(virtio_blk_new(&dev, &cfg, &env, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "is empty"));
	fill(f, 512);
	cfg.id = "123456789012345678901";
	assert_int_equal(virtio_blk_new(&dev, &cfg, &env, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "longer than 20 bytes"));
	cfg.id = "12345678901234567890";
	cfg.queues = 33;
	assert_int_equal(virtio_blk_new(&dev, &cfg, &env, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "at most 32"));
	cfg.queues = 32;
	cfg.path = "/nonexistent/disk";
	assert_int_equal(virtio_blk_new(&dev, &cfg, &env, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "open disk /nonexistent/disk: No such file"));
	assert_null(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(says_what_it_is),
		BOTH(at_most_eight_queues_of_itself),
		BOTH(reads),
		BOTH(writes),
		BOTH(header_and_data_in_one_buffer),
		BOTH(tells_its_id),
		BOTH(discards),
		BOTH(zeroes),
		BOTH(bad_ranges),
		BOTH(bad_places),
		BOTH(unknown_types),
		BOTH(host_errors),
		BOTH(tiny_disk),
		BOTH(write_through_without_flush),
		BOTH(cache_mode_can_be_set),
		BOTH(several_queues),
		BOTH(interrupts_when_wanted),
		BOTH(full_queue_at_once),
		BOTH(more_than_there_are_slots),
		BOTH(pause_waits_and_resume_goes_on),
		BOTH(costs_little_at_idle),
		cmocka_unit_test_setup_teardown(refuses_bad_configurations, with_threads, fix_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
