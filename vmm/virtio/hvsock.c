/*
 * The hybrid vsock (virtio 1.2 §5.10): the guest sees an ordinary socket device; on the host its
 * ports are reached through one unix socket PATH ("CONNECT port\n"), and its own connections to cid
 * 2, port P come out at the unix socket PATH_P.
 *
 * Here is the device: rings, configuration, life. Connections are in hvsock_conn.c. A batch is
 * bounded; what remains takes its turn after the other descriptors of the loop. While the guest
 * gives no receive buffers, its packets are taken only until a bounded number of answers waits
 * (§5.10.6.1).
 * syscall(setup): socket, connect: only where there is no sandbox: env->dial does it then
 */
#define _GNU_SOURCE
#include "virtio/devices.h"
#include "virtio/hvsock_conn.h"

#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define RX     0 /* queues (§5.10.2) */
#define TX     1
#define QUEUES 3  /* the third is for events: its buffers are kept until there is one to tell */
#define BATCH  64 /* packets */
#define HEADER sizeof(struct virtio_vsock_hdr)
#define CID    3 /* unless the caller says otherwise */

struct hvsock {
	struct virtio_dev dev;
	struct sock_listener listener;
	struct hv hv;
	int (*dial)(void *arg, uint32_t port); /* NULL: hvsock_dial() does it */
	void *dial_arg;
};

static struct hvsock *hvsock_of(struct virtio_dev *dev)
{
	return container_of(dev, struct hvsock, dev);
}

/* Packets to the guest. True when there is more than a batch. */
static bool send_packets(struct hvsock *s)
{
	struct virtio_dev *dev = &s->dev;
	struct virtio_vsock_hdr h;
	struct chain c;
	unsigned n = 0;

	for (; n < BATCH && hv_pending(&s->hv) && virtio_pop(dev, RX, &c); n++) {
		if (c.nout || c.in_len <= HEADER) {
			virtio_broken(dev,
				"the driver gave a receive buffer that can't hold a packet");
			break;
		}
		if (!hv_next(&s->hv, &h, &c, HEADER)) {
			queue_unpop(&dev->queue[RX]);
			break;
		}
		chain_write(&c, 0, &h, HEADER);
		queue_push(&dev->queue[RX], dev->mem, c.head, (uint32_t)HEADER + h.len);
	}
	virtio_notify(dev, RX);
	return n == BATCH;
}

/* Packets from the guest. True when there may be more: a batch is over, or too many answers wait.
 */
static bool take_packets(struct hvsock *s)
{
	struct virtio_dev *dev = &s->dev;
	struct virtio_vsock_hdr h;
	struct chain c;
	unsigned n = 0;

	queue_want_kick(&dev->queue[TX], dev->mem, false);
	for (; n < BATCH && !hv_full(&s->hv) && virtio_pop(dev, TX, &c); n++) {
		if (chain_read(&c, 0, &h, HEADER) == HEADER && h.len <= c.out_len - HEADER)
			hv_receive(&s->hv, &h, &c, HEADER);
		queue_push(&dev->queue[TX], dev->mem, c.head, 0);
	}
	virtio_notify(dev, TX);
	return n == BATCH || hv_full(&s->hv);
}

static void hvsock_kick(struct virtio_dev *dev, unsigned q)
{
	struct hvsock *s = hvsock_of(dev);
	bool more;

	if (q != RX && q != TX)
		return;
	more = take_packets(s);
	if (send_packets(s))
		virtio_kick_again(dev, RX);
	if (more && !hv_full(&s->hv))
		virtio_kick_again(dev, TX);
}

/* A host's descriptor brought it about; the lock is held. */
static void hvsock_output(struct hv *hv)
{
	struct hvsock *s = container_of(hv, struct hvsock, hv);

	if (virtio_live(&s->dev) && send_packets(s))
		virtio_kick_again(&s->dev, RX);
}

/* The host service of that port: without waiting, because the loop must not. */
static int hvsock_dial(struct hv *hv, uint32_t port)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const struct hvsock *s = container_of(hv, struct hvsock, hv);
	AUTO_FD fd = -1;

	if (s->dial)
		return s->dial(s->dial_arg, port);
	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s_%u", hv->path, port) >=
		(int)sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return -errno;
	return take_fd(&fd);
}

static int hvsock_start(struct virtio_dev *dev)
{
	hv_start(&hvsock_of(dev)->hv);
	return 0;
}

static void hvsock_stop(struct virtio_dev *dev)
{
	hv_stop(&hvsock_of(dev)->hv);
}

static void hvsock_pause(struct virtio_dev *dev)
{
	hv_suspend(&hvsock_of(dev)->hv, true);
}

static void hvsock_resume(struct virtio_dev *dev)
{
	hv_suspend(&hvsock_of(dev)->hv, false);
}

static void hvsock_free(struct virtio_dev *dev)
{
	struct hvsock *s = hvsock_of(dev);

	hv_fini(&s->hv);
	sock_unlisten(&s->listener);
	virtio_fini(dev);
	free(s);
}

static const struct virtio_ops hvsock_ops = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.start = hvsock_start,
	.stop = hvsock_stop,
	.kick = hvsock_kick,
	.pause = hvsock_pause,
	.resume = hvsock_resume,
	.free = hvsock_free,
};

int virtio_hvsock_new(struct virtio_dev **out, const struct vm_vsock *cfg,
	const struct virtio_env *env, struct err *err)
{
	struct virtio_vsock_config config = { .guest_cid = cfg->cid ? cfg->cid : CID };
	struct hvsock *s;
	char label[32];
	int rc;

	if (config.guest_cid <= HV_HOST_CID || config.guest_cid == UINT32_MAX)
		return failx(err, -EINVAL, "vsock cid %u: a guest's is 3 to 4294967294", cfg->cid);
	s = calloc(1, sizeof(*s));
	if (!s)
		return fail(err, -ENOMEM, "%s", env->label);
	s->hv.dial = hvsock_dial;
	s->hv.output = hvsock_output;
	s->hv.path = s->listener.path;
	s->dial = env->dial;
	s->dial_arg = env->dial_arg;
	rc = sock_listen(&s->listener, cfg->uds, "the vsock socket", err);
	if (!rc)
		rc = hv_init(&s->hv, env->loop, &s->dev.lock, config.guest_cid, s->listener.fd,
			err);
	if (rc) {
		sock_unlisten(&s->listener);
		free(s);
		return rc;
	}
	snprintf(label, sizeof(label), "vsock %s", env->label);
	virtio_init(&s->dev, &hvsock_ops, env->mem, env->loop, QUEUES, QUEUE_MAX_SIZE, label);
	s->dev.features = UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |
		UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC;
	memcpy(s->dev.config, &config, sizeof(config));
	s->dev.config_size = sizeof(config);
	*out = &s->dev;
	return 0;
}
