/*
 * Frames between a tap and the rings, in the loop and without a copy: readv() and writev() straight
 * on the guest's buffers (virtio 1.2 §5.1.6). The header's offload fields are between the driver
 * and the kernel's tun, which checks them.
 *
 * A frame's length is unknown until it was read, so with VIRTIO_NET_F_MRG_RXBUF buffers for the
 * largest are taken ahead. A frame that is larger than what the ring had ends in spill[] and waits
 * for more. A batch is bounded; what remains takes its turn after the other descriptors of the
 * loop.
 */
#include "virtio/net.h"

#include <linux/if_ether.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/uio.h>

#define BATCH 64 /* frames */

static struct net_pair *pair_of(struct watch *w)
{
	return container_of(w, struct net_pair, watch);
}

static unsigned rx_queue(const struct net_pair *p)
{
	return 2 * p->index;
}

static unsigned tx_queue(const struct net_pair *p)
{
	return 2 * p->index + 1;
}

static void update_watch(struct net_pair *p, bool in)
{
	loop_modify(p->net->dev.loop, &p->watch, (in ? EPOLLIN : 0) | (p->tx_full ? EPOLLOUT : 0));
}

/* to the guest */

/* The largest frame that the kernel may give: segments only when the driver takes them. */
static uint32_t largest(const struct net *n)
{
	uint64_t segments = UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO4 |
		UINT64_C(1) << VIRTIO_NET_F_GUEST_TSO6 | UINT64_C(1) << VIRTIO_NET_F_GUEST_UFO |
		UINT64_C(1) << VIRTIO_NET_F_GUEST_USO4 | UINT64_C(1) << VIRTIO_NET_F_GUEST_USO6;

	if (!virtio_has(&n->dev, VIRTIO_NET_F_MRG_RXBUF))
		return 1; /* a frame has one buffer, whatever its size */
	return n->dev.acked & segments ? NET_FRAME_MAX : TAP_HEADER + ETH_HLEN + 4 + 1500;
}

static bool take_buffer(struct net_pair *p)
{
	struct virtio_dev *dev = &p->net->dev;
	struct net_rx *rx = &p->rx;
	struct chain c;

	if (rx->nbuf == QUEUE_MAX_SIZE || rx->nseg > QUEUE_MAX_SIZE ||
		!virtio_pop(dev, rx_queue(p), &c))
		return false;
	if (c.nout || c.in_len < TAP_HEADER) {
		virtio_broken(dev, "the driver gave a receive buffer that can't hold a header");
		return false;
	}
	memcpy(&rx->seg[rx->nseg], c.seg, c.nin * sizeof(c.seg[0]));
	rx->nseg += c.nin;
	rx->buf[rx->nbuf++] = (struct net_buf){ .head = c.head, .nseg = c.nin, .len = c.in_len };
	rx->room += c.in_len;
	return true;
}

static void refill(struct net_pair *p, uint32_t want)
{
	while (p->rx.room < want && take_buffer(p))
		;
}

static void give_back(struct net_pair *p)
{
	struct queue *q = &p->net->dev.queue[rx_queue(p)];

	for (; p->rx.nbuf && q->ready; p->rx.nbuf--)
		queue_unpop(q);
	p->rx.nbuf = p->rx.nseg = 0;
	p->rx.room = p->rx.held = 0;
}

/* Writes into the buffers taken, off bytes into them. */
static void put(struct net_rx *rx, size_t off, const void *src, size_t len)
{
	const char *from = src;

	for (unsigned i = 0; i < rx->nseg && len; i++) {
		size_t n;

		if (off >= rx->seg[i].len) {
			off -= rx->seg[i].len;
			continue;
		}
		n = MIN(rx->seg[i].len - off, len);
		mem_copy_to((char __guest *)rx->seg[i].base + off, from, n);
		from += n;
		len -= n;
		off = 0;
	}
}

/* Hands a whole frame to the driver, which lies in the first buffers. */
static void deliver(struct net_pair *p, uint32_t len)
{
	struct virtio_dev *dev = &p->net->dev;
	struct net_rx *rx = &p->rx;
	uint16_t used = 0;
	unsigned nseg = 0;

	for (uint32_t left = len; left; used++)
		left -= MIN(left, rx->buf[used].len);
	put(rx, offsetof(struct virtio_net_hdr_v1, num_buffers), &used, sizeof(used));
	for (unsigned i = 0; i < used; i++) {
		uint32_t n = MIN(len, rx->buf[i].len);

		queue_push(&dev->queue[rx_queue(p)], dev->mem, rx->buf[i].head, n);
		len -= n;
		nseg += rx->buf[i].nseg;
		rx->room -= rx->buf[i].len;
	}
	rx->nbuf -= used;
	rx->nseg -= nseg;
	memmove(rx->buf, rx->buf + used, rx->nbuf * sizeof(rx->buf[0]));
	memmove(rx->seg, rx->seg + nseg, rx->nseg * sizeof(rx->seg[0]));
}

/* A frame larger than its room: gone if the driver can't take it, otherwise the rest waits in
 * spill[]. */
static void hold(struct net_pair *p, uint32_t len, uint32_t placed)
{
	struct virtio_dev *dev = &p->net->dev;

	if (!virtio_has(dev, VIRTIO_NET_F_MRG_RXBUF) || len - placed > sizeof(p->rx.spill)) {
		log_limited(&dev->limit,
			"%s: a frame of %u bytes does not fit into the driver's buffers: dropped",
			dev->label, len - TAP_HEADER);
		return;
	}
	p->rx.held = len;
	p->rx.placed = placed;
}

/* False while the frame still has to wait. */
static bool release_held(struct net_pair *p)
{
	struct net_rx *rx = &p->rx;
	uint32_t len = rx->held;

	if (!len)
		return true;
	refill(p, len);
	if (rx->room < len && rx->nbuf < p->net->dev.queue[rx_queue(p)].size &&
		rx->nseg <= QUEUE_MAX_SIZE)
		return false;
	rx->held = 0;
	if (rx->room < len) /* the whole ring is too small for it */
		return true;
	put(rx, rx->placed, rx->spill, len - rx->placed);
	deliver(p, len);
	return true;
}

/* Reads one frame. False when there is none. */
static bool receive_one(struct net_pair *p)
{
	struct iovec iov[2 * QUEUE_MAX_SIZE + 1];
	struct net_rx *rx = &p->rx;
	bool merge = virtio_has(&p->net->dev, VIRTIO_NET_F_MRG_RXBUF);
	unsigned n = merge ? rx->nseg : rx->buf[0].nseg;
	uint64_t room = merge ? rx->room : rx->buf[0].len;
	ssize_t len;

	for (unsigned i = 0; i < n; i++)
		iov[i] = mem_iov(rx->seg[i].base, rx->seg[i].len);
	iov[n] = (struct iovec){ rx->spill, sizeof(rx->spill) };
	/* syscall(loop): readv: a frame from the tap */
	len = readv(p->net->tap.fd[p->index], iov, (int)n + 1);
	if (len < 0)
		return false;
	if (len < TAP_HEADER + ETH_HLEN)
		return true; /* no Ethernet frame: dropped */
	if ((uint64_t)len > room)
		hold(p, (uint32_t)len, (uint32_t)room);
	else
		deliver(p, (uint32_t)len);
	return true;
}

void net_pair_receive(struct net_pair *p)
{
	struct virtio_dev *dev = &p->net->dev;
	uint32_t want = largest(p->net);

	for (unsigned i = 0; i < BATCH && p->watch.added; i++) {
		bool ready = release_held(p);

		refill(p, want);
		if (!virtio_live(dev))
			break;
		update_watch(p, ready && p->rx.nbuf);
		if (!ready || !p->rx.nbuf || !receive_one(p))
			break;
	}
	virtio_notify(dev, rx_queue(p));
}

/* from the guest */

/* False when the tap takes no more now. A frame that it refuses for another reason is lost, as on a
 * wire. */
static bool send_one(struct net_pair *p, const struct chain *c)
{
	struct iovec iov[QUEUE_MAX_SIZE];
	struct virtio_dev *dev = &p->net->dev;
	size_t len;
	unsigned n;

	if (c->out_len < TAP_HEADER + ETH_HLEN || c->out_len > NET_FRAME_MAX || c->nin)
		return true;
	n = chain_iov(c, false, 0, c->out_len, iov, ARRAY_SIZE(iov), &len);
	/* syscall(loop): writev: a frame to the tap */
	if (writev(p->net->tap.fd[p->index], iov, (int)n) >= 0)
		return true;
	if (errno == EAGAIN)
		return false;
	log_limited(&dev->limit, "%s: %s takes no frame: %s", dev->label, p->net->tap.name,
		err_text(errno));
	return true;
}

void net_pair_send(struct net_pair *p)
{
	struct virtio_dev *dev = &p->net->dev;
	struct queue *q = &dev->queue[tx_queue(p)];
	struct chain c;
	unsigned n = 0;

	if (p->tx_full || !p->watch.added)
		return;
	queue_want_kick(q, dev->mem, false);
	for (; n < BATCH && virtio_pop(dev, tx_queue(p), &c); n++) {
		if (!send_one(p, &c)) {
			queue_unpop(q);
			p->tx_full = true;
			update_watch(p, p->watch.events & EPOLLIN);
			break;
		}
		queue_push(q, dev->mem, c.head, 0);
	}
	if (n == BATCH)
		virtio_kick_again(dev, tx_queue(p));
	virtio_notify(dev, tx_queue(p));
}

/* the loop */

/* Under the lock first: the device may have been stopped meanwhile. */
static void tap_ready(struct watch *w, uint32_t events)
{
	struct net_pair *p = pair_of(w);
	struct net *n = p->net;

	virtio_lock(&n->dev);
	if (w->added && events & (EPOLLERR | EPOLLHUP)) {
		net_link_down(n);
	} else if (w->added && !virtio_live(&n->dev)) {
		loop_modify(n->dev.loop, w, 0); /* broken: deaf until it is reset */
	} else if (w->added) {
		if (events & EPOLLOUT) {
			p->tx_full = false;
			update_watch(p, w->events & EPOLLIN);
			net_pair_send(p);
		}
		if (events & EPOLLIN)
			net_pair_receive(p);
	}
	virtio_unlock(&n->dev);
}

int net_pair_watch(struct net_pair *p)
{
	p->tx_full = false;
	return loop_add(p->net->dev.loop, &p->watch, p->net->tap.fd[p->index], EPOLLIN, tap_ready);
}

void net_pair_unwatch(struct net_pair *p)
{
	loop_remove(p->net->dev.loop, &p->watch);
	p->tx_full = false;
	give_back(p);
}
