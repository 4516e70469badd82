/*
 * The split queue over any bytes: queue_pop() and what is done with a chain, against what every
 * chain must be.
 *
 * Input: byte 0: log2 of the size (bits 0-3), EVENT_IDX (bit 6), INDIRECT_DESC (bit 7); byte 1:
 * what next_avail starts from; then the RAM's content from address 0: the descriptor table, right
 * behind it the available ring, buffers. The used ring lies at 0x3000. RAM starts at 0 so that
 * small numbers are good addresses; a second region lies behind a hole.
 */
#include <string.h>
#include "virtio/queue.h"

#define RAM_SIZE  0x4000
#define RAM2	  0x8000
#define RAM2_SIZE 0x1000
#define USED	  0x3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool inside(const struct iovec *v, const uint8_t *ram, size_t size)
{
	const uint8_t *p = v->iov_base;

	return p >= ram && p <= ram + size && v->iov_len <= (size_t)(ram + size - p);
}

static void check_chain(const struct chain *c, const struct queue *q, const uint8_t *ram,
	const uint8_t *ram2)
{
	uint64_t out = 0, in = 0;

	must(c->head < q->size);
	must(c->nout + c->nin >= 1 && c->nout + c->nin <= q->size);
	for (unsigned i = 0; i < (unsigned)c->nout + c->nin; i++) {
		struct iovec v = mem_iov(c->seg[i].base, c->seg[i].len);

		must(inside(&v, ram, RAM_SIZE) || inside(&v, ram2, RAM2_SIZE));
		*(i < c->nout ? &out : &in) += v.iov_len;
	}
	must(out == c->out_len && in == c->in_len);
}

/* Reads as bytes and as pieces agree; writes stay in the writable part. */
static void use_chain(const struct chain *c, size_t skip)
{
	uint8_t a[64], b[64];
	struct iovec iov[8];
	size_t n = chain_read(c, skip, a, sizeof(a)), got, at = 0;
	unsigned pieces = chain_iov(c, false, skip, n, iov, 8, &got);

	must(n == MIN(sizeof(a), c->out_len > skip ? c->out_len - skip : 0));
	must(pieces <= 8 && got <= n && (got == n || pieces == 8));
	for (unsigned i = 0; i < pieces; i++) {
		memcpy(b + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	must(at == got && !memcmp(a, b, got));
	must(chain_write(c, skip, a, n) == MIN(n, c->in_len > skip ? c->in_len - skip : 0));
}

static void serve(struct queue *q, const struct mem *mem, const uint8_t *ram, const uint8_t *ram2)
{
	struct chain *c = malloc(
		sizeof(*c)); /* not zeroed: what pop leaves unset must not be looked at */

	must(c);
	for (unsigned round = 0; round < 64; round++) {
		uint16_t at = q->next_avail;
		int rc = queue_pop(q, mem, c);

		must(rc == 1 || rc == 0 || rc == -EINVAL);
		must(q->next_avail == (uint16_t)(at + (rc == 1)));
		if (rc != 1 && (rc < 0 || !queue_want_kick(q, mem, true)))
			break;
		if (rc != 1)
			continue;
		check_chain(c, q, ram, ram2);
		use_chain(c, round);
		if (round % 8 == 7) {
			queue_unpop(q);
			must(q->next_avail == at);
			q->next_avail++;
		}
		queue_push(q, mem, c->head, c->in_len);
		queue_want_irq(q, mem);
		queue_want_kick(q, mem, false);
	}
	free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *ram, *ram2;
	struct mem mem = { 0 };
	struct queue q = { .max = QUEUE_MAX_SIZE };

	if (size < 2)
		return 0;
	ram = aligned_alloc(4096,
		RAM_SIZE); /* blocks of their own: the sanitizer guards their ends */
	ram2 = aligned_alloc(4096, RAM2_SIZE);
	must(ram && ram2);
	memset(ram, 0, RAM_SIZE);
	memset(ram2, 0, RAM2_SIZE);
	memcpy(ram, data + 2, MIN(size - 2, RAM_SIZE));
	must(!mem_add_borrowed(&mem, 0, RAM_SIZE, ram) &&
		!mem_add_borrowed(&mem, RAM2, RAM2_SIZE, ram2));
	q.size = (uint16_t)(1U << (data[0] & 15));
	q.event_idx = data[0] & 0x40;
	q.indirect = data[0] & 0x80;
	q.avail = UINT64_C(16) * q.size;
	q.used = USED;
	if (!queue_enable(&q, &mem)) {
		q.next_avail = q.next_used = (uint16_t)(data[1] * 0x101);
		serve(&q, &mem, ram, ram2);
	} else {
		must(q.size > q.max);
	}
	mem_fini(&mem);
	free(ram);
	free(ram2);
	return 0;
}
