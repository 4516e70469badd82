/*
 * The driver's side of virtio for tests; see driver.h. Ring fields are read and written with plain
 * stores: device and driver are one thread here. Time is only looked at to end a wait that would
 * never end.
 */
#include "virtio/test/driver.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/test/no_heap.h"

#define TURNS 4

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "driver.c: %s\n", what);
	abort();
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int ioeventfd(void *ctx, uint64_t gpa, uint32_t value, int fd, bool on)
{
	struct driver *d = ctx;

	need(gpa == DRIVER_GPA + VIRTIO_MMIO_QUEUE_NOTIFY,
		"an ioeventfd that is not at QueueNotify");
	need(value < VIRTIO_MAX_QUEUES, "an ioeventfd for a queue that no device has");
	if (on && d->wire_error)
		return d->wire_error;
	need((d->kick_fd[value] < 0) == on,
		"an ioeventfd wired twice, or unwired without having been wired");
	d->kick_fd[value] = on ? fd : -1;
	return 0;
}

static void lower(void *ctx, uint64_t gpa)
{
	struct driver *d = ctx;

	need(gpa == DRIVER_GPA, "a line lowered that is not this device's");
	__atomic_fetch_add(&d->lowered, 1, __ATOMIC_RELAXED); /* by any vCPU */
}

/* Not from calloc(): the sanitizer sees accesses beyond the end of an exactly sized, aligned block.
 */
static uint8_t *ram_new(uint64_t size)
{
	uint8_t *p = aligned_alloc(4096, size);

	need(p, "no memory");
	return memset(p, 0, size);
}

void driver_init(struct driver *d)
{
	struct err err = { 0 };

	no_heap_watch();
	*d = (struct driver){ .next = DRIVER_RAM };
	d->ram = ram_new(DRIVER_RAM_SIZE);
	d->ram2 = ram_new(DRIVER_RAM2_SIZE);
	need(!mem_add_borrowed(&d->mem, DRIVER_RAM, DRIVER_RAM_SIZE, d->ram), "add RAM");
	need(!mem_add_borrowed(&d->mem, DRIVER_RAM2, DRIVER_RAM2_SIZE, d->ram2), "add RAM");
	need(!loop_new(&d->loop, &err), err.msg);
	d->host = (struct mmio_host){ .ctx = d, .ioeventfd = ioeventfd, .lower = lower };
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		d->kick_fd[i] = -1;
}

void driver_plug(struct driver *d, struct virtio_dev *dev)
{
	struct err err = { 0 };

	need(!d->m, "a device is plugged in already");
	need(!virtio_mmio_new(&d->m, dev, &d->host, DRIVER_GPA, &err), err.msg);
	d->dev = dev;
}

void driver_fini(struct driver *d)
{
	virtio_mmio_free(d->m);
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++)
		need(d->kick_fd[i] < 0, "the device left an ioeventfd behind");
	loop_free(d->loop);
	mem_fini(&d->mem);
	free(d->ram);
	free(d->ram2);
}

/* RAM */

uint64_t driver_alloc(struct driver *d, uint64_t len, uint64_t align)
{
	uint64_t gpa = ALIGN_UP(d->next, align);

	need(len <= DRIVER_RAM_END - gpa, "no RAM left");
	d->next = gpa + len;
	return gpa;
}

struct buf driver_out(struct driver *d, const void *src, uint32_t len)
{
	struct buf b = { .gpa = driver_alloc(d, len, 16), .len = len };

	if (src && len)
		memcpy(driver_ptr(d, b.gpa), src, len);
	return b;
}

struct buf driver_in(struct driver *d, uint32_t len)
{
	return (struct buf){ .gpa = driver_alloc(d, len, 16), .len = len, .in = true };
}

void *driver_ptr(struct driver *d, uint64_t gpa)
{
	if (gpa >= DRIVER_RAM && gpa < DRIVER_RAM_END)
		return d->ram + (gpa - DRIVER_RAM);
	need(gpa >= DRIVER_RAM2 && gpa < DRIVER_RAM2 + DRIVER_RAM2_SIZE,
		"an address that is no RAM");
	return d->ram2 + (gpa - DRIVER_RAM2);
}

/* registers: a vCPU's exits, in its thread */

void driver_load(struct driver *d, uint32_t off, void *data, unsigned len)
{
	no_heap = true;
	virtio_mmio_read(d->m, off, data, len);
	no_heap = false;
}

void driver_store(struct driver *d, uint32_t off, const void *data, unsigned len)
{
	no_heap = true;
	virtio_mmio_write(d->m, off, data, len);
	no_heap = false;
}

uint32_t driver_get(struct driver *d, uint32_t reg)
{
	uint32_t value;

	driver_load(d, reg, &value, sizeof(value));
	return value;
}

void driver_set(struct driver *d, uint32_t reg, uint32_t value)
{
	driver_store(d, reg, &value, sizeof(value));
}

void driver_config(struct driver *d, uint32_t off, void *data, unsigned len)
{
	driver_load(d, VIRTIO_MMIO_CONFIG + off, data, len);
}

void driver_config_set(struct driver *d, uint32_t off, const void *data, unsigned len)
{
	driver_store(d, VIRTIO_MMIO_CONFIG + off, data, len);
}

/* the life of a device */

uint64_t driver_features(struct driver *d)
{
	uint64_t low;

	driver_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	low = driver_get(d, VIRTIO_MMIO_DEVICE_FEATURES);
	driver_set(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return low | (uint64_t)driver_get(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

static void add_status(struct driver *d, uint32_t bits)
{
	driver_set(d, VIRTIO_MMIO_STATUS, driver_get(d, VIRTIO_MMIO_STATUS) | bits);
}

bool driver_negotiate(struct driver *d, uint64_t features)
{
	features |= UINT64_C(1) << VIRTIO_F_VERSION_1;
	driver_reset(d);
	add_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	add_status(d, VIRTIO_CONFIG_S_DRIVER);
	for (uint32_t half = 0; half < 2; half++) {
		driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * half)));
	}
	add_status(d, VIRTIO_CONFIG_S_FEATURES_OK);
	return driver_get(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK;
}

static void set_address(struct driver *d, uint32_t reg_low, uint64_t gpa)
{
	driver_set(d, reg_low, (uint32_t)gpa);
	driver_set(d, reg_low + 4, (uint32_t)(gpa >> 32));
}

void driver_queue_write(struct driver *d, unsigned q)
{
	driver_set(d, VIRTIO_MMIO_QUEUE_SEL, q);
	driver_set(d, VIRTIO_MMIO_QUEUE_NUM, d->q[q].size);
	set_address(d, VIRTIO_MMIO_QUEUE_DESC_LOW, d->q[q].desc);
	set_address(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, d->q[q].avail);
	set_address(d, VIRTIO_MMIO_QUEUE_USED_LOW, d->q[q].used);
}

void driver_queue_place(struct driver *d, unsigned q, uint16_t size)
{
	d->q[q] = (struct driver_queue){
		.size = size,
		.desc = driver_alloc(d, UINT64_C(16) * size, 16),
		.avail = driver_alloc(d, 6 + UINT64_C(2) * size, 2),
		.used = driver_alloc(d, 6 + UINT64_C(8) * size, 4),
	};
}

bool driver_queue_setup(struct driver *d, unsigned q, uint16_t size)
{
	driver_queue_place(d, q, size);
	driver_queue_write(d, q);
	driver_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
	return driver_get(d, VIRTIO_MMIO_QUEUE_READY) == 1;
}

void driver_ok(struct driver *d)
{
	add_status(d, VIRTIO_CONFIG_S_DRIVER_OK);
}

void driver_reset(struct driver *d)
{
	driver_set(d, VIRTIO_MMIO_STATUS, 0);
}

void driver_start(struct driver *d, uint64_t features, unsigned nqueues, uint16_t size)
{
	need(driver_negotiate(d, features), "the device refused the features");
	for (unsigned q = 0; q < nqueues; q++)
		need(driver_queue_setup(d, q, size), "the device refused a queue");
	driver_ok(d);
}

bool driver_needs_reset(struct driver *d)
{
	return driver_get(d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* the available ring */

static struct vring_avail *avail_of(struct driver *d, unsigned q)
{
	return driver_ptr(d, d->q[q].avail);
}

static struct vring_used *used_of(struct driver *d, unsigned q)
{
	return driver_ptr(d, d->q[q].used);
}

void driver_desc(struct driver *d, unsigned q, uint16_t i, struct vring_desc desc)
{
	memcpy((char *)driver_ptr(d, d->q[q].desc) + sizeof(desc) * i, &desc, sizeof(desc));
}

void driver_avail_idx(struct driver *d, unsigned q, uint16_t idx)
{
	avail_of(d, q)->idx = d->q[q].next_avail = idx;
}

void driver_avail_flags(struct driver *d, unsigned q, uint16_t flags)
{
	avail_of(d, q)->flags = flags;
}

void driver_used_event(struct driver *d, unsigned q, uint16_t idx)
{
	avail_of(d, q)->ring[d->q[q].size] = idx;
}

void driver_post(struct driver *d, unsigned q, uint16_t head)
{
	struct driver_queue *dq = &d->q[q];

	avail_of(d, q)->ring[dq->next_avail & (dq->size - 1)] = head;
	driver_avail_idx(d, q, (uint16_t)(dq->next_avail + 1));
}

static struct vring_desc desc_of(const struct buf *b, bool last, uint16_t next)
{
	return (struct vring_desc){
		.addr = b->gpa,
		.len = b->len,
		.flags = (uint16_t)((b->in ? VRING_DESC_F_WRITE : 0) |
			(last ? 0 : VRING_DESC_F_NEXT)),
		.next = last ? 0 : next,
	};
}

uint16_t driver_add(struct driver *d, unsigned q, const struct buf *bufs, unsigned n)
{
	struct driver_queue *dq = &d->q[q];
	uint16_t head = dq->next_desc, at = head;

	need(n && n <= dq->size, "a chain of no or too many buffers");
	for (unsigned i = 0; i < n; i++) {
		uint16_t next = (uint16_t)((at + 1) & (dq->size - 1));

		driver_desc(d, q, at, desc_of(&bufs[i], i == n - 1, next));
		at = next;
	}
	dq->next_desc = at;
	driver_post(d, q, head);
	return head;
}

uint16_t driver_add_indirect(struct driver *d, unsigned q, const struct buf *bufs, unsigned n)
{
	uint64_t table = driver_alloc(d, n * sizeof(struct vring_desc), 16);
	struct vring_desc *desc = driver_ptr(d, table);
	struct driver_queue *dq = &d->q[q];
	uint16_t head = dq->next_desc;

	for (unsigned i = 0; i < n; i++)
		desc[i] = desc_of(&bufs[i], i == n - 1, (uint16_t)(i + 1));
	driver_desc(d, q, head,
		(struct vring_desc){
			.addr = table,
			.len = (uint32_t)(n * sizeof(*desc)),
			.flags = VRING_DESC_F_INDIRECT,
		});
	dq->next_desc = (uint16_t)((head + 1) & (dq->size - 1));
	driver_post(d, q, head);
	return head;
}

void driver_signal(struct driver *d, unsigned q)
{
	uint64_t one = 1;

	if (d->kick_fd[q] >= 0)
		need(write(d->kick_fd[q], &one, sizeof(one)) == sizeof(one), "signal an ioeventfd");
}

void driver_kick(struct driver *d, unsigned q)
{
	driver_signal(d, q);
	driver_turn(d);
}

bool driver_kick_wanted(struct driver *d, unsigned q)
{
	const struct driver_queue *dq = &d->q[q];
	struct vring_used *used = used_of(d, q);
	uint16_t event;

	if (!(d->dev->acked & UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX))
		return !(used->flags & VRING_USED_F_NO_NOTIFY);
	memcpy(&event, &used->ring[dq->size], sizeof(event));
	return vring_need_event(event, dq->next_avail, (uint16_t)(dq->next_avail - 1));
}

/* the used ring and interrupts */

uint16_t driver_used_idx(struct driver *d, unsigned q)
{
	return used_of(d, q)->idx;
}

bool driver_take_used(struct driver *d, unsigned q, struct vring_used_elem *e)
{
	struct driver_queue *dq = &d->q[q];

	if (driver_used_idx(d, q) == dq->last_used)
		return false;
	*e = used_of(d, q)->ring[dq->last_used++ & (dq->size - 1)];
	return true;
}

struct used_wait {
	struct driver *d;
	unsigned q;
	struct vring_used_elem *e;
};

static bool used_there(void *arg)
{
	struct used_wait *w = arg;

	return driver_take_used(w->d, w->q, w->e);
}

bool driver_wait_used(struct driver *d, unsigned q, struct vring_used_elem *e)
{
	return driver_run(d, used_there, &(struct used_wait){ d, q, e });
}

bool driver_take_irq(struct driver *d)
{
	uint64_t n;

	return read(d->m->irqfd, &n, sizeof(n)) == sizeof(n);
}

static bool irq_there(void *arg)
{
	return driver_take_irq(arg);
}

bool driver_wait_irq(struct driver *d)
{
	return driver_run(d, irq_there, d);
}

uint32_t driver_ack_irq(struct driver *d)
{
	uint32_t bits = driver_get(d, VIRTIO_MMIO_INTERRUPT_STATUS);

	driver_set(d, VIRTIO_MMIO_INTERRUPT_ACK, bits);
	return bits;
}

/* the loop */

/* Looks once a turn of the loop, and keeps it turning. */
struct look {
	struct deferred deferred;
	struct loop *loop;
	bool (*done)(void *arg);
	void *arg;
	int64_t deadline;
	bool result;
};

static void look(struct deferred *deferred)
{
	struct look *l = container_of(deferred, struct look, deferred);

	l->result = l->done(l->arg);
	if (l->result || now_ms() >= l->deadline) {
		loop_quit(l->loop);
		return;
	}
	usleep(20);
	loop_defer(l->loop, deferred);
}

bool driver_run(struct driver *d, bool (*done)(void *arg), void *arg)
{
	struct look l = {
		.deferred.fn = look,
		.loop = d->loop,
		.done = done,
		.arg = arg,
		.deadline = now_ms() + DRIVER_DEADLINE,
	};

	loop_defer(d->loop, &l.deferred);
	loop_run(d->loop);
	loop_undefer(d->loop, &l.deferred);
	return l.result;
}

static bool turned(void *arg)
{
	return ++*(unsigned *)arg > TURNS;
}

void driver_turn(struct driver *d)
{
	unsigned n = 0;

	driver_run(d, turned, &n);
}
