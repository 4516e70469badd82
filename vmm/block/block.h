/*
 * A disk's content on the host: raw bytes in a regular file or a block device, reached asynchronously.
 *
 * A back end is a struct block_ops (io_uring in uring.c; a pool of threads in threads.c where io_uring can't be had). One
 * struct block belongs to one device; all calls under the device's lock, completions in the loop thread under the same lock
 * (the device passes its lock and unlock around them).
 */
#ifndef SAMPAN_BLOCK_BLOCK_H
#define SAMPAN_BLOCK_BLOCK_H

#include <pthread.h>
#include <sys/uio.h>
#include "core/loop.h"

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_ZERO, BLOCK_ZERO_UNMAP };

/* Embedded in the device's request; valid until done() was called. */
struct block_req {
	enum block_op op;
	uint64_t offset; /* bytes; the device has checked offset + len against the capacity */
	uint64_t len;	 /* bytes; for READ and WRITE the sum of iov */
	struct iovec *iov;
	unsigned niov;
	void (*done)(struct block_req *req, int result); /* 0 or -errno; short transfers have been continued */
	void *private; /* the back end's */
};

enum block_io { BLOCK_IO_AUTO, BLOCK_IO_URING, BLOCK_IO_THREADS };

struct block_info {
	uint64_t size;		/* bytes */
	uint32_t logical_size;	/* bytes of a logical sector: 512 unless a block device says more */
	uint32_t physical_size; /* bytes of a physical sector */
	bool readonly;
	bool can_discard, can_zero; /* holes can be punched, ranges zeroed without writing */
};

struct block;

/*
 * Opens path (or takes over fd when fd >= 0; path is then only a name for messages), checks that it is a regular file or a block
 * device, locks it (OFD lock: shared for readonly, exclusive otherwise) so that two VMs can't write one disk.
 */
int block_open(struct block **out, const char *path, int fd, bool readonly, enum block_io io,
	struct loop *loop, pthread_mutex_t *lock, struct err *err) MUST_USE;
void block_close(struct block *b); /* after block_drain() */
const struct block_info *block_info(const struct block *b);
const char *block_io_name(const struct block *b); /* "io_uring", "threads" */

/* Queues a request. Lock held. block_kick() sends what was queued. */
void block_submit(struct block *b, struct block_req *req);
void block_kick(struct block *b);
/* Waits, lock held, until every submitted request's done() has been called (by this very call if need be). Any thread. */
void block_drain(struct block *b);

#endif
