/*
 * A console whose channels are sockets of the test, with the guest driver of driver.h in front of
 * it: what test_console.c and test_console_hostile.c share.
 */
#ifndef SAMPAN_VIRTIO_TEST_CONSOLE_FIX_H
#define SAMPAN_VIRTIO_TEST_CONSOLE_FIX_H

#include <fcntl.h>
#include <linux/virtio_console.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "core/test/check.h"
#include "virtio/devices.h"
#include "virtio/test/driver.h"

#define RX	   0
#define TX	   1
#define CONTROL_RX 2
#define CONTROL_TX 3
#define MANY	   (1024 * 1024)
#define MULTIPORT  (UINT64_C(1) << VIRTIO_CONSOLE_F_MULTIPORT)
#define SIZE_F	   (UINT64_C(1) << VIRTIO_CONSOLE_F_SIZE)
#define RING	   (UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)

struct fix {
	struct driver d;
	struct virtio_env env;
	int far[16];
	size_t sent, seen, got;
	bool bad;
	unsigned escapes;
	uint64_t page[16]; /* buffers that are used again and again */
	unsigned npages;
	char dir[32], path[64];
	struct err err;
};

static inline uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 53 + (i >> 10));
}

static inline int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	driver_init(&f->d);
	f->env = (struct virtio_env){ .mem = &f->d.mem,
		.loop = f->d.loop,
		.label = "console0",
		.cpus = 1 };
	for (unsigned i = 0; i < 16; i++)
		f->far[i] = -1;
	strcpy(f->dir, "/tmp/console-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	*state = f;
	return 0;
}

static inline int fix_free(void **state)
{
	struct fix *f = *state;

	driver_fini(&f->d);
	for (unsigned i = 0; i < 16; i++)
		if (f->far[i] >= 0)
			close(f->far[i]);
	rmdir(f->dir);
	free(f);
	return 0;
}

static inline void on_escape(void *arg)
{
	((struct fix *)arg)->escapes++;
}

static inline struct chardev_config pair(struct fix *f, unsigned i)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	assert_int_equal(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	f->far[i] = fd[1];
	return (struct chardev_config){ .kind = CHARDEV_FD, .fd = fd[0] };
}

static inline void plug(struct fix *f, const struct vm_console *ports, unsigned n)
{
	struct virtio_dev *dev = NULL;

	assert_int_equal(virtio_console_new(&dev, ports, n, &f->env, on_escape, f, &f->err), 0);
	driver_plug(&f->d, dev);
}

/* One console without a name. */
static inline void plug_lone(struct fix *f)
{
	struct vm_console port = { .chardev = pair(f, 0) };

	plug(f, &port, 1);
}

/* A console, a named port and one without a far side. */
static inline void plug_three(struct fix *f)
{
	struct vm_console ports[] = {
		{ .chardev = pair(f, 0) },
		{ .name = "org.example.agent", .chardev = pair(f, 1) },
		{ .name = "void", .chardev = { .kind = CHARDEV_NONE } },
	};

	plug(f, ports, 3);
}

static inline void see(struct fix *f, unsigned port, size_t len)
{
	uint8_t buf[4096];

	while (len) {
		ssize_t n = read(f->far[port], buf, MIN(len, sizeof(buf)));

		if (n <= 0)
			return;
		for (ssize_t i = 0; i < n; i++)
			f->bad |= buf[i] != pattern(f->seen + (size_t)i);
		f->seen += (size_t)n;
		len -= (size_t)n;
	}
}

static inline struct buf pattern_out(struct fix *f, uint32_t len)
{
	struct buf b = driver_out(&f->d, NULL, len);
	uint8_t *p = driver_ptr(&f->d, b.gpa);

	for (uint32_t i = 0; i < len; i++)
		p[i] = pattern(f->sent + i);
	f->sent += len;
	return b;
}

static inline void control(struct fix *f, uint32_t id, uint16_t event, uint16_t value)
{
	struct virtio_console_control m = { .id = id, .event = event, .value = value };
	struct buf b = driver_out(&f->d, &m, sizeof(m));
	struct vring_used_elem e;

	driver_add(&f->d, CONTROL_TX, &b, 1);
	driver_kick(&f->d, CONTROL_TX);
	assert_true(driver_wait_used(&f->d, CONTROL_TX, &e));
}

static inline void supply(struct fix *f, unsigned n, uint32_t len)
{
	while (n--) {
		struct buf b = driver_in(&f->d, len);

		driver_add(&f->d, CONTROL_RX, &b, 1);
	}
	driver_kick(&f->d, CONTROL_RX);
}

/* The next control message is this one. */
static inline void expect(struct fix *f, uint32_t id, uint16_t event, uint16_t value,
	const char *body)
{
	struct virtio_console_control m;
	struct vring_used_elem e;
	struct vring_desc *desc = driver_ptr(&f->d, f->d.q[CONTROL_RX].desc);
	char *p;

	assert_true(driver_wait_used(&f->d, CONTROL_RX, &e));
	p = driver_ptr(&f->d, desc[e.id].addr);
	assert_int_equal(e.len, sizeof(m) + strlen(body));
	memcpy(&m, p, sizeof(m));
	assert_int_equal(m.id, id);
	assert_int_equal(m.event, event);
	assert_int_equal(m.value, value);
	assert_memory_equal(p + sizeof(m), body, strlen(body));
}

static inline void expect_nothing(struct fix *f)
{
	struct vring_used_elem e;

	driver_turn(&f->d);
	assert_false(driver_take_used(&f->d, CONTROL_RX, &e));
}

static inline void start_three(struct fix *f)
{
	driver_start(&f->d, MULTIPORT | SIZE_F, 8, 16);
	supply(f, 12, 64);
	control(f, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		expect(f, i, VIRTIO_CONSOLE_PORT_ADD, 1, "");
}

#endif
