/*
 * What a virtio device is, whatever bus carries it (virtio 1.2 §2).
 *
 * A device is one file and one const table, struct virtio_ops; its state starts with a struct
 * virtio_dev. The transport (mmio.c) owns status, feature negotiation, queue set-up and reset, so a
 * device never sees an unready queue or unnegotiated features. Each device has one lock; the
 * transport takes it around every call below, and a device takes it in its own loop callbacks
 * (AUTO: virtio_lock / virtio_unlock). The loop thread and the vCPU threads (register writes only)
 * are the ones that meet there.
 *
 * A guest's mistake ends in virtio_broken(): DEVICE_NEEDS_RESET, one log line, and the device is
 * deaf until it is reset.
 */
#ifndef SAMPAN_VIRTIO_VIRTIO_H
#define SAMPAN_VIRTIO_VIRTIO_H

#include <pthread.h>
#include "core/log.h"
#include "core/loop.h"
#include "virtio/queue.h"

#ifndef VIRTIO_MAX_QUEUES /* proofs have fewer */
#define VIRTIO_MAX_QUEUES                                                                          \
	34 /* per device: 16 ports of a console and its control queues, or 16 pairs of a network   \
	      card */
#endif

struct virtio_dev;

struct virtio_ops {
	const char *name;  /* "blk", for logs */
	uint32_t id;	   /* virtio 1.2 §5 */
	bool config_early; /* config_written() is called before DRIVER_OK, too */

	/* DRIVER_OK: dev->acked is final, ready queues are ready. < 0 sets DEVICE_NEEDS_RESET. */
	int (*start)(struct virtio_dev *dev);
	/*
	 * Reset, removal or the VM's end, after a start. When it returns nothing of the device
	 * reads or writes guest memory or its queues any more: requests in flight have been waited
	 * for.
	 */
	void (*stop)(struct virtio_dev *dev);
	/* Queue q has (or may have) new entries. Never called when stopped, broken or paused. */
	void (*kick)(struct virtio_dev *dev, unsigned q);
	/* The driver wrote len (1, 2, 4) bytes at off of dev->config, already stored there; only
	 * bytes in config_writable. */
	void (*config_written)(struct virtio_dev *dev, unsigned off, unsigned len);
	/* Loop thread, after vCPUs are out: start no new work, wait for what is in flight. And back
	 * (kicks are replayed). */
	void (*pause)(struct virtio_dev *dev);
	void (*resume)(struct virtio_dev *dev);
	/* Frees the device, which stop() has ended before. */
	void (*free)(struct virtio_dev *dev);
};

/* What a transport does for its device. */
struct virtio_bus {
	/* Raise an interrupt: bits of VIRTIO_MMIO_INT_VRING (1), VIRTIO_MMIO_INT_CONFIG (2). Any
	 * thread. */
	void (*raise)(struct virtio_dev *dev, uint32_t bits);
	/* The eventfds a vhost back end uses: the driver's kicks of queue q, and the device's
	 * interrupt. -1: none. */
	int (*kick_fd)(struct virtio_dev *dev, unsigned q);
	int (*call_fd)(struct virtio_dev *dev);
	/* While on, someone else (vhost) raises the interrupt: InterruptStatus always shows VRING.
	 */
	void (*irq_bypass)(struct virtio_dev *dev, bool on);
};

struct virtio_dev {
	const struct virtio_ops *ops;
	const struct virtio_bus *bus; /* set when plugged into a transport */
	void *bus_data;
	struct mem *mem;
	struct loop *loop;
	char label[32]; /* "blk disk0": who it is in log lines and QMP */

	pthread_mutex_t lock; /* guards everything below, and the device's own state */
	uint64_t features;    /* offered; VIRTIO_F_VERSION_1 is always added by the transport */
	uint64_t acked;	      /* negotiated */
	uint32_t status;      /* §2.1, without DEVICE_NEEDS_RESET */
	bool started;	      /* between ops->start and ops->stop */
	bool broken;	      /* DEVICE_NEEDS_RESET */
	bool paused;
	uint32_t config_generation;
	unsigned nqueues;
	uint64_t kernel_queues; /* bit q: ops->start gave queue q to vhost, so the loop does not
				   watch its kicks; cleared after stop */
	struct queue queue[VIRTIO_MAX_QUEUES];
	uint8_t config[256];  /* the device-specific configuration space */
	unsigned config_size; /* bytes of it that exist */
	unsigned config_writable_off,
		config_writable_len; /* the one range the driver may write; 0, 0: none */
	struct log_limit limit;
};

/* Initialises the common part. Every queue gets the given maximum size (a power of two <=
 * QUEUE_MAX_SIZE). */
void virtio_init(struct virtio_dev *dev, const struct virtio_ops *ops, struct mem *mem,
	struct loop *loop, unsigned nqueues, unsigned queue_max, const char *label);
void virtio_fini(struct virtio_dev *dev);

static inline void virtio_lock(struct virtio_dev *dev)
{
	pthread_mutex_lock(&dev->lock);
}

static inline void virtio_unlock(struct virtio_dev *dev)
{
	pthread_mutex_unlock(&dev->lock);
}

/* The following are called with the lock held. */
static inline bool virtio_has(const struct virtio_dev *dev, unsigned feature_bit)
{
	return dev->acked & (UINT64_C(1) << feature_bit);
}

/* Started, not broken, not paused: the device may work on its queues. */
static inline bool virtio_live(const struct virtio_dev *dev)
{
	return dev->started && !dev->broken && !dev->paused;
}

/* Interrupts the driver if it wants to hear of what was pushed to queue q. Once after a batch of
 * pushes. */
void virtio_notify(struct virtio_dev *dev, unsigned q);

/* Tells the driver that the configuration space changed (§2.5.1, §4.2.2: the generation goes up).
 */
void virtio_config_changed(struct virtio_dev *dev);

/* The driver broke a rule: why is one lower-case phrase without the device's name. */
void virtio_broken(struct virtio_dev *dev, const char *why);

/*
 * Pops the next chain of queue q. 1: *c is filled; 0: nothing to do (empty, or the device is not
 * live, or the ring was broken, which has then been dealt with). Re-arms the driver's kick when the
 * ring is empty.
 */
int virtio_pop(struct virtio_dev *dev, unsigned q, struct chain *c) MUST_USE;

/* Has the loop call ops->kick for queue q again, after the other descriptors had their turn: for a
 * device that ends a long batch. */
void virtio_kick_again(struct virtio_dev *dev, unsigned q);

#endif
