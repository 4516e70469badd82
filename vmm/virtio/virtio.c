/* What all virtio devices share; see virtio.h. */
#include "virtio/virtio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <string.h>

void virtio_init(struct virtio_dev *dev, const struct virtio_ops *ops, struct mem *mem,
	struct loop *loop, unsigned nqueues, unsigned queue_max, const char *label)
{
	dev->ops = ops;
	dev->mem = mem;
	dev->loop = loop;
	dev->nqueues = MIN(nqueues, VIRTIO_MAX_QUEUES);
	for (unsigned i = 0; i < dev->nqueues; i++)
		dev->queue[i].max = (uint16_t)queue_max;
	snprintf(dev->label, sizeof(dev->label), "%s", label);
	pthread_mutex_init(&dev->lock, NULL);
}

void virtio_fini(struct virtio_dev *dev)
{
	pthread_mutex_destroy(&dev->lock);
}

static void raise_irq(struct virtio_dev *dev, uint32_t bits)
{
	if (dev->bus)
		dev->bus->raise(dev, bits);
}

void virtio_notify(struct virtio_dev *dev, unsigned q)
{
	if (dev->started && queue_want_irq(&dev->queue[q], dev->mem))
		raise_irq(dev, VIRTIO_MMIO_INT_VRING);
}

void virtio_config_changed(struct virtio_dev *dev)
{
	dev->config_generation++;
	if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		raise_irq(dev, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_broken(struct virtio_dev *dev, const char *why)
{
	log_limited(&dev->limit, "%s: %s; the device needs a reset by its driver", dev->label, why);
	if (dev->broken)
		return;
	dev->broken = true;
	if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK) /* §2.1.2 */
		raise_irq(dev, VIRTIO_MMIO_INT_CONFIG);
}

int virtio_pop(struct virtio_dev *dev, unsigned q, struct chain *c)
{
	struct queue *queue = &dev->queue[q];

	if (!virtio_live(dev))
		return 0;
	for (;;) {
		int rc = queue_pop(queue, dev->mem, c);

		if (rc > 0)
			return 1;
		if (rc < 0) {
			virtio_broken(dev,
				"the driver put a malformed descriptor chain in a queue");
			return 0;
		}
		if (!queue_want_kick(queue, dev->mem, true))
			return 0;
	}
}

void virtio_kick_again(struct virtio_dev *dev, unsigned q)
{
	uint64_t one = 1;
	int fd = dev->bus ? dev->bus->kick_fd(dev, q) : -1;

	/* syscall(loop,vcpu): write: a queue is looked at again */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		log_limited(&dev->limit, "%s: wake its queue %u: %s", dev->label, q,
			err_text(errno));
}
