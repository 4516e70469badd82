/*
 * A guest's driver in a test's hands: fake RAM, a fake machine, and the driver's side of
 *virtio-mmio and of split queues (virtio 1.2 §2.7, §3.1, §4.2), good or hostile. All in the test's
 *own thread: the event loop runs only inside driver_kick(), driver_turn(), driver_run() and the
 *waits. No test library: fuzz targets link it too.
 *
 *	struct driver d;
 *	driver_init(&d);
 *	... make a device with &d.mem and d.loop ...
 *	driver_plug(&d, dev);                  (owns dev from here)
 *	driver_start(&d, features, 1, 16);     (1 queue of 16 entries, DRIVER_OK)
 *	driver_add(&d, 0, bufs, 2);
 *	driver_kick(&d, 0);
 *	driver_wait_used(&d, 0, &used);
 *	driver_fini(&d);
 *
 * What fails only because a test is wrong (no RAM left, plugging twice) ends the program with a
 *line that says so.
 */
#ifndef SAMPAN_VIRTIO_TEST_DRIVER_H
#define SAMPAN_VIRTIO_TEST_DRIVER_H

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include "virtio/mmio.h"

#define DRIVER_RAM	UINT64_C(0x80000000)
#define DRIVER_RAM_SIZE (4 * MiB)
#define DRIVER_RAM_END	(DRIVER_RAM + DRIVER_RAM_SIZE)
/* A second, small region behind a hole. */
#define DRIVER_RAM2	 (DRIVER_RAM_END + MiB)
#define DRIVER_RAM2_SIZE (64 * KiB)
#define DRIVER_GPA	 UINT64_C(0x10000000) /* of the device's registers: no RAM */
#define DRIVER_DEADLINE	 5000		      /* ms that a wait lasts at most */

#define DRIVER_STATUS_LIVE                                                                         \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |      \
		VIRTIO_CONFIG_S_DRIVER_OK)

struct driver_queue {
	uint16_t size;
	uint64_t desc, avail, used; /* gpa of the three areas */
	uint16_t next_desc;	    /* where the next chain's descriptors go */
	uint16_t next_avail;	    /* what avail.idx will be after the next post, less one */
	uint16_t last_used;	    /* how many used entries were collected */
};

struct driver {
	struct mem mem;
	struct loop *loop;
	struct virtio_mmio *m;
	struct virtio_dev *dev;
	uint8_t *ram, *ram2;
	uint64_t next; /* gpa of the next free byte of RAM */
	struct driver_queue q[VIRTIO_MAX_QUEUES];
	struct mmio_host host;
	int kick_fd[VIRTIO_MAX_QUEUES]; /* the ioeventfds that the device asked for; -1: not wired
					 */
	int wire_error;	  /* -errno: what the machine answers to a wish for an ioeventfd */
	unsigned lowered; /* how often the device had its interrupt line lowered */
};

struct buf {
	uint64_t gpa;
	uint32_t len;
	bool in; /* the device writes it */
};

void driver_init(struct driver *d);
void driver_plug(struct driver *d, struct virtio_dev *dev);
void driver_fini(struct driver *d); /* frees the device, the loop and the RAM */

/* RAM */
uint64_t driver_alloc(struct driver *d, uint64_t len, uint64_t align);
/* len bytes as a device-readable (in = false) or device-writable buffer; src may be NULL (zeros).
 */
struct buf driver_out(struct driver *d, const void *src, uint32_t len);
struct buf driver_in(struct driver *d, uint32_t len);
void *driver_ptr(struct driver *d, uint64_t gpa); /* an ordinary pointer to RAM */

/* registers (§4.2.2): a vCPU's exits, so nothing may be allocated meanwhile (core/test/no_heap.h)
 */
void driver_load(struct driver *d, uint32_t off, void *data, unsigned len); /* any width */
void driver_store(struct driver *d, uint32_t off, const void *data, unsigned len);
uint32_t driver_get(struct driver *d, uint32_t reg);
void driver_set(struct driver *d, uint32_t reg, uint32_t value);
void driver_config(struct driver *d, uint32_t off, void *data, unsigned len);
void driver_config_set(struct driver *d, uint32_t off, const void *data, unsigned len);

/* the life of a device (§3.1.1) */
uint64_t driver_features(struct driver *d); /* what the device offers */
/* Reset, ACKNOWLEDGE, DRIVER, features (VERSION_1 is added), FEATURES_OK; false when the device
 * refused them. */
bool driver_negotiate(struct driver *d, uint64_t features);
/* New areas in RAM for queue q; and told to the device and enabled: false when it does not become
 * ready. */
void driver_queue_place(struct driver *d, unsigned q, uint16_t size);
bool driver_queue_setup(struct driver *d, unsigned q, uint16_t size);
void driver_queue_write(struct driver *d,
	unsigned q); /* tells the device size and areas of d->q[q], without enabling */
void driver_ok(struct driver *d);
void driver_reset(struct driver *d); /* Status = 0 */
/* All of the above with queues 0..nqueues-1; ends the test when the device refuses. */
void driver_start(struct driver *d, uint64_t features, unsigned nqueues, uint16_t size);
bool driver_needs_reset(struct driver *d);

/* the available ring (§2.7.6) */
/* A chain of n buffers, in the queue's own table or in an indirect one, made available. Returns the
 * head. */
uint16_t driver_add(struct driver *d, unsigned q, const struct buf *bufs, unsigned n);
uint16_t driver_add_indirect(struct driver *d, unsigned q, const struct buf *bufs, unsigned n);
/* The same in small steps, for drivers that lie. */
void driver_desc(struct driver *d, unsigned q, uint16_t i, struct vring_desc desc);
void driver_post(struct driver *d, unsigned q,
	uint16_t head); /* the next entry of avail.ring, and avail.idx */
void driver_avail_idx(struct driver *d, unsigned q, uint16_t idx);
void driver_avail_flags(struct driver *d, unsigned q, uint16_t flags);
void driver_used_event(struct driver *d, unsigned q, uint16_t idx); /* §2.7.10 */

/* Signals the queue's ioeventfd, as KVM would, and lets the loop take it. Nothing happens when it
 * is not wired. */
void driver_kick(struct driver *d, unsigned q);
void driver_signal(struct driver *d, unsigned q); /* only signals it */
/* True when the device asks to be kicked for the entry before avail.idx (§2.7.7.1). */
bool driver_kick_wanted(struct driver *d, unsigned q);

/* the used ring (§2.7.8) and interrupts */
uint16_t driver_used_idx(struct driver *d, unsigned q);
/* Collects the next used entry, if there is one; waits for it. */
bool driver_take_used(struct driver *d, unsigned q, struct vring_used_elem *e);
bool driver_wait_used(struct driver *d, unsigned q, struct vring_used_elem *e);
/* True when an interrupt was raised since the last call; waits for one. */
bool driver_take_irq(struct driver *d);
bool driver_wait_irq(struct driver *d);
/* InterruptStatus, acknowledged (§4.2.2). */
uint32_t driver_ack_irq(struct driver *d);

/* the loop */
void driver_turn(struct driver *d); /* a few turns: what is ready is served */
/* Until done(arg) is true; false after DRIVER_DEADLINE. */
bool driver_run(struct driver *d, bool (*done)(void *arg), void *arg);

#endif
