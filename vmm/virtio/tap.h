/*
 * A tap: the host's end of a guest's network card, a network interface whose frames are read and
 * written by descriptor.
 *
 * struct tap belongs to the network device that works on it; it is opened before the guest runs,
 * and used under the device's lock. A frame always comes and goes behind a 12-byte
 * virtio_net_hdr_v1 (TUNSETVNETHDRSZ).
 */
#ifndef SAMPAN_VIRTIO_TAP_H
#define SAMPAN_VIRTIO_TAP_H

#include "vm.h"

#define TAP_HEADER 12 /* bytes of struct virtio_net_hdr_v1 */

struct tap {
	char name[16];		   /* of the interface */
	int fd[VM_MAX_NET_QUEUES]; /* one a queue; O_NONBLOCK, O_CLOEXEC */
	unsigned nfds;
	unsigned offloads; /* the TUN_F_* this kernel takes */
	bool plain; /* sockets that carry whole frames instead of an interface (tests): no ioctl is
		       done */
};

/* Opens the existing interface of that name with so many queues. */
int tap_open(struct tap *t, const char *name, unsigned queues, struct err *err) MUST_USE;
/* Takes descriptors over, also when it fails: all queues of one interface. */
int tap_adopt(struct tap *t, const int *fds, unsigned nfds, struct err *err) MUST_USE;
void tap_close(struct tap *t);

/* Tells the kernel what the guest takes unfinished (TUN_F_*): checksums, segments larger than the
 * MTU. 0 or -errno. */
int tap_set_offloads(const struct tap *t, unsigned offloads) MUST_USE;
/* Whether frames are steered to queue q; only for an interface of several queues. 0 or -errno. */
int tap_attach(const struct tap *t, unsigned q, bool on) MUST_USE;
/* Throws away what waits in queue q: frames in a form that an earlier driver asked for. */
void tap_drain(const struct tap *t, unsigned q);

#endif
