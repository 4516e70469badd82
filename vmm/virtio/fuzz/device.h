/*
 * Any virtio device behind its transport, driven by bytes: for the fuzz targets of single devices.
 * The target makes the device and may do something for the far side of it.
 *
 * Input: records of one byte that says what (modulo 11), and its operands, little endian:
 *   0  put bytes in RAM: address (2), count (1), bytes
 *   1  add a chain: queue (1), n (1), n * (address 2, length 2, flags 1)
 *   2  kick: queue (1)    3  write a register: offset (2), value (4)
 *   4  write configuration: offset (1), width (1), value (4), and read it back
 *   5  reset    6  what a good driver does up to DRIVER_OK: features (4)    7  pause    8  resume
 *   9  the far side does something: count (1)               10 the loop turns
 */
#ifndef SAMPAN_VIRTIO_FUZZ_DEVICE_H
#define SAMPAN_VIRTIO_FUZZ_DEVICE_H

#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include "virtio/devices.h"
#include "virtio/mmio.h"

#define RAM_SIZE 0x4000
#define SIZE	 4 /* of every queue; areas of queue q at q * 0x200 */
#define GPA	 UINT64_C(0x10000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct virtio_mmio *m;
	struct mem mem;
	struct loop *loop;
	struct deferred quit;
	uint8_t *ram;
	int kick_fd[VIRTIO_MAX_QUEUES];
	const uint8_t *data, *end; /* the input left */
	void (*far_side)(struct world *w, unsigned count);
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int ioeventfd(void *ctx, uint64_t gpa, uint32_t value, int fd, bool on)
{
	struct world *w = ctx;

	must(gpa == GPA + VIRTIO_MMIO_QUEUE_NOTIFY && value < VIRTIO_MAX_QUEUES &&
		on == (w->kick_fd[value] < 0));
	w->kick_fd[value] = on ? fd : -1;
	return 0;
}

/* n bytes of the input as a number; 0 at its end. */
static uint32_t next(struct world *w, size_t n)
{
	uint32_t v = 0;

	n = MIN(n, (size_t)(w->end - w->data));
	memcpy(&v, w->data, n);
	w->data += n;
	return v;
}

static void set(struct world *w, uint32_t reg, uint32_t value)
{
	virtio_mmio_write(w->m, reg, &value, sizeof(value));
}

static void quit(struct deferred *d)
{
	loop_quit(container_of(d, struct world, quit)->loop);
}

static void turn(struct world *w)
{
	w->quit.fn = quit;
	for (int i = 0; i < 2; i++) {
		loop_defer(w->loop, &w->quit);
		loop_run(w->loop);
	}
}

static void put_bytes(struct world *w)
{
	uint32_t at = next(w, 2) % RAM_SIZE, n = next(w, 1);

	n = MIN(n, MIN(RAM_SIZE - at, (uint32_t)(w->end - w->data)));
	memcpy(w->ram + at, w->data, n);
	w->data += n;
}

static void add_chain(struct world *w)
{
	uint32_t q = next(w, 1) % w->m->dev->nqueues, n = next(w, 1) % SIZE + 1;
	struct vring_desc *desc = (void *)(w->ram + q * 0x200);
	struct vring_avail *avail = (void *)(w->ram + q * 0x200 + 0x40);

	for (uint16_t i = 0; i < n; i++) {
		desc[i].addr = next(w, 2);
		desc[i].len = next(w, 2);
		desc[i].flags = (uint16_t)((next(w, 1) & VRING_DESC_F_WRITE) |
			(i + 1U < n ? VRING_DESC_F_NEXT : 0));
		desc[i].next = (uint16_t)(i + 1);
	}
	avail->ring[avail->idx % SIZE] = 0;
	avail->idx++;
}

static void kick_queue(struct world *w)
{
	uint32_t q = next(w, 1) % w->m->dev->nqueues;
	uint64_t one = 1;

	if (w->kick_fd[q] >= 0)
		must(write(w->kick_fd[q], &one, sizeof(one)) == sizeof(one));
	turn(w);
}

static void config(struct world *w)
{
	uint32_t off = VIRTIO_MMIO_CONFIG + next(w, 1);
	unsigned len = 1U << next(w, 1) % 4;
	uint64_t value = next(w, 4);

	virtio_mmio_write(w->m, off, &value, len);
	virtio_mmio_read(w->m, off, &value, len);
}

static void good_driver(struct world *w)
{
	uint32_t features = next(w, 4);

	set(w, VIRTIO_MMIO_STATUS, 0);
	memset(w->ram, 0, w->m->dev->nqueues * 0x200);
	set(w, VIRTIO_MMIO_DRIVER_FEATURES, features & (uint32_t)w->m->dev->features);
	set(w, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(w, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	set(w, VIRTIO_MMIO_STATUS, 11);
	for (uint32_t q = 0; q < w->m->dev->nqueues; q++) {
		set(w, VIRTIO_MMIO_QUEUE_SEL, q);
		set(w, VIRTIO_MMIO_QUEUE_NUM, SIZE);
		set(w, VIRTIO_MMIO_QUEUE_DESC_LOW, q * 0x200);
		set(w, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q * 0x200 + 0x40);
		set(w, VIRTIO_MMIO_QUEUE_USED_LOW, q * 0x200 + 0x80);
		set(w, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	set(w, VIRTIO_MMIO_STATUS, 15);
}

static void record(struct world *w)
{
	uint32_t off;

	switch (next(w, 1) % 11) {
	case 0:
		put_bytes(w);
		break;
	case 1:
		add_chain(w);
		break;
	case 2:
		kick_queue(w);
		break;
	case 3:
		off = next(w, 2) % VIRTIO_MMIO_SIZE;
		set(w, off, next(w, 4));
		break;
	case 4:
		config(w);
		break;
	case 5:
		virtio_mmio_reset(w->m);
		break;
	case 6:
		good_driver(w);
		break;
	case 7:
		virtio_mmio_pause(w->m);
		break;
	case 8:
		virtio_mmio_resume(w->m);
		break;
	case 9:
		off = next(w, 1);
		if (w->far_side)
			w->far_side(w, off);
		break;
	default:
		turn(w);
	}
}

static struct virtio_env world_new(struct world *w)
{
	*w = (struct world){ .ram = aligned_alloc(4096, RAM_SIZE) };
	must(w->ram && !mem_add_borrowed(&w->mem, 0, RAM_SIZE, w->ram) &&
		!loop_new(&w->loop, NULL));
	memset(w->ram, 0, RAM_SIZE);
	for (unsigned q = 0; q < VIRTIO_MAX_QUEUES; q++)
		w->kick_fd[q] = -1;
	log_setup(2, LOG_ERROR, "fuzz");
	return (struct virtio_env){ .mem = &w->mem, .loop = w->loop, .label = "fuzz", .cpus = 1 };
}

/* Takes dev over; done before the loop and RAM go away is what the far side has to do then. */
static void world_run(struct world *w, struct virtio_dev *dev, const uint8_t *data, size_t size)
{
	struct mmio_host host = { .ctx = w, .ioeventfd = ioeventfd };

	must(!virtio_mmio_new(&w->m, dev, &host, GPA, NULL));
	w->data = data;
	w->end = data + size;
	while (w->data < w->end)
		record(w);
	turn(w);
	if (w->far_side)
		w->far_side(w, 0);
	virtio_mmio_free(w->m);
	loop_free(w->loop);
	mem_fini(&w->mem);
	free(w->ram);
}

#endif
