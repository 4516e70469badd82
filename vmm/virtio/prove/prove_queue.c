/*
 * The split virtqueue over RAM and registers that hold anything at all. Queues of up to four
 * entries: every rule is about one entry and its neighbours, or about the sum over a chain.
 */
#define QUEUE_MAX_SIZE 4
#include <linux/virtio_ring.h>
#include <string.h>
#include "mem/mem.h"

#include "integration/checks/prove.h"

#define RAM  UINT64_C(0x80000000)
#define SIZE 128 /* bytes */

#define BUFFER 8 /* bytes of what chains are copied to and from */

/* mem_at() is proved in vmm/mem; here it has one region, so that CBMC sees plain array accesses. */
void __guest *mem_at(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	char *ram = mem->region[0].hva;

	return gpa >= RAM && gpa - RAM < SIZE && len <= SIZE - (gpa - RAM) ? ram + (gpa - RAM)
									   : NULL;
}

/* A guest's other CPUs write all the time: what is read is anything, and no two reads need agree.
 */
int mem_read(const struct mem *mem, uint64_t gpa, void *dst, size_t len)
{
	prove(len == sizeof(struct vring_desc), "descriptors are what is read whole");
	if (!mem_at(mem, gpa, len))
		return -EFAULT;
	*(struct vring_desc *)dst = (struct vring_desc){ nondet_u64(), nondet_u32(), nondet_u16(),
		nondet_u16() };
	return 0;
}

int mem_write(const struct mem *mem, uint64_t gpa, const void *src, size_t len)
{
	prove(__CPROVER_r_ok(src, len), "what is written is there");
	return mem_at(mem, gpa, len) ? 0 : -EFAULT;
}

uint16_t mem_load16_acquire(const void __guest *p)
{
	prove(__CPROVER_r_ok(p, 2), "a ring's word lies in RAM");
	return nondet_u16();
}

uint16_t mem_load16(const void __guest *p)
{
	return mem_load16_acquire(p);
}

void mem_store16(void __guest *p, uint16_t v)
{
	prove(__CPROVER_w_ok(p, 2), "a ring's word lies in RAM");
	*(uint16_t *)p = v;
}

void mem_store16_release(void __guest *p, uint16_t v)
{
	mem_store16(p, v);
}

struct iovec mem_iov(void __guest *p, size_t len)
{
	return (struct iovec){ p, len };
}

/* What an object is, its size tells. */
static void check_copy(const char __guest *guest, const char *buf, size_t len)
{
	prove(__CPROVER_OBJECT_SIZE(guest) == SIZE && __CPROVER_r_ok(guest, len),
		"the guest's side lies in RAM");
	prove(__CPROVER_OBJECT_SIZE(buf) == BUFFER && __CPROVER_r_ok(buf, len),
		"the other side lies in its buffer");
}

void mem_copy_from(void *dst, const void __guest *src, size_t len)
{
	check_copy(src, dst, len);
}

void mem_copy_to(void __guest *dst, const void *src, size_t len)
{
	check_copy(dst, src, len);
}

#include "virtio/queue.c"

/* RAM that holds anything. */
#define ANY_RAM(mem)                                                                               \
	char ram[SIZE];                                                                            \
	const struct mem mem = { .region[0].hva = ram }

/* What a driver may have written into the registers of a queue of at most max entries. */
static void any_queue(struct queue *q, uint16_t max)
{
	*q = (struct queue){ .max = max,
		.size = nondet_u16(),
		.event_idx = nondet_bool(),
		.indirect = nondet_bool(),
		.desc = nondet_u64(),
		.avail = nondet_u64(),
		.used = nondet_u64() };
}

static bool any_ready_queue(struct queue *q, const struct mem *mem, uint16_t max)
{
	any_queue(q, max);
	if (queue_enable(q, mem))
		return false;
	q->next_avail = nondet_u16();
	q->next_used = nondet_u16();
	q->signalled = nondet_u16();
	q->signalled_valid = nondet_bool();
	return true;
}

static bool in_ram(uint64_t gpa, uint64_t len)
{
	return gpa >= RAM && gpa < RAM + SIZE && len <= RAM + SIZE - gpa;
}

/* prove: queue_enable unwind=2 */
void prove_queue_enable(void)
{
	ANY_RAM(mem);
	struct queue q;

	any_queue(&q, QUEUE_MAX_SIZE);
	if (queue_enable(&q, &mem)) {
		prove(!q.ready, "a refused queue is not ready");
		return;
	}
	prove(q.size && q.size <= q.max && !(q.size & (q.size - 1)), "a power of two, at most max");
	prove(in_ram(q.desc, 16 * (uint64_t)q.size), "the descriptors lie in RAM");
	prove(in_ram(q.avail, 6 + 2 * (uint64_t)q.size), "the available ring lies in RAM");
	prove(in_ram(q.used, 6 + 8 * (uint64_t)q.size), "the used ring lies in RAM");
	prove(!(q.desc % 16) && !(q.avail % 2) && !(q.used % 4), "areas are aligned");
}

static void check_chain(const struct chain *c, const struct queue *q, const char *ram)
{
	uint64_t out = 0, in = 0;

	prove(c->head < q->size, "the head is an entry");
	prove(c->nout + c->nin <= q->size, "no longer than the queue");
	for (unsigned i = 0; i < c->nout + c->nin; i++) {
		const char *base = c->seg[i].base;

		prove(base >= ram && base < ram + SIZE, "a segment starts in RAM");
		prove(c->seg[i].len <= (size_t)(ram + SIZE - base), "a segment ends in RAM");
		if (i < c->nout)
			out += c->seg[i].len;
		else
			in += c->seg[i].len;
	}
	prove(out == c->out_len && in == c->in_len, "the sums are those of the segments");
}

/* prove: queue_pop unwind=5 */
void prove_queue_pop(void)
{
	ANY_RAM(mem);
	struct queue q;
	struct chain c;

	if (!any_ready_queue(&q, &mem, 4))
		return;
	if (queue_pop(&q, &mem, &c) == 1)
		check_chain(&c, &q, ram);
}

/* prove: queue_push unwind=2 */
void prove_queue_push(void)
{
	ANY_RAM(mem);
	struct queue q;
	uint16_t before;

	if (!any_ready_queue(&q, &mem, 4))
		return;
	before = q.next_used;
	queue_push(&q, &mem, nondet_u16(), nondet_u32());
	prove(q.next_used == (uint16_t)(before + 1), "one more used entry");
}

/* prove: queue_events unwind=2 */
void prove_queue_events(void)
{
	ANY_RAM(mem);
	struct queue q;

	if (!any_ready_queue(&q, &mem, 4))
		return;
	(void)queue_want_irq(&q, &mem);
	(void)queue_want_kick(&q, &mem, nondet_bool());
	(void)queue_empty(&q, &mem);
}

/* A chain as queue_pop() gives one. */
static void any_chain(struct chain *c, char *ram)
{
	c->nout = nondet_u16();
	c->nin = nondet_u16();
	assume(c->nout <= 2 && c->nin <= 2 && c->nout + c->nin <= 2);
	for (unsigned i = 0; i < 2; i++) {
		size_t at = nondet_size();

		assume(at < SIZE);
		c->seg[i] = (struct seg){ ram + at, nondet_u32() };
		assume(c->seg[i].len <= SIZE - at);
	}
}

/* prove: chain_copy unwind=3 */
void prove_chain_copy(void)
{
	char ram[SIZE], buffer[BUFFER];
	struct chain c;
	size_t len = nondet_size(), skip = nondet_size(), n;

	any_chain(&c, ram);
	assume(len <= BUFFER);
	n = nondet_bool() ? chain_read(&c, skip, buffer, len) : chain_write(&c, skip, buffer, len);
	prove(n <= len, "no more than was asked for");
}

/* prove: chain_iov unwind=3 */
void prove_chain_iov(void)
{
	char ram[SIZE];
	struct iovec iov[2];
	struct chain c;
	size_t len = nondet_size(), got, sum = 0;
	unsigned n;

	any_chain(&c, ram);
	n = chain_iov(&c, nondet_bool(), nondet_size(), len, iov, 2, &got);
	prove(n <= 2 && got <= len, "no more than was asked for");
	for (unsigned i = 0; i < n; i++) {
		const char *base = iov[i].iov_base;

		prove(base >= ram && iov[i].iov_len &&
				iov[i].iov_len <= (size_t)(ram + SIZE - base),
			"what is described lies in RAM");
		sum += iov[i].iov_len;
	}
	prove(sum == got, "got is what they cover");
}
