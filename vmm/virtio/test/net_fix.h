/*
 * A network card over sockets instead of a tap, with the guest driver of driver.h in front of it:
 * what test_net.c and test_net_hostile.c share.
 */
#ifndef SAMPAN_VIRTIO_TEST_NET_FIX_H
#define SAMPAN_VIRTIO_TEST_NET_FIX_H

#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <sys/socket.h>
#include "core/test/check.h"
#include "virtio/net.h"
#include "virtio/test/driver.h"

#define RX	 0
#define TX	 1
#define RING	 64
#define BIT(n)	 (UINT64_C(1) << (n))
#define OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_UFO)
#define MERGE	 BIT(VIRTIO_NET_F_MRG_RXBUF)
#define MULTI	 (BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_CTRL_VQ))

struct fix {
	struct driver d;
	struct net *n;
	int peer[VM_MAX_NET_QUEUES]; /* the network */
};

static inline struct net_parts parts_of(struct fix *f, unsigned pairs)
{
	struct net_parts parts = {
		.tap = { .name = "tap7", .nfds = pairs, .offloads = OFFLOADS, .plain = true }
	};

	for (unsigned i = 0; i < pairs; i++) {
		int fd[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC,
					 0, fd),
			0);
		parts.tap.fd[i] = fd[0];
		f->peer[i] = fd[1];
	}
	return parts;
}

static inline void plug(struct fix *f, const struct net_parts *parts, const struct vm_net *cfg)
{
	struct virtio_env env = { .mem = &f->d.mem, .loop = f->d.loop, .label = "net0", .cpus = 1 };
	struct virtio_dev *dev;
	struct err err = { 0 };

	assert_int_equal(net_assemble(&dev, parts, cfg, &env, &err), 0);
	f->n = container_of(dev, struct net, dev);
	driver_plug(&f->d, dev);
}

/* A card of so many pairs, with its driver up. */
static inline void up(struct fix *f, unsigned pairs, uint64_t features)
{
	struct vm_net cfg = { .vhost = VM_VHOST_OFF };
	struct net_parts parts;

	log_setup(2, LOG_ERROR, "test");
	driver_init(&f->d);
	parts = parts_of(f, pairs);
	plug(f, &parts, &cfg);
	driver_start(&f->d, features, f->n->dev.nqueues, RING);
}

static inline void down(struct fix *f)
{
	unsigned pairs = f->n->tap.nfds;

	driver_fini(&f->d);
	for (unsigned i = 0; i < pairs; i++)
		close(f->peer[i]);
}

/* A header of zeros and a frame whose bytes can be told apart. */
static inline void make_frame(uint8_t *buf, size_t len)
{
	memset(buf, 0, TAP_HEADER);
	for (size_t i = TAP_HEADER; i < len; i++)
		buf[i] = (uint8_t)(i * 7 + i / 256);
}

static inline void network_sends(struct fix *f, unsigned q, size_t len)
{
	static uint8_t buf[80000];

	make_frame(buf, len);
	assert_int_equal(send(f->peer[q], buf, len, 0), len);
}

static inline uint64_t rx_buffer(struct fix *f, unsigned q, uint32_t len)
{
	struct buf b = driver_in(&f->d, len);

	driver_add(&f->d, q, &b, 1);
	return b.gpa;
}

/* Collects a frame of len bytes that lies in count buffers of size bytes each, one behind the other
 * in RAM. */
static inline void expect_frame(struct fix *f, unsigned q, const uint64_t *gpa, unsigned count,
	uint32_t size, size_t len)
{
	static uint8_t want[80000], got[80000];
	size_t at = 0;

	make_frame(want, len);
	want[offsetof(struct virtio_net_hdr_v1, num_buffers)] = (uint8_t)count;
	for (unsigned i = 0; i < count; i++) {
		struct vring_used_elem e;

		assert_true(driver_wait_used(&f->d, q, &e));
		assert_int_equal(e.len, MIN(size, len - at));
		memcpy(got + at, driver_ptr(&f->d, gpa[i]), e.len);
		at += e.len;
	}
	assert_int_equal(at, len);
	assert_memory_equal(got, want, len);
}

static inline bool network_hears(struct fix *f, unsigned q, size_t len)
{
	static uint8_t want[80000], got[80000];
	ssize_t n = recv(f->peer[q], got, sizeof(got), 0);

	if (n < 0)
		return false;
	make_frame(want, len);
	assert_int_equal(n, len);
	assert_memory_equal(got, want, len);
	return true;
}

static inline void add_tx(struct fix *f, unsigned q, size_t len)
{
	static uint8_t buf[80000];
	struct buf b;

	make_frame(buf, len);
	b = driver_out(&f->d, buf, (uint32_t)len);
	driver_add(&f->d, q, &b, 1);
}

/* Both directions still work. */
static inline void assert_works(struct fix *f)
{
	struct vring_used_elem e;
	uint64_t gpa = rx_buffer(f, RX, 2000);

	driver_kick(&f->d, RX);
	network_sends(f, 0, 100);
	expect_frame(f, RX, &gpa, 1, 2000, 100);
	add_tx(f, TX, 200);
	driver_kick(&f->d, TX);
	assert_true(driver_wait_used(&f->d, TX, &e));
	assert_true(network_hears(f, 0, 200));
}

static inline uint8_t control(struct fix *f, unsigned q, const void *req, uint32_t len)
{
	struct buf b[2] = { driver_out(&f->d, req, len), driver_in(&f->d, 1) };
	struct vring_used_elem e;

	driver_add(&f->d, q, b, 2);
	driver_kick(&f->d, q);
	assert_true(driver_wait_used(&f->d, q, &e));
	assert_int_equal(e.len, 1);
	return *(uint8_t *)driver_ptr(&f->d, b[1].gpa);
}

static inline uint8_t set_pairs(struct fix *f, unsigned q, uint16_t pairs)
{
	uint8_t req[4] = { VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, (uint8_t)pairs,
		(uint8_t)(pairs >> 8) };

	return control(f, q, req, sizeof(req));
}

#endif
