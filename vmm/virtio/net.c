/*
 * The network card (virtio 1.2 §5.1): what its driver sees. Frames go between a tap and the rings
 * either in the loop (net_io.c) or, where /dev/vhost-net can be had, in the kernel, which then owns
 * the rings from DRIVER_OK to reset.
 *
 * Each pair of queues is a queue of the tap. The kernel spreads frames over the tap's attached
 * queues, so those of pairs that the driver does not use yet are detached (§5.1.6.5.5). The control
 * queue follows the last pair when VIRTIO_NET_F_MQ was negotiated and the first one when not
 * (§5.1.2); it is served in the loop in either case.
 */
#include "virtio/net.h"

#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <string.h>

#define BIT(n) (UINT64_C(1) << (n))

/* What VIRTIO_NET_F_GUEST_* means to the tap. */
static const struct {
	unsigned feature, tun;
} guest_offloads[] = {
	{ VIRTIO_NET_F_GUEST_CSUM, TUN_F_CSUM },
	{ VIRTIO_NET_F_GUEST_TSO4, TUN_F_TSO4 },
	{ VIRTIO_NET_F_GUEST_TSO6, TUN_F_TSO6 },
	{ VIRTIO_NET_F_GUEST_ECN, TUN_F_TSO_ECN },
	{ VIRTIO_NET_F_GUEST_UFO, TUN_F_UFO },
	{ VIRTIO_NET_F_GUEST_USO4, TUN_F_USO4 },
	{ VIRTIO_NET_F_GUEST_USO6, TUN_F_USO6 },
};

static struct net *net_of(struct virtio_dev *dev)
{
	return container_of(dev, struct net, dev);
}

/* Pairs that the driver knows of. */
static unsigned known_pairs(const struct net *n)
{
	return virtio_has(&n->dev, VIRTIO_NET_F_MQ) ? n->tap.nfds : 1;
}

static unsigned control_queue(const struct net *n)
{
	return virtio_has(&n->dev, VIRTIO_NET_F_CTRL_VQ) ? 2 * known_pairs(n) : UINT32_MAX;
}

static unsigned acked_offloads(const struct net *n)
{
	unsigned tun = 0;

	for (size_t i = 0; i < ARRAY_SIZE(guest_offloads); i++)
		if (virtio_has(&n->dev, guest_offloads[i].feature))
			tun |= guest_offloads[i].tun;
	return tun & TUN_F_CSUM ? tun : 0; /* §5.1.3.1: all others need it */
}

/* vhost-net */

static int set_backend(struct net *n, unsigned pair, unsigned side, int fd)
{
	struct vhost_vring_file backend = { .index = side, .fd = fd };

	if (!(n->dev.kernel_queues & BIT(2 * pair + side)))
		return 0;
	/* syscall(loop,vcpu): ioctl(VHOST_NET_SET_BACKEND): a queue pair starts or stops */
	return vhost_call(&n->vhost[pair], VHOST_NET_SET_BACKEND, &backend);
}

static void kernel_stop(struct net *n)
{
	for (unsigned i = 0; i < n->nvhost; i++) {
		if (!n->vhost[i].dev)
			continue;
		if (set_backend(n, i, 0, VHOST_FILE_UNBIND) |
			set_backend(n, i, 1, VHOST_FILE_UNBIND))
			log_limited(&n->dev.limit, "%s: vhost-net keeps a queue", n->dev.label);
		vhost_stop(&n->vhost[i], &n->dev, 2 * i, 2);
	}
	n->in_kernel = false;
}

static int kernel_start(struct net *n, struct err *err)
{
	unsigned pairs = known_pairs(n);
	int rc = 0;

	for (unsigned i = 0; i < pairs && !rc; i++) {
		rc = vhost_start(&n->vhost[i], &n->dev, 2 * i, 2, err);
		for (unsigned side = 0; side < 2 && !rc; side++) {
			rc = set_backend(n, i, side, n->tap.fd[i]);
			if (rc)
				fail(err, rc, "%s: attach tap %s to vhost-net", n->dev.label,
					n->tap.name);
		}
	}
	if (rc) {
		kernel_stop(n);
		return rc;
	}
	n->in_kernel = true;
	vhost_kick(&n->dev, 0, 2 * pairs);
	return 0;
}

/* pairs */

static bool link_up(const struct net *n)
{
	struct virtio_net_config config;

	memcpy(&config, n->dev.config, sizeof(config));
	return config.status & VIRTIO_NET_S_LINK_UP;
}

static int use_pair(struct net *n, unsigned i)
{
	int rc = i ? tap_attach(&n->tap, i, true) : 0;

	if (!rc && !n->in_kernel && link_up(n))
		rc = net_pair_watch(&n->pair[i]);
	return rc;
}

static void disuse_pair(struct net *n, unsigned i)
{
	net_pair_unwatch(&n->pair[i]);
	if (i && tap_attach(&n->tap, i, false))
		log_debug("%s: queue %u of tap %s stays attached", n->dev.label, i, n->tap.name);
}

/* Makes the first count pairs the ones in use; 0 ends all work of the loop. When it fails those
 * before are in use still. */
static int set_active(struct net *n, unsigned count)
{
	unsigned old = n->active;
	int rc = 0;

	for (; n->active > count; n->active--)
		disuse_pair(n, n->active - 1);
	for (; n->active < count && !rc; n->active++)
		rc = use_pair(n, n->active);
	for (; rc && n->active > old; n->active--)
		disuse_pair(n, n->active - 1);
	return rc;
}

void net_link_down(struct net *n)
{
	struct virtio_net_config config;

	for (unsigned i = 0; i < n->active; i++)
		net_pair_unwatch(&n->pair[i]);
	log_warn("%s: tap %s is gone", n->dev.label, n->tap.name);
	memcpy(&config, n->dev.config, sizeof(config));
	config.status &= (uint16_t)~VIRTIO_NET_S_LINK_UP;
	memcpy(n->dev.config, &config, sizeof(config));
	virtio_config_changed(&n->dev);
}

/* the control queue */

static uint8_t command(struct net *n, const struct chain *c)
{
	struct {
		struct virtio_net_ctrl_hdr hdr;
		uint16_t pairs;
	} __attribute__((packed)) req;
	unsigned old = n->active;

	if (c->out_len != sizeof(req) || chain_read(c, 0, &req, sizeof(req)) != sizeof(req))
		return VIRTIO_NET_ERR;
	if (req.hdr.class != VIRTIO_NET_CTRL_MQ || req.hdr.cmd != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET ||
		!virtio_has(&n->dev, VIRTIO_NET_F_MQ))
		return VIRTIO_NET_ERR;
	if (req.pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || req.pairs > n->tap.nfds)
		return VIRTIO_NET_ERR;
	if (set_active(n, req.pairs))
		return VIRTIO_NET_ERR;
	for (unsigned i = old; i < n->active && !n->in_kernel; i++)
		net_pair_send(&n->pair[i]);
	return VIRTIO_NET_OK;
}

static void serve_control(struct net *n, unsigned q)
{
	struct virtio_dev *dev = &n->dev;
	struct chain c;

	/* A command is acknowledged before the next; as many as the ring holds is a driver that
	 * floods. */
	for (unsigned i = 0; i < dev->queue[q].size && virtio_pop(dev, q, &c); i++) {
		uint8_t ack;

		if (!c.in_len) {
			virtio_broken(dev, "the driver left no room for a command's status");
			return;
		}
		ack = command(n, &c);
		chain_write(&c, 0, &ack, sizeof(ack));
		queue_push(&dev->queue[q], dev->mem, c.head, sizeof(ack));
	}
	virtio_notify(dev, q);
}

/* life */

static int net_start(struct virtio_dev *dev)
{
	struct net *n = net_of(dev);
	struct err err = { 0 };
	int rc;

	for (unsigned i = 1; i < n->tap.nfds; i++)
		if (tap_attach(&n->tap, i, false))
			log_debug("%s: queue %u of tap %s was detached", dev->label, i,
				n->tap.name);
	tap_drain(&n->tap, 0);
	rc = tap_set_offloads(&n->tap, acked_offloads(n));
	if (rc) {
		log_limited(&dev->limit, "%s: set the offloads of tap %s: %s", dev->label,
			n->tap.name, err_text(-rc));
		return rc;
	}
	if (n->nvhost && kernel_start(n, &err)) {
		log_limited(&dev->limit, "%s%s", err.msg,
			n->vhost_wish == VM_VHOST_ON ? "" : "; going on without vhost");
		if (n->vhost_wish == VM_VHOST_ON)
			return -EIO;
	}
	return set_active(n, 1);
}

static void net_stop(struct virtio_dev *dev)
{
	struct net *n = net_of(dev);

	if (n->in_kernel)
		kernel_stop(n);
	(void)!set_active(n, 0);
	if (tap_set_offloads(&n->tap, 0))
		log_debug("%s: tap %s keeps its offloads", dev->label, n->tap.name);
}

static void net_kick(struct virtio_dev *dev, unsigned q)
{
	struct net *n = net_of(dev);

	if (q == control_queue(n))
		serve_control(n, q);
	else if (q / 2 >= n->active || n->in_kernel)
		return; /* a pair that is not in use */
	else if (q % 2)
		net_pair_send(&n->pair[q / 2]);
	else
		net_pair_receive(&n->pair[q / 2]);
}

static void net_pause(struct virtio_dev *dev)
{
	struct net *n = net_of(dev);

	if (n->in_kernel) {
		kernel_stop(n);
		n->in_kernel = true; /* whose it is again at resume */
	}
	for (unsigned i = 0; i < n->active; i++)
		net_pair_unwatch(&n->pair[i]);
}

static void net_resume(struct virtio_dev *dev)
{
	struct net *n = net_of(dev);
	struct err err = { 0 };
	int rc = 0;

	if (n->in_kernel && kernel_start(n, &err)) {
		log_warn("%s", err.msg);
		rc = -EIO;
	}
	for (unsigned i = 0; i < n->active && !rc && !n->in_kernel && link_up(n); i++)
		rc = net_pair_watch(&n->pair[i]);
	if (rc)
		virtio_broken(dev, "it could not be resumed");
}

static void net_free(struct virtio_dev *dev)
{
	struct net *n = net_of(dev);

	for (unsigned i = 0; i < n->nvhost; i++)
		vhost_close(&n->vhost[i]);
	tap_close(&n->tap);
	virtio_fini(dev);
	free(n);
}

static const struct virtio_ops net_ops = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.start = net_start,
	.stop = net_stop,
	.kick = net_kick,
	.pause = net_pause,
	.resume = net_resume,
	.free = net_free,
};

/* making one */

static uint64_t offered(const struct net *n, const struct vm_net *cfg)
{
	uint64_t ring = BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		BIT(VIRTIO_NET_F_MRG_RXBUF);
	uint64_t features = BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS);
	unsigned tun = n->tap.offloads;

	for (unsigned i = 0; i < n->nvhost; i++)
		ring &= n->vhost[i].features;
	for (size_t i = 0; i < ARRAY_SIZE(guest_offloads); i++)
		if (tun & guest_offloads[i].tun)
			features |= BIT(guest_offloads[i].feature);
	if (tun & TUN_F_CSUM)
		features |= BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_HOST_TSO4) |
			BIT(VIRTIO_NET_F_HOST_TSO6) | BIT(VIRTIO_NET_F_HOST_ECN);
	if (tun & TUN_F_UFO)
		features |= BIT(VIRTIO_NET_F_HOST_UFO);
	if (tun & TUN_F_USO4)
		features |= BIT(VIRTIO_NET_F_HOST_USO);
	if (cfg->mtu)
		features |= BIT(VIRTIO_NET_F_MTU);
	if (n->tap.nfds > 1)
		features |= BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ);
	return features | ring;
}

/* A locally administered address that is the same whenever this tap is used (FNV-1a of its name).
 */
static void derive_mac(uint8_t mac[6], const char *tap)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *tap; tap++)
		hash = (hash ^ (uint8_t)*tap) * UINT64_C(0x100000001b3);
	hash ^= hash >> 48;
	mac[0] = 0x52;
	for (unsigned i = 1; i < 6; i++)
		mac[i] = (uint8_t)(hash >> (8 * i));
}

static void set_config(struct net *n, const struct vm_net *cfg)
{
	static const uint8_t none[6];
	struct virtio_net_config config = {
		.status = VIRTIO_NET_S_LINK_UP,
		.max_virtqueue_pairs = (uint16_t)n->tap.nfds,
		.mtu = cfg->mtu,
	};

	if (memcmp(cfg->mac, none, sizeof(none)))
		memcpy(config.mac, cfg->mac, sizeof(config.mac));
	else
		derive_mac(config.mac, n->tap.name);
	memcpy(n->dev.config, &config, sizeof(config));
	n->dev.config_size = cfg->mtu ? offsetof(struct virtio_net_config, speed)
				      : offsetof(struct virtio_net_config, mtu);
}

int net_assemble(struct virtio_dev **out, const struct net_parts *parts, const struct vm_net *cfg,
	const struct virtio_env *env, struct err *err)
{
	unsigned pairs = parts->tap.nfds;
	struct net *n = calloc(1, sizeof(*n) + pairs * sizeof(n->pair[0]));
	char label[32];

	if (!n)
		return fail(err, -ENOMEM, "%s", env->label);
	n->tap = parts->tap;
	n->vhost_wish = cfg->vhost;
	n->nvhost = parts->nvhost;
	memcpy(n->vhost, parts->vhost, sizeof(n->vhost));
	for (unsigned i = 0; i < pairs; i++) {
		n->pair[i].net = n;
		n->pair[i].index = i;
	}
	snprintf(label, sizeof(label), "net %s", env->label);
	virtio_init(&n->dev, &net_ops, env->mem, env->loop, pairs > 1 ? 2 * pairs + 1 : 2,
		QUEUE_MAX_SIZE, label);
	n->dev.features = offered(n, cfg);
	set_config(n, cfg);
	*out = &n->dev;
	return 0;
}

static int open_vhost(struct net_parts *parts, enum vm_vhost wish, struct err *err)
{
	struct err why = { 0 };
	int rc = 0;

	for (unsigned i = 0; i < parts->tap.nfds && wish != VM_VHOST_OFF && !rc; i++) {
		rc = vhost_open(&parts->vhost[i], "/dev/vhost-net", &why);
		if (!rc)
			parts->nvhost++;
	}
	if (!rc)
		return 0;
	while (parts->nvhost)
		vhost_close(&parts->vhost[--parts->nvhost]);
	if (wish == VM_VHOST_ON) {
		if (err)
			*err = why;
		return rc;
	}
	log_info("%s; tap %s is served without vhost", why.msg, parts->tap.name);
	return 0;
}

static int check(const struct vm_net *cfg, struct err *err)
{
	unsigned pairs = cfg->nfds ? cfg->nfds : cfg->queues;

	if (pairs > NET_MAX_PAIRS)
		return failx(err, -EINVAL, "%u queue pairs: a network card has at most %u", pairs,
			(unsigned)NET_MAX_PAIRS);
	if (cfg->mac[0] & 1)
		return failx(err, -EINVAL, "%02x:%02x:%02x:%02x:%02x:%02x is a multicast address",
			cfg->mac[0], cfg->mac[1], cfg->mac[2], cfg->mac[3], cfg->mac[4],
			cfg->mac[5]);
	if (cfg->mtu && cfg->mtu < 68)
		return failx(err, -EINVAL, "an MTU of %u is less than the 68 that IPv4 needs",
			cfg->mtu);
	if (!cfg->nfds && !cfg->tap)
		return failx(err, -EINVAL, "neither a tap's name nor its descriptor is given");
	return 0;
}

int virtio_net_new(struct virtio_dev **out, const struct vm_net *cfg, const struct virtio_env *env,
	struct err *err)
{
	struct net_parts parts = { 0 };
	int rc = check(cfg, err);

	if (rc) {
		for (unsigned i = 0; i < MIN(cfg->nfds, VM_MAX_NET_QUEUES); i++)
			close(cfg->fds[i]);
	} else if (cfg->nfds) {
		rc = tap_adopt(&parts.tap, cfg->fds, cfg->nfds, err);
	} else {
		rc = tap_open(&parts.tap, cfg->tap, cfg->queues ? cfg->queues : 1, err);
	}
	if (!rc)
		rc = open_vhost(&parts, cfg->vhost, err);
	if (!rc)
		rc = net_assemble(out, &parts, cfg, env, err);
	if (!rc)
		return 0;
	while (parts.nvhost)
		vhost_close(&parts.vhost[--parts.nvhost]);
	tap_close(&parts.tap);
	return err_prefix(err, rc, "%s", env->label);
}
