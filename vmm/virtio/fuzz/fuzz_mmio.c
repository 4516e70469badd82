/*
 * The virtio-mmio transport under any sequence of accesses, kicks and writes to RAM, in front of a
 * device that echoes.
 *
 * Input: records of one byte that says what, and its operands, little endian:
 *   0..3  write 1, 2, 4, 8 bytes: offset (2), value (4)
 *   4..7  read the same: offset (2)
 *   8     kick: queue (1)
 *   9     put bytes in RAM: address (2), count (1), bytes
 *   10    do what a good driver does up to DRIVER_OK: features (1: bit 0 EVENT_IDX, bit 1
 * INDIRECT_DESC) 11    pause, 12 resume, 13 reset by the machine, 14 the configuration changes
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include "virtio/mmio.h"

#define RAM_SIZE 0x2000
#define QUEUES	 2
#define SIZE	 4
#define CONFIG	 12
#define GPA	 UINT64_C(0x10000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct virtio_dev dev;
	struct virtio_mmio *m;
	struct mem mem;
	struct loop *loop;
	struct deferred quit;
	uint8_t *ram;
	int kick_fd[QUEUES];
	bool running; /* between start and stop */
	struct chain chain;
	const uint8_t *data, *end; /* the input left */
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static int ioeventfd(void *ctx, uint64_t gpa, uint32_t value, int fd, bool on)
{
	struct world *w = ctx;

	must(gpa == GPA + VIRTIO_MMIO_QUEUE_NOTIFY && value < QUEUES &&
		on == (w->kick_fd[value] < 0));
	w->kick_fd[value] = on ? fd : -1;
	return 0;
}

static int start(struct virtio_dev *dev)
{
	struct world *w = container_of(dev, struct world, dev);

	must(!w->running && dev->status & VIRTIO_CONFIG_S_FEATURES_OK &&
		virtio_has(dev, VIRTIO_F_VERSION_1));
	w->running = true;
	return 0;
}

static void stop(struct virtio_dev *dev)
{
	struct world *w = container_of(dev, struct world, dev);

	must(w->running);
	w->running = false;
}

static void kick(struct virtio_dev *dev, unsigned q)
{
	struct world *w = container_of(dev, struct world, dev);
	struct chain *c = &w->chain;
	char buf[32];

	must(w->running && virtio_live(dev) && q < QUEUES && dev->queue[q].ready &&
		dev->queue[q].size <= SIZE);
	for (unsigned n = 0; n < 64 && virtio_pop(dev, q, c) > 0; n++) {
		size_t len = chain_read(c, 0, buf, sizeof(buf));

		queue_push(&dev->queue[q], dev->mem, c->head,
			(uint32_t)chain_write(c, 0, buf, len));
	}
	virtio_notify(dev, q);
}

static void config_written(struct virtio_dev *dev, unsigned off, unsigned len)
{
	must(off >= 4 && off + len <= 8 && dev->started);
}

static const struct virtio_ops ops = {
	.name = "fuzz",
	.id = 42,
	.start = start,
	.stop = stop,
	.kick = kick,
	.config_written = config_written,
};

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

static void access_one(struct world *w, uint8_t what)
{
	unsigned len = 1U << (what & 3);
	uint64_t off = next(w, 2) % VIRTIO_MMIO_SIZE, value;
	uint8_t *exact = malloc(len);

	must(exact);
	if (what & 4) {
		virtio_mmio_read(w->m, off, exact, len);
		for (unsigned i = 0; i < len && off >= VIRTIO_MMIO_CONFIG + CONFIG; i++)
			must(!exact[i]);
	} else {
		value = next(w, 4);
		value |= value << 32;
		memcpy(exact, &value, len);
		virtio_mmio_write(w->m, off, exact, len);
	}
	free(exact);
}

static void good_driver(struct world *w, uint32_t features)
{
	set(w, VIRTIO_MMIO_STATUS, 0);
	set(w, VIRTIO_MMIO_DRIVER_FEATURES,
		(features & 1) << VIRTIO_RING_F_EVENT_IDX |
			(features >> 1 & 1) << VIRTIO_RING_F_INDIRECT_DESC);
	set(w, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set(w, VIRTIO_MMIO_DRIVER_FEATURES, 1);
	set(w, VIRTIO_MMIO_STATUS, 11);
	for (uint32_t q = 0; q < QUEUES; q++) {
		set(w, VIRTIO_MMIO_QUEUE_SEL, q);
		set(w, VIRTIO_MMIO_QUEUE_NUM, SIZE);
		set(w, VIRTIO_MMIO_QUEUE_DESC_LOW, q * 0x100);
		set(w, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q * 0x100 + 0x40);
		set(w, VIRTIO_MMIO_QUEUE_USED_LOW, q * 0x100 + 0x80);
		set(w, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	set(w, VIRTIO_MMIO_STATUS, 15);
	must(w->running);
}

static void quit(struct deferred *d)
{
	loop_quit(container_of(d, struct world, quit)->loop);
}

static void signal_queue(struct world *w, uint32_t q)
{
	uint64_t one = 1;

	if (w->kick_fd[q] < 0)
		return;
	must(write(w->kick_fd[q], &one, sizeof(one)) == sizeof(one));
	loop_defer(w->loop, &w->quit);
	loop_run(w->loop);
}

static void put(struct world *w)
{
	uint32_t at = next(w, 2) % RAM_SIZE;
	size_t n = next(w, 1);

	n = MIN(n, (size_t)(w->end - w->data));
	n = MIN(n, RAM_SIZE - at);
	memcpy(w->ram + at, w->data, n);
	w->data += n;
}

static void step(struct world *w)
{
	uint8_t what = next(w, 1) & 15;

	if (what < 8)
		access_one(w, what);
	else if (what == 8)
		signal_queue(w, next(w, 1) % QUEUES);
	else if (what == 9)
		put(w);
	else if (what == 10)
		good_driver(w, next(w, 1));
	else if (what == 11)
		virtio_mmio_pause(w->m);
	else if (what == 12)
		virtio_mmio_resume(w->m);
	else if (what == 13)
		virtio_mmio_reset(w->m);
	else if (what == 14)
		virtio_config_changed(&w->dev);
	must(w->running == w->dev.started);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct mmio_host host = { .ctx = w, .ioeventfd = ioeventfd };

	log_setup(-1, LOG_ERROR, "fuzz");
	must(w);
	w->ram = aligned_alloc(4096, RAM_SIZE);
	must(w->ram && !mem_add_borrowed(&w->mem, 0, RAM_SIZE, memset(w->ram, 0, RAM_SIZE)));
	must(!loop_new(&w->loop, NULL));
	w->quit.fn = quit;
	memset(w->kick_fd, 0xff, sizeof(w->kick_fd));
	virtio_init(&w->dev, &ops, &w->mem, w->loop, QUEUES, SIZE, "fuzz");
	w->dev.features = UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |
		UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC;
	w->dev.config_size = CONFIG;
	w->dev.config_writable_off = w->dev.config_writable_len = 4;
	must(!virtio_mmio_new(&w->m, &w->dev, &host, GPA, NULL));
	w->data = data;
	w->end = data + size;
	while (w->data < w->end)
		step(w);
	good_driver(w, 0); /* whatever came before, a reset makes it well */
	must(!w->dev.broken);
	virtio_mmio_free(w->m);
	must(!w->running && w->kick_fd[0] < 0 && w->kick_fd[1] < 0);
	virtio_fini(&w->dev);
	loop_free(w->loop);
	free(w->ram);
	free(w);
	return 0;
}
