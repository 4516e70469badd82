/*
 * A block device on a temporary file, with the guest driver of driver.h in front of it: what
 * test_blk.c and test_blk_hostile.c share. Each test is run with both back ends.
 */
#ifndef SAMPAN_VIRTIO_TEST_BLK_FIX_H
#define SAMPAN_VIRTIO_TEST_BLK_FIX_H

#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "virtio/devices.h"
#include "virtio/test/driver.h"

#include <cmocka.h> /* last: it has a macro called fail */

#define DISK	  (1024 * 1024) /* bytes */
#define F(bit)	  (UINT64_C(1) << (bit))
#define QUEUE	  128
#define NO_STATUS 0xee /* what a status byte holds before the device writes it */

struct fix {
	struct driver d;
	enum block_io io;
	char path[64];
	int fd; /* the test's own, for looking */
};

static inline int fix_new(void **state, enum block_io io)
{
	struct fix *f = calloc(1, sizeof(*f));

	f->io = io;
	snprintf(f->path, sizeof(f->path), "/tmp/sampan-blk-XXXXXX");
	f->fd = mkostemp(f->path, O_CLOEXEC);
	assert_true(f->fd >= 0);
	driver_init(&f->d);
	log_setup(2, LOG_ERROR, "test"); /* what a hostile guest provokes is not shown */
	*state = f;
	return 0;
}

static inline int with_uring(void **state)
{
	return fix_new(state, BLOCK_IO_URING);
}

static inline int with_threads(void **state)
{
	return fix_new(state, BLOCK_IO_THREADS);
}

static inline int fix_free(void **state)
{
	struct fix *f = *state;

	driver_fini(&f->d);
	close(f->fd);
	unlink(f->path);
	free(f);
	return 0;
}

/* Fills the file: byte i is i / 512 + i. */
static inline uint8_t pattern(uint64_t i)
{
	return (uint8_t)(i / 512 + i);
}

static inline void fill(struct fix *f, size_t size)
{
	AUTO_FREE uint8_t *data = malloc(size);

	for (size_t i = 0; i < size; i++)
		data[i] = pattern(i);
	assert_int_equal(pwrite(f->fd, data, size, 0), size);
}

/* Plugs the device in; skips the test where io_uring is not to be had. */
static inline void plug(struct fix *f, struct vm_disk cfg, unsigned cpus)
{
	struct virtio_env env = { .mem = &f->d.mem,
		.loop = f->d.loop,
		.label = "disk0",
		.cpus = cpus };
	struct err err = { 0 };
	struct virtio_dev *dev;
	int rc;

	cfg.path = f->path;
	cfg.fd = -1;
	cfg.io = f->io;
	rc = virtio_blk_new(&dev, &cfg, &env, &err);
	if (f->io == BLOCK_IO_URING && (rc == -EPERM || rc == -ENOSYS || rc == -EACCES))
		skip();
	if (rc)
		fail_msg("%s", err.msg);
	driver_plug(&f->d, dev);
}

/* The usual: 1 MiB, read-write, one queue, all features. */
static inline void ready(struct fix *f)
{
	fill(f, DISK);
	plug(f, (struct vm_disk){ .queues = 1 }, 1);
	driver_start(&f->d, driver_features(&f->d), 1, QUEUE);
}

static inline struct buf header(struct fix *f, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr h = { .type = type, .sector = sector };

	return driver_out(&f->d, &h, sizeof(h));
}

static inline struct buf status_buf(struct fix *f)
{
	struct buf b = driver_in(&f->d, 1);

	*(uint8_t *)driver_ptr(&f->d, b.gpa) = NO_STATUS;
	return b;
}

/* The status of the next request to end; its used length in *len unless NULL. */
static inline uint8_t wait_status(struct fix *f, unsigned q, struct buf status, uint32_t *len)
{
	struct vring_used_elem e;

	if (!driver_wait_used(&f->d, q, &e))
		fail_msg("a request did not end");
	if (len)
		*len = e.len;
	return *(uint8_t *)driver_ptr(&f->d, status.gpa);
}

/* A request with n data buffers, at most 8. The driver's RAM is taken from the same place every
 * time. */
static inline uint8_t request(struct fix *f, uint32_t type, uint64_t sector, const struct buf *data,
	unsigned n, uint32_t *len)
{
	uint64_t mark = f->d.next;
	struct buf b[10] = { header(f, type, sector) };
	uint8_t status;

	for (unsigned i = 0; i < n; i++)
		b[1 + i] = data[i];
	b[1 + n] = status_buf(f);
	driver_add(&f->d, 0, b, n + 2);
	driver_signal(&f->d, 0);
	status = wait_status(f, 0, b[1 + n], len);
	f->d.next = mark;
	return status;
}

static inline uint8_t ranged(struct fix *f, uint32_t type,
	const struct virtio_blk_discard_write_zeroes *r, unsigned n)
{
	uint64_t mark = f->d.next;
	struct buf b = driver_out(&f->d, r, (uint32_t)(n * sizeof(*r)));
	uint32_t len;
	uint8_t status = request(f, type, 0, &b, 1, &len);

	assert_int_equal(len, 1);
	f->d.next = mark;
	return status;
}

/* Compares len bytes of the file with the pattern it was filled with, or with a value. */
static inline void check_pattern(struct fix *f, uint64_t offset, size_t len)
{
	AUTO_FREE uint8_t *got = malloc(len);

	assert_int_equal(pread(f->fd, got, len, (off_t)offset), len);
	for (size_t i = 0; i < len; i++)
		if (got[i] != pattern(offset + i))
			fail_msg("byte %zu of the disk was changed", (size_t)offset + i);
}

static inline void check_bytes(struct fix *f, uint64_t offset, size_t len, uint8_t value)
{
	AUTO_FREE uint8_t *got = malloc(len);

	assert_int_equal(pread(f->fd, got, len, (off_t)offset), len);
	for (size_t i = 0; i < len; i++)
		if (got[i] != value)
			fail_msg("byte %zu of the disk is 0x%02x, not 0x%02x", (size_t)offset + i,
				got[i], value);
}

/* The device does its work: reads sector 3. */
static inline void check_works(struct fix *f)
{
	uint64_t mark = f->d.next;
	struct buf b = driver_in(&f->d, 512);
	const uint8_t *p = driver_ptr(&f->d, b.gpa);
	uint32_t len;

	assert_int_equal(request(f, VIRTIO_BLK_T_IN, 3, &b, 1, &len), VIRTIO_BLK_S_OK);
	assert_int_equal(len, 513);
	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(p[i], pattern(3 * 512 + i));
	f->d.next = mark;
}

/* Reset and set up again, in fresh RAM. */
static inline void restart(struct fix *f)
{
	driver_reset(&f->d);
	memset(f->d.ram, 0, DRIVER_RAM_SIZE);
	f->d.next = DRIVER_RAM;
	driver_start(&f->d, driver_features(&f->d), 1, QUEUE);
	check_works(f);
}

/* It broke and knows it; a reset mends it. */
static inline void check_broken(struct fix *f)
{
	assert_true(driver_needs_reset(&f->d));
	restart(f);
}

#define BOTH(test)                                                                                 \
	{ "uring: " #test, test, with_uring, fix_free, NULL },                                     \
	{                                                                                          \
		"threads: " #test, test, with_threads, fix_free, NULL                              \
	}

#endif
