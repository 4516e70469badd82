/*
 * virtio-mmio registers (virtio 1.2 §4.2.2). Every write is checked against the device's state:
 * what a driver may not change any more is ignored, so nothing it writes after DRIVER_OK moves a
 * queue (§4.2.3.2).
 * syscall(setup): eventfd2: interrupts and kicks
 */
#include "virtio/mmio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>

#define MAGIC	0x74726976 /* "virt" */
#define VENDOR	0x4e504d53 /* "SMPN" */
#define VERSION 2

#define OFFERED_ALWAYS (UINT64_C(1) << VIRTIO_F_VERSION_1)

static uint64_t offered(const struct virtio_dev *dev)
{
	return dev->features | OFFERED_ALWAYS;
}

static void raise_irq(struct virtio_dev *dev, uint32_t bits)
{
	struct virtio_mmio *m = dev->bus_data;
	uint64_t one = 1;

	__atomic_fetch_or(&m->interrupt_status, bits, __ATOMIC_SEQ_CST);
	if (write(m->irqfd, &one, sizeof(one)) < 0)
		log_limited(&dev->limit, "%s: raise its interrupt: %s", dev->label,
			err_text(errno));
}

static int kick_fd(struct virtio_dev *dev, unsigned q)
{
	struct virtio_mmio *m = dev->bus_data;

	return m->kick[q].wired ? m->kick[q].fd : -1;
}

static int call_fd(struct virtio_dev *dev)
{
	struct virtio_mmio *m = dev->bus_data;

	return m->irqfd;
}

static void irq_bypass(struct virtio_dev *dev, bool on)
{
	struct virtio_mmio *m = dev->bus_data;

	__atomic_store_n(&m->irq_bypass, on, __ATOMIC_SEQ_CST);
}

static const struct virtio_bus mmio_bus = {
	.raise = raise_irq,
	.kick_fd = kick_fd,
	.call_fd = call_fd,
	.irq_bypass = irq_bypass,
};

/* Under the lock first: a reset by a vCPU may have taken the watch away meanwhile. */
static void kicked(struct watch *w, uint32_t events UNUSED)
{
	struct kick *k = container_of(w, struct kick, watch);
	struct virtio_dev *dev = k->m->dev;
	unsigned q = (unsigned)(k - k->m->kick);
	uint64_t n;

	virtio_lock(dev);
	/* syscall(loop): read: a queue is kicked */
	if (w->added && read(k->fd, &n, sizeof(n)) == sizeof(n) && virtio_live(dev) &&
		dev->queue[q].ready)
		dev->ops->kick(dev, q);
	virtio_unlock(dev);
}

static int wire_kick(struct virtio_mmio *m, unsigned q)
{
	struct kick *k = &m->kick[q];
	int rc = m->host->ioeventfd(m->host->ctx, m->gpa + VIRTIO_MMIO_QUEUE_NOTIFY, q, k->fd,
		true);

	if (rc)
		return rc;
	k->wired = true;
	return 0;
}

static bool in_kernel(const struct virtio_dev *dev, unsigned q)
{
	return dev->kernel_queues & (UINT64_C(1) << q);
}

/* After ops->start, which says what vhost took. A kick that came before is still in its eventfd. */
static int watch_kicks(struct virtio_mmio *m)
{
	struct virtio_dev *dev = m->dev;
	int rc = 0;

	for (unsigned q = 0; q < dev->nqueues && !rc; q++)
		if (m->kick[q].wired && !in_kernel(dev, q))
			rc = loop_add(dev->loop, &m->kick[q].watch, m->kick[q].fd, EPOLLIN, kicked);
	return rc;
}

static void unwire_kick(struct virtio_mmio *m, unsigned q)
{
	struct kick *k = &m->kick[q];

	loop_remove(m->dev->loop, &k->watch);
	if (k->wired)
		m->host->ioeventfd(m->host->ctx, m->gpa + VIRTIO_MMIO_QUEUE_NOTIFY, q, k->fd,
			false);
	k->wired = false;
}

static void start(struct virtio_mmio *m)
{
	struct virtio_dev *dev = m->dev;
	int rc = 0;

	for (unsigned q = 0; q < dev->nqueues && !rc; q++)
		if (dev->queue[q].ready) {
			dev->queue[q].event_idx = virtio_has(dev, VIRTIO_RING_F_EVENT_IDX);
			dev->queue[q].indirect = virtio_has(dev, VIRTIO_RING_F_INDIRECT_DESC);
			rc = wire_kick(m, q);
		}
	if (rc) {
		log_limited(&dev->limit, "%s: get notified of its queues: %s", dev->label,
			err_text(-rc));
		virtio_broken(dev, "its queues can't be served");
		return;
	}
	dev->started = true;
	if (dev->ops->start && dev->ops->start(dev) < 0)
		virtio_broken(dev, "it could not be started");
	else if (watch_kicks(m))
		virtio_broken(dev, "its queues could not be watched");
	if (dev->paused && !dev->broken && dev->ops->pause)
		dev->ops->pause(dev);
}

static void stop(struct virtio_mmio *m)
{
	struct virtio_dev *dev = m->dev;

	for (unsigned q = 0; q < dev->nqueues; q++)
		unwire_kick(m, q);
	if (dev->started && dev->ops->stop)
		dev->ops->stop(dev);
	dev->started = false;
	dev->kernel_queues = 0;
}

/*
 * The line follows InterruptStatus (§4.2.2), but what raises it is an eventfd, which can't lower
 * it. A raise between the two steps here is taken back where the pending bit follows the line
 * (direct delivery, PLIC): it is made again.
 */
static void acknowledge(struct virtio_mmio *m, uint32_t bits)
{
	uint32_t left = __atomic_and_fetch(&m->interrupt_status, ~bits, __ATOMIC_SEQ_CST);
	uint64_t one = 1;

	if (left || !m->host->lower)
		return;
	m->host->lower(m->host->ctx, m->gpa);
	if (__atomic_load_n(&m->interrupt_status, __ATOMIC_SEQ_CST) &&
		/* syscall(loop,vcpu): write: an interrupt */
		write(m->irqfd, &one, sizeof(one)) < 0)
		log_limited(&m->dev->limit, "%s: raise its interrupt: %s", m->dev->label,
			err_text(errno));
}

/* §4.2.3.1.1: everything as at power-on. */
static void reset(struct virtio_mmio *m)
{
	struct virtio_dev *dev = m->dev;

	stop(m);
	for (unsigned q = 0; q < dev->nqueues; q++)
		queue_reset(&dev->queue[q]);
	dev->acked = 0;
	dev->status = 0;
	dev->broken = false;
	m->features_sel = m->driver_features_sel = m->queue_sel = 0;
	__atomic_store_n(&m->irq_bypass, false, __ATOMIC_SEQ_CST);
	acknowledge(m, UINT32_MAX);
}

static void write_status(struct virtio_mmio *m, uint32_t value)
{
	struct virtio_dev *dev = m->dev;
	uint32_t fresh = value & ~dev->status & 0xff & ~VIRTIO_CONFIG_S_NEEDS_RESET;

	if (!value) {
		reset(m);
		return;
	}
	if (fresh & VIRTIO_CONFIG_S_FEATURES_OK &&
		((dev->acked & ~offered(dev)) || (~dev->acked & OFFERED_ALWAYS)))
		fresh &= ~VIRTIO_CONFIG_S_FEATURES_OK; /* §2.2.2: refused; the driver sees it */
	if (fresh & VIRTIO_CONFIG_S_DRIVER_OK &&
		!((dev->status | fresh) & VIRTIO_CONFIG_S_FEATURES_OK))
		fresh &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	dev->status |= fresh;
	if (fresh & VIRTIO_CONFIG_S_DRIVER_OK)
		start(m);
}

static void write_queue_ready(struct virtio_mmio *m, struct queue *q, uint32_t value)
{
	if (!value)
		queue_reset(q);
	else if (!q->ready && queue_enable(q, m->dev->mem))
		virtio_broken(m->dev,
			"the driver enabled a queue whose size or addresses can't be");
}

static void set_half(uint64_t *reg, bool high, uint32_t value)
{
	*reg = high ? (*reg & UINT32_MAX) | (uint64_t)value << 32
		    : (*reg & ~(uint64_t)UINT32_MAX) | value;
}

/* The registers of the selected queue; only before DRIVER_OK, and its layout only while it is not
 * ready. */
static void write_queue(struct virtio_mmio *m, uint64_t off, uint32_t value)
{
	struct virtio_dev *dev = m->dev;
	struct queue *q;

	if (m->queue_sel >= dev->nqueues || dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		return;
	q = &dev->queue[m->queue_sel];
	if (off == VIRTIO_MMIO_QUEUE_READY) {
		write_queue_ready(m, q, value);
		return;
	}
	if (q->ready)
		return;
	switch (off) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = value > q->max ? 0 : (uint16_t)value;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_half(&q->desc, off == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_half(&q->avail, off == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_half(&q->used, off == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		break;
	}
}

static void write_register(struct virtio_mmio *m, uint64_t off, uint32_t value)
{
	struct virtio_dev *dev = m->dev;

	switch (off) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		m->features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		m->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		if (m->driver_features_sel < 2 && !(dev->status & VIRTIO_CONFIG_S_FEATURES_OK))
			set_half(&dev->acked, m->driver_features_sel == 1, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		m->queue_sel = value;
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(m, value);
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY: /* normally an ioeventfd; here only when it is not wired:
					  nothing to do */
		break;
	default:
		write_queue(m, off, value);
	}
}

static uint32_t read_status(const struct virtio_dev *dev)
{
	return dev->status | (dev->broken ? VIRTIO_CONFIG_S_NEEDS_RESET : 0);
}

static uint32_t read_register(struct virtio_mmio *m, uint64_t off)
{
	const struct virtio_dev *dev = m->dev;

	switch (off) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return dev->ops->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return m->features_sel < 2 ? (uint32_t)(offered(dev) >> (32 * m->features_sel)) : 0;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return m->queue_sel < dev->nqueues ? dev->queue[m->queue_sel].max : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return m->queue_sel < dev->nqueues && dev->queue[m->queue_sel].ready;
	case VIRTIO_MMIO_STATUS:
		return read_status(dev);
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return dev->config_generation;
	case VIRTIO_MMIO_SHM_LEN_LOW: /* no shared memory: a length of all ones (§4.2.2) */
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX;
	default:
		return 0;
	}
}

static void read_config(const struct virtio_dev *dev, uint64_t off, uint8_t *data, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		if (off + i < dev->config_size)
			data[i] = dev->config[off + i];
}

static void write_config(struct virtio_dev *dev, uint64_t off, const void *data, unsigned len)
{
	if (len > 4 || off < dev->config_writable_off || /* §4.2.2.2: nothing is written 8 bytes at
							    a time */
		off + len > dev->config_writable_off + dev->config_writable_len)
		return;
	memcpy(dev->config + off, data, len);
	if ((dev->started || dev->ops->config_early) && dev->ops->config_written)
		dev->ops->config_written(dev, (unsigned)off, len);
}

void virtio_mmio_read(struct virtio_mmio *m, uint64_t off, void *data, unsigned len)
{
	uint32_t value;

	memset(data, 0, len);
	if (off >= VIRTIO_MMIO_CONFIG) {
		virtio_lock(m->dev);
		read_config(m->dev, off - VIRTIO_MMIO_CONFIG, data, len);
		virtio_unlock(m->dev);
		return;
	}
	if (len != 4 || off & 3) /* §4.2.2.2: 32 bits wide, aligned */
		return;
	if (off == VIRTIO_MMIO_INTERRUPT_STATUS) {
		/* The guest's driver looks at its rings only when it sees VRING; vhost can't set it
		 * here. */
		value = __atomic_load_n(&m->interrupt_status, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&m->irq_bypass, __ATOMIC_SEQ_CST))
			value |= VIRTIO_MMIO_INT_VRING;
	} else {
		virtio_lock(m->dev);
		value = read_register(m, off);
		virtio_unlock(m->dev);
	}
	memcpy(data, &value, sizeof(value));
}

void virtio_mmio_write(struct virtio_mmio *m, uint64_t off, const void *data, unsigned len)
{
	uint32_t value;

	if (off >= VIRTIO_MMIO_CONFIG) {
		virtio_lock(m->dev);
		write_config(m->dev, off - VIRTIO_MMIO_CONFIG, data, len);
		virtio_unlock(m->dev);
		return;
	}
	if (len != 4 || off & 3)
		return;
	memcpy(&value, data, sizeof(value));
	if (off == VIRTIO_MMIO_INTERRUPT_ACK) {
		acknowledge(m, value);
		return;
	}
	virtio_lock(m->dev);
	write_register(m, off, value);
	virtio_unlock(m->dev);
}

void virtio_mmio_pause(struct virtio_mmio *m)
{
	struct virtio_dev *dev = m->dev;

	virtio_lock(dev);
	if (!dev->paused && dev->started && dev->ops->pause)
		dev->ops->pause(dev);
	dev->paused = true;
	virtio_unlock(dev);
}

void virtio_mmio_resume(struct virtio_mmio *m)
{
	struct virtio_dev *dev = m->dev;

	virtio_lock(dev);
	if (dev->paused && dev->started && dev->ops->resume)
		dev->ops->resume(dev);
	dev->paused = false;
	for (unsigned q = 0; q < dev->nqueues; q++) /* what was kicked meanwhile */
		if (virtio_live(dev) && dev->queue[q].ready && !in_kernel(dev, q))
			dev->ops->kick(dev, q);
	virtio_unlock(dev);
}

void virtio_mmio_reset(struct virtio_mmio *m)
{
	virtio_lock(m->dev);
	reset(m);
	virtio_unlock(m->dev);
}

static void close_events(struct virtio_mmio *m)
{
	for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++)
		auto_fd_close(&m->kick[q].fd);
	auto_fd_close(&m->irqfd);
}

/* All that it will need: the thread that starts the device may have no right to make any. */
static int make_events(struct virtio_mmio *m, unsigned nqueues)
{
	bool ok;

	m->irqfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ok = m->irqfd >= 0;
	for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++) {
		m->kick[q].m = m;
		m->kick[q].fd = ok && q < nqueues ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
		ok = ok && (q >= nqueues || m->kick[q].fd >= 0);
	}
	return ok ? 0 : -errno;
}

int virtio_mmio_new(struct virtio_mmio **out, struct virtio_dev *dev, const struct mmio_host *host,
	uint64_t gpa, struct err *err)
{
	struct virtio_mmio *m = calloc(1, sizeof(*m));
	int rc;

	if (!m)
		return fail(err, -ENOMEM, "add %s", dev->label);
	rc = make_events(m, dev->nqueues);
	if (rc) {
		close_events(m);
		free(m);
		return fail(err, rc, "add %s", dev->label);
	}
	m->dev = dev;
	m->host = host;
	m->gpa = gpa;
	dev->bus = &mmio_bus;
	dev->bus_data = m;
	*out = m;
	return 0;
}

void virtio_mmio_free(struct virtio_mmio *m)
{
	if (!m)
		return;
	virtio_lock(m->dev);
	stop(m);
	virtio_unlock(m->dev);
	close_events(m);
	if (m->dev->ops->free)
		m->dev->ops->free(m->dev);
	free(m);
}
