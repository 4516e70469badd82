/*
 * The front end of the vhost-user protocol: a device whose queues another process serves. That
 * process, the back end, has the guest's memory mapped and the kick and interrupt eventfds; what is
 * said on the socket are features, memory and rings.
 *
 * Set-up blocks, before the guest runs, for at most patience_ms an answer. Later a start or a stop
 * waits for answers, for at most VHOST_USER_TURN_MS in all: a driver's DRIVER_OK and reset wait in
 * their vCPU's thread, pause and resume in the loop's, while no vCPU runs. At all other times the
 * loop only listens whether the back end is still there.
 *
 * The back end is not trusted. One that goes away, says what nobody asked, refuses, sends
 * descriptors or keeps silent is given up for good: the socket is closed and the device needs
 * a reset. (Guest memory is its to write, as it is the guest's.)
 *
 * A struct vhost_user is embedded in its device and used under the device's lock.
 */
#ifndef SAMPAN_VIRTIO_VHOST_USER_H
#define SAMPAN_VIRTIO_VHOST_USER_H

#include "virtio/vhost_user_msg.h"
#include "virtio/virtio.h"

#define VHOST_USER_PATIENCE_MS 5000
#define VHOST_USER_TURN_MS     2000
#define VHOST_USER_AWAITED     64

struct vhost_user {
	int fd;		   /* -1: none, or given up */
	uint64_t features; /* virtio's, that the back end offers */
	bool reply_ack;	   /* it says whether it did what it was told */
	unsigned patience_ms;
	struct virtio_dev *dev;
	struct watch watch;
	struct {
		uint32_t request, index;
	} awaited[VHOST_USER_AWAITED]; /* answers, in this order */
	unsigned nawaited;
	uint8_t in[VHOST_USER_ANSWER]; /* the next one, as far as it has come */
	size_t nin;
	uint64_t answer; /* to what was asked last */
};

/*
 * Takes fd over, also when it fails, and agrees with what is behind it on features, for a device of
 * nqueues queues. who names it in sentences: "the back end at /run/x.sock". v is overwritten.
 */
int vhost_user_open(struct vhost_user *v, int fd, const char *who, unsigned nqueues,
	unsigned patience_ms, struct err *err) MUST_USE;
/* Ties it to its device, whose loop then watches it. v does not move any more. */
int vhost_user_attach(struct vhost_user *v, struct virtio_dev *dev, struct err *err) MUST_USE;
void vhost_user_close(struct vhost_user *v);

/* DRIVER_OK: gives the back end the negotiated features, the memory and all ready queues, and marks
 * these in dev->kernel_queues. */
int vhost_user_start(struct vhost_user *v, struct err *err) MUST_USE;
/* Takes the queues back: dev->queue[] says where the back end left the rings. Fine when nothing was
 * started. */
void vhost_user_stop(struct vhost_user *v);

#endif
