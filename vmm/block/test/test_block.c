/*
 * The disk back ends: every operation through io_uring and through threads on a real file, and what
 * becomes of those that can't be done.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/stat.h>
#include "block/test/block_fix.h"

#define CHUNK 4096

static struct stat file_stat(struct fix *f)
{
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	return st;
}

static void reads_and_writes(void **state)
{
	struct fix *f = *state;
	uint8_t a[512], b[1024], c[512], want[2048];
	struct iovec iov[3] = { { a, sizeof(a) }, { b, sizeof(b) }, { c, sizeof(c) } };
	struct block_req req = { .op = BLOCK_WRITE,
		.offset = 1024,
		.len = 2048,
		.iov = iov,
		.niov = 3 };

	open_disk(f, 8192, 0);
	assert_int_equal(block_info(f->b)->size, 8192);
	assert_int_equal(block_info(f->b)->logical_size, 512);
	assert_int_equal(block_info(f->b)->physical_size % 512, 0);
	assert_false(block_info(f->b)->readonly);
	memset(a, 1, sizeof(a));
	memset(b, 2, sizeof(b));
	memset(c, 3, sizeof(c));
	assert_int_equal(do_req(f, &req), 0);
	file_read(f, 1024, want, sizeof(want));
	assert_memory_equal(want, a, 512);
	assert_memory_equal(want + 512, b, 1024);
	assert_memory_equal(want + 1536, c, 512);
	memset(want, 0, sizeof(want));
	assert_int_equal(transfer(f, BLOCK_READ, 512, want, sizeof(want)), 0);
	assert_int_equal(want[0], 0);
	assert_int_equal(want[255], 255);
	assert_memory_equal(want + 512, a, 512);
	assert_memory_equal(want + 1024, b, 1024);
	assert_int_equal(simple(f, BLOCK_FLUSH, 0, 0), 0);
}

static void durable_write(void **state)
{
	struct fix *f = *state;
	uint8_t data[512] = { 9 }, got[512];
	struct iovec iov = { data, sizeof(data) };
	struct block_req req = { .op = BLOCK_WRITE,
		.durable = true,
		.len = 512,
		.iov = &iov,
		.niov = 1 };

	open_disk(f, 4096, 0);
	assert_int_equal(do_req(f, &req), 0);
	file_read(f, 0, got, sizeof(got));
	assert_memory_equal(got, data, sizeof(got));
}

static void check_zeroed(struct fix *f, uint64_t offset, size_t len)
{
	AUTO_FREE uint8_t *got = malloc(len + 2);

	file_read(f, offset - 1, got, len + 2);
	assert_int_equal(got[0], (uint8_t)(offset - 1) ^ 0x55);
	assert_int_equal(got[len + 1], (uint8_t)(offset + len) ^ 0x55);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(got[i + 1], 0);
}

static void zeroes(void **state)
{
	struct fix *f = *state;

	open_disk(f, MiB, 0x55);
	assert_int_equal(simple(f, BLOCK_ZERO, 512, 1024), 0);
	check_zeroed(f, 512, 1024);
	assert_int_equal(simple(f, BLOCK_ZERO_UNMAP, 65536, 131072), 0);
	check_zeroed(f, 65536, 131072);
	assert_int_equal(file_stat(f).st_size, MiB);
}

/* As on a file system that has neither holes nor ZERO_RANGE. */
static void zeroes_by_writing(void **state)
{
	struct fix *f = *state;

	open_disk(f, MiB, 0x55);
	f->b->no_punch = f->b->no_zero_range = true;
	assert_int_equal(simple(f, BLOCK_ZERO, 1536, BLOCK_ZEROS + 512), 0);
	check_zeroed(f, 1536, BLOCK_ZEROS + 512);
	assert_int_equal(simple(f, BLOCK_ZERO_UNMAP, 524288, 512), 0);
	check_zeroed(f, 524288, 512);
}

static void discards(void **state)
{
	struct fix *f = *state;
	blkcnt_t before;

	open_disk(f, MiB, 0x55);
	if (!block_info(f->b)->can_discard)
		skip();
	assert_int_equal(simple(f, BLOCK_FLUSH, 0, 0),
		0); /* blocks are counted once they are allocated */
	before = file_stat(f).st_blocks;
	assert_int_equal(simple(f, BLOCK_DISCARD, 262144, 524288), 0);
	check_zeroed(f, 262144, 524288);
	assert_true(file_stat(f).st_blocks + 524288 / 512 <= before);
	assert_int_equal(file_stat(f).st_size, MiB);
}

static void tail_reads_as_zeros(void **state)
{
	struct fix *f = *state;
	uint8_t buf[1024];

	open_disk(f, 700, 0);
	assert_int_equal(block_info(f->b)->size, 700);
	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(transfer(f, BLOCK_READ, 0, buf, sizeof(buf)), 0);
	for (unsigned i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], i < 700 ? (uint8_t)i : 0);
	memset(buf, 7, 512); /* a write there makes the file longer, and it stays a disk */
	assert_int_equal(transfer(f, BLOCK_WRITE, 512, buf, 512), 0);
	memset(buf, 0, 512);
	assert_int_equal(transfer(f, BLOCK_READ, 512, buf, 512), 0);
	assert_int_equal(buf[511], 7);
	assert_int_equal(file_stat(f).st_size, 1024);
}

static void one_byte(void **state)
{
	struct fix *f = *state;
	uint8_t buf[512];

	open_disk(f, 1, 0x41);
	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(transfer(f, BLOCK_READ, 0, buf, sizeof(buf)), 0);
	assert_int_equal(buf[0], 0x41);
	for (unsigned i = 1; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0);
}

static void file_made_shorter(void **state)
{
	struct fix *f = *state;
	uint8_t buf[1024];

	open_disk(f, 8192, 0);
	assert_int_equal(truncate(f->path, 4608), 0);
	assert_int_equal(transfer(f, BLOCK_READ, 4096, buf, sizeof(buf)), -EIO);
	assert_int_equal(transfer(f, BLOCK_READ, 0, buf, sizeof(buf)), 0);
}

/* A file that refuses to be written: the error comes through, and reading goes on. */
static void refused_write(void **state)
{
	struct fix *f = *state;
	uint8_t buf[512] = { 0 };
	struct err err = { 0 };
	int fd = memfd_create("disk", MFD_ALLOW_SEALING | MFD_CLOEXEC), rc;

	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	rc = open_as(f, "sealed", fd, false, &err);
	if (rc && f->io == BLOCK_IO_URING)
		skip();
	assert_int_equal(rc, 0);
	assert_int_equal(transfer(f, BLOCK_WRITE, 0, buf, sizeof(buf)), -EPERM);
	assert_int_equal(transfer(f, BLOCK_READ, 0, buf, sizeof(buf)), 0);
}

static void *drain_elsewhere(void *arg)
{
	struct fix *f = arg;

	pthread_mutex_lock(&f->lock);
	block_drain(f->b);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* More than the submission ring holds, and nobody runs the loop. */
static void drains_from_any_thread(void **state)
{
	struct fix *f = *state;
	static const enum block_op ops[] = { BLOCK_READ, BLOCK_WRITE, BLOCK_ZERO, BLOCK_FLUSH };
	AUTO_FREE struct block_req *req = calloc(BLOCK_DEPTH, sizeof(*req));
	AUTO_FREE struct iovec *iov = calloc(BLOCK_DEPTH, sizeof(*iov));
	AUTO_FREE uint8_t *buf = calloc(BLOCK_DEPTH, CHUNK);
	pthread_t thread;

	open_disk(f, BLOCK_DEPTH * CHUNK, 1);
	pthread_mutex_lock(&f->lock);
	for (unsigned i = 0; i < BLOCK_DEPTH; i++) {
		iov[i] = (struct iovec){ buf + i * CHUNK, CHUNK };
		req[i] = (struct block_req){ .op = ops[i % 4],
			.offset = i * CHUNK,
			.len = CHUNK,
			.iov = &iov[i],
			.niov = 1 };
		block_submit(f->b, &req[i]);
	}
	block_kick(f->b);
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(pthread_create(&thread, NULL, drain_elsewhere, f), 0);
	pthread_join(thread, NULL);
	assert_int_equal(f->done, BLOCK_DEPTH);
	for (unsigned i = 0; i < BLOCK_DEPTH; i++)
		assert_int_equal(req[i].result, 0);
	assert_int_equal(buf[4 * CHUNK + 5], 5 ^ 1);
	pthread_mutex_lock(&f->lock);
	block_drain(f->b); /* nothing in flight: returns at once */
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(simple(f, BLOCK_FLUSH, 0, 0), 0); /* the loop's side still works */
}

static void drain_sends_what_was_not_kicked(void **state)
{
	struct fix *f = *state;
	struct block_req req = { .op = BLOCK_FLUSH };

	open_disk(f, 4096, 0);
	pthread_mutex_lock(&f->lock);
	block_submit(f->b, &req);
	block_drain(f->b);
	pthread_mutex_unlock(&f->lock);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->result, 0);
}

/* Another file takes the ring's descriptor, as if a filter forbade to enter it. */
static void ring_that_refuses(void **state)
{
	struct fix *f = *state;
	int ring = -1, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	uint8_t buf[512];

	open_disk(f, 4096, 0);
	for (int fd = 3; fd < 256 && ring < 0; fd++) {
		char link[32], target[64] = "";

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (readlink(link, target, sizeof(target) - 1) > 0 && strstr(target, "[io_uring]"))
			ring = fd;
	}
	assert_true(ring >= 0);
	assert_int_equal(dup2(null, ring), ring);
	close(null);
	assert_true(transfer(f, BLOCK_READ, 0, buf, sizeof(buf)) < 0);
	assert_true(simple(f, BLOCK_FLUSH, 0, 0) < 0);
	pthread_mutex_lock(&f->lock);
	block_drain(f->b);
	pthread_mutex_unlock(&f->lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(reads_and_writes),
		BOTH(durable_write),
		BOTH(zeroes),
		BOTH(zeroes_by_writing),
		BOTH(discards),
		BOTH(tail_reads_as_zeros),
		BOTH(one_byte),
		BOTH(file_made_shorter),
		BOTH(refused_write),
		BOTH(drains_from_any_thread),
		BOTH(drain_sends_what_was_not_kicked),
		ONE(ring_that_refuses, with_uring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
