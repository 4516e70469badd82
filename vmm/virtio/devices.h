/*
 * The constructors of the virtio devices: what vm.c needs to know of them and no more. Each takes
 * the caller's description, opens what it names, and gives a device ready to be plugged into a
 * transport (which frees it). Main thread, before the guest runs.
 */
#ifndef SAMPAN_VIRTIO_DEVICES_H
#define SAMPAN_VIRTIO_DEVICES_H

#include "virtio/virtio.h"
#include "vm.h"

/* What every constructor gets. label is the device's name in messages, e.g. "disk0". */
struct virtio_env {
	struct mem *mem;
	struct loop *loop;
	const char *label;
	unsigned cpus;
	/* Hybrid vsock: connects to the host service of a port: a descriptor or -errno. NULL: it
	 * does so itself. */
	int (*dial)(void *arg, uint32_t port);
	void *dial_arg;
};

int virtio_blk_new(struct virtio_dev **out, const struct vm_disk *cfg, const struct virtio_env *env,
	struct err *err) MUST_USE;
/*
 * A replaceable disk: one queue, capacity 0 until a disk is plugged in. Plugging and unplugging are
 * for the loop thread while the device sits in its transport; the descriptor in cfg is taken over
 * on success, queues is not looked at. -EBUSY: a disk is in; -ENOENT: none is.
 */
int virtio_blk_slot_new(struct virtio_dev **out, const struct virtio_env *env, struct err *err)
	MUST_USE;
/* block_settle() for its back end; its size in bytes. */
int virtio_blk_settle(struct virtio_dev *dev, void (*first)(void)) MUST_USE;
uint64_t virtio_blk_size(struct virtio_dev *dev);
int virtio_blk_plug(struct virtio_dev *dev, const struct vm_disk *cfg, struct err *err) MUST_USE;
int virtio_blk_unplug(struct virtio_dev *dev, struct err *err) MUST_USE;
int virtio_net_new(struct virtio_dev **out, const struct vm_net *cfg, const struct virtio_env *env,
	struct err *err) MUST_USE;
int virtio_vsock_new(struct virtio_dev **out, const struct vm_vsock *cfg,
	const struct virtio_env *env, struct err *err) MUST_USE; /* vhost-vsock */
int virtio_hvsock_new(struct virtio_dev **out, const struct vm_vsock *cfg,
	const struct virtio_env *env, struct err *err)
	MUST_USE; /* the hybrid form, over a unix socket */
int virtio_console_new(struct virtio_dev **out, const struct vm_console *ports, unsigned nports,
	const struct virtio_env *env, void (*on_escape)(void *), void *arg, struct err *err)
	MUST_USE;
int virtio_fs_new(struct virtio_dev **out, const struct vm_fs *cfg, const struct virtio_env *env,
	struct err *err) MUST_USE; /* vhost-user */
int virtio_rng_new(struct virtio_dev **out, uint64_t bytes_per_second, const struct virtio_env *env,
	struct err *err) MUST_USE;

#endif
