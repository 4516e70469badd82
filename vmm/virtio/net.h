/*
 * The inside of the network device, shared by net.c (what the driver sees: configuration, control
 * queue, life) and net_io.c (frames between a tap and the rings, where vhost-net does not do it).
 * Everything is used under the device's lock.
 */
#ifndef SAMPAN_VIRTIO_NET_H
#define SAMPAN_VIRTIO_NET_H

#include "virtio/devices.h"
#include "virtio/tap.h"
#include "virtio/vhost.h"

#define NET_FRAME_MAX                                                                              \
	(TAP_HEADER + 65535 +                                                                      \
		18) /* the largest segment behind an Ethernet header with a VLAN tag */
#define NET_MAX_PAIRS MIN(VM_MAX_NET_QUEUES, (VIRTIO_MAX_QUEUES - 1) / 2)

struct net;

/*
 * Receive buffers taken from the ring ahead of the frames that will fill them: as many as the
 * largest frame may need, because a frame's length is known only after it was read.
 */
struct net_rx {
	struct seg seg[2 * QUEUE_MAX_SIZE];
	unsigned nseg;
	struct net_buf {
		uint16_t head, nseg;
		uint32_t len;
	} buf[QUEUE_MAX_SIZE];
	unsigned nbuf;
	uint64_t room;	 /* bytes in all of buf */
	uint32_t held;	 /* length of a frame that was read and wants more room; 0: none */
	uint32_t placed; /* bytes of it that are in the buffers; the rest is in spill */
	uint8_t spill[NET_FRAME_MAX];
};

struct net_pair {
	struct net *net;
	unsigned index; /* the ring of frames to the guest is queue 2 * index, from the guest 2 *
			   index + 1 */
	struct watch watch; /* the tap's queue */
	bool tx_full;	    /* the tap took no more: frames wait in the ring for EPOLLOUT */
	struct net_rx rx;
};

struct net {
	struct virtio_dev dev;
	struct tap tap;
	unsigned active; /* pairs that the driver uses (§5.1.6.5.5); 0: stopped */
	enum vm_vhost vhost_wish;
	unsigned nvhost; /* one a pair, or 0 */
	bool in_kernel;	 /* vhost serves the pairs now */
	struct vhost vhost[VM_MAX_NET_QUEUES];
	struct net_pair pair[]; /* tap.nfds of them */
};

/* What a card is made of; a test brings sockets for a tap, and a vhost whose ioctl is its own. */
struct net_parts {
	struct tap tap;
	struct vhost vhost[VM_MAX_NET_QUEUES];
	unsigned nvhost;
};

/* virtio_net_new() after all is open. The parts are taken over unless it fails. */
int net_assemble(struct virtio_dev **out, const struct net_parts *parts, const struct vm_net *cfg,
	const struct virtio_env *env, struct err *err) MUST_USE;

/* The loop's path. */
int net_pair_watch(struct net_pair *p) MUST_USE; /* 0 or -errno */
void net_pair_unwatch(struct net_pair *p); /* gives the buffers taken ahead back to the ring */
void net_pair_receive(struct net_pair *p);
void net_pair_send(struct net_pair *p);

/* The interface is gone: the driver sees its link go down. */
void net_link_down(struct net *n);

#endif
