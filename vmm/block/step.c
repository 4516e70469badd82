/*
 * From a request to system calls; see backend.h. A request moves through at most four steps:
 *
 *	DISCARD			PUNCH
 *	ZERO_UNMAP, ZERO	[PUNCH or] ZERO_RANGE or WRITE_ZEROS
 *	READ, WRITE		DATA, repeated while transfers come back short
 *	durable ones, FLUSH	... then SYNC
 *
 * What a file system turns out not to support is remembered, so that it is asked once.
 */
#define _GNU_SOURCE
#include "block/backend.h"

#include <fcntl.h>
#include <string.h>

#define RETRIES 100 /* calls in a row that may come back with EINTR or EAGAIN */

enum { PUNCH, ZERO_RANGE, WRITE_ZEROS, DATA, SYNC };

static bool known(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

void block_begin(struct block *b, struct block_req *req)
{
	bool no_range = known(&b->no_zero_range);

	req->moved = 0;
	req->retries = 0;
	req->result = 0;
	switch (req->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		req->step = DATA;
		break;
	case BLOCK_FLUSH:
		req->step = SYNC;
		break;
	case BLOCK_DISCARD:
		req->step = PUNCH;
		break;
	case BLOCK_ZERO_UNMAP:
		req->step = !known(&b->no_punch) ? PUNCH : no_range ? WRITE_ZEROS : ZERO_RANGE;
		break;
	case BLOCK_ZERO:
		req->step = no_range ? WRITE_ZEROS : ZERO_RANGE;
		break;
	}
}

struct block_step block_step(const struct block *b, const struct block_req *req)
{
	struct block_step s = { .offset = req->offset + req->moved, .len = req->len - req->moved };

	switch (req->step) {
	case PUNCH:
		s.kind = STEP_FALLOCATE;
		s.mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		break;
	case ZERO_RANGE:
		s.kind = STEP_FALLOCATE;
		s.mode = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
		break;
	case WRITE_ZEROS:
		s.kind = STEP_WRITE;
		s.buf = b->zeros;
		s.len = MIN(s.len, BLOCK_ZEROS);
		break;
	case DATA:
		s.kind = req->op == BLOCK_READ ? STEP_READV : STEP_WRITEV;
		s.iov = req->iov;
		s.niov = req->niov;
		break;
	default:
		s.kind = STEP_FDATASYNC;
	}
	return s;
}

static bool finished(struct block_req *req, int result)
{
	req->result = result;
	return true;
}

/* The data part is complete. */
static bool transferred(struct block_req *req)
{
	if (!req->durable || req->op == BLOCK_READ || req->op == BLOCK_DISCARD)
		return finished(req, 0);
	req->step = SYNC;
	return false;
}

/* Past the end of a file whose size is no multiple of 512 the disk's last sector reads as zeros. */
static bool read_past_end(const struct block *b, struct block_req *req)
{
	if (req->offset + req->moved < b->info.size)
		return finished(req, -EIO); /* someone made the file shorter */
	for (unsigned i = 0; i < req->niov; i++)
		memset(req->iov[i].iov_base, 0, req->iov[i].iov_len);
	return finished(req, 0);
}

static void advance(struct block_req *req, uint64_t n)
{
	req->moved += n;
	while (req->niov && n >= req->iov->iov_len) {
		n -= req->iov->iov_len;
		req->iov++;
		req->niov--;
	}
	if (req->niov) {
		req->iov->iov_base = (char *)req->iov->iov_base + n;
		req->iov->iov_len -= n;
	}
}

static bool moved(const struct block *b, struct block_req *req, int64_t n)
{
	if (!n)
		return req->op == BLOCK_READ ? read_past_end(b, req) : finished(req, -EIO);
	if (req->step == DATA)
		advance(req, (uint64_t)n);
	else
		req->moved += (uint64_t)n;
	return req->moved >= req->len ? transferred(req) : false;
}

static bool unsupported(int64_t res)
{
	return res == -EOPNOTSUPP || res == -ENOSYS || res == -ENODEV;
}

/* fallocate() failed. EINVAL comes from block devices whose sectors are larger than what was asked
 * for. */
static bool go_round(struct block *b, struct block_req *req, int64_t res)
{
	if (unsupported(res))
		__atomic_store_n(req->step == PUNCH ? &b->no_punch : &b->no_zero_range, true,
			__ATOMIC_RELAXED);
	else if (res != -EINVAL)
		return finished(req, (int)res);
	if (req->op == BLOCK_DISCARD)
		return finished(req, unsupported(res) ? -EOPNOTSUPP : (int)res);
	req->step = req->step == PUNCH && !known(&b->no_zero_range) ? ZERO_RANGE : WRITE_ZEROS;
	return false;
}

bool block_stepped(struct block *b, struct block_req *req, int64_t res)
{
	if (res == -EINTR || res == -EAGAIN)
		return ++req->retries > RETRIES ? finished(req, -EIO) : false;
	req->retries = 0;
	switch (req->step) {
	case PUNCH:
	case ZERO_RANGE:
		return res ? go_round(b, req, res) : transferred(req);
	case WRITE_ZEROS:
	case DATA:
		return res < 0 ? finished(req, (int)res) : moved(b, req, res);
	default:
		return finished(req, (int)res);
	}
}
