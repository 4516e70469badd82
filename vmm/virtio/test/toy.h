/*
 * A virtio device that does nothing but count what the transport asks of it and echo: each chain's
 * readable bytes are written to its writable part. For the tests of the transport and of what
 * devices share.
 */
#ifndef SAMPAN_VIRTIO_TEST_TOY_H
#define SAMPAN_VIRTIO_TEST_TOY_H

#include "core/test/check.h"
#include <string.h>
#include "virtio/test/driver.h"

#define TOY_ID	     42
#define TOY_QUEUES   4
#define TOY_SIZE     16
#define TOY_CONFIG   21 /* bytes: an odd number, so that reads cross its end */
#define TOY_WRITABLE 8	/* bytes 8..11 may be written */
#define TOY_FEATURE  (UINT64_C(1) << 5)
#define TOY_RING                                                                                   \
	(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define VERSION_1 (UINT64_C(1) << VIRTIO_F_VERSION_1)

struct toy {
	struct virtio_dev dev;
	struct fix *fix;
	struct virtio_ops ops;
	int start_error;
	uint32_t kernel_queues; /* which of them start gives to vhost */
	unsigned starts, stops, pauses, resumes, config_writes, config_off, config_len;
	unsigned kicks[TOY_QUEUES], chains;
	bool work; /* a kick serves the queue */
	struct chain chain;
};

struct fix {
	struct driver d;
	struct toy *toy;
	unsigned freed;
};

static inline struct toy *toy_of(struct virtio_dev *dev)
{
	return container_of(dev, struct toy, dev);
}

static inline int toy_start(struct virtio_dev *dev)
{
	toy_of(dev)->starts++;
	dev->kernel_queues = toy_of(dev)->kernel_queues;
	return toy_of(dev)->start_error;
}

static inline void toy_stop(struct virtio_dev *dev)
{
	toy_of(dev)->stops++;
}

static inline void toy_serve(struct toy *t, unsigned q)
{
	struct chain *c = &t->chain;
	char buf[64];

	while (virtio_pop(&t->dev, q, c) > 0) {
		size_t n = chain_read(c, 0, buf, sizeof(buf));

		t->chains++;
		queue_push(&t->dev.queue[q], t->dev.mem, c->head,
			(uint32_t)chain_write(c, 0, buf, n));
	}
	virtio_notify(&t->dev, q);
}

static inline void toy_kick(struct virtio_dev *dev, unsigned q)
{
	toy_of(dev)->kicks[q]++;
	if (toy_of(dev)->work)
		toy_serve(toy_of(dev), q);
}

static inline void toy_config_written(struct virtio_dev *dev, unsigned off, unsigned len)
{
	toy_of(dev)->config_writes++;
	toy_of(dev)->config_off = off;
	toy_of(dev)->config_len = len;
}

static inline void toy_pause(struct virtio_dev *dev)
{
	toy_of(dev)->pauses++;
}

static inline void toy_resume(struct virtio_dev *dev)
{
	toy_of(dev)->resumes++;
}

static inline void toy_free(struct virtio_dev *dev)
{
	toy_of(dev)->fix->freed++;
	virtio_fini(dev);
	free(toy_of(dev));
}

static inline struct toy *toy_new(struct fix *f)
{
	struct toy *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->fix = f;
	t->work = true;
	t->ops = (struct virtio_ops){
		.name = "toy",
		.id = TOY_ID,
		.start = toy_start,
		.stop = toy_stop,
		.kick = toy_kick,
		.config_written = toy_config_written,
		.pause = toy_pause,
		.resume = toy_resume,
		.free = toy_free,
	};
	virtio_init(&t->dev, &t->ops, &f->d.mem, f->d.loop, TOY_QUEUES, TOY_SIZE, "toy toy0");
	t->dev.features = TOY_FEATURE | TOY_RING;
	t->dev.config_size = TOY_CONFIG;
	t->dev.config_writable_off = TOY_WRITABLE;
	t->dev.config_writable_len = 4;
	for (unsigned i = 0; i < sizeof(t->dev.config); i++)
		t->dev.config[i] = (uint8_t)(0x40 + i);
	return t;
}

static inline int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	log_setup(-1, LOG_ERROR, "test"); /* what the driver's mistakes make the device say is not
					     this test's matter */
	driver_init(&f->d);
	f->toy = toy_new(f);
	if (!f->toy)
		return -1;
	driver_plug(&f->d, &f->toy->dev);
	*state = f;
	return 0;
}

static inline int fix_free(void **state)
{
	struct fix *f = *state;

	driver_fini(&f->d);
	assert_int_equal(f->freed, 1);
	free(f);
	return 0;
}

/* One request goes through queue q, with an interrupt. */
static inline void works(struct fix *f, unsigned q)
{
	struct buf b[] = { driver_out(&f->d, "ping", 4), driver_in(&f->d, 8) };
	struct vring_used_elem e = { 0 };
	uint16_t head = driver_add(&f->d, q, b, 2);

	driver_kick(&f->d, q);
	assert_true(driver_wait_used(&f->d, q, &e));
	assert_int_equal(e.id, head);
	assert_int_equal(e.len, 4);
	assert_memory_equal(driver_ptr(&f->d, b[1].gpa), "ping\0", 5);
	assert_true(driver_take_irq(&f->d));
	assert_int_equal(driver_ack_irq(&f->d) & VIRTIO_MMIO_INT_VRING, VIRTIO_MMIO_INT_VRING);
}

/* The device has told its driver that it needs a reset, does no work, and works again after one. */
static inline void broken_until_reset(struct fix *f)
{
	unsigned chains = f->toy->chains;
	struct buf b = driver_in(&f->d, 8);

	assert_true(driver_needs_reset(&f->d));
	assert_true(driver_ack_irq(&f->d) & VIRTIO_MMIO_INT_CONFIG);
	driver_add(&f->d, 0, &b, 1);
	driver_kick(&f->d, 0);
	assert_int_equal(f->toy->chains, chains);
	driver_start(&f->d, 0, 1, TOY_SIZE);
	assert_false(driver_needs_reset(&f->d));
	while (driver_take_irq(&f->d))
		continue;
	works(f, 0);
}

#define T(t) cmocka_unit_test_setup_teardown(t, fix_new, fix_free)

#endif
