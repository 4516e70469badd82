/*
 * The network card with a driver that lies: what every device goes through (hostile.h), and what
 * only this one does: G15 receive buffers without room, G16 frames that are none, commands on the
 * control queue, G11 pairs that come and go, H01 what the network may send.
 */
#include "virtio/test/hostile.h"
#include "virtio/test/net_fix.h"

#define PAIRS	2
#define CONTROL (2 * PAIRS)
#define FRAME	(TAP_HEADER + 14) /* the shortest */

static struct driver *plug_two_pairs(void **fix)
{
	struct vm_net cfg = { .vhost = VM_VHOST_OFF };
	struct fix *f = calloc(1, sizeof(*f));
	struct net_parts parts;

	driver_init(&f->d);
	parts = parts_of(f, PAIRS);
	plug(f, &parts, &cfg);
	*fix = f;
	return &f->d;
}

static void unplug(void *fix)
{
	down(fix);
	free(fix);
}

/* What is still on its way in either direction. */
static void drain(void *fix)
{
	static uint8_t buf[80000];
	struct fix *f = fix;

	for (unsigned i = 0; i < PAIRS; i++) {
		while (recv(f->peer[i], buf, sizeof(buf), 0) >= 0)
			;
		while (recv(f->n->tap.fd[i], buf, sizeof(buf), 0) >= 0)
			;
	}
}

static void works(void *fix)
{
	struct fix *f = fix;

	drain(f);
	assert_works(f);
	assert_int_equal(set_pairs(f, CONTROL, 1), VIRTIO_NET_OK);
}

static const struct subject_kind kind = {
	.name = "net",
	.features = MULTI | MERGE | BIT(VIRTIO_RING_F_INDIRECT_DESC),
	.nqueues = 2 * PAIRS + 1,
	.queue = { [RX] = "receive", [TX] = "transmit", [CONTROL] = "control" },
	.plug = plug_two_pairs,
	.unplug = unplug,
	.started = drain,
	.works = works,
};

/* from the guest */

static void sent(struct subject *s, const struct buf *b, unsigned n)
{
	struct vring_used_elem e;

	driver_add(s->d, TX, b, n);
	driver_kick(s->d, TX);
	assert_true(driver_wait_used(s->d, TX, &e));
	assert_int_equal(e.len, 0);
}

static void network_is_silent(struct fix *f)
{
	uint8_t byte;

	assert_true(recv(f->peer[0], &byte, 1, 0) < 0);
}

static void frame_that_is_none(struct subject *s, uint64_t len)
{
	struct buf b = { HOSTILE_DATA, (uint32_t)len, false };

	sent(s, &b, 1);
	network_is_silent(s->fix);
}

/* The same bytes again and again: far more than any frame has. */
static void frame_of_all_ram(struct subject *s, uint64_t count)
{
	struct buf b[HOSTILE_RING];

	for (uint64_t i = 0; i < count; i++)
		b[i] = (struct buf){ DRIVER_RAM, DRIVER_RAM_SIZE, false };
	sent(s, b, (unsigned)count);
	network_is_silent(s->fix);
}

static void frame_to_write_to(struct subject *s, uint64_t len)
{
	struct buf b[] = { { HOSTILE_DATA, 100, false }, { HOSTILE_DATA, (uint32_t)len, true } };

	sent(s, b, 2);
	network_is_silent(s->fix);
	sent(s, b + 1, 1);
	network_is_silent(s->fix);
}

/* The offload fields are the tap's to judge; here they go through as they are. */
static void header_of(struct subject *s, uint64_t byte)
{
	struct buf b = { HOSTILE_DATA, 200, false };
	uint8_t got[256], *p = driver_ptr(s->d, b.gpa);

	memset(p, (int)byte, TAP_HEADER);
	sent(s, &b, 1);
	assert_int_equal(recv(((struct fix *)s->fix)->peer[0], got, sizeof(got), 0), 200);
	assert_memory_equal(got, p, 200);
}

static void frame_in_pieces(struct subject *s, uint64_t unused UNUSED)
{
	struct fix *f = s->fix;
	struct buf b[HOSTILE_RING];

	make_frame(driver_ptr(s->d, HOSTILE_DATA), 100);
	for (unsigned i = 0; i < HOSTILE_RING - 1; i++)
		b[i] = (struct buf){ HOSTILE_DATA + i, 1, false };
	b[HOSTILE_RING - 1] = (struct buf){ HOSTILE_DATA + HOSTILE_RING - 1,
		100 - (HOSTILE_RING - 1), false };
	sent(s, b, HOSTILE_RING);
	assert_true(network_hears(f, 0, 100));
}

static void many_bad_frames(struct subject *s, uint64_t rounds)
{
	rounds = hostile_times(rounds, 1000 * rounds);
	for (uint64_t i = 0; i < rounds; i++)
		frame_that_is_none(s, i % FRAME);
}

/* to the guest */

static void receive_buffer_of(struct subject *s, uint64_t len)
{
	struct buf b = { HOSTILE_DATA, (uint32_t)len, true };

	driver_add(s->d, RX, &b, 1);
	driver_kick(s->d, RX);
	network_sends(s->fix, 0, 100);
	driver_turn(s->d);
}

static void receive_buffer_to_read(struct subject *s, uint64_t more)
{
	struct buf b[] = { { HOSTILE_DATA, 2000, false }, { HOSTILE_DATA, 2000, true } };

	driver_add(s->d, RX, b, 1 + (unsigned)more);
	driver_kick(s->d, RX);
	network_sends(s->fix, 0, 100);
	driver_turn(s->d);
}

/* Where a frame goes to is RAM of the guest's choice, but never more than the buffer says. */
static void no_byte_too_many(struct subject *s, uint64_t unused UNUSED)
{
	struct buf b = { HOSTILE_DATA, 60, true };
	const uint8_t *p = driver_ptr(s->d, b.gpa);
	struct vring_used_elem e;

	for (unsigned i = 0; i < 4; i++)
		driver_add(s->d, RX, &b, 1);
	driver_kick(s->d, RX);
	network_sends(s->fix, 0, 200);
	driver_turn(s->d);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(driver_wait_used(s->d, RX, &e));
		assert_in_range(e.len, 20, 60);
	}
	for (unsigned i = 60; i < 4096; i++)
		assert_int_equal(p[i], 0);
}

static void network_says(struct subject *s, uint64_t len)
{
	struct buf b = { HOSTILE_DATA, 2000, true };
	struct vring_used_elem e;
	struct fix *f = s->fix;

	driver_add(s->d, RX, &b, 1);
	driver_kick(s->d, RX);
	network_sends(f, 0, len);
	driver_turn(s->d);
	assert_false(driver_take_used(s->d, RX, &e));
	hostile_restart(s);
}

/* A frame for which the ring has not enough, whatever it gives: dropped, and the next comes. */
static void frame_for_buffers(struct subject *s, bool merged, size_t len)
{
	struct fix *f = s->fix;
	struct vring_used_elem e;

	driver_start(s->d, merged ? s->kind->features : MULTI, s->kind->nqueues, HOSTILE_RING);
	for (unsigned i = 0; i < HOSTILE_RING; i++)
		rx_buffer(f, RX, 500);
	driver_kick(s->d, RX);
	network_sends(f, 0, len);
	driver_turn(s->d);
	assert_false(driver_take_used(s->d, RX, &e));
	network_sends(f, 0, 300);
	assert_true(driver_wait_used(s->d, RX, &e));
	assert_int_equal(e.len, 300);
}

static void frame_larger_than_the_ring(struct subject *s, uint64_t merged)
{
	frame_for_buffers(s, merged, NET_FRAME_MAX);
}

static void frame_larger_than_its_buffer(struct subject *s, uint64_t len)
{
	frame_for_buffers(s, false, len);
}

/* control queue */

static void command(struct subject *s, uint64_t words)
{
	uint8_t bytes[8];
	uint32_t len = (uint32_t)(words >> 56);

	memcpy(bytes, &words, sizeof(bytes));
	assert_int_equal(control(s->fix, CONTROL, bytes, len), VIRTIO_NET_ERR);
	assert_int_equal(((struct fix *)s->fix)->n->active, 1);
}

#define COMMAND(len, class, cmd, pairs)                                                            \
	((uint64_t)(len) << 56 | (uint64_t)(pairs) << 16 | (uint64_t)(cmd) << 8 | (class))
#define MQ VIRTIO_NET_CTRL_MQ

/* 0: none, 1: one that is only to read, 2: one of no bytes */
static void no_status(struct subject *s, uint64_t how)
{
	struct buf b[] = { driver_out(s->d, "\4\0\2\0", 4), { HOSTILE_DATA, how == 1, how != 1 } };

	driver_add(s->d, CONTROL, b, how ? 2 : 1);
	driver_kick(s->d, CONTROL);
	assert_int_equal(((struct fix *)s->fix)->n->active, 1);
}

static void pairs_come_and_go(struct subject *s, uint64_t rounds)
{
	struct fix *f = s->fix;

	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t mark = s->d->next;

		for (unsigned q = 0; q < 2 * PAIRS; q++) {
			if ((uint16_t)(s->d->q[q].next_avail - driver_used_idx(s->d, q)) <
				HOSTILE_RING)
				driver_add(s->d, q, &(struct buf){ HOSTILE_DATA, 2000, !(q & 1) },
					1);
			driver_signal(s->d, q);
		}
		assert_int_equal(set_pairs(f, CONTROL, i & 1 ? 1 : 2), VIRTIO_NET_OK);
		drain(f);
		s->d->next = mark;
	}
	hostile_restart(s);
}

/* Pairs are for drivers that negotiated them. */
static void pairs_without_mq(struct subject *s, uint64_t pairs)
{
	driver_start(s->d, BIT(VIRTIO_NET_F_CTRL_VQ), s->kind->nqueues, HOSTILE_RING);
	assert_int_equal(set_pairs(s->fix, 2, (uint16_t)pairs), VIRTIO_NET_ERR);
	assert_int_equal(((struct fix *)s->fix)->n->active, 1);
}

/* As many descriptors as can be: of one byte each, so that a frame needs them all. */
static void receive_buffers_of_bytes(struct subject *s, uint64_t pieces)
{
	struct buf b[QUEUE_MAX_SIZE];

	assert_true(driver_negotiate(s->d, s->kind->features));
	for (unsigned q = 0; q < s->kind->nqueues; q++)
		assert_true(driver_queue_setup(s->d, q, QUEUE_MAX_SIZE));
	driver_ok(s->d);
	for (uint64_t i = 0; i < pieces; i++)
		b[i] = (struct buf){ HOSTILE_DATA + i, 1, true };
	for (unsigned i = 0; i < 16; i++)
		driver_add_indirect(s->d, RX, b, (unsigned)pieces);
	driver_kick(s->d, RX);
	network_sends(s->fix, 0, 1500);
	driver_turn(s->d);
	assert_false(driver_needs_reset(s->d));
}

/* Queues of a pair that is not in use are not looked at. */
static void unused_pair(struct subject *s, uint64_t q)
{
	driver_post(s->d, (unsigned)q, 0xffff);
	driver_kick(s->d, (unsigned)q);
	assert_int_equal(s->d->dev->queue[q].next_avail, 0);
}

/* Taken ahead for a frame, and given back by a reset: what was ahead is forgotten. */
static void reset_with_buffers_ahead(struct subject *s, uint64_t unused UNUSED)
{
	for (unsigned i = 0; i < 50; i++) {
		for (unsigned n = 0; n < HOSTILE_RING; n++)
			driver_add(s->d, RX, &(struct buf){ HOSTILE_DATA, 100, true }, 1);
		driver_kick(s->d, RX);
		network_sends(s->fix, 0, i & 1 ? 70000 : 100); /* one waits for more room */
		if (i & 2)
			driver_turn(s->d);
		hostile_restart(s);
	}
}

static const struct hostile_case cases[] = {
	{ "g16 frame of 0 bytes", IGNORED, frame_that_is_none, 0 },
	{ "g16 frame of 1 byte", IGNORED, frame_that_is_none, 1 },
	{ "g16 frame of 11 bytes", IGNORED, frame_that_is_none, TAP_HEADER - 1 },
	{ "g16 frame of a header only", IGNORED, frame_that_is_none, TAP_HEADER },
	{ "g16 frame of a header and a byte", IGNORED, frame_that_is_none, TAP_HEADER + 1 },
	{ "g16 frame a byte too short", IGNORED, frame_that_is_none, FRAME - 1 },
	{ "g16 frame a byte too long", IGNORED, frame_that_is_none, NET_FRAME_MAX + 1 },
	{ "g16 frame of 4 MiB", IGNORED, frame_of_all_ram, 1 },
	{ "g16 frame of 64 MiB", IGNORED, frame_of_all_ram, HOSTILE_RING },
	{ "g16 frame with a byte to write", IGNORED, frame_to_write_to, 1 },
	{ "g16 frame with a page to write", IGNORED, frame_to_write_to, 4096 },
	{ "g16 header of all ones", IGNORED, header_of, 0xff },
	{ "g16 header of 0x7f", IGNORED, header_of, 0x7f },
	{ "g15 frame and header in 16 pieces", IGNORED, frame_in_pieces, 0 },
	{ "g18 1000 frames that are none", IGNORED, many_bad_frames, 1000 },
	{ "g15 receive buffer of 0 bytes", BROKEN, receive_buffer_of, 0 },
	{ "g15 receive buffer of 1 byte", BROKEN, receive_buffer_of, 1 },
	{ "g15 receive buffer a byte short of a header", BROKEN, receive_buffer_of,
		TAP_HEADER - 1 },
	{ "g15 receive buffer that is only to read", BROKEN, receive_buffer_to_read, 0 },
	{ "g15 receive buffer with a part to read", BROKEN, receive_buffer_to_read, 1 },
	{ "g16 frame over four receive buffers", EITHER, no_byte_too_many, 0 },
	{ "h01 network sends 1 byte", IGNORED, network_says, 1 },
	{ "h01 network sends a header only", IGNORED, network_says, TAP_HEADER },
	{ "h01 network sends a byte too few", IGNORED, network_says, FRAME - 1 },
	{ "h01 frame larger than the ring", EITHER, frame_larger_than_the_ring, 1 },
	{ "h01 frame larger than its one buffer", EITHER, frame_larger_than_the_ring, 0 },
	{ "h01 frame a byte larger than its one buffer", EITHER, frame_larger_than_its_buffer,
		501 },
	{ "g16 command of 1 byte", IGNORED, command, COMMAND(1, MQ, 0, 2) },
	{ "g16 command of 2 bytes", IGNORED, command, COMMAND(2, MQ, 0, 2) },
	{ "g16 command of 3 bytes", IGNORED, command, COMMAND(3, MQ, 0, 2) },
	{ "g16 command of 5 bytes", IGNORED, command, COMMAND(5, MQ, 0, 2) },
	{ "g16 command of class 0", IGNORED, command, COMMAND(4, 0, 0, 2) },
	{ "g16 command of class MAC", IGNORED, command, COMMAND(4, 1, 0, 2) },
	{ "g16 command of class 255", IGNORED, command, COMMAND(4, 255, 0, 2) },
	{ "g16 command 1 of class MQ", IGNORED, command, COMMAND(4, MQ, 1, 2) },
	{ "g16 command 255 of class MQ", IGNORED, command, COMMAND(4, MQ, 255, 2) },
	{ "g16 no pairs", IGNORED, command, COMMAND(4, MQ, 0, 0) },
	{ "g16 a pair too many", IGNORED, command, COMMAND(4, MQ, 0, PAIRS + 1) },
	{ "g16 0x8001 pairs", IGNORED, command, COMMAND(4, MQ, 0, 0x8001) },
	{ "g16 0xffff pairs", IGNORED, command, COMMAND(4, MQ, 0, 0xffff) },
	{ "g15 command without a status", BROKEN, no_status, 0 },
	{ "g15 command whose status is only to read", BROKEN, no_status, 1 },
	{ "g15 command whose status has no byte", BROKEN, no_status, 2 },
	{ "g11 pairs come and go 200 times", IGNORED, pairs_come_and_go, 200 },
	{ "g01 pairs without MQ", EITHER, pairs_without_mq, 2 },
	{ "g17 receive buffers of 200 bytes in 200 pieces", EITHER, receive_buffers_of_bytes, 200 },
	{ "g17 receive buffers of 256 bytes in 256 pieces", EITHER, receive_buffers_of_bytes, 256 },
	{ "g03 receive queue of an unused pair", IGNORED, unused_pair, 2 },
	{ "g03 transmit queue of an unused pair", IGNORED, unused_pair, 3 },
	{ "g11 reset with buffers taken ahead", IGNORED, reset_with_buffers_ahead, 0 },
};

int main(void)
{
	struct hostile_list *l = hostile_new();

	hostile_add_registers(l, &kind);
	hostile_add_rings(l, &kind);
	hostile_add_cases(l, &kind, cases, ARRAY_SIZE(cases));
	return hostile_run(l, "net");
}
