/* The console: a lone one and many ports, both directions under load, the control queues. Drivers
 * that lie are in test_console_hostile.c. */
#define _GNU_SOURCE
#include "core/sock.h"
#include "virtio/test/console_fix.h"

/* a lone console */

static void lone_console_needs_no_control_queues(void **state)
{
	struct fix *f = *state;
	struct vring_used_elem e;
	struct virtio_console_config cfg;
	struct buf in;

	plug_lone(f);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_DEVICE_ID), 3);
	assert_int_equal(driver_features(&f->d) & (MULTIPORT | SIZE_F | RING), SIZE_F | RING);
	assert_int_equal(f->d.dev->nqueues, 2);
	driver_config(&f->d, 0, &cfg, sizeof(cfg));
	assert_int_equal(cfg.max_nr_ports, 1);
	driver_start(&f->d, SIZE_F, 2, 16);
	driver_add(&f->d, TX,
		(struct buf[]){ pattern_out(f, 10), pattern_out(f, 0), pattern_out(f, 7) }, 3);
	driver_kick(&f->d, TX);
	assert_true(driver_wait_used(&f->d, TX, &e));
	assert_int_equal(e.len, 0);
	assert_true(driver_take_irq(&f->d));
	see(f, 0, 100);
	assert_int_equal(f->seen, 17);
	assert_false(f->bad);

	in = driver_in(&f->d, 100);
	driver_add(&f->d, RX, &in, 1);
	driver_kick(&f->d, RX);
	assert_int_equal(write(f->far[0], "typed", 5), 5);
	assert_true(driver_wait_used(&f->d, RX, &e));
	assert_int_equal(e.len, 5);
	assert_memory_equal(driver_ptr(&f->d, in.gpa), "typed", 5);
}

static void input_waits_for_the_driver(void **state)
{
	struct fix *f = *state;
	struct vring_used_elem e;
	struct buf in;

	plug_lone(f);
	assert_int_equal(write(f->far[0], "early", 5), 5);
	driver_turn(&f->d);
	driver_start(&f->d, 0, 2, 16);
	driver_turn(&f->d);
	in = driver_in(&f->d, 3);
	driver_add(&f->d, RX, &in, 1);
	driver_kick(&f->d, RX);
	assert_true(driver_wait_used(&f->d, RX, &e));
	assert_int_equal(e.len, 3);
	in = driver_in(&f->d, 3);
	driver_add(&f->d, RX, &in, 1);
	driver_kick(&f->d, RX);
	assert_true(driver_wait_used(&f->d, RX, &e));
	assert_int_equal(e.len, 2);
	assert_memory_equal(driver_ptr(&f->d, in.gpa), "ly", 2);
}

/* The guest writes 4,000 bytes at a time, at most 8 ahead; the far side reads slowly. */
static bool writing_guest(void *arg)
{
	struct fix *f = arg;
	struct vring_used_elem e;
	struct buf b;

	while (driver_take_used(&f->d, TX, &e))
		f->npages--;
	while (f->npages < 8 && f->sent < MANY) {
		uint8_t *p;

		b = (struct buf){ .gpa = f->page[f->sent / 4000 % 16],
			.len = (uint32_t)MIN(4000, MANY - f->sent) };
		p = driver_ptr(&f->d, b.gpa);
		for (uint32_t i = 0; i < b.len; i++)
			p[i] = pattern(f->sent + i);
		f->sent += b.len;
		driver_add(&f->d, TX, &b, 1);
		f->npages++;
		if (driver_kick_wanted(&f->d, TX))
			driver_signal(&f->d, TX);
	}
	see(f, 0, 3000);
	return f->seen == MANY;
}

static void output_of_a_megabyte(void **state)
{
	struct fix *f = *state;

	plug_lone(f);
	driver_start(&f->d, RING, 2, 16);
	for (unsigned i = 0; i < 16; i++)
		f->page[i] = driver_alloc(&f->d, 4096, 4096);
	assert_true(driver_run(&f->d, writing_guest, f));
	assert_false(f->bad);
}

static bool reading_guest(void *arg)
{
	struct fix *f = arg;
	struct vring_used_elem e;
	uint8_t buf[5000];
	ssize_t n;

	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = pattern(f->sent + i);
	n = write(f->far[0], buf, MIN(sizeof(buf), MANY - f->sent));
	f->sent += n > 0 ? (size_t)n : 0;
	while (driver_take_used(&f->d, RX, &e)) {
		struct buf b = { .gpa = f->page[e.id], .len = 300 + 400 * e.id, .in = true };
		uint8_t *p = driver_ptr(&f->d, b.gpa);

		for (uint32_t i = 0; i < e.len; i++)
			f->bad |= p[i] != pattern(f->got + i);
		f->got += e.len;
		driver_desc(&f->d, RX, (uint16_t)e.id,
			(struct vring_desc){ .addr = b.gpa,
				.len = b.len,
				.flags = VRING_DESC_F_WRITE });
		driver_post(&f->d, RX, (uint16_t)e.id);
		if (driver_kick_wanted(&f->d, RX))
			driver_signal(&f->d, RX);
	}
	return f->got == MANY;
}

static void input_of_a_megabyte(void **state)
{
	struct fix *f = *state;

	plug_lone(f);
	driver_start(&f->d, RING, 2, 8);
	for (unsigned i = 0; i < 8; i++) {
		f->page[i] = driver_alloc(&f->d, 4096, 4096);
		driver_add(&f->d, RX, &(struct buf){ .gpa = f->page[i], .len = 1000, .in = true },
			1);
	}
	driver_kick(&f->d, RX);
	assert_true(driver_run(&f->d, reading_guest, f));
	assert_false(f->bad);
}

/* Output stays in the ring while nobody reads; a reset in the middle of a chain forgets it. */
static void output_is_held_back_and_forgotten(void **state)
{
	struct fix *f = *state;
	struct vring_used_elem e;

	plug_lone(f);
	driver_start(&f->d, 0, 2, 16);
	driver_add(&f->d, TX, (struct buf[]){ pattern_out(f, MANY) }, 1);
	driver_kick(&f->d, TX);
	assert_false(driver_take_used(&f->d, TX, &e));
	driver_reset(&f->d);
	see(f, 0, MANY);
	driver_turn(&f->d);
	see(f, 0, MANY);
	assert_true(f->seen >= CHARDEV_BACKLOG && f->seen < MANY);
	assert_false(f->bad);
	driver_start(&f->d, 0, 2, 16);
	f->seen = f->sent = 0;
	driver_add(&f->d, TX, (struct buf[]){ pattern_out(f, 100) }, 1);
	driver_kick(&f->d, TX);
	assert_true(driver_wait_used(&f->d, TX, &e));
	see(f, 0, 1000);
	assert_int_equal(f->seen, 100);
	assert_false(f->bad);
}

static void pause_holds_both_directions(void **state)
{
	struct fix *f = *state;
	struct vring_used_elem e;
	struct buf in;

	plug_lone(f);
	driver_start(&f->d, 0, 2, 16);
	in = driver_in(&f->d, 100);
	driver_add(&f->d, RX, &in, 1);
	driver_kick(&f->d, RX);
	virtio_mmio_pause(f->d.m);
	assert_int_equal(write(f->far[0], "in", 2), 2);
	driver_add(&f->d, TX, (struct buf[]){ pattern_out(f, 9) }, 1);
	driver_kick(&f->d, TX);
	assert_false(driver_take_used(&f->d, RX, &e));
	assert_false(driver_take_used(&f->d, TX, &e));
	virtio_mmio_resume(f->d.m);
	assert_true(driver_wait_used(&f->d, RX, &e));
	assert_int_equal(e.len, 2);
	assert_true(driver_wait_used(&f->d, TX, &e));
}

static bool far_has_byte(void *arg)
{
	struct fix *f = arg;
	char c;

	return recv(f->far[0], &c, 1, MSG_PEEK) == 1;
}

/* Before anything is set up, and later; the low byte of any width. */
static void emergency_write(void **state)
{
	struct fix *f = *state;
	char buf[300];
	unsigned off = offsetof(struct virtio_console_config, emerg_wr);

	plug_lone(f);
	driver_config_set(&f->d, off, "a", 1);
	driver_config_set(&f->d, off, "b\0", 2);
	driver_config_set(&f->d, off, "c\0\0\0", 4);
	driver_config_set(&f->d, off + 1, "xyz", 1);
	driver_config_set(&f->d, 0, "ruin", 4);
	assert_true(driver_run(&f->d, far_has_byte, f));
	assert_int_equal(read(f->far[0], buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "abc", 3);
	driver_start(&f->d, 0, 2, 16);
	for (int i = 0; i < 1000; i++)
		driver_config_set(&f->d, off, "d", 1);
	assert_true(driver_run(&f->d, far_has_byte, f));
	assert_in_range(read(f->far[0], buf, sizeof(buf)), 16, 256);
}

/* many ports */

static void ports_are_made_known(void **state)
{
	struct fix *f = *state;

	plug_three(f);
	assert_true(driver_features(&f->d) & MULTIPORT);
	start_three(f);
	expect_nothing(f);
	control(f, 0, VIRTIO_CONSOLE_PORT_READY, 1);
	expect(f, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1, "");
	expect(f, 0, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	control(f, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	expect(f, 1, VIRTIO_CONSOLE_PORT_NAME, 1, "org.example.agent");
	expect(f, 1, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	control(f, 2, VIRTIO_CONSOLE_PORT_READY, 1);
	expect(f, 2, VIRTIO_CONSOLE_PORT_NAME, 1, "void");
	expect(f, 2, VIRTIO_CONSOLE_PORT_OPEN, 0, ""); /* nobody there */
	expect_nothing(f);
	close(f->far[1]);
	f->far[1] = -1;
	control(f, 1, VIRTIO_CONSOLE_PORT_OPEN, 1); /* read: now the hang-up is seen */
	driver_add(&f->d, 4, (struct buf[]){ driver_in(&f->d, 10) }, 1);
	driver_kick(&f->d, 4);
	expect(f, 1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
}

static void sixteen_ports(void **state)
{
	struct fix *f = *state;
	struct vm_console ports[17] = { 0 };
	struct virtio_dev *dev = NULL;
	struct vring_used_elem e;
	char name[2][64];

	assert_int_equal(virtio_console_new(&dev, ports, 17, &f->env, NULL, NULL, &f->err),
		-EINVAL);
	assert_int_equal(virtio_console_new(&dev, ports, 0, &f->env, NULL, NULL, &f->err), -EINVAL);
	memset(name[0], 'n', 64);
	memcpy(name[1], name[0], 64);
	name[1][63] = 0;
	ports[3].name = "too long, too long, too long, too long, too long, too long, too long";
	assert_int_equal(virtio_console_new(&dev, ports, 16, &f->env, NULL, NULL, &f->err),
		-EINVAL);
	assert_non_null(strstr(f->err.msg, "too long"));
	ports[3].name = NULL;
	ports[15] = (struct vm_console){ .name = name[1], .chardev = pair(f, 15) };
	plug(f, ports, 16);
	driver_start(&f->d, MULTIPORT, 34, 4);
	control(f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned i = 0; i < 16; i++) {
		supply(f, 1, 80);
		expect(f, i, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	}
	control(f, 15, VIRTIO_CONSOLE_PORT_READY, 1);
	supply(f, 2, 80);
	expect(f, 15, VIRTIO_CONSOLE_PORT_NAME, 1, name[1]);
	expect(f, 15, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	driver_add(&f->d, 33, (struct buf[]){ pattern_out(f, 20) }, 1);
	driver_kick(&f->d, 33);
	assert_true(driver_wait_used(&f->d, 33, &e));
	see(f, 15, 100);
	assert_int_equal(f->seen, 20);
}

static void a_port_reads_while_it_is_open(void **state)
{
	struct fix *f = *state;
	struct vring_used_elem e;
	struct buf in;

	plug_three(f);
	start_three(f);
	in = driver_in(&f->d, 100);
	driver_add(&f->d, 4, &in, 1);
	driver_kick(&f->d, 4);
	assert_int_equal(write(f->far[1], "kept", 4), 4);
	driver_turn(&f->d);
	assert_false(driver_take_used(&f->d, 4, &e));
	control(f, 1, VIRTIO_CONSOLE_PORT_READY, 1);
	control(f, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
	assert_true(driver_wait_used(&f->d, 4, &e));
	assert_memory_equal(driver_ptr(&f->d, in.gpa), "kept", 4);
	driver_add(&f->d, 4, &in, 1);
	driver_kick(&f->d, 4);
	control(f, 1, VIRTIO_CONSOLE_PORT_OPEN, 0);
	assert_int_equal(write(f->far[1], "more", 4), 4);
	driver_turn(&f->d);
	assert_false(driver_take_used(&f->d, 4, &e));
}

/* The far side of a socket comes and goes; what is said to nobody is dropped. */
static void open_follows_the_client(void **state)
{
	struct fix *f = *state;
	struct vm_console ports[] = { { .name = "first",
		.chardev = { .kind = CHARDEV_SOCKET, .path = f->path } } };
	struct vring_used_elem e;
	struct buf in;

	plug(f, ports, 1);
	driver_start(&f->d, MULTIPORT, 4, 16);
	supply(f, 12, 64);
	in = driver_in(&f->d, 10);
	driver_add(&f->d, RX, &in, 1);
	driver_kick(&f->d, RX);
	control(f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	expect(f, 0, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	control(f, 0, VIRTIO_CONSOLE_PORT_READY, 1);
	expect(f, 0, VIRTIO_CONSOLE_CONSOLE_PORT, 1, "");
	expect(f, 0, VIRTIO_CONSOLE_PORT_NAME, 1, "first");
	expect(f, 0, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	driver_add(&f->d, TX, (struct buf[]){ driver_out(&f->d, NULL, MANY) }, 1);
	driver_kick(&f->d, TX);
	assert_true(driver_wait_used(&f->d, TX, &e));
	assert_int_equal(sock_connect(&f->far[0], f->path, &f->err), 0);
	expect(f, 0, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
	driver_add(&f->d, TX, (struct buf[]){ pattern_out(f, 30) }, 1);
	driver_kick(&f->d, TX);
	assert_true(driver_wait_used(&f->d, TX, &e));
	see(f, 0, 100);
	assert_int_equal(f->seen, 30);
	close(f->far[0]);
	f->far[0] = -1;
	expect(f, 0, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
}

/* A driver that does not take MULTIPORT has port 0 only. */
static void multiport_refused_by_the_driver(void **state)
{
	struct fix *f = *state;
	struct vring_used_elem e;

	plug_three(f);
	driver_start(&f->d, 0, 8, 16);
	for (unsigned q = 2; q < 8; q++) {
		struct buf b = q % 2 ? pattern_out(f, 8) : driver_in(&f->d, 8);

		driver_add(&f->d, q, &b, 1);
		driver_kick(&f->d, q);
		assert_false(driver_take_used(&f->d, q, &e));
	}
	f->sent = 0;
	driver_add(&f->d, TX, (struct buf[]){ pattern_out(f, 8) }, 1);
	driver_kick(&f->d, TX);
	assert_true(driver_wait_used(&f->d, TX, &e));
	see(f, 0, 100);
	assert_int_equal(f->seen, 8);
}

/* Buffers too short for their message go back empty; the message comes in one that fits. */
static void short_control_buffers(void **state)
{
	struct fix *f = *state;
	struct vring_used_elem e;

	plug_three(f);
	driver_start(&f->d, MULTIPORT, 8, 16);
	control(f, 0, VIRTIO_CONSOLE_DEVICE_READY, 1);
	supply(f, 5, 7);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(driver_wait_used(&f->d, CONTROL_RX, &e));
		assert_int_equal(e.len, 0);
	}
	supply(f, 3, 8);
	for (unsigned i = 0; i < 3; i++)
		expect(f, i, VIRTIO_CONSOLE_PORT_ADD, 1, "");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fix_new, fix_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lone_console_needs_no_control_queues),
		TEST(input_waits_for_the_driver),
		TEST(output_of_a_megabyte),
		TEST(input_of_a_megabyte),
		TEST(output_is_held_back_and_forgotten),
		TEST(pause_holds_both_directions),
		TEST(emergency_write),
		TEST(ports_are_made_known),
		TEST(sixteen_ports),
		TEST(a_port_reads_while_it_is_open),
		TEST(open_follows_the_client),
		TEST(multiport_refused_by_the_driver),
		TEST(short_control_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
