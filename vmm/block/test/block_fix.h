/*
 * A disk back end on a real file in a directory of the test's own, and requests that it carries out
 * through the loop: what the tests beside it share.
 */
#ifndef SAMPAN_BLOCK_TEST_BLOCK_FIX_H
#define SAMPAN_BLOCK_TEST_BLOCK_FIX_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "block/backend.h"

#include <cmocka.h> /* last: it has a macro called fail */

#define IN_TIME 5000000000 /* ns */

struct fix {
	enum block_io io;
	char dir[64], path[96];
	struct loop *loop;
	pthread_mutex_t lock;
	struct block_owner owner;
	struct block *b;
	unsigned done, settled;
	int result; /* of the last done() */
	struct timer timeout;
};

static inline void done(struct block_owner *o, struct block_req *req UNUSED, int result)
{
	struct fix *f = container_of(o, struct fix, owner);

	f->done++;
	f->result = result;
}

static inline void settled(struct block_owner *o)
{
	struct fix *f = container_of(o, struct fix, owner);

	f->settled++;
	loop_quit(f->loop);
}

static inline void timed_out(struct timer *t UNUSED)
{
	fail_msg("a request did not end");
}

static inline void make_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static inline int open_as(struct fix *f, const char *path, int fd, bool readonly, struct err *err)
{
	return block_open(&f->b, path, fd, readonly, f->io, f->loop, &f->owner, err);
}

static inline int set_up(void **state, enum block_io io)
{
	struct fix *f = calloc(1, sizeof(*f));

	f->io = io;
	snprintf(f->dir, sizeof(f->dir), "/tmp/sampan-block-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/disk", f->dir);
	assert_int_equal(loop_new(&f->loop, NULL), 0);
	assert_int_equal(timer_init(f->loop, &f->timeout, timed_out), 0);
	pthread_mutex_init(&f->lock, NULL);
	f->owner = (struct block_owner){ .lock = &f->lock, .done = done, .settled = settled };
	*state = f;
	return 0;
}

static inline int with_uring(void **state)
{
	return set_up(state, BLOCK_IO_URING);
}

static inline int with_threads(void **state)
{
	return set_up(state, BLOCK_IO_THREADS);
}

static inline int tear_down(void **state)
{
	struct fix *f = *state;

	block_close(f->b);
	timer_fini(f->loop, &f->timeout);
	loop_free(f->loop);
	pthread_mutex_destroy(&f->lock);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* Opens a disk of size bytes, each its offset's low byte xor seed. Skips the test where io_uring is
 * not to be had. */
static inline void open_disk(struct fix *f, size_t size, uint8_t seed)
{
	AUTO_FREE uint8_t *data = malloc(size);
	struct err err = { 0 };
	int rc;

	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i ^ seed);
	make_file(f->path, data, size);
	rc = open_as(f, f->path, -1, false, &err);
	if (f->io == BLOCK_IO_URING && (rc == -EPERM || rc == -ENOSYS || rc == -EACCES))
		skip();
	if (rc)
		fail_msg("%s", err.msg);
	assert_string_equal(block_io_name(f->b), f->io == BLOCK_IO_URING ? "io_uring" : "threads");
}

/* Submits and lets the loop bring the completion. */
static inline int do_req(struct fix *f, struct block_req *req)
{
	unsigned before = f->done;

	pthread_mutex_lock(&f->lock);
	block_submit(f->b, req);
	assert_int_equal(f->done, before);
	block_kick(f->b);
	assert_int_equal(f->done, before);
	pthread_mutex_unlock(&f->lock);
	timer_set(&f->timeout, IN_TIME, 0);
	while (f->done == before)
		loop_run(f->loop);
	timer_set(&f->timeout, 0, 0);
	assert_int_equal(f->done, before + 1);
	assert_true(f->settled > 0);
	return f->result;
}

static inline int transfer(struct fix *f, enum block_op op, uint64_t offset, void *buf, size_t len)
{
	struct iovec iov = { buf, len };
	struct block_req req = { .op = op, .offset = offset, .len = len, .iov = &iov, .niov = 1 };

	return do_req(f, &req);
}

static inline int simple(struct fix *f, enum block_op op, uint64_t offset, uint64_t len)
{
	struct block_req req = { .op = op, .offset = offset, .len = len };

	return do_req(f, &req);
}

static inline void file_read(struct fix *f, uint64_t offset, void *buf, size_t len)
{
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, buf, len, (off_t)offset), len);
	close(fd);
}

/* A test through each back end, or one. */
#define BOTH(test)                                                                                 \
	{ "uring: " #test, test, with_uring, tear_down, NULL },                                    \
	{                                                                                          \
		"threads: " #test, test, with_threads, tear_down, NULL                             \
	}
#define ONE(test, with) cmocka_unit_test_setup_teardown(test, with, tear_down)

#endif
