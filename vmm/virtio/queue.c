/*
 * The split virtqueue (virtio 1.2 §2.7). Every index is masked by a size that was checked to be a
 * power of two, every address goes through mem_at(), every descriptor is copied once. A chain of at
 * most size descriptors ends any loop.
 */
#include "virtio/queue.h"

#include <linux/virtio_ring.h>
#include <string.h>

#define DESC_SIZE sizeof(struct vring_desc)

static uint16_t mask(const struct queue *q, uint16_t index)
{
	return (uint16_t)(index & (q->size - 1));
}

/* queue_enable() saw these ranges in RAM and RAM never shrinks while a device is ready, so NULL
 * can't come back; a NULL would be a read of no bytes rather than a crash. */
static void __guest *ring_at(const struct mem *mem, uint64_t base, uint64_t off, uint64_t len)
{
	return mem_at(mem, base + off, len);
}

static uint16_t load_ring16(const struct mem *mem, uint64_t base, uint64_t off, bool acquire)
{
	const void __guest *p = ring_at(mem, base, off, 2);

	if (!p)
		return 0;
	return acquire ? mem_load16_acquire(p) : mem_load16(p);
}

static void store_ring16(const struct mem *mem, uint64_t base, uint64_t off, uint16_t v,
	bool release)
{
	void __guest *p = ring_at(mem, base, off, 2);

	if (p && release)
		mem_store16_release(p, v);
	else if (p)
		mem_store16(p, v);
}

/* Offsets of the two event words (§2.7.6, §2.7.8). */
static uint64_t used_event_off(const struct queue *q)
{
	return 4 + 2 * (uint64_t)q->size;
}

static uint64_t avail_event_off(const struct queue *q)
{
	return 4 + 8 * (uint64_t)q->size;
}

static bool area_ok(const struct mem *mem, uint64_t base, uint64_t len, uint64_t align)
{
	return !(base & (align - 1)) && mem_at(mem, base, len);
}

int queue_enable(struct queue *q, const struct mem *mem)
{
	uint64_t n = q->size;

	if (!n || n > q->max || (n & (n - 1)))
		return -EINVAL;
	if (!area_ok(mem, q->desc, n * DESC_SIZE, 16) || !area_ok(mem, q->avail, 6 + 2 * n, 2) ||
		!area_ok(mem, q->used, 6 + 8 * n, 4))
		return -EFAULT;
	q->next_avail = q->next_used = q->signalled = 0;
	q->signalled_valid = false;
	q->ready = true;
	return 0;
}

void queue_reset(struct queue *q)
{
	uint16_t max = q->max;

	*q = (struct queue){ .max = max };
}

static int add_seg(struct chain *c, const struct queue *q, const struct mem *mem,
	const struct vring_desc *d)
{
	bool in = d->flags & VRING_DESC_F_WRITE;
	uint32_t *sum = in ? &c->in_len : &c->out_len, total;
	unsigned n = c->nout + c->nin;
	void __guest *p = mem_at(mem, d->addr, d->len);

	if (!p || n == q->size) /* §2.7.5.3.1: no chain is longer than the queue, whatever table it
				   is in */
		return -EINVAL;
	if (!in && c->nin) /* §2.7.4.2: readable before writable */
		return -EINVAL;
	if (!add_ok(c->in_len, c->out_len, &total) || !add_ok(total, d->len, &total))
		return -EINVAL;
	*sum += d->len;
	c->seg[n] = (struct seg){ .base = p, .len = d->len };
	if (in)
		c->nin++;
	else
		c->nout++;
	return 0;
}

/* Walks a table of n descriptors (the queue's own, or an indirect one) from entry at. */
static int walk(struct chain *c, const struct queue *q, const struct mem *mem, uint64_t table,
	uint32_t n, uint16_t at, bool nested)
{
	for (uint32_t steps = 0; steps < n; steps++) {
		struct vring_desc d;
		int rc;

		if (at >= n || mem_read(mem, table + (uint64_t)at * DESC_SIZE, &d, sizeof(d)))
			return -EINVAL;
		if (d.flags & VRING_DESC_F_INDIRECT) {
			/* §2.7.5.3.1: negotiated, not nested, alone or last; a whole table of at
			 * most queue-size entries */
			if (!q->indirect || nested || (d.flags & VRING_DESC_F_NEXT) || !d.len ||
				d.len % DESC_SIZE || d.len / DESC_SIZE > q->size ||
				!mem_at(mem, d.addr, d.len))
				return -EINVAL;
			return walk(c, q, mem, d.addr, (uint32_t)(d.len / DESC_SIZE), 0, true);
		}
		rc = add_seg(c, q, mem, &d);
		if (rc)
			return rc;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		at = d.next;
	}
	return -EINVAL; /* longer than the table: a loop */
}

static uint16_t pending(const struct queue *q, const struct mem *mem)
{
	return (uint16_t)(load_ring16(mem, q->avail, 2, true) - q->next_avail);
}

int queue_pop(struct queue *q, const struct mem *mem, struct chain *c)
{
	uint16_t n, head;

	if (!q->ready)
		return 0;
	n = pending(q, mem);
	if (!n)
		return 0;
	if (n > q->size)
		return -EINVAL;
	head = load_ring16(mem, q->avail, 4 + 2 * (uint64_t)mask(q, q->next_avail), false);
	if (head >= q->size)
		return -EINVAL;
	c->head = head;
	c->nout = c->nin = 0;
	c->out_len = c->in_len = 0;
	if (walk(c, q, mem, q->desc, q->size, head, false))
		return -EINVAL;
	q->next_avail++;
	return 1;
}

void queue_unpop(struct queue *q)
{
	q->next_avail--;
}

bool queue_empty(const struct queue *q, const struct mem *mem)
{
	return !q->ready || !pending(q, mem);
}

void queue_push(struct queue *q, const struct mem *mem, uint16_t head, uint32_t len)
{
	struct vring_used_elem e = { .id = head, .len = len };

	if (!q->ready)
		return;
	if (mem_write(mem, q->used + 4 + 8 * (uint64_t)mask(q, q->next_used), &e, sizeof(e)))
		return;
	q->next_used++;
	store_ring16(mem, q->used, 2, q->next_used, true);
}

bool queue_want_kick(struct queue *q, const struct mem *mem, bool on)
{
	if (!q->ready)
		return false;
	if (q->event_idx) /* the word names the entry whose arrival is to be told; one never reached
			     keeps the driver quiet */
		store_ring16(mem, q->used, avail_event_off(q),
			on ? q->next_avail : (uint16_t)(q->next_avail - 1), false);
	else
		store_ring16(mem, q->used, 0, on ? 0 : VRING_USED_F_NO_NOTIFY, false);
	if (!on)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return pending(q, mem) != 0;
}

bool queue_want_irq(struct queue *q, const struct mem *mem)
{
	uint16_t old = q->signalled;
	bool valid = q->signalled_valid;

	if (!q->ready)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the used index before the driver's wish */
	if (!q->event_idx)
		return !(load_ring16(mem, q->avail, 0, false) & VRING_AVAIL_F_NO_INTERRUPT);
	q->signalled = q->next_used;
	q->signalled_valid = true;
	return !valid ||
		vring_need_event(load_ring16(mem, q->avail, used_event_off(q), false), q->next_used,
			old);
}

typedef void copy_fn(void *buf, void __guest *g, size_t len);

static void copy_out(void *buf, void __guest *g, size_t len)
{
	mem_copy_from(buf, g, len);
}

static void copy_in(void *buf, void __guest *g, size_t len)
{
	mem_copy_to(g, buf, len);
}

static size_t chain_copy(const struct seg *seg, unsigned nseg, size_t skip, char *buf, size_t len,
	copy_fn *copy)
{
	size_t done = 0;

	for (unsigned i = 0; i < nseg && done < len; i++) {
		size_t n;

		if (skip >= seg[i].len) {
			skip -= seg[i].len;
			continue;
		}
		n = MIN(seg[i].len - skip, len - done);
		copy(buf + done, (char __guest *)seg[i].base + skip, n);
		done += n;
		skip = 0;
	}
	return done;
}

size_t chain_read(const struct chain *c, size_t skip, void *dst, size_t len)
{
	return chain_copy(c->seg, c->nout, skip, dst, len, copy_out);
}

size_t chain_write(const struct chain *c, size_t skip, const void *src, size_t len)
{
	return chain_copy(c->seg + c->nout, c->nin, skip, (char *)(uintptr_t)src, len, copy_in);
}

unsigned chain_iov(const struct chain *c, bool in, size_t skip, size_t len, struct iovec *iov,
	unsigned max, size_t *got)
{
	const struct seg *seg = in ? c->seg + c->nout : c->seg;
	unsigned nseg = in ? c->nin : c->nout, n = 0;

	*got = 0;
	for (unsigned i = 0; i < nseg && *got < len && n < max; i++) {
		size_t take;

		if (skip >= seg[i].len) {
			skip -= seg[i].len;
			continue;
		}
		take = MIN(seg[i].len - skip, len - *got);
		iov[n++] = mem_iov((char __guest *)seg[i].base + skip, take);
		*got += take;
		skip = 0;
	}
	return n;
}
