/*
 * The virtio-mmio transport, version 2 (virtio 1.2 §4.2): a page of registers in front of one
 * device.
 *
 * It owns the life of the device: reset, feature negotiation, queue set-up, DRIVER_OK, interrupts.
 * Register access comes from vCPU threads; kicks come as ioeventfds, which the loop watches (or
 * vhost takes). Nothing here knows KVM: the machine gives a struct mmio_host, and a test a fake
 * one.
 */
#ifndef SAMPAN_VIRTIO_MMIO_H
#define SAMPAN_VIRTIO_MMIO_H

#include "virtio/virtio.h"

#define VIRTIO_MMIO_SIZE 0x1000 /* bytes of address space a device takes */

struct mmio_host {
	void *ctx;
	/* A 4-byte write of value at gpa signals fd (on), or no longer does. 0 or -errno. */
	int (*ioeventfd)(void *ctx, uint64_t gpa, uint32_t value, int fd, bool on);
	/* The driver has acknowledged all interrupts of the device at gpa: its line, which irqfd
	 * raised, goes down. May be NULL. */
	void (*lower)(void *ctx, uint64_t gpa);
};

struct virtio_mmio {
	struct virtio_dev *dev; /* owned: freed with the transport */
	const struct mmio_host *host;
	uint64_t gpa;		   /* of the register page */
	int irqfd;		   /* eventfd; the machine ties it to the device's interrupt */
	uint32_t interrupt_status; /* atomic */
	bool irq_bypass;	   /* atomic */
	uint32_t features_sel, driver_features_sel, queue_sel;
	struct kick {
		struct watch watch;
		struct virtio_mmio *m;
		int fd; /* eventfd, -1 until the queue is first used */
		bool wired;
	} kick[VIRTIO_MAX_QUEUES];
};

/* Takes dev over. On failure dev is still the caller's. */
int virtio_mmio_new(struct virtio_mmio **out, struct virtio_dev *dev, const struct mmio_host *host,
	uint64_t gpa, struct err *err) MUST_USE;
/* Stops and frees the device too. vCPUs must be gone. */
void virtio_mmio_free(struct virtio_mmio *m);

/* A vCPU's access of len (1, 2, 4, 8) bytes at off < VIRTIO_MMIO_SIZE. Any values; out-of-range
 * reads give 0. */
void virtio_mmio_read(struct virtio_mmio *m, uint64_t off, void *data, unsigned len);
void virtio_mmio_write(struct virtio_mmio *m, uint64_t off, const void *data, unsigned len);

/* Loop thread, vCPUs out of KVM_RUN. */
void virtio_mmio_pause(struct virtio_mmio *m);
void virtio_mmio_resume(struct virtio_mmio *m);
/* As a driver's write of 0 to Status: for a machine reset. */
void virtio_mmio_reset(struct virtio_mmio *m);

#endif
