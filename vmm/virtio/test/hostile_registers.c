/*
 * Registers at the wrong time and with the wrong values, for every device: G01 after DRIVER_OK, G02
 * sizes, G03 selectors, G11 resets, G14 rings that are no RAM, G19 widths, offsets and the
 * configuration space. What the transport does is the same for all devices; what is looked at is
 * that a device goes on behind it.
 */
#include <pthread.h>
#include <string.h>
#include "virtio/test/hostile.h"
#include "virtio/test/hostile_rows.h"

static const uint32_t junk[] = { 0, 1, 2, 3, HOSTILE_RING + 1, 0x7fff, 0x8000, 0xffff, 0x10000,
	0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };

/* G01 */
static void late_write(struct subject *s, uint64_t reg)
{
	struct queue before[HOSTILE_QUEUES];
	uint64_t acked = s->d->dev->acked;

	memcpy(before, s->d->dev->queue, sizeof(before));
	for (uint32_t q = 0; q < s->kind->nqueues + 1; q++)
		for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
			driver_set(s->d, VIRTIO_MMIO_QUEUE_SEL, q);
			driver_set(s->d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, junk[i] & 1);
			driver_set(s->d, (uint32_t)reg, junk[i]);
		}
	assert_memory_equal(s->d->dev->queue, before, sizeof(before));
	assert_int_equal(s->d->dev->acked, acked);
	for (unsigned q = 0; q < s->kind->nqueues; q++)
		driver_kick(s->d, q);
}

/* Bits of a status only come, until all go. */
static void late_status(struct subject *s, uint64_t value)
{
	driver_set(s->d, VIRTIO_MMIO_STATUS, (uint32_t)value);
	assert_int_equal(driver_get(s->d, VIRTIO_MMIO_STATUS) & DRIVER_STATUS_LIVE,
		DRIVER_STATUS_LIVE);
}

static void features_after_features_ok(struct subject *s, uint64_t value)
{
	uint64_t acked;

	assert_true(driver_negotiate(s->d, s->kind->features));
	acked = s->d->dev->acked;
	for (uint32_t half = 0; half < 4; half++) {
		driver_set(s->d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, half);
		driver_set(s->d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)value);
	}
	assert_int_equal(s->d->dev->acked, acked);
}

static void features_never_offered(struct subject *s, uint64_t bit)
{
	assert_false(driver_negotiate(s->d, UINT64_C(1) << bit));
	driver_ok(s->d); /* without FEATURES_OK: no start */
	assert_false(s->d->dev->started);
}

/* There are two halves of features, and no more. */
static void features_beyond(struct subject *s, uint64_t sel)
{
	driver_set(s->d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, (uint32_t)sel);
	assert_int_equal(driver_get(s->d, VIRTIO_MMIO_DEVICE_FEATURES), 0);
	driver_reset(s->d);
	driver_set(s->d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER);
	driver_set(s->d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, (uint32_t)sel);
	driver_set(s->d, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	assert_int_equal(s->d->dev->acked, 0);
}

static void old_driver(struct subject *s, uint64_t unused UNUSED)
{
	driver_reset(s->d);
	driver_set(s->d, VIRTIO_MMIO_STATUS, STATUS_NEW); /* VERSION_1 not accepted */
	assert_int_equal(driver_get(s->d, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK, 0);
	driver_set(s->d, VIRTIO_MMIO_STATUS, DRIVER_STATUS_LIVE);
	assert_false(s->d->dev->started);
}

static void driver_ok_alone(struct subject *s, uint64_t unused UNUSED)
{
	driver_reset(s->d);
	driver_set(s->d, VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_DRIVER_OK);
	assert_int_equal(driver_get(s->d, VIRTIO_MMIO_STATUS), 0);
	assert_false(s->d->dev->started);
}

/* A ready queue's layout stays also before DRIVER_OK. */
static void ready_queue(struct subject *s, uint64_t reg)
{
	struct queue before;

	assert_true(driver_negotiate(s->d, s->kind->features));
	assert_true(driver_queue_setup(s->d, 0, HOSTILE_RING));
	before = s->d->dev->queue[0];
	for (size_t i = 0; i < ARRAY_SIZE(junk); i++)
		driver_set(s->d, (uint32_t)reg, junk[i]);
	assert_memory_equal(&s->d->dev->queue[0], &before, sizeof(before));
}

/* G02 */
static void bad_size(struct subject *s, uint64_t size)
{
	assert_true(driver_negotiate(s->d, s->kind->features));
	driver_queue_place(s->d, 0, HOSTILE_RING);
	driver_queue_write(s->d, 0);
	driver_set(s->d, VIRTIO_MMIO_QUEUE_NUM, (uint32_t)size);
	driver_set(s->d, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(driver_get(s->d, VIRTIO_MMIO_QUEUE_READY), 0);
	driver_ok(s->d);
	driver_kick(s->d, 0);
}

static void twice_the_largest(struct subject *s, uint64_t unused UNUSED)
{
	bad_size(s, 2 * (uint64_t)s->d->dev->queue[0].max);
}

/* G14 */
static void bad_area(struct subject *s, uint64_t gpa, unsigned area)
{
	assert_true(driver_negotiate(s->d, s->kind->features));
	driver_queue_place(s->d, 0, HOSTILE_RING);
	*(&s->d->q[0].desc + area) = gpa;
	driver_queue_write(s->d, 0);
	driver_set(s->d, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_int_equal(driver_get(s->d, VIRTIO_MMIO_QUEUE_READY), 0);
	driver_ok(s->d);
}

static void bad_desc(struct subject *s, uint64_t gpa)
{
	bad_area(s, gpa, 0);
}

static void bad_avail(struct subject *s, uint64_t gpa)
{
	bad_area(s, gpa, 1);
}

static void bad_used(struct subject *s, uint64_t gpa)
{
	bad_area(s, gpa, 2);
}

/* G03 */
static void select_none(struct subject *s, uint64_t sel)
{
	struct queue before[VIRTIO_MAX_QUEUES];

	if (sel < VIRTIO_MAX_QUEUES)
		sel += s->d->dev->nqueues; /* the first that is not there */
	for (unsigned round = 0; round < 2; round++) {
		driver_set(s->d, VIRTIO_MMIO_QUEUE_SEL, (uint32_t)sel);
		memcpy(before, s->d->dev->queue, sizeof(before));
		assert_int_equal(driver_get(s->d, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
		assert_int_equal(driver_get(s->d, VIRTIO_MMIO_QUEUE_READY), 0);
		for (uint32_t reg = VIRTIO_MMIO_QUEUE_NUM; reg <= VIRTIO_MMIO_QUEUE_USED_HIGH;
			reg += 4)
			if (reg < VIRTIO_MMIO_INTERRUPT_STATUS || reg > VIRTIO_MMIO_STATUS)
				driver_set(s->d, reg, 1);
		assert_memory_equal(s->d->dev->queue, before, sizeof(before));
		driver_reset(s->d);
	}
	hostile_restart(s);
}

static void notify(struct subject *s, uint64_t value)
{
	driver_set(s->d, VIRTIO_MMIO_QUEUE_NOTIFY, (uint32_t)value);
	driver_turn(s->d);
}

/* G11 */
static void reset_again_and_again(struct subject *s, uint64_t rounds)
{
	rounds = hostile_times(rounds, 100 * rounds);
	for (uint64_t i = 0; i < rounds; i++) {
		struct buf b[] = { { HOSTILE_DATA, 64, false }, { HOSTILE_DATA + 64, 4096, true } };

		for (unsigned q = 0; q < s->kind->nqueues; q++) {
			for (unsigned n = 0; n < HOSTILE_RING / 2; n++)
				driver_add(s->d, q, b, 2);
			driver_signal(s->d, q);
		}
		if (i & 1)
			driver_turn(s->d);
		hostile_restart(s);
	}
}

/* What was kicked before the reset is not looked at after it. */
static void reset_before_the_kick_is_seen(struct subject *s, uint64_t unused UNUSED)
{
	for (unsigned q = 0; q < s->kind->nqueues; q++) {
		driver_add(s->d, q, &(struct buf){ HOSTILE_DATA, 4096, true }, 1);
		driver_signal(s->d, q);
	}
	driver_reset(s->d);
	memset(s->d->ram, 0x5a, DRIVER_RAM_SIZE);
	driver_turn(s->d);
	assert_memory_equal(s->d->ram, s->d->ram + 1, DRIVER_RAM_SIZE - 1);
	hostile_restart(s);
}

static void kick_before_driver_ok(struct subject *s, uint64_t unused UNUSED)
{
	assert_true(driver_negotiate(s->d, s->kind->features));
	for (unsigned q = 0; q < s->kind->nqueues; q++) {
		assert_true(driver_queue_setup(s->d, q, HOSTILE_RING));
		driver_add(s->d, q, &(struct buf){ HOSTILE_DATA, 64, true }, 1);
		notify(s, q);
		driver_kick(s->d, q);
		assert_int_equal(s->d->dev->queue[q].next_avail, 0);
	}
}

/* A paused device looks at nothing, and at all of it afterwards. */
static void pause_while_hostile(struct subject *s, uint64_t unused UNUSED)
{
	virtio_mmio_pause(s->d->m);
	virtio_mmio_pause(s->d->m);
	for (unsigned q = 0; q < s->kind->nqueues; q++) {
		driver_post(s->d, q, 0xffff);
		driver_kick(s->d, q);
	}
	assert_false(driver_needs_reset(s->d));
	virtio_mmio_resume(s->d->m);
	virtio_mmio_resume(s->d->m);
	driver_turn(s->d);
	if (s->kind->queue[0] && !s->kind->look)
		assert_true(driver_needs_reset(s->d));
}

struct racer {
	struct subject *s;
	uint32_t seed;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct driver *d = r->s->d;

	for (unsigned i = 0; i < 200; i++) {
		r->seed = r->seed * 1664525 + 1013904223;
		if (r->seed >> 31)
			driver_reset(d);
		driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		driver_set(d, VIRTIO_MMIO_DRIVER_FEATURES, 1);
		driver_set(d, VIRTIO_MMIO_STATUS, STATUS_NEW);
		driver_queue_write(d, r->seed >> 30 & 1 && r->s->kind->nqueues > 1);
		driver_set(d, VIRTIO_MMIO_QUEUE_READY, 1);
		driver_set(d, VIRTIO_MMIO_STATUS, DRIVER_STATUS_LIVE);
		driver_ack_irq(d);
		virtio_lock(d->dev); /* the fake machine's table of ioeventfds */
		driver_signal(d, 0);
		virtio_unlock(d->dev);
	}
	return NULL;
}

/* Two vCPUs set it up, start and reset it while the loop serves it. */
static void vcpus_race(struct subject *s, uint64_t unused UNUSED)
{
	struct racer r[2] = { { s, 1 }, { s, 2 } };
	pthread_t thread[2];

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, race, &r[i]), 0);
	for (unsigned i = 0; i < 20; i++)
		driver_turn(s->d);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

/* G19 */
static bool writable(const struct subject *s, uint32_t off, unsigned len)
{
	return off < s->kind->writable_off + s->kind->writable_len &&
		off + len > s->kind->writable_off;
}

static void registers_by(struct subject *s, uint64_t len)
{
	static const uint8_t zero[8];
	struct queue before = s->d->dev->queue[0];
	uint8_t data[16], ones[8];

	memset(ones, 0xff, sizeof(ones));
	for (uint32_t off = 0; off < VIRTIO_MMIO_CONFIG; off++) {
		if (len == 4 && !(off & 3))
			continue; /* that is a register */
		memset(data, 0xee, sizeof(data));
		driver_store(s->d, off, ones, (unsigned)len);
		driver_load(s->d, off, data, (unsigned)len);
		assert_memory_equal(data, zero, len);
		assert_int_equal(data[len], 0xee);
	}
	assert_memory_equal(&s->d->dev->queue[0], &before, sizeof(before));
	assert_int_equal(driver_get(s->d, VIRTIO_MMIO_STATUS), DRIVER_STATUS_LIVE);
}

static void config_by(struct subject *s, uint64_t len)
{
	uint8_t before[sizeof(s->d->dev->config)], data[16];

	memcpy(before, s->d->dev->config, sizeof(before));
	for (uint32_t off = 0; off < VIRTIO_MMIO_SIZE - VIRTIO_MMIO_CONFIG; off++) {
		memset(data, 0xee, sizeof(data));
		if (!writable(s, off, (unsigned)len))
			driver_config_set(s->d, off, data, (unsigned)len);
		driver_config(s->d, off, data, (unsigned)len);
		for (unsigned i = 0; i < len; i++)
			assert_int_equal(data[i],
				off + i < s->d->dev->config_size ? before[off + i] : 0);
		assert_int_equal(data[len], 0xee);
	}
	assert_memory_equal(s->d->dev->config, before, sizeof(before));
}

/* Across the writable bytes' ends, and 8 bytes at a time. */
static void config_edges(struct subject *s, uint64_t unused UNUSED)
{
	uint8_t before[sizeof(s->d->dev->config)], ones[8];
	const struct subject_kind *k = s->kind;

	memcpy(before, s->d->dev->config, sizeof(before));
	memset(ones, 0xff, sizeof(ones));
	for (unsigned len = 1; len <= 8; len *= 2)
		for (uint32_t off = 0; off < sizeof(before) - 8; off++)
			if (!k->writable_len || len == 8 || off < k->writable_off ||
				off + len > k->writable_off + k->writable_len)
				driver_config_set(s->d, off, ones, len);
	assert_memory_equal(s->d->dev->config, before, sizeof(before));
}

static void every_register(struct subject *s, uint64_t value)
{
	for (uint32_t off = 0; off < VIRTIO_MMIO_CONFIG; off += 4) {
		driver_set(s->d, off, (uint32_t)value);
		driver_get(s->d, off);
	}
	driver_turn(s->d);
	assert_int_equal(driver_get(s->d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(driver_get(s->d, VIRTIO_MMIO_DEVICE_ID), s->d->dev->ops->id);
}

static void acknowledge_what_is_not_there(struct subject *s, uint64_t value)
{
	driver_set(s->d, VIRTIO_MMIO_INTERRUPT_ACK, (uint32_t)value);
	driver_set(s->d, VIRTIO_MMIO_INTERRUPT_ACK, ~(uint32_t)value);
}

static const struct hostile_case rows[] = {
	REGISTER_ROWS,
	{ "g01 DriverFeatures after FEATURES_OK", EITHER, features_after_features_ok, UINT32_MAX },
	{ "g01 DriverFeatures none after FEATURES_OK", EITHER, features_after_features_ok, 0 },
	{ "g01 QueueNum of a ready queue", EITHER, ready_queue, VIRTIO_MMIO_QUEUE_NUM },
	{ "g01 QueueDescLow of a ready queue", EITHER, ready_queue, VIRTIO_MMIO_QUEUE_DESC_LOW },
	{ "g01 QueueDriverHigh of a ready queue", EITHER, ready_queue,
		VIRTIO_MMIO_QUEUE_AVAIL_HIGH },
	{ "g01 QueueDeviceLow of a ready queue", EITHER, ready_queue, VIRTIO_MMIO_QUEUE_USED_LOW },
	{ "g01 features 64 to 95", EITHER, features_beyond, 2 },
	{ "g01 features 2^31 * 32 and on", EITHER, features_beyond, 0x80000000 },
	{ "g01 features of the last selector", EITHER, features_beyond, UINT32_MAX },
	{ "g19 features 64 to 95 read", EITHER, features_beyond, 2 },
	{ "g01 a driver without VERSION_1", EITHER, old_driver, 0 },
	{ "g01 DRIVER_OK alone", EITHER, driver_ok_alone, 0 },
	{ "g02 size above the largest", BROKEN, twice_the_largest, 0 },
	{ "g03 QueueNotify of a queue that is not there", IGNORED, notify, VIRTIO_MAX_QUEUES },
	{ "g11 reset 100 times, queues full", IGNORED, reset_again_and_again, 100 },
	{ "g11 reset before the kick is seen", IGNORED, reset_before_the_kick_is_seen, 0 },
	{ "g11 kick before DRIVER_OK", EITHER, kick_before_driver_ok, 0 },
	{ "g11 paused with a bad ring", EITHER, pause_while_hostile, 0 },
	{ "g11 two vCPUs reset and start it", EITHER, vcpus_race, 0 },
	{ "g19 registers by 1 byte", IGNORED, registers_by, 1 },
	{ "g19 registers by 2 bytes", IGNORED, registers_by, 2 },
	{ "g19 registers by 4 bytes, unaligned", IGNORED, registers_by, 4 },
	{ "g19 registers by 8 bytes", IGNORED, registers_by, 8 },
	{ "g19 configuration by 1 byte", IGNORED, config_by, 1 },
	{ "g19 configuration by 2 bytes", IGNORED, config_by, 2 },
	{ "g19 configuration by 4 bytes", IGNORED, config_by, 4 },
	{ "g19 configuration by 8 bytes", IGNORED, config_by, 8 },
	{ "g19 configuration across what may be written", IGNORED, config_edges, 0 },
	{ "g19 interrupts acknowledged that are not there", IGNORED, acknowledge_what_is_not_there,
		0xfffffffc },
};

void hostile_add_registers(struct hostile_list *l, const struct subject_kind *kind)
{
	hostile_add_cases(l, kind, rows, ARRAY_SIZE(rows));
}
