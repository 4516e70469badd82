/*
 * The generic half of vhost; see vhost.h. Order as drivers/vhost/vhost.c wants it: owner, features,
 * memory, then for each ring its size, base, addresses and eventfds. The kernel never reads the
 * kick eventfd's counter and polls it from the moment it is set, so it is unset when a ring is
 * taken back, or the next start would not poll it.
 * syscall(setup): openat, eventfd2, ioctl(VHOST_GET_FEATURES): a device is opened
 */
#include "virtio/vhost.h"

#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#define OWNER_TRIES 10

/*
 * A vCPU starts and stops devices, and so does the loop when it resets the machine:
 * syscall(loop,vcpu): ioctl(VHOST_SET_OWNER): a device starts
 * syscall(loop,vcpu): ioctl(VHOST_SET_FEATURES): a device starts
 * syscall(loop,vcpu): ioctl(VHOST_SET_MEM_TABLE): a device starts
 * syscall(loop,vcpu): ioctl(VHOST_SET_VRING_NUM): a queue starts
 * syscall(loop,vcpu): ioctl(VHOST_SET_VRING_BASE): a queue starts
 * syscall(loop,vcpu): ioctl(VHOST_SET_VRING_ADDR): a queue starts
 * syscall(loop,vcpu): ioctl(VHOST_SET_VRING_ERR): a queue starts or stops
 * syscall(loop,vcpu): ioctl(VHOST_SET_VRING_CALL): a queue starts or stops
 * syscall(loop,vcpu): ioctl(VHOST_SET_VRING_KICK): a queue starts or stops
 * syscall(loop,vcpu): ioctl(VHOST_GET_VRING_BASE): a queue stops
 */
static int real_call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

int vhost_call(struct vhost *v, unsigned long request, void *arg)
{
	return v->call(v->fd, request, arg);
}

int vhost_adopt(struct vhost *v, int fd, const char *what, struct err *err)
{
	int rc;

	if (!v->call)
		v->call = real_call;
	v->fd = fd;
	v->errfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = v->errfd < 0 ? -errno : vhost_call(v, VHOST_GET_FEATURES, &v->features);
	if (rc == -ENOTTY)
		failx(err, rc, "descriptor %d is not a vhost device", fd);
	else if (rc)
		fail(err, rc, "ask %s for its features", what);
	if (rc)
		vhost_close(v);
	return rc;
}

int vhost_open(struct vhost *v, const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	v->fd = v->errfd = -1;
	if (fd < 0)
		return fail(err, -errno, "open %s", path);
	return vhost_adopt(v, fd, path, err);
}

void vhost_close(struct vhost *v)
{
	if (v->fd >= 0)
		close(v->fd);
	if (v->errfd >= 0)
		close(v->errfd);
	v->fd = v->errfd = -1;
}

static int set_memory(struct vhost *v, const struct mem *mem)
{
	union {
		struct vhost_memory head;
		char room[sizeof(struct vhost_memory) +
			MEM_REGIONS * sizeof(struct vhost_memory_region)];
	} table = { .head.nregions = mem->nregions };

	for (unsigned i = 0; i < mem->nregions; i++)
		table.head.regions[i] = (struct vhost_memory_region){
			.guest_phys_addr = mem->region[i].gpa,
			.memory_size = mem->region[i].size,
			.userspace_addr = (uintptr_t)mem->region[i].hva,
		};
	return vhost_call(v, VHOST_SET_MEM_TABLE, &table.head);
}

static uint64_t user_address(const struct mem *mem, uint64_t gpa, uint64_t len)
{
	void __guest *p = mem_at(mem, gpa, len);

	return p ? (uintptr_t)mem_iov(p, len).iov_base : 0;
}

static int set_ring(struct vhost *v, struct virtio_dev *dev, unsigned index, unsigned q)
{
	const struct queue *queue = &dev->queue[q];
	uint64_t n = queue->size;
	struct vhost_vring_state num = { .index = index, .num = queue->size };
	struct vhost_vring_state base = { .index = index, .num = queue->next_avail };
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = user_address(dev->mem, queue->desc,
			n * sizeof(struct vring_desc)),
		.avail_user_addr = user_address(dev->mem, queue->avail, 6 + 2 * n),
		.used_user_addr = user_address(dev->mem, queue->used, 6 + 8 * n),
	};
	struct vhost_vring_file kick = { .index = index, .fd = dev->bus->kick_fd(dev, q) };
	struct vhost_vring_file call = { .index = index, .fd = dev->bus->call_fd(dev) };
	struct vhost_vring_file error = { .index = index, .fd = v->errfd };
	int rc = vhost_call(v, VHOST_SET_VRING_NUM, &num);

	if (!rc)
		rc = vhost_call(v, VHOST_SET_VRING_BASE, &base);
	if (!rc)
		rc = vhost_call(v, VHOST_SET_VRING_ADDR, &addr);
	if (!rc)
		rc = vhost_call(v, VHOST_SET_VRING_ERR, &error);
	if (!rc)
		rc = vhost_call(v, VHOST_SET_VRING_CALL, &call);
	if (!rc)
		rc = vhost_call(v, VHOST_SET_VRING_KICK, &kick);
	return rc;
}

/* Under the lock first: the device may have been stopped meanwhile. */
static void ring_failed(struct watch *w, uint32_t events UNUSED)
{
	struct vhost *v = container_of(w, struct vhost, err_watch);
	struct virtio_dev *dev = v->dev;
	uint64_t n;

	virtio_lock(dev);
	if (w->added && read(v->errfd, &n, sizeof(n)) == sizeof(n))
		virtio_broken(dev,
			"the driver put something in a queue that the kernel's vhost can't use");
	virtio_unlock(dev);
}

/* The kernel makes a thread for it, which a signal that is pending forbids: Linux 6.12 then says
 * ENOMEM. A vCPU, which starts devices, may be kicked at any moment; when the call is over the
 * signal has been taken, and it is made again. */
static int set_owner(struct vhost *v)
{
	int rc = -ENOMEM;

	for (int i = 0; i < OWNER_TRIES && rc == -ENOMEM; i++)
		rc = vhost_call(v, VHOST_SET_OWNER, NULL);
	return rc;
}

static int start(struct vhost *v, struct virtio_dev *dev, unsigned first, unsigned n)
{
	uint64_t features = dev->acked & v->features;
	int rc = 0;

	if (!v->owned)
		rc = set_owner(v);
	if (rc)
		return rc;
	v->owned = true;
	rc = vhost_call(v, VHOST_SET_FEATURES, &features);
	if (!rc)
		rc = set_memory(v, dev->mem);
	for (unsigned i = 0; i < n && !rc; i++)
		if (dev->queue[first + i].ready) {
			dev->kernel_queues |= UINT64_C(1) << (first + i);
			rc = set_ring(v, dev, i, first + i);
		}
	if (!rc)
		rc = loop_add(dev->loop, &v->err_watch, v->errfd, EPOLLIN, ring_failed);
	return rc;
}

int vhost_start(struct vhost *v, struct virtio_dev *dev, unsigned first, unsigned n,
	struct err *err)
{
	int rc;

	v->dev = dev;
	rc = start(v, dev, first, n);
	if (rc) {
		vhost_stop(v, dev, first, n);
		return fail(err, rc, "%s: give its queues to vhost", dev->label);
	}
	dev->bus->irq_bypass(dev, true);
	return 0;
}

void vhost_kick(struct virtio_dev *dev, unsigned first, unsigned n)
{
	for (unsigned q = first; q < first + n; q++)
		if (dev->kernel_queues & (UINT64_C(1) << q))
			virtio_kick_again(dev, q);
}

/* Errors can't be acted on here: a ring that was never set has nothing to take back. */
static void take_back(struct vhost *v, struct virtio_dev *dev, unsigned index, unsigned q)
{
	struct queue *queue = &dev->queue[q];
	struct vhost_vring_state base = { .index = index };
	struct vhost_vring_file none = { .index = index, .fd = VHOST_FILE_UNBIND };
	uint16_t used;

	if (!vhost_call(v, VHOST_GET_VRING_BASE, &base))
		queue->next_avail = (uint16_t)base.num;
	if (!mem_read(dev->mem, queue->used + 2, &used, sizeof(used)))
		queue->next_used = used;
	queue->signalled_valid = false;
	if (vhost_call(v, VHOST_SET_VRING_KICK, &none) |
		vhost_call(v, VHOST_SET_VRING_CALL, &none) |
		vhost_call(v, VHOST_SET_VRING_ERR, &none))
		log_limited(&dev->limit, "%s: vhost keeps a descriptor of queue %u", dev->label, q);
}

void vhost_stop(struct vhost *v, struct virtio_dev *dev, unsigned first, unsigned n)
{
	uint64_t drop;

	loop_remove(dev->loop, &v->err_watch);
	for (unsigned i = 0; i < n; i++) {
		unsigned q = first + i;

		if (!(dev->kernel_queues & (UINT64_C(1) << q)))
			continue;
		take_back(v, dev, i, q);
		dev->kernel_queues &= ~(UINT64_C(1) << q);
	}
	if (!dev->kernel_queues)
		dev->bus->irq_bypass(dev, false);
	/* syscall(loop,vcpu): read: a device's complaints, when it starts anew */
	if (read(v->errfd, &drop, sizeof(drop)) > 0)
		log_debug("%s: vhost had given up on a queue", dev->label);
}
