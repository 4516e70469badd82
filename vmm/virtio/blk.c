/*
 * The block device (virtio 1.2 §5.2): a raw disk, read and written asynchronously through block/.
 *
 * A request takes a slot, which holds all that is needed to answer it once its chain is forgotten;
 * a slot has nothing to do with the head it answers, so a driver that posts one head twice confuses
 * only itself. Slots are there from the start, in memory that is touched when first used. A queue
 * that finds no free slot waits until one is given back. Before a reset or a pause ends,
 * block_drain() has answered every request, so nothing points into guest memory after it.
 *
 * Its disk may come and go while the guest runs (blk_disk.c): without one every request fails.
 *
 * Answers: OK; UNSUPP for what this disk can't do; IOERR for everything else that fails. Only a
 * chain without room for a request and its status breaks the device, since it can't be answered.
 * syscall(setup): mmap, munmap: slots
 */
#define _GNU_SOURCE
#include "virtio/blk_inner.h"

#include <linux/virtio_ids.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "virtio/devices.h"

#define QUEUE_SIZE  BLK_SEGMENTS
#define QUEUES_MAX  32
#define QUEUES_AUTO 8
#define TURN	    (2 * QUEUE_SIZE) /* requests of one queue before others get their turn */

_Static_assert(QUEUES_MAX <= VIRTIO_MAX_QUEUES && QUEUES_MAX <= 32, "a bit a queue in 32");

static struct blk *blk_of(struct virtio_dev *dev)
{
	return container_of(dev, struct blk, dev);
}

/* slots */

static bool slot_left(const struct blk *blk)
{
	return blk->spare || blk->fresh < blk->nslots;
}

/* The one used last first: few slots, few pages. */
static struct blk_slot *slot_get(struct blk *blk)
{
	struct blk_slot *s = blk->spare;

	if (!s)
		return &blk->slots[blk->fresh++];
	blk->spare = s->next;
	return s;
}

static void slot_put(struct blk *blk, struct blk_slot *s)
{
	s->next = blk->spare;
	blk->spare = s;
}

/* answers */

static uint8_t __guest *status_of(const struct chain *c)
{
	for (unsigned i = c->nout + c->nin; i-- > c->nout;)
		if (c->seg[i].len)
			return (uint8_t __guest *)c->seg[i].base + c->seg[i].len - 1;
	return NULL;
}

/* The used length counts bytes written without a gap from the first writable one on (§2.7.8.2), so
 * the status byte counts when all before it was written. */
static void answer(struct blk *blk, const struct blk_reply *r, int result)
{
	uint8_t status = VIRTIO_BLK_S_OK;
	uint32_t written = result ? 0 : r->fill;

	if (result)
		status = result == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
	mem_copy_to(r->status, &status, sizeof(status));
	if (written == r->room)
		written++;
	queue_push(&blk->dev.queue[r->queue], blk->dev.mem, r->head, written);
	blk->dirty |= UINT32_C(1) << r->queue;
}

static void tell_driver(struct blk *blk)
{
	for (unsigned q = 0; q < blk->dev.nqueues && blk->dirty; q++) {
		if (!(blk->dirty & UINT32_C(1) << q))
			continue;
		blk->dirty &= ~(UINT32_C(1) << q);
		virtio_notify(&blk->dev, q);
	}
}

/* requests */

static void take_request(struct blk *blk, unsigned q, const struct chain *c)
{
	struct blk_slot *s;
	int rc;

	if (c->out_len < sizeof(struct virtio_blk_outhdr) || !c->in_len) {
		virtio_broken(&blk->dev,
			"the driver sent a request without a header or a place for its status");
		return;
	}
	s = slot_get(blk);
	s->reply = (struct blk_reply){ .status = status_of(c),
		.room = c->in_len - 1,
		.head = c->head,
		.queue = (uint8_t)q };
	s->range_at = s->nranges = 0;
	rc = blk->block ? blk_request(blk, c, s) : -ENODEV;
	if (rc > 0) {
		block_submit(blk->block, &s->req);
		return;
	}
	answer(blk, &s->reply, rc);
	slot_put(blk, s);
}

/* A driver that posts as fast as it is answered must not keep the loop from others: its own kick
 * comes again. */
static void come_back(struct blk *blk, unsigned q)
{
	uint64_t one = 1;

	/* syscall(loop): write: a queue that has had its turn comes again */
	if (write(blk->dev.bus->kick_fd(&blk->dev, q), &one, sizeof(one)) < 0)
		return; /* it is signalled already */
}

static void blk_kick(struct virtio_dev *dev, unsigned q)
{
	struct blk *blk = blk_of(dev);
	struct chain c;
	unsigned n = 0;

	if (blk->draining)
		return;
	while (n < TURN && slot_left(blk) && virtio_pop(dev, q, &c)) {
		take_request(blk, q, &c);
		n++;
	}
	if (!slot_left(blk))
		blk->starved |= UINT32_C(1) << q;
	else if (n == TURN)
		come_back(blk, q);
	if (blk->block)
		block_kick(blk->block);
	tell_driver(blk);
}

/* completions */

static const char *const op_names[] = {
	[BLOCK_READ] = "read",
	[BLOCK_WRITE] = "write",
	[BLOCK_FLUSH] = "flush",
	[BLOCK_DISCARD] = "discard",
	[BLOCK_ZERO] = "zero",
	[BLOCK_ZERO_UNMAP] = "zero",
};

static void done(struct block_owner *o, struct block_req *req, int result)
{
	struct blk *blk = container_of(o, struct blk, owner);
	struct blk_slot *s = container_of(req, struct blk_slot, req);

	if (!result && blk_next_range(s)) {
		block_submit(blk->block, req);
		return;
	}
	if (result && result != -EOPNOTSUPP)
		log_limited(&blk->dev.limit, "%s: %s %llu bytes at %llu: %s", blk->dev.label,
			op_names[req->op], (unsigned long long)req->len,
			(unsigned long long)req->offset, err_text(-result));
	answer(blk, &s->reply, result);
	slot_put(blk, s);
}

static void settled(struct block_owner *o)
{
	struct blk *blk = container_of(o, struct blk, owner);
	uint32_t waiting = blk->starved;

	blk->starved = 0;
	tell_driver(blk);
	for (unsigned q = 0; q < blk->dev.nqueues; q++)
		if (waiting & UINT32_C(1) << q)
			blk_kick(&blk->dev, q);
}

/* life */

static void drain(struct virtio_dev *dev)
{
	struct blk *blk = blk_of(dev);

	blk->draining = true;
	if (blk->block)
		block_drain(blk->block);
	blk->starved = 0;
}

static int blk_start(struct virtio_dev *dev)
{
	struct blk *blk = blk_of(dev);

	blk->draining = false;
	if (blk->unheard) /* what the driver read while it set itself up is out of date */
		virtio_config_changed(dev);
	blk->unheard = false;
	return 0;
}

static void blk_stop(struct virtio_dev *dev)
{
	drain(dev);
	dev->config[offsetof(struct virtio_blk_config, wce)] = 1;
}

static void blk_resume(struct virtio_dev *dev)
{
	blk_of(dev)->draining = false;
}

static void blk_free(struct virtio_dev *dev)
{
	struct blk *blk = blk_of(dev);

	block_close(blk->place ? blk->place : blk->block);
	if (blk->slots)
		munmap(blk->slots, blk->nslots * sizeof(*blk->slots));
	virtio_fini(dev);
	free(blk);
}

static const struct virtio_ops blk_ops = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.start = blk_start,
	.stop = blk_stop,
	.kick = blk_kick,
	.pause = drain,
	.resume = blk_resume,
	.free = blk_free,
};

int blk_new(struct blk **out, const struct virtio_env *env, unsigned queues, struct err *err)
{
	struct blk *blk = calloc(1, sizeof(*blk));
	char label[32];
	void *slots;

	if (!blk)
		return fail(err, -ENOMEM, "add %s", env->label);
	snprintf(label, sizeof(label), "blk %s", env->label);
	virtio_init(&blk->dev, &blk_ops, env->mem, env->loop, queues, QUEUE_SIZE, label);
	blk->owner = (struct block_owner){ .lock = &blk->dev.lock,
		.done = done,
		.settled = settled };
	blk->nslots = MIN(queues * QUEUE_SIZE, BLOCK_DEPTH);
	slots = mmap(NULL, blk->nslots * sizeof(*blk->slots), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (slots == MAP_FAILED) {
		int rc = fail(err, -errno, "add %s", label);

		blk_free(&blk->dev);
		return rc;
	}
	blk->slots = slots;
	*out = blk;
	return 0;
}

int virtio_blk_settle(struct virtio_dev *dev, void (*first)(void))
{
	struct blk *blk = blk_of(dev);

	return block_settle(blk->place ? blk->place : blk->block, first);
}

uint64_t virtio_blk_size(struct virtio_dev *dev)
{
	return blk_of(dev)->capacity;
}

int virtio_blk_new(struct virtio_dev **out, const struct vm_disk *cfg, const struct virtio_env *env,
	struct err *err)
{
	unsigned queues = cfg->queues ? cfg->queues : MIN(MAX(env->cpus, 1), QUEUES_AUTO);
	struct blk *blk;
	int rc;

	if (queues > QUEUES_MAX)
		return failx(err, -EINVAL, "%s has %u queues: at most %u are possible", env->label,
			queues, QUEUES_MAX);
	rc = blk_new(&blk, env, queues, err);
	if (rc)
		return rc;
	rc = blk_check(blk, cfg, err);
	if (!rc)
		rc = block_open(&blk->block, cfg->path, cfg->fd, cfg->readonly, cfg->io, env->loop,
			&blk->owner, err);
	if (rc) {
		blk_free(&blk->dev);
		return rc;
	}
	blk_show(blk, cfg);
	blk_describe(blk, block_info(blk->block));
	*out = &blk->dev;
	return 0;
}
