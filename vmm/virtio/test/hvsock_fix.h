/*
 * The hybrid vsock between a guest driver (driver.h) and host clients in a directory of the test's
 * own: what the tests of test_hvsock*.c share.
 */
#ifndef SAMPAN_VIRTIO_TEST_HVSOCK_FIX_H
#define SAMPAN_VIRTIO_TEST_HVSOCK_FIX_H

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "core/test/check.h"
#include "virtio/devices.h"
#include "virtio/hvsock_conn.h"
#include "virtio/test/driver.h"

#define RX	0
#define TX	1
#define RING	32
#define HEADER	44
#define RX_SIZE (HEADER + 4096)
#define GUEST	3
#define ALLOC	(1U << 18) /* the guest's own buffer */
#define BOTH	(VIRTIO_VSOCK_SHUTDOWN_RCV | VIRTIO_VSOCK_SHUTDOWN_SEND)

struct fix {
	struct driver d;
	char dir[32], path[64];
	uint64_t rx[RING], tx; /* gpa of the buffers */
	uint32_t forwarded;    /* bytes that the guest took, for its packets */
	uint32_t alloc;
	struct virtio_vsock_hdr h; /* the last packet to the guest */
	uint8_t data[4096];
};

/* the guest */

static inline void give_rx(struct fix *f, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned at = f->d.q[RX].next_desc;
		struct buf b = { .gpa = f->rx[at], .len = RX_SIZE, .in = true };

		driver_add(&f->d, RX, &b, 1);
	}
	driver_kick(&f->d, RX);
}

static inline void start(struct fix *f, unsigned buffers)
{
	driver_start(&f->d, 0, 3, RING);
	for (unsigned i = 0; i < RING; i++)
		f->rx[i] = driver_alloc(&f->d, RX_SIZE, 16);
	f->tx = driver_alloc(&f->d, HEADER + 65536, 16);
	f->forwarded = 0;
	f->alloc = ALLOC;
	give_rx(f, buffers);
}

static inline void plug(struct fix *f)
{
	struct virtio_env env = { .mem = &f->d.mem, .label = "vsock0" };
	struct vm_vsock cfg = { .present = true, .uds = f->path, .vhost_fd = -1 };
	struct virtio_dev *dev;
	struct err err = { 0 };

	log_setup(2, LOG_ERROR, "test");
	strcpy(f->dir, "/tmp/hvsock.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/v", f->dir);
	driver_init(&f->d);
	env.loop = f->d.loop;
	assert_int_equal(virtio_hvsock_new(&dev, &cfg, &env, &err), 0);
	driver_plug(&f->d, dev);
}

static inline void up(struct fix *f)
{
	plug(f);
	start(f, RING);
}

static inline void down(struct fix *f)
{
	driver_fini(&f->d);
	assert_int_equal(access(f->path, F_OK), -1); /* the socket went with the device */
	assert_int_equal(rmdir(f->dir), 0);
}

static inline void send_raw(struct fix *f, const struct virtio_vsock_hdr *h, const void *data,
	uint32_t len)
{
	struct buf b[2] = { { .gpa = f->tx, .len = HEADER },
		{ .gpa = f->tx + HEADER, .len = len } };
	struct vring_used_elem e;

	memcpy(driver_ptr(&f->d, b[0].gpa), h, HEADER);
	if (len)
		memcpy(driver_ptr(&f->d, b[1].gpa), data, len);
	driver_add(&f->d, TX, b, len ? 2 : 1);
	driver_kick(&f->d, TX);
	assert_true(driver_wait_used(&f->d, TX, &e));
	assert_int_equal(e.len, 0);
}

static inline struct virtio_vsock_hdr packet(struct fix *f, uint32_t host_port, uint32_t guest_port,
	uint16_t op)
{
	return (struct virtio_vsock_hdr){ .src_cid = GUEST,
		.dst_cid = 2,
		.src_port = guest_port,
		.dst_port = host_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = f->alloc,
		.fwd_cnt = f->forwarded };
}

static inline void says(struct fix *f, uint32_t host_port, uint32_t guest_port, uint16_t op,
	uint32_t flags)
{
	struct virtio_vsock_hdr h = packet(f, host_port, guest_port, op);

	h.flags = flags;
	send_raw(f, &h, NULL, 0);
}

static inline void writes(struct fix *f, uint32_t host_port, uint32_t guest_port, const void *data,
	uint32_t len)
{
	struct virtio_vsock_hdr h = packet(f, host_port, guest_port, VIRTIO_VSOCK_OP_RW);

	h.len = len;
	send_raw(f, &h, data, len);
}

/* Takes the next packet to the guest, if there is one, and gives its buffer back. */
static inline bool hears_any(struct fix *f)
{
	struct vring_used_elem e;

	driver_turn(&f->d);
	if (!driver_take_used(&f->d, RX, &e))
		return false;
	memcpy(&f->h, driver_ptr(&f->d, f->rx[e.id]), HEADER);
	assert_int_equal(e.len, HEADER + f->h.len);
	memcpy(f->data, driver_ptr(&f->d, f->rx[e.id] + HEADER), f->h.len);
	if (f->h.op == VIRTIO_VSOCK_OP_RW)
		f->forwarded += f->h.len;
	assert_int_equal(f->h.src_cid, 2);
	assert_int_equal(f->h.dst_cid, GUEST);
	give_rx(f, 1);
	return true;
}

static inline void hears(struct fix *f, uint16_t op)
{
	assert_true(hears_any(f));
	assert_int_equal(f->h.op, op);
}

static inline void hears_nothing(struct fix *f)
{
	assert_false(hears_any(f));
}

/* the host */

static inline int client(struct fix *f)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(sa.sun_path, f->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	driver_turn(&f->d);
	return fd;
}

static inline void host_says(struct fix *f, int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	driver_turn(&f->d);
}

static inline void host_hears(int fd, const char *text)
{
	char got[128] = "";

	assert_int_equal(recv(fd, got, sizeof(got) - 1, 0), strlen(text));
	assert_string_equal(got, text);
}

static inline bool at_end(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);

	return !n || (n < 0 && errno == ECONNRESET);
}

/* A client that is connected to the guest's port 1024; its own end is *port. */
static inline int connected(struct fix *f, uint32_t *port)
{
	int fd = client(f);
	char ok[32];

	host_says(f, fd, "CONNECT 1024\n");
	hears(f, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(f->h.dst_port, 1024);
	*port = f->h.src_port;
	says(f, *port, 1024, VIRTIO_VSOCK_OP_RESPONSE, 0);
	snprintf(ok, sizeof(ok), "OK %u\n", *port);
	host_hears(fd, ok);
	return fd;
}

/* The same of a machine that begins with it. */
static inline int up_connected(struct fix *f, uint32_t *port)
{
	up(f);
	return connected(f, port);
}

static inline int service(struct fix *f, unsigned port)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s_%u", f->path, port);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static inline void no_service(struct fix *f, unsigned port, int fd)
{
	char path[128];

	snprintf(path, sizeof(path), "%s_%u", f->path, port);
	assert_int_equal(unlink(path), 0);
	close(fd);
}

#endif
