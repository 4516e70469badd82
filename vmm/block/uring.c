/*
 * The io_uring back end: a ring per disk, an eventfd in the event loop that tells of completions.
 *
 * A request has at most one entry in the ring at a time, its current step. Kicks cost one system
 * call however many requests were queued, completions one wait. All under the owner's lock, so that
 * any thread that holds it may submit and reap: therefore neither IORING_SETUP_SINGLE_ISSUER nor
 * DEFER_TASKRUN, which tie a ring to one thread.
 *
 * A ring goes round seccomp, so it is narrowed itself before it is used (io_uring_register(2),
 * IORING_REGISTER_RESTRICTIONS): it knows the five operations of block_step() on the one file that
 * is registered with it, and of registrations only the exchange of that file.
 *
 * syscall(setup): io_uring_setup, io_uring_register, eventfd2: a ring is made
 *
 * A ring that refuses to be entered fails its requests instead of losing them.
 */
#include "block/backend.h"

#include <liburing.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#define ENTRIES 64 /* for submissions: 4 KiB; more requests than that take a second call */

struct uring {
	struct io_uring ring;
	struct block *b;
	struct watch watch;	   /* of the eventfd */
	unsigned flying;	   /* requests that the kernel or the ring holds */
	struct block_req *refused; /* they could not be submitted */
};

/* Entries that the kernel did not take are taken back and their requests failed, in the loop and
 * not here: a submitting owner doesn't expect completions. */
static void take_back(struct uring *u, int why)
{
	struct io_uring_sq *sq = &u->ring.sq;
	uint64_t one = 1;

	for (unsigned at = *sq->khead; at != sq->sqe_tail; at++) {
		struct block_req *req = (void *)(uintptr_t)sq->sqes[at & sq->ring_mask].user_data;

		req->result = why;
		req->next = u->refused;
		u->refused = req;
	}
	sq->sqe_tail = sq->sqe_head = *sq->khead;
	*sq->ktail = *sq->khead;
	/* syscall(loop,vcpu): write: wakes the loop for what was refused */
	if (write(u->watch.fd, &one, sizeof(one)) < 0)
		return; /* full: the loop is awake anyway */
}

/* wait: for at least one completion. */
static void enter(struct uring *u, bool wait)
{
	while (io_uring_sq_ready(&u->ring) ||
		(wait && !u->refused && !io_uring_cq_ready(&u->ring))) {
		/* syscall(loop,vcpu): io_uring_enter: disk requests, to and from the kernel */
		int rc = io_uring_submit_and_wait(&u->ring, wait && !u->refused ? 1 : 0);

		if (rc >= 0 || rc == -EINTR)
			continue;
		if (io_uring_sq_ready(&u->ring))
			take_back(u, rc);
		else
			return;
	}
}

static void prepare(struct uring *u, struct block_req *req)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	struct block_step s = block_step(u->b, req);
	const int fd = 0; /* the index of the registered file */

	if (!sqe) {
		enter(u, false);
		sqe = io_uring_get_sqe(&u->ring);
	}
	switch (s.kind) {
	case STEP_READV:
		io_uring_prep_readv(sqe, fd, s.iov, s.niov, s.offset);
		break;
	case STEP_WRITEV:
		io_uring_prep_writev(sqe, fd, s.iov, s.niov, s.offset);
		break;
	case STEP_WRITE:
		io_uring_prep_write(sqe, fd, s.buf, (unsigned)s.len, s.offset);
		break;
	case STEP_FDATASYNC:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	case STEP_FALLOCATE:
		io_uring_prep_fallocate(sqe, fd, s.mode, s.offset, s.len);
		break;
	}
	io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
	io_uring_sqe_set_data(sqe, req);
}

static void done(struct uring *u, struct block_req *req)
{
	u->flying--;
	u->b->owner->done(u->b->owner, req, req->result);
}

/* Takes what has completed so far, once; what its owner submits meanwhile is left for the next
 * time. */
static void reap(struct uring *u)
{
	struct block_req *refused = take(&u->refused);
	unsigned n = io_uring_cq_ready(&u->ring);
	struct io_uring_cqe *cqe;

	if (!n && !refused)
		return;
	while (refused) {
		struct block_req *req = refused;

		refused = req->next;
		done(u, req);
	}
	for (; n && !io_uring_peek_cqe(&u->ring, &cqe); n--) {
		struct block_req *req = io_uring_cqe_get_data(cqe);
		int res = cqe->res;

		io_uring_cqe_seen(&u->ring, cqe);
		if (block_stepped(u->b, req, res))
			done(u, req);
		else
			prepare(u, req);
	}
	u->b->owner->settled(u->b->owner);
	enter(u, false);
}

static void completed(struct watch *w, uint32_t events UNUSED)
{
	struct uring *u = container_of(w, struct uring, watch);
	pthread_mutex_t *lock = u->b->owner->lock;

	pthread_mutex_lock(lock);
	reap(u);
	pthread_mutex_unlock(lock);
}

static void uring_submit(struct block *b, struct block_req *req)
{
	struct uring *u = b->backend;

	u->flying++;
	prepare(u, req);
}

static void uring_kick(struct block *b)
{
	enter(b->backend, false);
}

static void uring_drain(struct block *b)
{
	struct uring *u = b->backend;

	while (u->flying) {
		enter(u, true);
		if (!u->refused && !io_uring_cq_ready(&u->ring))
			/* syscall(loop,vcpu): ppoll: waits where the ring can't be waited on */
			poll(NULL, 0, 1); /* the kernel ends what it holds */
		reap(u);
	}
}

static void uring_close(struct block *b)
{
	struct uring *u = b->backend;

	if (!u)
		return;
	loop_remove(b->loop, &u->watch);
	io_uring_queue_exit(&u->ring);
	if (u->watch.fd >= 0)
		close(u->watch.fd);
	free(u);
	b->backend = NULL;
}

/* Newer flags first; a kernel that doesn't know them says EINVAL. */
static int make_ring(struct io_uring *ring)
{
	const unsigned flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED;
	struct io_uring_params p = { .flags = flags | IORING_SETUP_COOP_TASKRUN,
		.cq_entries = BLOCK_DEPTH };
	int rc = io_uring_queue_init_params(ENTRIES, ring, &p);

	if (rc == -EINVAL) {
		p = (struct io_uring_params){ .flags = flags, .cq_entries = BLOCK_DEPTH };
		rc = io_uring_queue_init_params(ENTRIES, ring, &p);
	}
	if (rc)
		return rc;
	if (p.features & IORING_FEAT_FAST_POLL) /* 5.7: all operations used here are there */
		return 0;
	io_uring_queue_exit(ring);
	return -ENOSYS;
}

int block_uring_narrow(struct io_uring *ring)
{
	static const uint8_t operations[] = { IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_WRITE,
		IORING_OP_FSYNC, IORING_OP_FALLOCATE };
	struct io_uring_restriction r[ARRAY_SIZE(operations) + 2] = {
		{ .opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED, .sqe_flags = IOSQE_FIXED_FILE },
		{ .opcode = IORING_RESTRICTION_REGISTER_OP,
			.register_op = IORING_REGISTER_FILES_UPDATE },
	};
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
		r[i + 2].opcode = IORING_RESTRICTION_SQE_OP;
		r[i + 2].sqe_op = operations[i];
	}
	rc = io_uring_register_restrictions(ring, r, ARRAY_SIZE(r));
	return rc ? rc : io_uring_enable_rings(ring);
}

/* The file's place, and what must be said while everything may still be said. */
static int prepare_ring(struct uring *u)
{
	unsigned workers[2] = { 4, 4 };
	int none = -1, rc = io_uring_register_eventfd(&u->ring, u->watch.fd);

	if (!rc)
		rc = io_uring_register_files(&u->ring, &none, 1);
	/* Kernel threads, for what would block. A kernel before 5.15 keeps its own idea of how
	 * many. */
	(void)!io_uring_register_iowq_max_workers(&u->ring, workers);
	return rc ? rc : block_uring_narrow(&u->ring);
}

static int uring_open(struct block *b)
{
	struct uring *u = calloc(1, sizeof(*u));
	int rc;

	if (!u)
		return -ENOMEM;
	u->b = b;
	rc = make_ring(&u->ring);
	if (rc) {
		free(u);
		return rc;
	}
	b->backend = u;
	u->watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = u->watch.fd < 0 ? -errno : prepare_ring(u);
	if (!rc) /* edges: each completion makes one, so that the eventfd need not be read */
		rc = loop_add(b->loop, &u->watch, u->watch.fd, EPOLLIN | EPOLLET, completed);
	if (rc)
		uring_close(b);
	return rc;
}

static int change_file(struct block *b, int fd)
{
	struct uring *u = b->backend;
	int rc;

	/* syscall(loop): io_uring_register(IORING_REGISTER_FILES_UPDATE): a disk comes or goes */
	rc = io_uring_register_files_update(&u->ring, 0, &fd, 1);
	return MIN(rc, 0);
}

static int uring_insert(struct block *b)
{
	return change_file(b, b->fd);
}

static void uring_eject(struct block *b)
{
	(void)!change_file(b, -1);
}

const struct block_ops block_uring = {
	.name = "io_uring",
	.open = uring_open,
	.insert = uring_insert,
	.eject = uring_eject,
	.submit = uring_submit,
	.kick = uring_kick,
	.drain = uring_drain,
	.close = uring_close,
};
