/* The inside of the vhost-vsock device: what its test needs to bring a vhost whose ioctl is its
 * own. */
#ifndef SAMPAN_VIRTIO_VSOCK_H
#define SAMPAN_VIRTIO_VSOCK_H

#include "virtio/devices.h"
#include "virtio/vhost.h"

/* virtio_vsock_new() after its back end is open. vhost is taken over unless it fails. */
int vsock_assemble(struct virtio_dev **out, const struct vhost *vhost, const struct vm_vsock *cfg,
	const struct virtio_env *env, struct err *err) MUST_USE;

#endif
