/* A normal request of each kind of device; see evil.h. Buffers are HOSTILE_DATA's. */
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_vsock.h>
#include "evil.h"

#define W VRING_DESC_F_WRITE
#define N VRING_DESC_F_NEXT

static volatile uint8_t *data(unsigned off)
{
	return (volatile uint8_t *)(HOSTILE_DATA + off);
}

void fill(volatile void *p, int byte, size_t len)
{
	for (volatile char *c = p; len--; c++)
		*c = (char)byte;
}

/* The last entries of the table: what a case left in the first ones stays. */
static bool ask(struct device *d, unsigned q, const struct vring_desc *desc, unsigned n,
	uint32_t *len)
{
	unsigned first = HOSTILE_RING - 4;

	for (unsigned i = 0; i < n; i++) {
		struct vring_desc one = desc[i];

		one.flags |= i + 1 < n ? N : 0;
		one.next = (uint16_t)(first + i + 1);
		put(d, q, first + i, one);
	}
	post(d, q, (uint16_t)first);
	kick(d, q);
	return wait_used(d, q, len);
}

/* Sector 3 of a disk that is full of the letter e. */
static bool ask_blk(struct device *d)
{
	struct virtio_blk_outhdr *h = (void *)HOSTILE_DATA;
	struct vring_desc desc[] = { { HOSTILE_DATA, sizeof(*h), 0, 0 },
		{ HOSTILE_DATA + 512, 512, W, 0 }, { HOSTILE_DATA + 1024, 1, W, 0 } };
	uint32_t len;

	fill(data(0), 0xee, 1025);
	*h = (struct virtio_blk_outhdr){ .type = VIRTIO_BLK_T_IN, .sector = 3 };
	return ask(d, 0, desc, 3, &len) && len == 513 && !*data(1024) && *data(512) == 'e' &&
		*data(1023) == 'e';
}

static bool ask_rng(struct device *d)
{
	struct vring_desc desc = { HOSTILE_DATA, 64, W, 0 };
	uint32_t len;

	return ask(d, 0, &desc, 1, &len) && len && len <= 64;
}

static bool send_frame(struct device *d)
{
	struct vring_desc desc = { HOSTILE_DATA, 12 + 60, 0, 0 };
	uint32_t len;

	fill(data(0), 0, 72);
	fill(data(12), 0xff, 6);
	return ask(d, 1, &desc, 1, &len) && !len;
}

static bool print(struct device *d)
{
	struct vring_desc desc = { HOSTILE_DATA, 1, 0, 0 };
	uint32_t len;

	*data(0) = '.';
	return ask(d, 1, &desc, 1, &len) && !len;
}

/* Data for nobody is answered by an RST. */
static bool send_packet(struct device *d)
{
	struct virtio_vsock_hdr *h = (void *)HOSTILE_DATA;
	volatile struct virtio_vsock_hdr *answer = (void *)(HOSTILE_DATA + 512);
	struct vring_desc desc = { HOSTILE_DATA, sizeof(*h), 0, 0 };
	uint32_t len;

	fill(data(0), 0, 1024);
	*h = (struct virtio_vsock_hdr){ .src_cid = 42,
		.dst_cid = 2,
		.src_port = 7,
		.dst_port = 8,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = VIRTIO_VSOCK_OP_RW };
	put(d, 0, HOSTILE_RING - 1, (struct vring_desc){ HOSTILE_DATA + 512, 512, W, 0 });
	post(d, 0, HOSTILE_RING - 1);
	return ask(d, 1, &desc, 1, &len) && !len && wait_used(d, 0, &len) && len == sizeof(*h) &&
		answer->op == VIRTIO_VSOCK_OP_RST && answer->dst_port == 7;
}

static const struct kind kinds[] = {
	{ "blk", VIRTIO_ID_BLOCK, 1, 0, ask_blk },
	{ "rng", VIRTIO_ID_RNG, 1, 0, ask_rng },
	{ "net", VIRTIO_ID_NET, 2, 1, send_frame },
	{ "console", VIRTIO_ID_CONSOLE, 2, 1, print },
	{ "vsock", VIRTIO_ID_VSOCK, 3, 1, send_packet },
};

const struct kind *kind_of(uint32_t id)
{
	for (unsigned i = 0; i < COUNT(kinds); i++)
		if (kinds[i].id == id)
			return &kinds[i];
	return NULL;
}
