/*
 * The vhost-user front end; see vhost_user.h. A request that has an answer is put on the list of
 * awaited ones when it is sent; answers come in the order of requests, so the bytes that arrive
 * always belong to the first of the list, and without one they are an offence.
 *
 * A ring is given as the back end wants it: size, base, addresses, interrupt, leave to work, and
 * then the kick descriptor, with which it starts: a kick that it hears before it has leave is lost.
 * GET_VRING_BASE stops it.
 * syscall(setup): getsockopt: what was given is a socket
 */
#define _GNU_SOURCE
#include "virtio/vhost_user.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BIT(n) (UINT64_C(1) << (n))
#define REASON 64 /* bytes that reason() takes */

static int64_t now_ms(void)
{
	struct timespec ts;

	/* syscall(loop,vcpu): clock_gettime: a deadline */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* What a negative code of this file means, said of the back end. */
static const char *reason(const struct vhost_user *v, int rc, char *buf)
{
	const char *request = vhost_user_name(v->awaited[0].request);

	switch (rc) {
	case -ETIMEDOUT:
		snprintf(buf, REASON, "does not answer");
		break;
	case -EREMOTEIO:
		snprintf(buf, REASON, "refused %s", request);
		break;
	case -EPROTO:
		snprintf(buf, REASON, "broke the vhost-user protocol");
		break;
	default:
		snprintf(buf, REASON, "has gone");
	}
	return buf;
}

/* sending */

/* The few short messages of a start fit in any socket's buffer, unless nobody reads them. */
static int put(struct vhost_user *v, const struct vhost_user_msg *m, const int *fds, unsigned nfds)
{
	size_t len = VHOST_USER_HEADER + m->size;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)m, .iov_len = len };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(MEM_REGIONS * sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (nfds) {
		struct cmsghdr *c = &control.align;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(nfds * sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	/* syscall(loop,vcpu): sendmsg: a shared file system starts or stops */
	n = sendmsg(v->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == (ssize_t)len)
		return 0;
	return n >= 0 || errno == EAGAIN ? -ETIMEDOUT : -EPIPE;
}

static int await(struct vhost_user *v, uint32_t request, uint32_t index)
{
	if (v->nawaited == VHOST_USER_AWAITED)
		return -ETIMEDOUT;
	v->awaited[v->nawaited].request = request;
	v->awaited[v->nawaited++].index = index;
	return 0;
}

/* Sends what has no answer of its own; the back end acknowledges it if it can. */
static int tell(struct vhost_user *v, struct vhost_user_msg *m, const int *fds, unsigned nfds)
{
	int rc = v->reply_ack ? await(v, m->request, 0) : 0;

	m->flags = VHOST_USER_VERSION | (v->reply_ack ? VHOST_USER_NEED_REPLY : 0);
	return rc ? rc : put(v, m, fds, nfds);
}

static int tell_u64(struct vhost_user *v, uint32_t request, uint64_t value)
{
	struct vhost_user_msg m = { .request = request, .size = sizeof(value), .body.u64 = value };

	return tell(v, &m, NULL, 0);
}

static int tell_state(struct vhost_user *v, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_user_msg m = { .request = request,
		.size = sizeof(m.body.state),
		.body.state = { .index = index, .num = num } };

	return tell(v, &m, NULL, 0);
}

static int tell_file(struct vhost_user *v, uint32_t request, uint32_t index, int fd)
{
	struct vhost_user_msg m = { .request = request,
		.size = sizeof(m.body.u64),
		.body.u64 = index };

	return tell(v, &m, &fd, 1);
}

/* receiving */

static int position(struct vhost_user *v, uint32_t asked, uint64_t value)
{
	uint64_t num = value >> 32;

	if ((uint32_t)value != asked || num > UINT16_MAX)
		return -EPROTO;
	v->dev->queue[asked].next_avail = (uint16_t)num;
	return 1;
}

static int answered(struct vhost_user *v, uint64_t value)
{
	int rc = 1;

	switch (v->awaited[0].request) {
	case VHOST_USER_GET_FEATURES:
	case VHOST_USER_GET_PROTOCOL_FEATURES:
	case VHOST_USER_GET_QUEUE_NUM:
		v->answer = value;
		break;
	case VHOST_USER_GET_VRING_BASE:
		rc = position(v, v->awaited[0].index, value);
		break;
	default:
		rc = value ? -EREMOTEIO : 1;
	}
	if (rc < 0)
		return rc;
	v->nin = 0;
	v->nawaited--;
	memmove(&v->awaited[0], &v->awaited[1], v->nawaited * sizeof(v->awaited[0]));
	return rc;
}

/*
 * 1: an answer was taken; 0: nothing is there now. There is no room for descriptors, so the kernel
 * drops those that are sent and says so.
 */
static int take_answer(struct vhost_user *v)
{
	struct iovec iov = { .iov_base = v->in + v->nin, .iov_len = sizeof(v->in) - v->nin };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	/* syscall(loop,vcpu): recvmsg: its back end answers */
	ssize_t n = recvmsg(v->fd, &msg, MSG_DONTWAIT);
	uint64_t value;
	int rc;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -EPIPE;
	if (msg.msg_flags & MSG_CTRUNC || !v->nawaited)
		return -EPROTO;
	v->nin += (size_t)n;
	rc = vhost_user_answer(v->in, v->nin, v->awaited[0].request, &value);
	return rc > 0 ? answered(v, value) : rc;
}

/* Until all that is awaited has come. */
static int wait_answers(struct vhost_user *v, unsigned ms)
{
	int64_t end = now_ms() + ms;
	int rc = 0;

	while (v->nawaited && rc >= 0) {
		struct pollfd p = { .fd = v->fd, .events = POLLIN };
		int64_t left = end - now_ms();

		/* syscall(loop,vcpu): ppoll: waits for its answer */
		if (!poll(&p, 1, (int)MAX(left, 0)) && left <= 0)
			return -ETIMEDOUT;
		rc = take_answer(v);
	}
	return rc < 0 ? rc : 0;
}

/* set-up */

static int request(struct vhost_user *v, uint32_t what)
{
	struct vhost_user_msg m = { .request = what, .flags = VHOST_USER_VERSION };
	int rc = await(v, what, 0);

	return rc ? rc : put(v, &m, NULL, 0);
}

static int ask(struct vhost_user *v, uint32_t what)
{
	int rc = request(v, what);

	return rc ? rc : wait_answers(v, v->patience_ms);
}

static int greet(struct vhost_user *v, const char *who, unsigned nqueues, struct err *err)
{
	struct vhost_user_msg owner = { .request = VHOST_USER_SET_OWNER };
	uint64_t protocol, need = BIT(VIRTIO_F_VERSION_1) | BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	int rc = ask(v, VHOST_USER_GET_FEATURES);

	if (rc)
		return rc;
	v->features = v->answer;
	if (need & ~v->features)
		return failx(err, -ENOTSUP, "%s lacks the %s", who,
			v->features & BIT(VIRTIO_F_VERSION_1) ? "vhost-user protocol features"
							      : "virtio 1 interface");
	rc = ask(v, VHOST_USER_GET_PROTOCOL_FEATURES);
	if (rc)
		return rc;
	protocol = v->answer &
		(BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK));
	rc = tell_u64(v, VHOST_USER_SET_PROTOCOL_FEATURES, protocol);
	v->reply_ack = protocol & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK);
	if (!rc && protocol & BIT(VHOST_USER_PROTOCOL_F_MQ)) {
		rc = ask(v, VHOST_USER_GET_QUEUE_NUM);
		if (!rc && v->answer < nqueues)
			return failx(err, -ENOTSUP, "%s serves %llu queues, not %u", who,
				(unsigned long long)v->answer, nqueues);
	}
	if (!rc)
		rc = tell(v, &owner, NULL, 0);
	return rc ? rc : wait_answers(v, v->patience_ms);
}

static int check_socket(int fd, struct err *err)
{
	int type = 0, domain = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) ||
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) || type != SOCK_STREAM ||
		domain != AF_UNIX)
		return failx(err, -ENOTSOCK, "descriptor %d is not a unix stream socket", fd);
	return 0;
}

int vhost_user_open(struct vhost_user *v, int fd, const char *who, unsigned nqueues,
	unsigned patience_ms, struct err *err)
{
	char why[REASON];
	int rc = check_socket(fd, err);

	*v = (struct vhost_user){ .fd = fd, .patience_ms = patience_ms };
	if (!rc) {
		rc = greet(v, who, nqueues, err);
		if (rc && rc != -ENOTSUP)
			failx(err, rc, "%s %s", who, reason(v, rc, why));
	}
	if (rc)
		vhost_user_close(v);
	return rc;
}

/* in the loop */

static void give_up(struct vhost_user *v)
{
	if (v->dev)
		loop_remove(v->dev->loop, &v->watch);
	auto_fd_close(&v->fd);
	v->fd = -1;
	v->nawaited = 0;
}

static void lost(struct vhost_user *v, int rc)
{
	struct virtio_dev *dev = v->dev;
	char why[REASON], text[REASON + 16];

	snprintf(text, sizeof(text), "its back end %s", reason(v, rc, why));
	give_up(v);
	if (dev->started)
		virtio_broken(dev, text);
	else
		log_limited(&dev->limit, "%s: %s", dev->label, text);
}

/* Under the lock first: it may have been given up meanwhile. */
static void heard(struct watch *w, uint32_t events UNUSED)
{
	struct vhost_user *v = container_of(w, struct vhost_user, watch);
	struct virtio_dev *dev = v->dev;
	int rc;

	virtio_lock(dev);
	rc = w->added ? take_answer(v) : 0; /* nothing is awaited */
	if (rc)
		lost(v, rc);
	virtio_unlock(dev);
}

int vhost_user_attach(struct vhost_user *v, struct virtio_dev *dev, struct err *err)
{
	int rc = loop_add(dev->loop, &v->watch, v->fd, EPOLLIN, heard);

	if (rc)
		return fail(err, rc, "%s: watch its back end", dev->label);
	v->dev = dev;
	return 0;
}

void vhost_user_close(struct vhost_user *v)
{
	if (v->fd >= 0)
		give_up(v);
	v->dev = NULL;
}

/* starting and stopping */

static int tell_address(struct vhost_user *v, uint32_t index)
{
	const struct queue *q = &v->dev->queue[index];
	struct vhost_user_msg m = { .request = VHOST_USER_SET_VRING_ADDR,
		.size = sizeof(m.body.addr),
		.body.addr = { .index = index,
			.desc_user_addr = q->desc,
			.used_user_addr = q->used,
			.avail_user_addr = q->avail } };

	return tell(v, &m, NULL, 0);
}

static int give_ring(struct vhost_user *v, unsigned q)
{
	struct virtio_dev *dev = v->dev;
	int kick = dev->bus->kick_fd(dev, q), rc;
	uint64_t drop;

	/* syscall(loop,vcpu): read: a kick that came too early */
	if (read(kick, &drop, sizeof(drop)) > 0) /* it is kicked again when all is set up */
		log_debug("%s: queue %u was kicked early", dev->label, q);
	rc = tell_state(v, VHOST_USER_SET_VRING_NUM, q, dev->queue[q].size);

	if (!rc)
		rc = tell_state(v, VHOST_USER_SET_VRING_BASE, q, dev->queue[q].next_avail);
	if (!rc)
		rc = tell_address(v, q);
	if (!rc)
		rc = tell_file(v, VHOST_USER_SET_VRING_CALL, q, dev->bus->call_fd(dev));
	if (!rc)
		rc = tell_state(v, VHOST_USER_SET_VRING_ENABLE, q, 1);
	if (!rc)
		rc = tell_file(v, VHOST_USER_SET_VRING_KICK, q, kick);
	return rc;
}

static int give_memory(struct vhost_user *v)
{
	struct vhost_user_msg m;
	int fds[MEM_REGIONS];
	int rc = vhost_user_table(&m, fds, v->dev->mem);

	return rc ? rc : tell(v, &m, fds, m.body.memory.nregions);
}

static int give_all(struct vhost_user *v)
{
	struct virtio_dev *dev = v->dev;
	uint64_t features = (dev->acked & v->features) | BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	int rc = tell_u64(v, VHOST_USER_SET_FEATURES, features);

	if (!rc)
		rc = give_memory(v);
	for (unsigned q = 0; q < dev->nqueues && !rc; q++)
		if (dev->queue[q].ready) {
			dev->kernel_queues |= BIT(q);
			rc = give_ring(v, q);
		}
	return rc;
}

static unsigned turn_ms(const struct vhost_user *v)
{
	return MIN(v->patience_ms, VHOST_USER_TURN_MS);
}

/* The loop is kept out of it, so that it does not stand at the device's lock meanwhile. */
static int start(struct vhost_user *v)
{
	struct virtio_dev *dev = v->dev;
	int rc;

	loop_remove(dev->loop, &v->watch);
	rc = give_all(v);
	if (!rc && !v->reply_ack) /* what comes after all orders is answered after them */
		rc = request(v, VHOST_USER_GET_FEATURES);
	if (!rc)
		rc = wait_answers(v, turn_ms(v));
	if (!rc && loop_add(dev->loop, &v->watch, v->fd, EPOLLIN, heard))
		rc = -EPIPE;
	return rc;
}

int vhost_user_start(struct vhost_user *v, struct err *err)
{
	struct virtio_dev *dev = v->dev;
	char why[REASON];
	int rc = v->fd < 0 ? -EPIPE : start(v);

	if (rc) {
		failx(err, rc, "%s: its back end %s", dev->label, reason(v, rc, why));
		give_up(v);
		dev->kernel_queues = 0;
		return rc;
	}
	dev->bus->irq_bypass(dev, true);
	for (unsigned q = 0; q < dev->nqueues; q++) /* what was kicked before */
		if (dev->kernel_queues & BIT(q))
			virtio_kick_again(dev, q);
	return 0;
}

static int ask_position(struct vhost_user *v, unsigned q)
{
	struct vhost_user_msg m = { .request = VHOST_USER_GET_VRING_BASE,
		.flags = VHOST_USER_VERSION,
		.size = sizeof(m.body.state),
		.body.state = { .index = q } };
	int rc = await(v, m.request, q);

	return rc ? rc : put(v, &m, NULL, 0);
}

/* No request is with the back end. What a driver that lies put there counts as nothing. */
static bool at_rest(const struct virtio_dev *dev)
{
	for (unsigned i = 0; i < dev->nqueues; i++) {
		const struct queue *q = &dev->queue[i];
		uint16_t avail, used, left;

		if (!(dev->kernel_queues & BIT(i)) ||
			mem_read(dev->mem, q->avail + 2, &avail, sizeof(avail)) ||
			mem_read(dev->mem, q->used + 2, &used, sizeof(used)))
			continue;
		left = (uint16_t)(avail - used);
		if (left && left <= q->size)
			return false;
	}
	return true;
}

/* Waits for requests that are under way: what comes later would write into memory that the driver
 * may use for something else by then. */
static int wait_rest(struct vhost_user *v, unsigned ms)
{
	int64_t end = now_ms() + ms;
	int rc = 0;

	while (rc >= 0 && !at_rest(v->dev) && now_ms() < end) {
		struct pollfd p = { .fd = v->fd, .events = POLLIN };

		if (poll(&p, 1, 1) > 0)
			rc = take_answer(v);
	}
	return rc < 0 ? rc : 0;
}

/* As start(). Half of the time is for requests, half for the answers. */
static int take_rings(struct vhost_user *v)
{
	struct virtio_dev *dev = v->dev;
	int rc;

	loop_remove(dev->loop, &v->watch);
	rc = wait_rest(v, turn_ms(v) / 2);
	for (unsigned q = 0; q < dev->nqueues && !rc; q++)
		if (dev->kernel_queues & BIT(q))
			rc = ask_position(v, q);
	if (!rc)
		rc = wait_answers(v, turn_ms(v) / 2);
	if (!rc && loop_add(dev->loop, &v->watch, v->fd, EPOLLIN, heard))
		rc = -EPIPE;
	return rc;
}

void vhost_user_stop(struct vhost_user *v)
{
	struct virtio_dev *dev = v->dev;
	int rc = v->fd >= 0 && dev->kernel_queues ? take_rings(v) : 0;

	if (rc)
		lost(v, rc);
	for (unsigned q = 0; q < dev->nqueues; q++) {
		struct queue *queue = &dev->queue[q];
		uint16_t used;

		if (!(dev->kernel_queues & BIT(q)))
			continue;
		if (!mem_read(dev->mem, queue->used + 2, &used, sizeof(used)))
			queue->next_used = used;
		queue->signalled_valid = false;
	}
	dev->kernel_queues = 0;
	dev->bus->irq_bypass(dev, false);
}
