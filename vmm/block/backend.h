/*
 * What block.c, the two back ends and the stepper share; nobody outside vmm/block includes it.
 *
 * A request is carried out as a series of system calls, the steps. block_step() says which comes
 * next, block_stepped() takes its result: short transfers, interrupted calls and the ways round
 * what a file system can't do are dealt with there, once for both back ends. A back end only
 * carries steps out, in its own way, for several requests at a time.
 */
#ifndef SAMPAN_BLOCK_BACKEND_H
#define SAMPAN_BLOCK_BACKEND_H

#include "block/block.h"

struct block_ops {
	const char *name;
	int (*open)(struct block *b);	/* without a disk; 0 or -errno */
	int (*insert)(struct block *b); /* b->fd is to be used; 0 or -errno. Optional */
	void (*eject)(struct block *b); /* it is no more. Optional */
	int (*settle)(struct block *b, void (*first)(void)); /* block_settle(). Optional */
	void (*submit)(struct block *b, struct block_req *req);
	void (*kick)(struct block *b);
	void (*drain)(struct block *b);
	void (*close)(struct block *b);
};

extern const struct block_ops block_uring, block_threads;

struct io_uring;
/* A disabled ring learns what it may do, and is enabled. 0 or -errno. */
int block_uring_narrow(struct io_uring *ring) MUST_USE;

struct block {
	const struct block_ops *ops;
	void *backend; /* its state */
	struct block_owner *owner;
	struct loop *loop;
	int fd; /* -1: no disk is in */
	struct block_info info;
	void *zeros;		      /* BLOCK_ZEROS bytes that read as zero and take no memory */
	bool no_punch, no_zero_range; /* atomic: the file system was asked and can't */
};

#define BLOCK_ZEROS (256 * KiB)

enum block_step_kind { STEP_READV, STEP_WRITEV, STEP_WRITE, STEP_FDATASYNC, STEP_FALLOCATE };

struct block_step {
	enum block_step_kind kind;
	uint64_t offset, len;	 /* bytes; len not for READV and WRITEV */
	const void *buf;	 /* WRITE */
	const struct iovec *iov; /* READV, WRITEV */
	unsigned niov;
	int mode; /* FALLOCATE */
};

/* Once, before the first step. */
void block_begin(struct block *b, struct block_req *req);
struct block_step block_step(const struct block *b, const struct block_req *req);
/* The step returned res (a count or -errno). True when the request is finished, with req->result
 * set; else there is a next step. Any thread, one at a time per request. */
bool block_stepped(struct block *b, struct block_req *req, int64_t res);

#endif
