/*
 * The console with a driver that lies: what every device goes through (hostile.h), and what only
 * this one does: G15 and G16 control messages without measure or sense, G17 output without end to a
 * far side that does not read, G18 bytes past the queues, G22 buffers that shrink under the device.
 */
#include "virtio/test/hostile.h"
#include "virtio/test/console_fix.h"

#define FEATURES  (MULTIPORT | SIZE_F | UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC)
#define EMERGENCY offsetof(struct virtio_console_config, emerg_wr)
#define NQUEUES	  8

static struct driver *plug_ports(void **fix)
{
	void *state = NULL;
	struct fix *f;

	assert_int_equal(fix_new(&state), 0);
	f = state;
	plug_three(f);
	*fix = f;
	return &f->d;
}

static void unplug(void *fix)
{
	fix_free(&fix);
}

static void drain(struct fix *f)
{
	uint8_t buf[4096];

	for (unsigned i = 0; i < 2; i++)
		while (read(f->far[i], buf, sizeof(buf)) > 0)
			;
}

static bool far_hears(void *arg)
{
	struct fix *f = arg;
	char buf[8] = "";

	return read(f->far[0], buf, sizeof(buf)) == 5 && !strcmp(buf, "hello");
}

static void works(void *fix)
{
	struct fix *f = fix;
	struct buf in = driver_in(&f->d, 64), out = driver_out(&f->d, "hello", 5);
	struct vring_used_elem e;

	driver_turn(&f->d);
	drain(f);
	supply(f, 3, 64);
	control(f, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
	for (unsigned i = 0; i < 3; i++)
		expect(f, i, VIRTIO_CONSOLE_PORT_ADD, 1, "");
	driver_add(&f->d, TX, &out, 1);
	driver_kick(&f->d, TX);
	assert_true(driver_wait_used(&f->d, TX, &e));
	assert_true(driver_run(&f->d, far_hears, f));
	driver_add(&f->d, RX, &in, 1);
	driver_kick(&f->d, RX);
	assert_int_equal(write(f->far[0], "typed", 5), 5);
	assert_true(driver_wait_used(&f->d, RX, &e));
	assert_int_equal(e.len, 5);
	assert_memory_equal(driver_ptr(&f->d, in.gpa), "typed", 5);
}

/* The control receive queue is looked at when there is something to tell. */
static void look(void *fix, unsigned q)
{
	static const struct virtio_console_control m = { .id = UINT32_MAX,
		.event = VIRTIO_CONSOLE_DEVICE_READY,
		.value = 1 };
	struct fix *f = fix;
	struct buf b;

	if (q == CONTROL_RX) {
		b = driver_out(&f->d, &m, sizeof(m));
		driver_add(&f->d, CONTROL_TX, &b, 1);
		driver_kick(&f->d, CONTROL_TX);
	}
	driver_kick(&f->d, q);
}

static const struct subject_kind kind = {
	.name = "console",
	.features = FEATURES,
	.nqueues = NQUEUES,
	.queue = { [RX] = "receive",
		[TX] = "transmit",
		[CONTROL_RX] = "control receive",
		[CONTROL_TX] = "control transmit",
		[5] = "port 1 transmit" },
	.writable_off = EMERGENCY,
	.writable_len = 4,
	.plug = plug_ports,
	.unplug = unplug,
	.works = works,
	.look = look,
};

/* control messages */

static void message_of(struct subject *s, uint64_t len)
{
	struct buf b = driver_out(s->d, "\0\0\0\0\3\0\1", (uint32_t)len); /* PORT_READY of port 0 */
	struct vring_used_elem e;

	driver_add(s->d, CONTROL_TX, &b, 1);
	driver_kick(s->d, CONTROL_TX);
	assert_true(driver_wait_used(s->d, CONTROL_TX, &e));
	supply(s->fix, 2, 64);
	expect_nothing(s->fix); /* a PORT_READY would be answered */
	hostile_restart(s);
}

#define MESSAGE(id, event, value)                                                                  \
	((uint64_t)(id) << 32 | (uint64_t)(event) << 16 | (uint64_t)(value))
#define NOBODY UINT32_MAX

static void message(struct subject *s, uint64_t m)
{
	control(s->fix, (uint32_t)(m >> 32), (uint16_t)(m >> 16), (uint16_t)m);
	supply(s->fix, 2, 64);
	expect_nothing(s->fix);
	hostile_restart(s);
}

/* What the guest has yet to be told does not grow with its asking. */
static void messages_again_and_again(struct subject *s, uint64_t rounds)
{
	rounds = hostile_times(rounds, 100 * rounds);
	for (uint64_t i = 0; i < rounds; i++) {
		uint64_t mark = s->d->next;

		control(s->fix, NOBODY, VIRTIO_CONSOLE_DEVICE_READY, 1);
		control(s->fix, 0, VIRTIO_CONSOLE_PORT_READY, i & 1 ? 0 : 1);
		control(s->fix, 1, VIRTIO_CONSOLE_PORT_OPEN, i & 1 ? 0 : 1);
		s->d->next = mark;
	}
	hostile_restart(s);
}

/* Too short for any message: it goes back empty, and the message comes in the next. */
static void short_control_buffer(struct subject *s, uint64_t len)
{
	const uint8_t *p = driver_ptr(s->d, HOSTILE_DATA);
	struct buf b = { HOSTILE_DATA, (uint32_t)len, true };
	struct vring_used_elem e;

	control(s->fix, NOBODY, VIRTIO_CONSOLE_DEVICE_READY, 1);
	driver_add(s->d, CONTROL_RX, &b, 1);
	driver_kick(s->d, CONTROL_RX);
	assert_true(driver_wait_used(s->d, CONTROL_RX, &e));
	assert_int_equal(e.len, 0);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(p[i], 0);
}

static void control_buffer_to_read(struct subject *s, uint64_t unused UNUSED)
{
	struct buf b = { HOSTILE_DATA, 64, false };
	struct vring_used_elem e;

	control(s->fix, NOBODY, VIRTIO_CONSOLE_DEVICE_READY, 1);
	driver_add(s->d, CONTROL_RX, &b, 1);
	driver_kick(s->d, CONTROL_RX);
	assert_true(driver_wait_used(s->d, CONTROL_RX, &e));
	assert_int_equal(e.len, 0);
}

/* Without MULTIPORT there is port 0 and nothing else, whatever is in the other queues. */
static void without_multiport(struct subject *s, uint64_t q)
{
	driver_start(s->d, SIZE_F, NQUEUES, HOSTILE_RING);
	driver_post(s->d, (unsigned)q, 0xffff);
	driver_kick(s->d, (unsigned)q);
	assert_int_equal(s->d->dev->queue[q].next_avail, 0);
	assert_false(driver_needs_reset(s->d));
	hostile_restart(s);
}

/* A port that no program has open gives nothing to read. */
static void closed_port(struct subject *s, uint64_t unused UNUSED)
{
	driver_post(s->d, 4, 0xffff);
	driver_kick(s->d, 4);
	assert_int_equal(s->d->dev->queue[4].next_avail, 0);
}

static void open_port(struct subject *s, uint64_t unused UNUSED)
{
	driver_post(s->d, 4, 0xffff);
	control(s->fix, 1, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

/* output */

/* All of RAM again and again to port q / 2 - 1, whose far side does not read or is not there. */
static void endless_output(struct subject *s, uint64_t q)
{
	struct buf b[HOSTILE_RING];

	for (unsigned i = 0; i < HOSTILE_RING; i++)
		b[i] = (struct buf){ DRIVER_RAM, DRIVER_RAM_SIZE, false };
	for (unsigned i = 0; i < HOSTILE_RING; i++)
		driver_add_indirect(s->d, (unsigned)q, b, HOSTILE_RING);
	driver_kick(s->d, (unsigned)q);
	driver_turn(s->d);
	assert_false(driver_needs_reset(s->d));
}

static void to_nobody(struct subject *s, uint64_t q)
{
	endless_output(s, q);
	assert_int_equal(driver_used_idx(s->d, (unsigned)q), HOSTILE_RING);
}

static void reset_with_output(struct subject *s, uint64_t rounds)
{
	for (uint64_t i = 0; i < rounds; i++) {
		endless_output(s, TX);
		endless_output(s, 5);
		hostile_restart(s);
		drain(s->fix);
	}
	driver_turn(s->d);
}

/* Half sent, then shorter than what was sent. */
static void output_shrinks(struct subject *s, uint64_t len)
{
	struct buf b = { DRIVER_RAM, 2 * MiB, false };
	struct vring_used_elem e;

	driver_add(s->d, TX, &b, 1);
	driver_kick(s->d, TX);
	assert_false(driver_take_used(s->d, TX, &e));
	driver_desc(s->d, TX, 0, (struct vring_desc){ HOSTILE_DATA, (uint32_t)len, 0, 0 });
	for (unsigned i = 0; i < 20; i++) {
		drain(s->fix);
		driver_kick(s->d, TX);
	}
	assert_true(driver_take_used(s->d, TX, &e));
	for (unsigned i = 0; i < 20; i++) {
		drain(s->fix);
		driver_turn(s->d);
	}
}

/* input */

/* The device counted on a buffer of 64 bytes when it asked its channel for so many. */
static void input_shrinks(struct subject *s, uint64_t len)
{
	struct buf b = { HOSTILE_DATA, 64, true };
	const uint8_t *p = driver_ptr(s->d, HOSTILE_DATA);
	struct vring_used_elem e;
	struct fix *f = s->fix;

	driver_add(s->d, RX, &b, 1);
	driver_kick(s->d, RX);
	driver_desc(s->d, RX, 0,
		(struct vring_desc){ HOSTILE_DATA, (uint32_t)len, VRING_DESC_F_WRITE, 0 });
	assert_int_equal(write(f->far[0], "0123456789abcdef0123456789abcdef", 32), 32);
	assert_true(driver_wait_used(s->d, RX, &e));
	assert_int_equal(e.len, len);
	for (uint64_t i = len; i < 64; i++)
		assert_int_equal(p[i], 0);
}

/* emerg_wr (§5.3.4) */

static void emergency_bytes(struct subject *s, uint64_t rounds)
{
	struct fix *f = s->fix;
	uint8_t buf[4096];
	uint32_t x = 'x';

	for (uint64_t i = 0; i < rounds; i++)
		driver_config_set(s->d, EMERGENCY, &x, 4);
	driver_turn(s->d);
	assert_in_range(read(f->far[0], buf, sizeof(buf)), 1, 64);
}

static void emergency_before_the_driver(struct subject *s, uint64_t rounds)
{
	driver_reset(s->d);
	emergency_bytes(s, rounds);
}

static void emergency_beside(struct subject *s, uint64_t off)
{
	uint8_t byte = 'x';

	driver_config_set(s->d, (uint32_t)off, &byte, 1);
	driver_turn(s->d);
	assert_true(read(((struct fix *)s->fix)->far[0], &byte, 1) < 0);
}

static const struct hostile_case cases[] = {
	{ "g15 control message of 0 bytes", IGNORED, message_of, 0 },
	{ "g15 control message of 1 byte", IGNORED, message_of, 1 },
	{ "g15 control message of 4 bytes", IGNORED, message_of, 4 },
	{ "g15 control message of 7 bytes", IGNORED, message_of, 7 },
	{ "g16 PORT_READY of a port too many", IGNORED, message, MESSAGE(3, 3, 1) },
	{ "g16 PORT_READY of port 16", IGNORED, message, MESSAGE(16, 3, 1) },
	{ "g16 PORT_READY of port 2^31", IGNORED, message, MESSAGE(0x80000000, 3, 1) },
	{ "g16 PORT_READY of port 2^32 - 1", IGNORED, message, MESSAGE(NOBODY, 3, 1) },
	{ "g16 PORT_OPEN of a port too many", IGNORED, message, MESSAGE(3, 6, 1) },
	{ "g16 PORT_OPEN of port 2^32 - 1", IGNORED, message, MESSAGE(NOBODY, 6, 1) },
	{ "g16 DEVICE_READY that says no", IGNORED, message, MESSAGE(0, 0, 0) },
	{ "g16 PORT_ADD from the driver", IGNORED, message, MESSAGE(0, 1, 1) },
	{ "g16 PORT_REMOVE from the driver", IGNORED, message, MESSAGE(0, 2, 1) },
	{ "g16 RESIZE from the driver", IGNORED, message, MESSAGE(0, 5, 1) },
	{ "g16 control event 8", IGNORED, message, MESSAGE(0, 8, 1) },
	{ "g16 control event 0xffff", IGNORED, message, MESSAGE(0, 0xffff, 0xffff) },
	{ "g09 control messages again and again", IGNORED, messages_again_and_again, 1000 },
	{ "g15 control buffer of 0 bytes", EITHER, short_control_buffer, 0 },
	{ "g15 control buffer of 1 byte", EITHER, short_control_buffer, 1 },
	{ "g15 control buffer of 7 bytes", EITHER, short_control_buffer, 7 },
	{ "g15 control buffer that is only to read", EITHER, control_buffer_to_read, 0 },
	{ "g03 control receive without MULTIPORT", IGNORED, without_multiport, CONTROL_RX },
	{ "g03 control transmit without MULTIPORT", IGNORED, without_multiport, CONTROL_TX },
	{ "g03 port 1 receive without MULTIPORT", IGNORED, without_multiport, 4 },
	{ "g03 port 1 transmit without MULTIPORT", IGNORED, without_multiport, 5 },
	{ "g04 bad head in a closed port's queue", IGNORED, closed_port, 0 },
	{ "g04 bad head in an open port's queue", BROKEN, open_port, 0 },
	{ "g17 1 GiB to a far side that does not read", EITHER, endless_output, TX },
	{ "g17 1 GiB to a port that does not read", EITHER, endless_output, 5 },
	{ "g17 1 GiB to nobody", EITHER, to_nobody, 7 },
	{ "g11 reset with output in flight", IGNORED, reset_with_output, 20 },
	{ "g22 output shrinks to 0 bytes", EITHER, output_shrinks, 0 },
	{ "g22 output shrinks to 10 bytes", EITHER, output_shrinks, 10 },
	{ "g22 receive buffer shrinks to 1 byte", IGNORED, input_shrinks, 1 },
	{ "g22 receive buffer shrinks to 31 bytes", IGNORED, input_shrinks, 31 },
	{ "g18 10000 emergency bytes", IGNORED, emergency_bytes, 10000 },
	{ "g18 10000 emergency bytes before the driver", EITHER, emergency_before_the_driver,
		10000 },
	{ "g19 a byte before the emergency register", IGNORED, emergency_beside, EMERGENCY - 1 },
	{ "g19 second byte of the emergency register", IGNORED, emergency_beside, EMERGENCY + 1 },
	{ "g19 a byte behind the emergency register", IGNORED, emergency_beside, EMERGENCY + 4 },
};

int main(void)
{
	struct hostile_list *l = hostile_new();

	hostile_add_registers(l, &kind);
	hostile_add_rings(l, &kind);
	hostile_add_cases(l, &kind, cases, ARRAY_SIZE(cases));
	return hostile_run(l, "console");
}
