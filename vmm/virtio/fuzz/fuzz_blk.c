/*
 * The block device, two queues on a small disk in memory, under any driver: see device.h. The
 * input's first byte says: 1 read-only, 2 threads rather than io_uring, 4 a replaceable disk (one
 * queue), which the far side takes out and puts in again. The far side, and the end, is a driver
 * that resets the device and reads a sector, which must work whatever came before.
 * Nothing that a driver does changes a read-only disk or makes one larger than its last sector.
 */
#define _GNU_SOURCE
#include "virtio/fuzz/device.h"

#include <linux/virtio_blk.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define DISK	5000 /* bytes; the last sector is not all there */
#define SECTORS ((DISK + 511) / 512)
#define PLACE	0x1000 /* in RAM, for the good request */

static void fill(uint8_t *data)
{
	for (unsigned i = 0; i < DISK; i++)
		data[i] = (uint8_t)(i * 7);
}

struct target {
	struct world w;
	int fd;
	struct vm_disk cfg; /* without a descriptor */
	bool replaceable, in;
};

static int make_disk(void)
{
	uint8_t data[DISK];
	int fd = memfd_create("disk", MFD_CLOEXEC);

	fill(data);
	must(fd >= 0 && write(fd, data, sizeof(data)) == sizeof(data));
	return fd;
}

static void put_in(struct target *t)
{
	struct vm_disk cfg = t->cfg;

	cfg.fd = dup(t->fd);
	must(!virtio_blk_plug(t->w.m->dev, &cfg, NULL));
	t->in = true;
}

static void take_out(struct target *t)
{
	must(!virtio_blk_unplug(t->w.m->dev, NULL));
	t->in = false;
}

static void good_read(struct world *w, unsigned count)
{
	struct virtio_blk_outhdr h = { .type = VIRTIO_BLK_T_IN, .sector = count % SECTORS };
	struct vring_desc *desc = (void *)w->ram;
	struct vring_avail *avail = (void *)(w->ram + 0x40);
	struct vring_used *used = (void *)(w->ram + 0x80);
	uint64_t one = 1;

	virtio_mmio_resume(w->m);
	good_driver(w);
	memcpy(w->ram + PLACE, &h, sizeof(h));
	desc[0] = (struct vring_desc){ PLACE, sizeof(h), VRING_DESC_F_NEXT, 1 };
	desc[1] = (struct vring_desc){ PLACE + 512, 513, VRING_DESC_F_WRITE, 0 };
	w->ram[PLACE + 1024] = 0xee;
	avail->ring[0] = 0;
	avail->idx = 1;
	must(write(w->kick_fd[0], &one, sizeof(one)) == sizeof(one));
	turn(w);
	virtio_mmio_pause(w->m); /* waits for what is in flight */
	must(used->idx == 1 && used->ring[0].len == 513 && w->ram[PLACE + 1024] == VIRTIO_BLK_S_OK);
	virtio_mmio_resume(w->m);
}

static void check_disk(int fd, bool readonly)
{
	uint8_t want[DISK], got[DISK];
	struct stat st;

	must(!fstat(fd, &st) && st.st_size >= DISK && st.st_size <= SECTORS * 512);
	fill(want);
	must(pread(fd, got, sizeof(got), 0) == sizeof(got));
	must(!readonly || (st.st_size == DISK && !memcmp(got, want, sizeof(got))));
}

/* With a replaceable disk: an odd count changes it while the driver's requests are on their way. */
static void far_side(struct world *w, unsigned count)
{
	struct target *t = container_of(w, struct target, w);

	if (t->replaceable && t->in && count & 1) {
		take_out(t);
		return;
	}
	if (!t->in)
		put_in(t);
	good_read(w, count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how = size ? *data : 0;
	struct target t = {
		.fd = make_disk(),
		.cfg = { .id = "fuzz",
			.queues = 2,
			.readonly = how & 1,
			.io = how & 2 ? BLOCK_IO_THREADS : BLOCK_IO_AUTO },
		.replaceable = how & 4,
		.in = !(how & 4),
	};
	struct vm_disk cfg = t.cfg;
	struct virtio_env env = world_new(&t.w);
	struct virtio_dev *dev = NULL;

	t.w.far_side = far_side;
	if (t.replaceable) {
		must(!virtio_blk_slot_new(&dev, &env, NULL));
	} else {
		cfg.fd = dup(t.fd);
		must(!virtio_blk_new(&dev, &cfg, &env, NULL));
	}
	world_run(&t.w, dev, data + !!size, size - !!size);
	check_disk(t.fd, how & 1);
	close(t.fd);
	return 0;
}
