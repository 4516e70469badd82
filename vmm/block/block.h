/*
 * A disk's content on the host: raw bytes in a regular file or a block device, reached
 * asynchronously.
 *
 * The back end is io_uring (uring.c), or a pool of threads (threads.c) where io_uring can't be had.
 * It can be there before its disk and outlive it (block_new(), block_insert(), block_eject()): a
 * process that has confined itself can make none, but a disk may still come. A struct block belongs
 * to one owner, a device: every call below is made under the owner's lock, and completions reach
 * the owner under it too, in the loop thread or inside block_drain(), never inside block_submit()
 * or block_kick(). Any thread that holds the lock may call. Nothing is allocated per request.
 */
#ifndef SAMPAN_BLOCK_BLOCK_H
#define SAMPAN_BLOCK_BLOCK_H

#include <pthread.h>
#include <sys/uio.h>
#include "core/loop.h"

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_ZERO, BLOCK_ZERO_UNMAP };

/* Embedded in the owner's own request and left alone from block_submit() until done() is called
 * with it. */
struct block_req {
	enum block_op op;
	bool durable;	 /* a write or zeroing is on the medium, not in a cache, when it is done */
	uint64_t offset; /* bytes; the owner has checked offset + len against the size, rounded up
			    to 512 */
	uint64_t len;	 /* bytes; for READ and WRITE the sum of iov */
	struct iovec *iov; /* at most IOV_MAX, none empty; used up as the transfer advances */
	unsigned niov;

	uint64_t moved; /* from here on the back end's: bytes done so far */
	unsigned step, retries;
	int result;
	struct block_req *next;
};

struct block_owner {
	pthread_mutex_t *lock;
	/* A request is finished: 0 or -errno (-EOPNOTSUPP: the host can't do this here). May
	 * block_submit() the next. */
	void (*done)(struct block_owner *o, struct block_req *req, int result);
	/* After one or several done(): the place to tell the guest, and to submit and kick what had
	 * to wait. */
	void (*settled)(struct block_owner *o);
};

enum block_io { BLOCK_IO_AUTO, BLOCK_IO_URING, BLOCK_IO_THREADS };

struct block_info {
	uint64_t size;		/* bytes, at least 1 */
	uint32_t logical_size;	/* bytes of a logical sector: 512 unless a block device says more */
	uint32_t physical_size; /* bytes that the host writes at once; a multiple of logical_size */
	bool readonly;
	bool can_discard; /* holes can be punched */
};

/* Requests in flight at once that every back end has room for. */
#define BLOCK_DEPTH 256

struct block;

/*
 * Opens path (or takes fd over, if that is >= 0 and all goes well; path is then only a name for
 * messages and may be NULL), checks that it is a regular file or a block device, not empty, and
 * locks it (OFD lock: shared for readonly, else exclusive) so that two VMs can't write one disk. A
 * file is taken as it is: nothing is ever read from it to guess what it holds.
 */
int block_open(struct block **out, const char *path, int fd, bool readonly, enum block_io io,
	struct loop *loop, struct block_owner *owner, struct err *err) MUST_USE;
/* Only the opening, for block_open(fd) later: path must be a regular file or a block device. */
int block_open_file(int *fd, const char *path, bool readonly, struct err *err) MUST_USE;
/* The same check of one that somebody else opened, and of its rights; name is for messages. */
int block_check_file(int fd, const char *name, bool readonly, struct err *err) MUST_USE;
void block_close(struct block
		*b); /* after block_drain(), in the loop thread, without the lock; NULL is fine */

/* The same in two steps, and back: a back end for the disk that name will have in messages, and
 * what is in it. block_eject() as block_close(). */
int block_new(struct block **out, const char *name, enum block_io io, struct loop *loop,
	struct block_owner *owner, struct err *err) MUST_USE;
int block_insert(struct block *b, const char *path, int fd, bool readonly, struct err *err)
	MUST_USE;
void block_eject(struct block *b);

/* Threads that it will ever need are started now, and call first() first. 0 or -errno. */
int block_settle(struct block *b, void (*first)(void)) MUST_USE;

const struct block_info *block_info(const struct block *b);
const char *block_io_name(const struct block *b); /* "io_uring", "threads" */

/* Queues a request; block_kick() sends off what was queued. */
void block_submit(struct block *b, struct block_req *req);
void block_kick(struct block *b);
/* Sends what was queued and waits until done() was called for every request, by this very call
 * where need be. */
void block_drain(struct block *b);

#endif
