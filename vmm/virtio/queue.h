/*
 * The device side of a split virtqueue (virtio 1.2 §2.7). Pure functions over guest memory: no
 * descriptor, no thread, no global, so that they are tested, fuzzed and proved natively.
 *
 * queue_pop() copies each descriptor once, checks the copy and gives a chain whose segments are
 * pointers that mem_at() vouched for. Nothing in a chain is read again from the ring. Owner: struct
 * virtio_dev; used under the device's lock.
 */
#ifndef SAMPAN_VIRTIO_QUEUE_H
#define SAMPAN_VIRTIO_QUEUE_H

#include "mem/mem.h"

#ifndef QUEUE_MAX_SIZE	   /* proofs have a smaller one */
#define QUEUE_MAX_SIZE 256 /* largest size any device of ours offers */
#endif

struct queue {
	uint16_t max;		    /* what the device offers; a power of two <= QUEUE_MAX_SIZE */
	uint16_t size;		    /* what the driver chose; checked by queue_enable() */
	bool ready;		    /* enabled and its three areas are in RAM */
	bool event_idx;		    /* VIRTIO_F_EVENT_IDX (VIRTIO_RING_F_EVENT_IDX) negotiated */
	bool indirect;		    /* VIRTIO_F_INDIRECT_DESC negotiated */
	uint64_t desc, avail, used; /* guest-physical, as the driver wrote them */
	uint16_t next_avail;	    /* free-running index of the next available entry to take */
	uint16_t next_used;	    /* free-running index of the next used entry to fill */
	uint16_t signalled;	    /* next_used when the driver was last interrupted (§2.7.10) */
	bool signalled_valid;
};

struct seg {
	void __guest *base;
	uint32_t len; /* bytes; may be 0 */
};

struct chain {
	uint16_t head;	    /* goes back by queue_push() */
	uint16_t nout, nin; /* device-readable segments come first, then device-writable ones */
	uint32_t out_len, in_len; /* sums of the lengths; the total never exceeds 2^32 - 1 */
	struct seg seg[QUEUE_MAX_SIZE];
};

/* Checks size and alignment and that all three areas lie in RAM. -EINVAL, -EFAULT: the queue stays
 * not ready. */
int queue_enable(struct queue *q, const struct mem *mem) MUST_USE;
void queue_reset(struct queue *q); /* keeps max */

/*
 * Takes the next chain: 1 with *c filled, 0 when the ring is empty, -EINVAL when the driver broke a
 * rule (the caller sets DEVICE_NEEDS_RESET and stops using the queue).
 */
int queue_pop(struct queue *q, const struct mem *mem, struct chain *c) MUST_USE;

/* Puts the last popped chain back; only valid right after a queue_pop() that gave 1. */
void queue_unpop(struct queue *q);

/* True when queue_pop() would find nothing. */
bool queue_empty(const struct queue *q, const struct mem *mem);

/* Gives a chain back: len is the number of bytes written to its device-writable part. */
void queue_push(struct queue *q, const struct mem *mem, uint16_t head, uint32_t len);

/* Asks the driver for (or, with on = false, excuses it from) a kick at the next available entry.
 * Returns true when entries arrived meanwhile, so that the caller must look again. */
bool queue_want_kick(struct queue *q, const struct mem *mem, bool on);

/* Whether the driver wants an interrupt for what was pushed since the last call that returned true.
 */
bool queue_want_irq(struct queue *q, const struct mem *mem);

/*
 * Copies between a buffer and the chain's device-readable (out) or device-writable (in) bytes,
 * starting skip bytes into them. Return how many bytes were copied: less than len when the chain is
 * shorter.
 */
size_t chain_read(const struct chain *c, size_t skip, void *dst, size_t len);
size_t chain_write(const struct chain *c, size_t skip, const void *src, size_t len);

/* Describes len bytes, skip bytes into the readable (in = false) or writable (in = true) part, as
 * at most max iovecs. Returns their number; the bytes they cover are in *got. Empty segments are
 * left out. */
unsigned chain_iov(const struct chain *c, bool in, size_t skip, size_t len, struct iovec *iov,
	unsigned max, size_t *got);

#endif
