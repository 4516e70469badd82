/*
 * The packets of hybrid vsock connections (virtio 1.2 §5.10.6), both ways; see hvsock_conn.h.
 *
 * Data to the guest is read from the socket straight into the guest's buffer and is never stored
 * here: when the guest has no credit or no buffer, the socket is left unread. Data to the host is
 * written straight from the guest's buffer; what the socket does not take is stored, at most
 * HV_BUFFER bytes, because that is the credit the guest was given. A guest that sends more than its
 * credit, or what its connection's state does not allow, gets an RST.
 */
#include "virtio/hvsock_inner.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* to the host */

static void forwarded(struct hv_conn *c, uint32_t n)
{
	c->forwarded += n;
	if (c->forwarded - c->forwarded_told >= HV_BUFFER / 2) {
		c->owed |= OWE_CREDIT;
		hv_ready_add(c);
	}
}

/* What the guest has shut down, once nothing it sent before is stored any more. False when that was
 * the end of the connection. */
static bool pass_shutdown(struct hv_conn *c)
{
	if (c->shut_guest & VIRTIO_VSOCK_SHUTDOWN_RCV)
		/* syscall(loop): shutdown: the guest has half-closed a vsock connection */
		shutdown(c->fd, SHUT_RD);
	if (c->buf_len)
		return true;
	if (c->shut_guest & VIRTIO_VSOCK_SHUTDOWN_SEND)
		shutdown(c->fd, SHUT_WR);
	if (c->shut_guest != HV_SHUT_BOTH)
		return true;
	hv_conn_reset(c); /* §5.10.6.5: the answer that lets the guest forget it */
	return false;
}

/* False when the connection is over. */
bool hv_flush(struct hv_conn *c)
{
	while (c->buf_len) {
		uint32_t straight = MIN(c->buf_len, (uint32_t)HV_BUFFER - c->buf_at);
		struct iovec iov[2] = { { c->buf + c->buf_at, straight },
			{ c->buf, c->buf_len - straight } };
		struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
		/* syscall(loop): sendmsg: vsock data to the host */
		ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n <= 0) {
			hv_conn_reset(c);
			return false;
		}
		c->buf_at = (c->buf_at + (uint32_t)n) % HV_BUFFER;
		c->buf_len -= (uint32_t)n;
		forwarded(c, (uint32_t)n);
	}
	return pass_shutdown(c);
}

/* Stores len bytes of the chain, for which there is room. False when there is no memory. */
static bool store(struct hv_conn *c, const struct chain *chain, size_t skip, uint32_t len)
{
	uint32_t at = (uint32_t)((c->buf_at + c->buf_len) % HV_BUFFER),
		 straight = (uint32_t)MIN(len, HV_BUFFER - at);

	if (!c->buf)
		c->buf = malloc(HV_BUFFER);
	if (!c->buf)
		return false;
	chain_read(chain, skip, c->buf + at, straight);
	chain_read(chain, skip + straight, c->buf, len - straight);
	c->buf_len += len;
	return true;
}

static void from_guest(struct hv_conn *c, const struct chain *chain, size_t skip, uint32_t len)
{
	struct iovec iov[QUEUE_MAX_SIZE];
	struct msghdr msg = { .msg_iov = iov };
	size_t covered;
	ssize_t n = 0;

	if (c->state != HV_OPEN || c->shut_guest & VIRTIO_VSOCK_SHUTDOWN_SEND || c->host_gone ||
		len > HV_BUFFER - c->buf_len) {
		hv_conn_reset(c);
		return;
	}
	if (!c->buf_len && len) {
		msg.msg_iovlen = chain_iov(chain, false, skip, len, iov, ARRAY_SIZE(iov), &covered);
		n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN) {
			hv_conn_reset(c);
			return;
		}
		n = MAX(n, 0);
		forwarded(c, (uint32_t)n);
	}
	if ((uint32_t)n < len && !store(c, chain, skip + (size_t)n, len - (uint32_t)n))
		hv_conn_reset(c);
	else
		hv_update_watch(c);
}

/* from the guest */

/* A guest's wish to speak to a service of the host. */
static void guest_dials(struct hv *hv, const struct virtio_vsock_hdr *h)
{
	AUTO_FD fd = hv->nconns < HV_MAX_CONNS ? hv->dial(hv, h->dst_port) : -EMFILE;
	struct hv_conn *c = fd >= 0 ? hv_conn_new(hv, fd, HV_OPEN) : NULL;

	if (!c) {
		hv_queue_reset(hv, h->dst_port, h->src_port, h->type);
		return;
	}
	take_fd(&fd);
	c->host_port = h->dst_port;
	c->guest_port = h->src_port;
	c->peer_alloc = h->buf_alloc;
	c->peer_forwarded = h->fwd_cnt;
	c->owed = OWE_RESPONSE;
	hv_table_add(c);
	hv_ready_add(c);
	hv_update_watch(c);
}

static void guest_answers(struct hv_conn *c)
{
	char ok[32];
	int len = snprintf(ok, sizeof(ok), "OK %u\n", c->host_port);

	if (c->state != HV_ASKED || c->owed & OWE_REQUEST ||
		sock_send(c->fd, ok, (size_t)len) != len) {
		hv_conn_reset(c);
		return;
	}
	c->state = HV_OPEN;
	hv_set_ttl(c, 0);
	hv_update_watch(c);
}

static void guest_shuts(struct hv_conn *c, uint32_t flags)
{
	if (c->state != HV_OPEN) {
		hv_conn_reset(c);
		return;
	}
	c->shut_guest |= flags & HV_SHUT_BOTH;
	if (c->shut_guest & VIRTIO_VSOCK_SHUTDOWN_RCV)
		c->readable = false;
	if (c->shut_guest == HV_SHUT_BOTH && c->buf_len)
		hv_set_ttl(c, HV_CLOSE_TIME);
	if (pass_shutdown(c))
		hv_update_watch(c);
}

/* Every packet carries the guest's credit (§5.10.6.3). */
static void take_credit(struct hv_conn *c, const struct virtio_vsock_hdr *h)
{
	c->peer_alloc = h->buf_alloc;
	c->peer_forwarded = h->fwd_cnt;
	c->credit_asked = false;
	if (c->readable)
		hv_ready_add(c);
}

void hv_receive(struct hv *hv, const struct virtio_vsock_hdr *h, const struct chain *chain,
	size_t skip)
{
	struct hv_conn *c;

	if (h->src_cid != hv->guest_cid || h->dst_cid != HV_HOST_CID)
		return; /* not ours to answer */
	c = h->type == VIRTIO_VSOCK_TYPE_STREAM ? hv_find(hv, h->dst_port, h->src_port) : NULL;
	if (!c) {
		if (h->op == VIRTIO_VSOCK_OP_REQUEST && h->type == VIRTIO_VSOCK_TYPE_STREAM)
			guest_dials(hv, h);
		else if (h->op != VIRTIO_VSOCK_OP_RST)
			hv_queue_reset(hv, h->dst_port, h->src_port, h->type);
		return;
	}
	take_credit(c, h);
	switch (h->op) {
	case VIRTIO_VSOCK_OP_RST:
		hv_conn_close(c);
		break;
	case VIRTIO_VSOCK_OP_RESPONSE:
		guest_answers(c);
		break;
	case VIRTIO_VSOCK_OP_RW:
		from_guest(c, chain, skip, h->len);
		break;
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		guest_shuts(c, h->flags);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		c->owed |= OWE_CREDIT;
		hv_ready_add(c);
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	default:
		hv_conn_reset(c);
	}
}

bool hv_full(const struct hv *hv)
{
	return hv->nresets >= HV_RESETS / 2;
}

/* to the guest */

static uint32_t credit(const struct hv_conn *c)
{
	uint32_t in_flight = c->sent - c->peer_forwarded;

	return in_flight < c->peer_alloc ? c->peer_alloc - in_flight : 0;
}

static void fill(struct hv_conn *c, struct virtio_vsock_hdr *h, uint16_t op, uint32_t flags,
	uint32_t len)
{
	*h = (struct virtio_vsock_hdr){
		.src_cid = HV_HOST_CID,
		.dst_cid = c->hv->guest_cid,
		.src_port = c->host_port,
		.dst_port = c->guest_port,
		.len = len,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.flags = flags,
		.buf_alloc = HV_BUFFER,
		.fwd_cnt = c->forwarded,
	};
	c->forwarded_told = c->forwarded;
	c->owed &= (uint8_t)~OWE_CREDIT;
}

/* The host will send no more, or (gone) is no more. */
static void host_ended(struct hv_conn *c)
{
	uint8_t now = c->host_gone ? HV_SHUT_BOTH : VIRTIO_VSOCK_SHUTDOWN_SEND;

	c->readable = false;
	if (now & ~c->shut_host)
		c->owed |= OWE_SHUTDOWN;
	c->shut_host |= now;
	if (c->shut_host == HV_SHUT_BOTH)
		hv_set_ttl(c, HV_CLOSE_TIME);
	hv_update_watch(c);
}

/* Reads from the host into the guest's buffer: 1 when there is a packet to send. The connection may
 * be over after 0. */
static int to_guest(struct hv_conn *c, struct virtio_vsock_hdr *h, const struct chain *chain,
	size_t skip)
{
	struct iovec iov[QUEUE_MAX_SIZE];
	uint32_t max = MIN(credit(c), chain->in_len - (uint32_t)skip);
	size_t room;
	ssize_t n;

	if (!max) {
		if (!c->credit_asked)
			c->owed |= OWE_ASK;
		c->credit_asked = true;
		return 0;
	}
	/* syscall(loop): readv: vsock data to the guest */
	n = readv(c->fd, iov, (int)chain_iov(chain, true, skip, max, iov, ARRAY_SIZE(iov), &room));
	if (n > 0) {
		c->sent += (uint32_t)n;
		fill(c, h, VIRTIO_VSOCK_OP_RW, 0, (uint32_t)n);
		return 1;
	}
	if (!n || (errno == EAGAIN && c->host_gone)) {
		host_ended(c);
	} else if (errno == EAGAIN) {
		c->readable = false;
		hv_update_watch(c);
	} else {
		hv_conn_reset(c);
	}
	return 0;
}

static const struct {
	uint8_t owed;
	uint16_t op;
} owed_packets[] = {
	{ OWE_REQUEST, VIRTIO_VSOCK_OP_REQUEST },
	{ OWE_RESPONSE, VIRTIO_VSOCK_OP_RESPONSE },
	{ OWE_SHUTDOWN, VIRTIO_VSOCK_OP_SHUTDOWN },
	{ OWE_ASK, VIRTIO_VSOCK_OP_CREDIT_REQUEST },
	{ OWE_CREDIT, VIRTIO_VSOCK_OP_CREDIT_UPDATE },
};

static int pay(struct hv_conn *c, struct virtio_vsock_hdr *h)
{
	for (size_t i = 0; i < ARRAY_SIZE(owed_packets); i++) {
		if (!(c->owed & owed_packets[i].owed))
			continue;
		c->owed &= (uint8_t)~owed_packets[i].owed;
		fill(c, h, owed_packets[i].op,
			owed_packets[i].owed == OWE_SHUTDOWN ? c->shut_host : 0, 0);
		return 1;
	}
	return 0;
}

/* Answers first, then data, then what reading it brought about (the end, a want of credit). */
static int conn_next(struct hv_conn *c, struct virtio_vsock_hdr *h, const struct chain *chain,
	size_t skip)
{
	if (pay(c, h))
		return 1;
	if (!c->readable || c->state != HV_OPEN)
		return 0;
	if (to_guest(c, h, chain, skip))
		return 1;
	return c->state == HV_DEAD ? 0 : pay(c, h);
}

static int next_reset(struct hv *hv, struct virtio_vsock_hdr *h)
{
	const struct hv_reset *r = &hv->reset[hv->reset_at];

	*h = (struct virtio_vsock_hdr){
		.src_cid = HV_HOST_CID,
		.dst_cid = hv->guest_cid,
		.src_port = r->host_port,
		.dst_port = r->guest_port,
		.type = r->type,
		.op = VIRTIO_VSOCK_OP_RST,
	};
	hv->reset_at = (hv->reset_at + 1) % HV_RESETS;
	hv->nresets--;
	return 1;
}

bool hv_pending(const struct hv *hv)
{
	return hv->nresets || hv->ready;
}

int hv_next(struct hv *hv, struct virtio_vsock_hdr *h, const struct chain *chain, size_t skip)
{
	for (;;) {
		struct hv_conn *c = hv->ready;

		if (hv->nresets)
			return next_reset(hv, h);
		if (!c)
			return 0;
		hv_ready_remove(c);
		if (!conn_next(c, h, chain, skip))
			continue;
		if (c->owed || c->readable)
			hv_ready_add(c); /* behind the others */
		return 1;
	}
}
