/*
 * Replaceable disks: a slot with its driver, through plugging, use, unplugging with requests on
 * their way, and what is refused.
 */
#define _GNU_SOURCE
#include "virtio/test/blk_fix.h"

static int plug_in(struct fix *f, struct vm_disk cfg, struct err *err)
{
	cfg.path = f->path;
	cfg.fd = -1;
	cfg.io = f->io;
	return virtio_blk_plug(f->d.dev, &cfg, err);
}

static void must_plug(struct fix *f, struct vm_disk cfg)
{
	struct err err = { 0 };
	int rc = plug_in(f, cfg, &err);

	if (f->io == BLOCK_IO_URING && (rc == -EPERM || rc == -ENOSYS || rc == -EACCES))
		skip();
	if (rc)
		fail_msg("%s", err.msg);
}

static void must_unplug(struct fix *f)
{
	struct err err = { 0 };

	if (virtio_blk_unplug(f->d.dev, &err))
		fail_msg("%s", err.msg);
}

/* An empty slot behind its transport; its driver not started yet. */
static void empty(struct fix *f)
{
	struct virtio_env env = { .mem = &f->d.mem,
		.loop = f->d.loop,
		.label = "disk1",
		.cpus = 4 };
	struct virtio_dev *dev;
	struct err err = { 0 };

	fill(f, DISK);
	assert_int_equal(virtio_blk_slot_new(&dev, &env, &err), 0);
	driver_plug(&f->d, dev);
}

static void start(struct fix *f)
{
	driver_start(&f->d, driver_features(&f->d), 1, QUEUE);
}

static uint64_t capacity(struct fix *f)
{
	uint64_t sectors;

	driver_config(&f->d, 0, &sectors, 4);
	driver_config(&f->d, 4, (uint8_t *)&sectors + 4, 4);
	return sectors;
}

static void told_of_change(struct fix *f)
{
	assert_true(driver_take_irq(&f->d));
	assert_true(driver_ack_irq(&f->d) & VIRTIO_MMIO_INT_CONFIG);
}

static uint8_t read_sector(struct fix *f, uint64_t sector)
{
	uint64_t mark = f->d.next;
	struct buf b = driver_in(&f->d, 512);
	uint8_t status = request(f, VIRTIO_BLK_T_IN, sector, &b, 1, NULL);

	f->d.next = mark;
	return status;
}

static void shows_nothing_at_first(void **state)
{
	struct fix *f = *state;

	empty(f);
	assert_int_equal(capacity(f), 0);
	start(f);
	assert_int_equal(read_sector(f, 0), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, NULL, 0, NULL), VIRTIO_BLK_S_IOERR);
	virtio_mmio_pause(f->d.m);
	virtio_mmio_resume(f->d.m);
	assert_false(driver_needs_reset(&f->d));
}

static void comes_and_goes(void **state)
{
	struct fix *f = *state;
	uint32_t generation;

	empty(f);
	start(f);
	for (unsigned round = 0; round < 3; round++) {
		generation = driver_get(&f->d, VIRTIO_MMIO_CONFIG_GENERATION);
		must_plug(f, (struct vm_disk){ .id = "one" });
		told_of_change(f);
		assert_int_not_equal(driver_get(&f->d, VIRTIO_MMIO_CONFIG_GENERATION), generation);
		assert_int_equal(capacity(f), DISK / 512);
		check_works(f);
		driver_take_irq(&f->d);
		driver_ack_irq(&f->d);
		generation = driver_get(&f->d, VIRTIO_MMIO_CONFIG_GENERATION);
		must_unplug(f);
		told_of_change(f);
		assert_int_not_equal(driver_get(&f->d, VIRTIO_MMIO_CONFIG_GENERATION), generation);
		assert_int_equal(capacity(f), 0);
		assert_int_equal(read_sector(f, 0), VIRTIO_BLK_S_IOERR);
		driver_take_irq(&f->d);
		driver_ack_irq(&f->d);
	}
}

static void tells_its_serial_number(void **state)
{
	struct fix *f = *state;
	struct buf b;

	empty(f);
	start(f);
	must_plug(f, (struct vm_disk){ .id = "12345678901234567890" });
	b = driver_in(&f->d, 20);
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, &b, 1, NULL), VIRTIO_BLK_S_OK);
	assert_memory_equal(driver_ptr(&f->d, b.gpa), "12345678901234567890", 20);
	must_unplug(f);
	must_plug(f, (struct vm_disk){ .id = "b" });
	assert_int_equal(request(f, VIRTIO_BLK_T_GET_ID, 0, &b, 1, NULL), VIRTIO_BLK_S_OK);
	assert_memory_equal(driver_ptr(&f->d, b.gpa), "b\0\0", 3);
}

/* The file is let go when the disk leaves: another may lock it, and its last byte was written. */
static void lets_the_file_go(void **state)
{
	struct fix *f = *state;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct buf b;

	empty(f);
	start(f);
	must_plug(f, (struct vm_disk){ 0 });
	assert_int_not_equal(fcntl(f->fd, F_OFD_SETLK, &lock), 0);
	b = driver_out(&f->d, NULL, 512);
	memset(driver_ptr(&f->d, b.gpa), 0x5a, 512);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 2047, &b, 1, NULL), VIRTIO_BLK_S_OK);
	must_unplug(f);
	assert_int_equal(fcntl(f->fd, F_OFD_SETLK, &lock), 0);
	check_bytes(f, 2047 * 512, 512, 0x5a);
}

static void readonly_disk_in_a_slot(void **state)
{
	struct fix *f = *state;
	struct buf b;

	empty(f);
	start(f);
	must_plug(f, (struct vm_disk){ .readonly = true });
	check_works(f);
	b = driver_out(&f->d, NULL, 512);
	assert_int_equal(request(f, VIRTIO_BLK_T_OUT, 0, &b, 1, NULL), VIRTIO_BLK_S_IOERR);
	check_pattern(f, 0, 512);
}

/* Requests on their way end well, and in time for the file to be closed; later ones fail. */
static void leaves_with_requests_in_flight(void **state)
{
	struct fix *f = *state;
	unsigned good = 0;

	empty(f);
	start(f);
	must_plug(f, (struct vm_disk){ 0 });
	for (unsigned i = 0; i < 32; i++) {
		struct buf b[3] = { header(f, VIRTIO_BLK_T_IN, i), driver_in(&f->d, 512),
			status_buf(f) };

		driver_add_indirect(&f->d, 0, b, 3);
	}
	virtio_lock(f->d.dev); /* as the loop would, but without its bringing completions */
	f->d.dev->ops->kick(f->d.dev, 0);
	virtio_unlock(f->d.dev);
	for (unsigned i = 0; i < 8; i++) {
		struct buf b[3] = { header(f, VIRTIO_BLK_T_IN, i), driver_in(&f->d, 512),
			status_buf(f) };

		driver_add_indirect(&f->d, 0, b, 3);
	}
	must_unplug(f);
	assert_int_equal(driver_used_idx(&f->d, 0), 40);
	for (unsigned i = 0; i < 40; i++) {
		struct vring_used_elem e;

		assert_true(driver_take_used(&f->d, 0, &e));
		good += e.len == 513;
	}
	assert_int_equal(good, 32);
	must_plug(f, (struct vm_disk){ 0 });
	check_works(f);
}

static void while_paused(void **state)
{
	struct fix *f = *state;

	empty(f);
	start(f);
	virtio_mmio_pause(f->d.m);
	must_plug(f, (struct vm_disk){ 0 });
	virtio_mmio_resume(f->d.m);
	check_works(f);
	virtio_mmio_pause(f->d.m);
	must_unplug(f);
	must_plug(f, (struct vm_disk){ 0 });
	virtio_mmio_resume(f->d.m);
	check_works(f);
	virtio_mmio_pause(f->d.m);
	must_unplug(f);
	virtio_mmio_resume(f->d.m);
	assert_int_equal(read_sector(f, 0), VIRTIO_BLK_S_IOERR);
}

/* A driver that is told of nothing before DRIVER_OK hears of it then. */
static void change_during_the_drivers_start(void **state)
{
	struct fix *f = *state;

	empty(f);
	assert_true(driver_negotiate(&f->d, driver_features(&f->d)));
	assert_true(driver_queue_setup(&f->d, 0, QUEUE));
	assert_int_equal(capacity(f), 0);
	must_plug(f, (struct vm_disk){ 0 });
	assert_false(driver_take_irq(&f->d));
	driver_ok(&f->d);
	told_of_change(f);
	check_works(f);
	driver_take_irq(&f->d);
	driver_ack_irq(&f->d);
	driver_reset(&f->d);
	start(f);
	assert_false(driver_take_irq(&f->d)); /* nothing changed since */
	assert_int_equal(capacity(f), DISK / 512);
}

static void refuses(void **state)
{
	struct fix *f = *state;
	struct err err = { 0 };

	empty(f);
	assert_int_equal(virtio_blk_unplug(f->d.dev, &err), -ENOENT);
	assert_string_equal(err.msg, "blk disk1: no disk is in");
	must_plug(f, (struct vm_disk){ 0 });
	assert_int_equal(plug_in(f, (struct vm_disk){ 0 }, &err), -EBUSY);
	assert_string_equal(err.msg, "blk disk1: a disk is in already");
	must_unplug(f);
	assert_int_equal(plug_in(f, (struct vm_disk){ .id = "123456789012345678901" }, &err),
		-EINVAL);
	assert_non_null(strstr(err.msg, "longer than 20 bytes"));
	unlink(f->path);
	assert_int_equal(plug_in(f, (struct vm_disk){ 0 }, &err), -ENOENT);
	assert_int_equal(capacity(f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(shows_nothing_at_first),
		BOTH(comes_and_goes),
		BOTH(tells_its_serial_number),
		BOTH(lets_the_file_go),
		BOTH(readonly_disk_in_a_slot),
		BOTH(leaves_with_requests_in_flight),
		BOTH(while_paused),
		BOTH(change_during_the_drivers_start),
		BOTH(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
