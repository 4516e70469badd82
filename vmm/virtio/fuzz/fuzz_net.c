/*
 * The network card, two pairs of queues, with a driver that writes any chains and a network that
 * sends any frames. In the end a reset makes it well: one good frame each way.
 *
 * Input: what the driver negotiates (1: MRG_RXBUF, MQ, EVENT_IDX, INDIRECT_DESC), then records of
 * one byte that says what, and its operands, little endian: 0  a chain: queue (1), count (1), and
 * for each descriptor address (2), length (2), flags (1) 1  put bytes in RAM: address (2), count
 * (1), bytes 2  kick: queue (1) 3  the network sends a frame: pair (1), length (2) 4  the tap is
 * readable (pair & 2: writable): pair (1) 5  the network takes what was sent: pair (1) 6  pause, 7
 * resume, 8 the driver resets and starts again (1: what it negotiates) 9  avail.idx: queue (1),
 * value (2)
 */
#include <linux/if_tun.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/socket.h>
#include "virtio/mmio.h"
#include "virtio/net.h"

#define RAM_SIZE 0x8000
#define PAIRS	 2
#define QUEUES	 5
#define SIZE	 8
#define GPA	 UINT64_C(0x10000000)
#define DESC(q)	 (0x400U * (q))
#define AVAIL(q) (DESC(q) + 0x80)
#define USED(q)	 (DESC(q) + 0xc0)
#define FREE	 DESC(QUEUES) /* RAM behind the rings */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct virtio_mmio *m;
	struct net *n;
	struct mem mem;
	struct loop *loop;
	uint8_t *ram;
	int peer[PAIRS];
	uint16_t slot[QUEUES]; /* the next descriptor */
	const uint8_t *data, *end;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int ioeventfd(void *ctx UNUSED, uint64_t gpa UNUSED, uint32_t value, int fd, bool on UNUSED)
{
	must(value < QUEUES && fd >= 0);
	return 0;
}

static uint32_t next(struct world *w, size_t n)
{
	uint32_t v = 0;

	n = MIN(n, (size_t)(w->end - w->data));
	memcpy(&v, w->data, n);
	w->data += n;
	return v;
}

static void set(struct world *w, uint32_t reg, uint32_t value)
{
	virtio_mmio_write(w->m, reg, &value, sizeof(value));
}

static void good_driver(struct world *w, uint32_t wish)
{
	uint32_t features = (wish & 1) << VIRTIO_NET_F_MRG_RXBUF |
		(wish >> 1 & 1) << VIRTIO_NET_F_MQ | (wish >> 1 & 1) << VIRTIO_NET_F_CTRL_VQ |
		(wish >> 2 & 1) << VIRTIO_RING_F_EVENT_IDX |
		(wish >> 3 & 1) << VIRTIO_RING_F_INDIRECT_DESC | 1U << VIRTIO_NET_F_GUEST_CSUM |
		1U << VIRTIO_NET_F_GUEST_TSO4;

	set(w, VIRTIO_MMIO_STATUS, 0);
	memset(w->ram, 0, FREE);
	memset(w->slot, 0, sizeof(w->slot));
	set(w, VIRTIO_MMIO_DRIVER_FEATURES, features);
	set(w, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(w, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	set(w, VIRTIO_MMIO_STATUS, 11);
	for (uint32_t q = 0; q < QUEUES; q++) {
		set(w, VIRTIO_MMIO_QUEUE_SEL, q);
		set(w, VIRTIO_MMIO_QUEUE_NUM, SIZE);
		set(w, VIRTIO_MMIO_QUEUE_DESC_LOW, DESC(q));
		set(w, VIRTIO_MMIO_QUEUE_AVAIL_LOW, AVAIL(q));
		set(w, VIRTIO_MMIO_QUEUE_USED_LOW, USED(q));
		set(w, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	set(w, VIRTIO_MMIO_STATUS, 15);
	must(w->n->active == 1);
}

static uint16_t *word(struct world *w, uint32_t at)
{
	return (uint16_t *)(void *)(w->ram + at);
}

static void post(struct world *w, uint32_t q, uint16_t head)
{
	*word(w, AVAIL(q) + 4 + 2 * (*word(w, AVAIL(q) + 2) % SIZE)) = head;
	++*word(w, AVAIL(q) + 2);
}

static void describe(struct world *w, uint32_t q, struct vring_desc desc)
{
	memcpy(w->ram + DESC(q) + 16 * (w->slot[q] % SIZE), &desc, sizeof(desc));
	w->slot[q] = (uint16_t)((w->slot[q] + 1) % SIZE);
}

static void chain(struct world *w)
{
	uint32_t q = next(w, 1) % QUEUES, count = next(w, 1) % SIZE + 1;
	uint16_t head = w->slot[q];

	for (uint32_t i = 0; i < count; i++) {
		struct vring_desc desc = { .addr = next(w, 2),
			.len = next(w, 2),
			.flags = (uint16_t)next(w, 1) };

		desc.next = (uint16_t)((w->slot[q] + 1) % SIZE);
		desc.flags = (uint16_t)((desc.flags & ~1U) | (i + 1 < count));
		describe(w, q, desc);
	}
	post(w, q, head);
}

static void put(struct world *w)
{
	uint32_t at = next(w, 2) % RAM_SIZE;
	size_t n = next(w, 1);

	n = MIN(n, (size_t)(w->end - w->data));
	n = MIN(n, RAM_SIZE - at);
	memcpy(w->ram + at, w->data, n);
	w->data += n;
}

static void kick(struct world *w, uint32_t q)
{
	virtio_lock(&w->n->dev);
	if (virtio_live(&w->n->dev))
		w->n->dev.ops->kick(&w->n->dev, q);
	virtio_unlock(&w->n->dev);
}

static void network_sends(struct world *w, uint32_t pair, uint32_t len)
{
	static const uint8_t frame[UINT16_MAX];

	if (len && send(w->peer[pair], frame, len, MSG_DONTWAIT) < 0)
		must(errno == EAGAIN || errno == EMSGSIZE);
}

static void ready(struct world *w, uint32_t pair, uint32_t events)
{
	struct watch *watch = &w->n->pair[pair].watch;

	if (watch->added)
		watch->fn(watch, events);
}

/* Frames that wait on the way are nobody's any more. */
static unsigned drain(int fd)
{
	char byte;
	unsigned n = 0;

	while (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

static void step(struct world *w)
{
	uint8_t what = next(w, 1) % 10;
	uint32_t arg = what < 2 || what == 6 || what == 7 ? 0 : next(w, 1);

	if (what == 0)
		chain(w);
	else if (what == 1)
		put(w);
	else if (what == 2)
		kick(w, arg % QUEUES);
	else if (what == 3)
		network_sends(w, arg % PAIRS, next(w, 2));
	else if (what == 4)
		ready(w, arg % PAIRS, arg & 2 ? EPOLLOUT : EPOLLIN);
	else if (what == 5)
		drain(w->peer[arg % PAIRS]);
	else if (what == 6)
		virtio_mmio_pause(w->m);
	else if (what == 7)
		virtio_mmio_resume(w->m);
	else if (what == 8)
		good_driver(w, arg);
	else
		*word(w, AVAIL(arg % QUEUES) + 2) = (uint16_t)next(w, 2);
	for (unsigned i = 0; i < PAIRS; i++)
		must(w->n->pair[i].rx.nbuf <= SIZE &&
			(w->n->pair[i].rx.nbuf || !w->n->pair[i].rx.room));
}

static void one_frame_each_way(struct world *w)
{
	virtio_mmio_resume(w->m);
	good_driver(w, 1);
	for (unsigned i = 0; i < PAIRS; i++) {
		drain(w->peer[i]);
		drain(w->n->tap.fd[i]);
	}
	describe(w, 0,
		(struct vring_desc){ .addr = FREE, .len = 2048, .flags = VRING_DESC_F_WRITE });
	post(w, 0, 0);
	network_sends(w, 0, 100);
	kick(w, 0);
	must(*word(w, USED(0) + 2) == 1 && *word(w, USED(0) + 8) == 100);
	describe(w, 1, (struct vring_desc){ .addr = FREE, .len = 100 });
	post(w, 1, 0);
	kick(w, 1);
	must(*word(w, USED(1) + 2) == 1 && drain(w->peer[0]) == 1 && !w->n->dev.broken);
}

static void build(struct world *w, const struct mmio_host *host)
{
	struct net_parts parts = { .tap = { .name = "tap0",
					   .nfds = PAIRS,
					   .plain = true,
					   .offloads = TUN_F_CSUM | TUN_F_TSO4 } };
	struct vm_net cfg = { .vhost = VM_VHOST_OFF };
	struct virtio_env env = { .mem = &w->mem, .label = "net0" };
	struct virtio_dev *dev;

	w->ram = aligned_alloc(4096, RAM_SIZE);
	must(w->ram && !mem_add_borrowed(&w->mem, 0, RAM_SIZE, memset(w->ram, 0, RAM_SIZE)));
	must(!loop_new(&w->loop, NULL));
	env.loop = w->loop;
	for (unsigned i = 0; i < PAIRS; i++) {
		int fd[2];

		must(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fd));
		parts.tap.fd[i] = fd[0];
		w->peer[i] = fd[1];
	}
	must(!net_assemble(&dev, &parts, &cfg, &env, NULL));
	w->n = container_of(dev, struct net, dev);
	must(!virtio_mmio_new(&w->m, dev, host, GPA, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct mmio_host host = { .ctx = w, .ioeventfd = ioeventfd };

	log_setup(-1, LOG_ERROR, "fuzz");
	must(w);
	build(w, &host);
	w->data = data;
	w->end = data + size;
	good_driver(w, next(w, 1));
	while (w->data < w->end)
		step(w);
	one_frame_each_way(w);
	virtio_mmio_free(w->m);
	for (unsigned i = 0; i < PAIRS; i++)
		close(w->peer[i]);
	loop_free(w->loop);
	free(w->ram);
	free(w);
	return 0;
}
