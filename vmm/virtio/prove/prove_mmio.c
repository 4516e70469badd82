/*
 * The register page of virtio-mmio, for a device with any state and any access that a vCPU can
 * make: offset below 4 KiB, 1, 2, 4 or 8 bytes. What the transport calls (the loop, the device,
 * KVM) is left open; the queue's own checks are in prove_queue.c.
 */
#define QUEUE_MAX_SIZE	  4
#define VIRTIO_MAX_QUEUES 3

#include "virtio/mmio.h"

#include "integration/checks/prove.h"

#define pthread_mutex_lock(lock)   ((void)(lock))
#define pthread_mutex_unlock(lock) ((void)(lock))

#include "virtio/mmio.c"

int queue_enable(struct queue *q, const struct mem *mem)
{
	(void)mem;
	q->ready = nondet_bool();
	return q->ready ? 0 : -EINVAL;
}

void queue_reset(struct queue *q)
{
	uint16_t max = q->max;

	*q = (struct queue){ .max = max };
}

void virtio_broken(struct virtio_dev *dev, const char *why)
{
	(void)why;
	dev->broken = true;
}

int loop_add(struct loop *loop, struct watch *w, int fd, uint32_t events,
	void (*fn)(struct watch *w, uint32_t events))
{
	(void)loop, (void)fd, (void)events, (void)fn;
	w->added = nondet_bool();
	return w->added ? 0 : -ENOMEM;
}

void loop_remove(struct loop *loop, struct watch *w)
{
	(void)loop;
	w->added = false;
}

void log_msg(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

bool log_allowed(struct log_limit *limit)
{
	(void)limit;
	return nondet_bool();
}

int eventfd(unsigned count, int flags)
{
	(void)count, (void)flags;
	return nondet_int();
}

ssize_t write(int fd, const void *buf, size_t len)
{
	prove(fd == fd && len == 8 && __CPROVER_r_ok(buf, len), "an eventfd takes 8 bytes");
	return nondet_bool() ? 8 : -1;
}

const char *err_text(int code)
{
	static char text[] = "";

	(void)code;
	return text;
}

static int host_ioeventfd(void *ctx, uint64_t gpa, uint32_t value, int fd, bool on)
{
	(void)ctx, (void)gpa, (void)value, (void)fd, (void)on;
	return nondet_bool() ? 0 : -EINVAL;
}

static int dev_start(struct virtio_dev *dev)
{
	dev->kernel_queues = nondet_u64();
	return nondet_int();
}

static void dev_call(struct virtio_dev *dev)
{
	(void)dev;
}

static void dev_kick(struct virtio_dev *dev, unsigned q)
{
	prove(q < dev->nqueues, "a device is kicked for queues it has");
}

static void dev_written(struct virtio_dev *dev, unsigned off, unsigned len)
{
	prove(off >= dev->config_writable_off &&
			off + len <= dev->config_writable_off + dev->config_writable_len,
		"a device hears of what may be written");
}

static const struct virtio_ops ops = { .start = dev_start,
	.stop = dev_call,
	.kick = dev_kick,
	.config_written = dev_written };
static const struct mmio_host host = { .ioeventfd = host_ioeventfd };

static void any_device(struct virtio_dev *dev, struct virtio_mmio *m)
{
	__CPROVER_havoc_object(dev);
	__CPROVER_havoc_object(m);
	dev->ops = &ops;
	dev->bus = &mmio_bus;
	dev->bus_data = m;
	m->dev = dev;
	m->host = &host;
	assume(dev->nqueues && dev->nqueues <= VIRTIO_MAX_QUEUES);
	assume(dev->config_size <= sizeof(dev->config));
	assume(dev->config_writable_len <= dev->config_size &&
		dev->config_writable_off <= dev->config_size - dev->config_writable_len);
	for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++) {
		dev->queue[q].max = QUEUE_MAX_SIZE;
		m->kick[q].m = m;
	}
}

static void any_access(uint64_t *off, unsigned *len)
{
	*off = nondet_u64();
	*len = 1U << (nondet_unsigned() % 4);
	assume(*off < VIRTIO_MMIO_SIZE);
}

/* prove: mmio_read unwind=9 */
void prove_mmio_read(void)
{
	struct virtio_dev dev;
	struct virtio_mmio m;
	uint8_t data[8];
	uint64_t off;
	unsigned len;

	any_device(&dev, &m);
	any_access(&off, &len);
	virtio_mmio_read(&m, off, data, len);
	for (unsigned i = 0; i < len; i++)
		if (off >= VIRTIO_MMIO_CONFIG && off - VIRTIO_MMIO_CONFIG + i >= dev.config_size)
			prove(data[i] == 0, "there is nothing behind the configuration");
}

/* prove: mmio_write unwind=4 */
void prove_mmio_write(void)
{
	struct virtio_dev dev;
	struct virtio_mmio m;
	uint32_t value = nondet_u32();
	uint64_t off = nondet_u64();

	any_device(&dev, &m);
	assume(off < VIRTIO_MMIO_CONFIG);
	virtio_mmio_write(&m, off, &value, sizeof(value));
	for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++)
		prove(dev.queue[q].max == QUEUE_MAX_SIZE,
			"a driver does not change what a device offers");
}

static bool same_layout(const struct queue *a, const struct queue *b)
{
	return a->size == b->size && a->ready == b->ready && a->desc == b->desc &&
		a->avail == b->avail && a->used == b->used;
}

/* Between DRIVER_OK and a reset nothing that a driver writes moves a queue or changes what was
 * negotiated. prove: mmio_live unwind=4 */
void prove_mmio_live(void)
{
	struct virtio_dev dev;
	struct virtio_mmio m;
	struct queue before[VIRTIO_MAX_QUEUES];
	uint32_t value = nondet_u32();
	uint64_t off = nondet_u64(), acked;

	any_device(&dev, &m);
	assume(off < VIRTIO_MMIO_CONFIG && !(off == VIRTIO_MMIO_STATUS && !value));
	assume(dev.status & VIRTIO_CONFIG_S_DRIVER_OK && dev.status & VIRTIO_CONFIG_S_FEATURES_OK);
	for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++)
		before[q] = dev.queue[q];
	acked = dev.acked;
	virtio_mmio_write(&m, off, &value, sizeof(value));
	for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++)
		prove(same_layout(&before[q], &dev.queue[q]), "no queue moves");
	prove(dev.acked == acked && dev.status & VIRTIO_CONFIG_S_DRIVER_OK,
		"what was negotiated stays");
}

/* A device starts only with features that it offers and that the driver has confirmed.
 * prove: mmio_features unwind=4 */
void prove_mmio_features(void)
{
	struct virtio_dev dev;
	struct virtio_mmio m;
	uint32_t value = nondet_u32();

	any_device(&dev, &m);
	assume(value);
	assume(!dev.status && !dev.started);
	virtio_mmio_write(&m, VIRTIO_MMIO_STATUS, &value, sizeof(value));
	prove(!dev.started || !(dev.acked & ~offered(&dev)), "only what was offered is negotiated");
	prove(!dev.started || dev.acked & OFFERED_ALWAYS, "no legacy driver gets through");
}

/* prove: config_write unwind=5 */
void prove_config_write(void)
{
	struct virtio_dev dev;
	struct virtio_mmio m;
	static const unsigned lens[] = { 1, 2, 4, 8 };
	const uint8_t data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	unsigned at = nondet_unsigned();
	uint64_t off = nondet_u64();
	uint8_t before;

	any_device(&dev, &m);
	assume(off < VIRTIO_MMIO_SIZE - VIRTIO_MMIO_CONFIG && at < sizeof(dev.config));
	before = dev.config[at];
	for (unsigned i = 0, chosen = nondet_unsigned(); i < ARRAY_SIZE(lens); i++)
		if (i == chosen) /* a length at a time is a number to memcpy() */
			write_config(&dev, off, data, lens[i]);
	prove((at >= dev.config_writable_off &&
		      at < dev.config_writable_off + dev.config_writable_len) ||
			before == dev.config[at],
		"read-only fields stay as they are");
}
