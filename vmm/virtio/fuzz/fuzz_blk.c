/*
 * The block device, two queues on a small disk in memory, under any driver: see device.h. The
 * input's first byte says: 1 read-only, 2 threads rather than io_uring. The far side, and the end,
 * is a driver that resets the device and reads a sector, which must work whatever came before.
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

static int make_disk(void)
{
	uint8_t data[DISK];
	int fd = memfd_create("disk", MFD_CLOEXEC);

	fill(data);
	must(fd >= 0 && write(fd, data, sizeof(data)) == sizeof(data));
	return fd;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how = size ? *data : 0;
	int fd = make_disk();
	struct vm_disk cfg = {
		.fd = dup(fd),
		.id = "fuzz",
		.queues = 2,
		.readonly = how & 1,
		.io = how & 2 ? BLOCK_IO_THREADS : BLOCK_IO_AUTO,
	};
	struct world w;
	struct virtio_env env = world_new(&w);
	struct virtio_dev *dev = NULL;

	w.far_side = good_read;
	must(!virtio_blk_new(&dev, &cfg, &env, NULL));
	world_run(&w, dev, data + !!size, size - !!size);
	check_disk(fd, how & 1);
	close(fd);
	return 0;
}
