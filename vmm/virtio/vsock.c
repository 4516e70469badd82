/*
 * vsock by vhost-vsock (virtio 1.2 §5.10): the kernel carries the streams and makes the guest
 * reachable as AF_VSOCK by its cid. It serves the receive and transmit queues from DRIVER_OK to
 * reset; the event queue is the device's own, and its buffers are kept.
 * syscall(setup): ioctl(VHOST_VSOCK_SET_GUEST_CID): a device is opened
 */
#include "virtio/vsock.h"

#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>

#define QUEUES	      3
#define KERNEL_QUEUES 2 /* the first two */
#define BIT(n)	      (UINT64_C(1) << (n))

struct vsock {
	struct virtio_dev dev;
	struct vhost vhost;
	bool running;
};

static struct vsock *vsock_of(struct virtio_dev *dev)
{
	return container_of(dev, struct vsock, dev);
}

static int set_running(struct vsock *s, int on)
{
	/* syscall(loop,vcpu): ioctl(VHOST_VSOCK_SET_RUNNING): a vsock device starts or stops */
	return vhost_call(&s->vhost, VHOST_VSOCK_SET_RUNNING, &on);
}

static int run(struct vsock *s)
{
	struct err err = { 0 };
	int rc = vhost_start(&s->vhost, &s->dev, 0, KERNEL_QUEUES, &err);

	if (!rc) {
		rc = set_running(s, 1);
		if (rc) {
			fail(&err, rc, "%s: start vhost-vsock", s->dev.label);
			vhost_stop(&s->vhost, &s->dev, 0, KERNEL_QUEUES);
		}
	}
	if (rc) {
		log_limited(&s->dev.limit, "%s", err.msg);
		return rc;
	}
	s->running = true;
	vhost_kick(&s->dev, 0, KERNEL_QUEUES);
	return 0;
}

static void halt(struct vsock *s)
{
	if (!s->running)
		return;
	s->running = false;
	if (set_running(s, 0))
		log_limited(&s->dev.limit, "%s: vhost-vsock does not stop", s->dev.label);
	vhost_stop(&s->vhost, &s->dev, 0, KERNEL_QUEUES);
}

static int vsock_start(struct virtio_dev *dev)
{
	return run(vsock_of(dev));
}

static void vsock_stop(struct virtio_dev *dev)
{
	halt(vsock_of(dev));
}

static void vsock_kick(struct virtio_dev *dev UNUSED, unsigned q UNUSED)
{
	/* The event queue: buffers for what never comes while the guest stays where it is
	 * (§5.10.6.7). */
}

static void vsock_resume(struct virtio_dev *dev)
{
	if (run(vsock_of(dev)))
		virtio_broken(dev, "it could not be resumed");
}

static void vsock_free(struct virtio_dev *dev)
{
	struct vsock *s = vsock_of(dev);

	vhost_close(&s->vhost);
	virtio_fini(dev);
	free(s);
}

static const struct virtio_ops vsock_ops = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.start = vsock_start,
	.stop = vsock_stop,
	.kick = vsock_kick,
	.pause = vsock_stop,
	.resume = vsock_resume,
	.free = vsock_free,
};

int vsock_assemble(struct virtio_dev **out, const struct vhost *vhost, const struct vm_vsock *cfg,
	const struct virtio_env *env, struct err *err)
{
	struct virtio_vsock_config config = { .guest_cid = cfg->cid };
	struct vsock *s = calloc(1, sizeof(*s));
	char label[32];
	uint64_t cid = cfg->cid;
	int rc;

	if (!s)
		return fail(err, -ENOMEM, "%s", env->label);
	s->vhost = *vhost;
	rc = vhost_call(&s->vhost, VHOST_VSOCK_SET_GUEST_CID, &cid);
	if (rc) {
		free(s);
		return rc == -EADDRINUSE
			? failx(err, rc, "vsock cid %u is in use by another guest", cfg->cid)
			: fail(err, rc, "set vsock cid %u", cfg->cid);
	}
	snprintf(label, sizeof(label), "vsock %s", env->label);
	virtio_init(&s->dev, &vsock_ops, env->mem, env->loop, QUEUES, QUEUE_MAX_SIZE, label);
	s->dev.features = s->vhost.features &
		(BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
			BIT(VIRTIO_VSOCK_F_SEQPACKET));
	memcpy(s->dev.config, &config, sizeof(config));
	s->dev.config_size = sizeof(config);
	*out = &s->dev;
	return 0;
}

int virtio_vsock_new(struct virtio_dev **out, const struct vm_vsock *cfg,
	const struct virtio_env *env, struct err *err)
{
	struct vhost vhost = { 0 };
	int rc;

	if (cfg->vhost_fd >= 0)
		rc = vhost_adopt(&vhost, cfg->vhost_fd, "vhost-vsock", err);
	else
		rc = vhost_open(&vhost, "/dev/vhost-vsock", err);
	if (rc)
		return rc;
	if (cfg->cid <= VMADDR_CID_HOST || cfg->cid == VMADDR_CID_ANY)
		rc = failx(err, -EINVAL, "vsock cid %u: a guest's is 3 to 4294967294", cfg->cid);
	else
		rc = vsock_assemble(out, &vhost, cfg, env, err);
	if (rc)
		vhost_close(&vhost);
	return rc;
}
