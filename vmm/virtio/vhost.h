/*
 * What all vhost back ends in the kernel have in common (linux/vhost.h): a descriptor that is given
 * the guest's memory and the rings of some queues, and then serves them from kernel threads.
 *
 * A struct vhost is embedded in its device and used under the device's lock. The device says which
 * queues it serves, and attaches and detaches what is behind them (a tap, a cid) itself: after
 * vhost_start(), before vhost_stop().
 */
#ifndef SAMPAN_VIRTIO_VHOST_H
#define SAMPAN_VIRTIO_VHOST_H

#include "virtio/virtio.h"

struct vhost {
	int fd;		   /* -1: none */
	uint64_t features; /* what the kernel offers */
	bool owned;	   /* VHOST_SET_OWNER was done, once for the life of fd */
	int errfd;	   /* eventfd: the kernel gave up on a ring */
	struct watch err_watch;
	struct virtio_dev *dev;
	int (*call)(int fd, unsigned long request,
		void *arg); /* ioctl(2); 0 or -errno. A test's own before vhost_adopt() */
};

/* Opens path, e.g. /dev/vhost-net. what names it in the sentence: "vhost-net". */
int vhost_open(struct vhost *v, const char *path, struct err *err) MUST_USE;
/* Takes fd over, also when it fails. v is zero, but for call. */
int vhost_adopt(struct vhost *v, int fd, const char *what, struct err *err) MUST_USE;
void vhost_close(struct vhost *v);

/* An ioctl with a pointer argument: 0 or -errno. */
int vhost_call(struct vhost *v, unsigned long request, void *arg) MUST_USE;

/*
 * Gives the kernel the memory, the negotiated features it knows, and those of queues
 * first..first+n-1 that are ready, at the ring positions that dev->queue[] says. Marks them in
 * dev->kernel_queues. When it fails nothing is left behind.
 */
int vhost_start(struct vhost *v, struct virtio_dev *dev, unsigned first, unsigned n,
	struct err *err) MUST_USE;
/* Has the kernel look at the rings that vhost_start() gave: after the device attached what is
 * behind them. */
void vhost_kick(struct virtio_dev *dev, unsigned first, unsigned n);
/* Takes the queues back: dev->queue[] says where the kernel left the rings. */
void vhost_stop(struct vhost *v, struct virtio_dev *dev, unsigned first, unsigned n);

#endif
