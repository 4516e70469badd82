/*
 * The transport with a driver that lies. The numbers are the hostile guest's cases: G01 registers
 * after DRIVER_OK, G02 sizes, G03 selectors, G04...G09 rings, G11 resets, G19 the configuration
 * space. The oracle: ignored or DEVICE_NEEDS_RESET, and after a reset the device works.
 */
#include <pthread.h>
#include "virtio/test/toy.h"

#define H(id, t) { id " mmio: " #t, t, fix_new, fix_free, NULL }

static const uint32_t junk[] = { 0, 1, 2, 3, TOY_QUEUES, TOY_SIZE + 1, 0x7fff, 0x8000, 0xffff,
	0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };

static void after_driver_ok_nothing_moves(void **state) /* G01 */
{
	static const uint32_t regs[] = { VIRTIO_MMIO_QUEUE_NUM, VIRTIO_MMIO_QUEUE_READY,
		VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH,
		VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
		VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH,
		VIRTIO_MMIO_DRIVER_FEATURES };
	struct fix *f = *state;

	driver_start(&f->d, TOY_FEATURE, 2, TOY_SIZE);
	for (uint32_t q = 0; q < 3; q++) /* two that are ready and one that is not */
		for (size_t r = 0; r < ARRAY_SIZE(regs); r++)
			for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
				struct queue before = f->toy->dev.queue[q];

				driver_set(&f->d, VIRTIO_MMIO_QUEUE_SEL, q);
				driver_set(&f->d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, junk[i] & 1);
				driver_set(&f->d, regs[r], junk[i]);
				assert_memory_equal(&f->toy->dev.queue[q], &before, sizeof(before));
				assert_int_equal(f->toy->dev.acked, TOY_FEATURE | VERSION_1);
			}
	works(f, 0);
	works(f, 1);
	assert_int_equal(f->toy->dev.queue[0].size, TOY_SIZE);
}

/* While a queue is ready its layout stays, also before DRIVER_OK. */
static void a_ready_queue_stays(void **state)
{
	struct fix *f = *state;
	struct queue before;

	assert_true(driver_negotiate(&f->d, 0));
	assert_true(driver_queue_setup(&f->d, 0, TOY_SIZE));
	before = f->toy->dev.queue[0];
	for (uint32_t reg = VIRTIO_MMIO_QUEUE_NUM; reg <= VIRTIO_MMIO_QUEUE_USED_HIGH; reg += 4)
		if (reg != VIRTIO_MMIO_QUEUE_READY && reg != VIRTIO_MMIO_STATUS)
			driver_set(&f->d, reg, 2);
	driver_set(&f->d, VIRTIO_MMIO_QUEUE_READY, 1);
	assert_memory_equal(&f->toy->dev.queue[0], &before, sizeof(before));
	driver_ok(&f->d);
	works(f, 0);
}

static void features_after_features_ok(void **state) /* G01 */
{
	struct fix *f = *state;

	assert_true(driver_negotiate(&f->d, 0));
	driver_set(&f->d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	driver_set(&f->d, VIRTIO_MMIO_DRIVER_FEATURES, UINT32_MAX);
	assert_int_equal(f->toy->dev.acked, VERSION_1);
}

static void sizes(void **state) /* G02 */
{
	static const uint32_t bad[] = { 0, 3, TOY_SIZE - 1, TOY_SIZE + 1, TOY_SIZE * 2, 0xffff,
		0x10000, 0x10000 + TOY_SIZE, 0x80000000, 0xffffffff };
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(driver_negotiate(&f->d, 0));
		driver_queue_place(&f->d, 0, TOY_SIZE);
		driver_queue_write(&f->d, 0);
		driver_set(&f->d, VIRTIO_MMIO_QUEUE_NUM, bad[i]);
		driver_set(&f->d, VIRTIO_MMIO_QUEUE_READY, 1);
		assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_QUEUE_READY), 0);
		driver_ok(&f->d);
		assert_true(driver_needs_reset(&f->d));
		driver_kick(&f->d, 0);
		assert_int_equal(f->toy->kicks[0], 0);
	}
	driver_start(&f->d, 0, 1, TOY_SIZE);
	works(f, 0);
}

static void areas_that_are_no_ram(void **state)
{
	static const uint64_t bad[] = { 0, 8, DRIVER_GPA, DRIVER_RAM_END - 16, DRIVER_RAM_END,
		DRIVER_RAM + 1, UINT64_MAX - 15, UINT64_MAX };
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		for (unsigned area = 0; area < 3; area++) {
			assert_true(driver_negotiate(&f->d, 0));
			driver_queue_place(&f->d, 0, TOY_SIZE);
			*(&f->d.q[0].desc + area) = bad[i];
			driver_queue_write(&f->d, 0);
			driver_set(&f->d, VIRTIO_MMIO_QUEUE_READY, 1);
			assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_QUEUE_READY), 0);
			driver_ok(&f->d);
			assert_true(driver_needs_reset(&f->d));
		}
	driver_start(&f->d, 0, 1, TOY_SIZE);
	works(f, 0);
}

static void selectors(void **state) /* G03 */
{
	struct fix *f = *state;

	driver_start(&f->d, 0, TOY_QUEUES, TOY_SIZE);
	for (int live = 1; live >= 0; live--) {
		for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
			uint32_t sel = junk[i];

			driver_set(&f->d, VIRTIO_MMIO_QUEUE_SEL, sel);
			assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_QUEUE_NUM_MAX),
				sel < TOY_QUEUES ? TOY_SIZE : 0);
			assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_QUEUE_READY),
				live && sel < TOY_QUEUES);
			if (sel < TOY_QUEUES)
				continue;
			for (uint32_t reg = VIRTIO_MMIO_QUEUE_NUM;
				reg <= VIRTIO_MMIO_QUEUE_USED_HIGH; reg += 4)
				if (reg < VIRTIO_MMIO_INTERRUPT_STATUS || reg > VIRTIO_MMIO_STATUS)
					driver_set(&f->d, reg, 1);
		}
		assert_false(driver_needs_reset(&f->d));
		driver_reset(&f->d);
	}
	driver_start(&f->d, 0, 1, TOY_SIZE);
	works(f, 0);
}

/* Kicks that no ioeventfd took: a queue that isn't there, or a device that isn't live. */
static void notify_by_register(void **state) /* G03 */
{
	struct fix *f = *state;

	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(junk); i++)
			driver_set(&f->d, VIRTIO_MMIO_QUEUE_NOTIFY, junk[i]);
		driver_turn(&f->d);
		driver_start(&f->d, 0, 1, TOY_SIZE);
	}
	assert_false(driver_needs_reset(&f->d));
	works(f, 0);
}

/* Every malformed ring breaks the device until its reset, once each. */
static void malformed_rings(void **state) /* G04, G05, G06, G08, G13, G14 */
{
	static const struct {
		struct vring_desc desc;
		uint16_t head, idx;
	} t[] = {
		{ { DRIVER_RAM, 1, 0, 0 }, TOY_SIZE, 1 },
		{ { DRIVER_RAM, 1, 0, 0 }, 0xffff, 1 },
		{ { DRIVER_RAM, 1, 0, 0 }, 0, TOY_SIZE + 1 },
		{ { DRIVER_RAM, 1, 0, 0 }, 0, 0x8000 },
		{ { DRIVER_RAM, 1, 0, 0 }, 0, 0xffff },
		{ { DRIVER_RAM, 1, VRING_DESC_F_NEXT, 0 }, 0, 1 },
		{ { DRIVER_RAM, 1, VRING_DESC_F_NEXT, 0xffff }, 0, 1 },
		{ { DRIVER_RAM, 0, VRING_DESC_F_INDIRECT, 0 }, 0, 1 },
		{ { DRIVER_RAM, 8, VRING_DESC_F_INDIRECT, 0 }, 0, 1 },
		{ { DRIVER_RAM, 0xfffffff0, VRING_DESC_F_INDIRECT, 0 }, 0, 1 },
		{ { DRIVER_GPA + VIRTIO_MMIO_QUEUE_NOTIFY, 4, VRING_DESC_F_WRITE, 0 }, 0, 1 },
		{ { DRIVER_RAM_END - 1, 2, VRING_DESC_F_WRITE, 0 }, 0, 1 },
		{ { UINT64_MAX, 1, VRING_DESC_F_WRITE, 0 }, 0, 1 },
		{ { DRIVER_RAM, 0xffffffff, VRING_DESC_F_WRITE, 0 }, 0, 1 },
	};
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		driver_start(&f->d, TOY_RING, 1, TOY_SIZE);
		driver_desc(&f->d, 0, 0, t[i].desc);
		driver_post(&f->d, 0, t[i].head);
		driver_avail_idx(&f->d, 0, t[i].idx);
		driver_kick(&f->d, 0);
		assert_int_equal(driver_used_idx(&f->d, 0), 0);
		broken_until_reset(f);
	}
}

/* The good chains before a bad one are served; the other queues of a broken device are not. */
static void broken_is_the_whole_device(void **state)
{
	struct fix *f = *state;
	struct buf good = driver_in(&f->d, 8), bad = { .gpa = DRIVER_GPA, .len = 4, .in = true };

	driver_start(&f->d, 0, 2, TOY_SIZE);
	driver_add(&f->d, 0, &good, 1);
	driver_add(&f->d, 0, &bad, 1);
	driver_kick(&f->d, 0);
	assert_int_equal(driver_used_idx(&f->d, 0), 1);
	driver_add(&f->d, 1, &good, 1);
	driver_kick(&f->d, 1);
	assert_int_equal(driver_used_idx(&f->d, 1), 0);
	virtio_mmio_pause(f->d.m);
	virtio_mmio_resume(f->d.m);
	assert_int_equal(driver_used_idx(&f->d, 1), 0);
	broken_until_reset(f);
}

static void empty_buffers(void **state) /* G07 */
{
	struct fix *f = *state;
	struct buf b[TOY_SIZE];

	for (unsigned i = 0; i < TOY_SIZE; i++)
		b[i] = (struct buf){ .gpa = DRIVER_RAM, .in = i >= TOY_SIZE / 2 };
	driver_start(&f->d, TOY_RING, 1, TOY_SIZE);
	for (unsigned i = 0; i < 4; i++) {
		driver_add(&f->d, 0, b, TOY_SIZE);
		driver_kick(&f->d, 0);
		assert_int_equal(driver_used_idx(&f->d, 0), i + 1);
	}
	assert_false(driver_needs_reset(&f->d));
}

/* One head, a hundred thousand times, in full rings: each is answered, nothing piles up (the
 * sanitizer counts leaks). */
static void one_head_again_and_again(void **state) /* G09 */
{
	struct fix *f = *state;

	driver_start(&f->d, 0, 1, TOY_SIZE);
	driver_desc(&f->d, 0, 0, (struct vring_desc){ DRIVER_RAM, 8, VRING_DESC_F_WRITE, 0 });
	for (unsigned i = 0; i < 100000; i += TOY_SIZE) {
		for (unsigned n = 0; n < TOY_SIZE; n++)
			driver_post(&f->d, 0, 0);
		virtio_lock(&f->toy->dev);
		f->toy->ops.kick(&f->toy->dev, 0);
		virtio_unlock(&f->toy->dev);
		assert_int_equal(driver_used_idx(&f->d, 0), (uint16_t)(i + TOY_SIZE));
	}
	assert_int_equal(f->toy->chains, 100000);
	assert_false(driver_needs_reset(&f->d));
}

/* Register accesses are 4 bytes wide and aligned (§4.2.2.2); all others read 0 and write nothing.
 */
static void odd_register_accesses(void **state) /* G19 */
{
	static const unsigned lens[] = { 1, 2, 4, 8 };
	struct fix *f = *state;
	struct virtio_dev before;

	driver_start(&f->d, TOY_FEATURE, 1, TOY_SIZE);
	before = f->toy->dev;
	for (uint32_t off = 0; off < VIRTIO_MMIO_CONFIG; off++)
		for (size_t l = 0; l < ARRAY_SIZE(lens); l++) {
			static const uint8_t zero[8];
			uint8_t data[16], ones[8];

			if (lens[l] == 4 && !(off & 3))
				continue;
			memset(data, 0xee, sizeof(data));
			memset(ones, 0xff, sizeof(ones));
			driver_store(&f->d, off, ones, lens[l]);
			driver_load(&f->d, off, data, lens[l]);
			assert_memory_equal(data, zero, lens[l]);
			assert_int_equal(data[lens[l]], 0xee); /* no byte too many */
		}
	assert_memory_equal(&before, &f->toy->dev, sizeof(before));
	works(f, 0);
}

/* Registers that are not there, and read-only ones written to. */
static void every_register_every_value(void **state)
{
	struct fix *f = *state;

	for (uint32_t off = 0; off < VIRTIO_MMIO_CONFIG; off += 4) {
		for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
			driver_set(&f->d, off, junk[i]);
			driver_get(&f->d, off);
		}
		driver_turn(&f->d);
	}
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_MAGIC_VALUE), 0x74726976);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_DEVICE_ID), TOY_ID);
	assert_int_equal(driver_features(&f->d), TOY_FEATURE | TOY_RING | VERSION_1);
	driver_start(&f->d, 0, 1, TOY_SIZE);
	while (driver_take_irq(&f->d))
		continue;
	works(f, 0);
}

static void configuration_reads(void **state) /* G19 */
{
	static const unsigned lens[] = { 1, 2, 4, 8 };
	struct fix *f = *state;

	for (uint32_t off = 0; off < VIRTIO_MMIO_SIZE - VIRTIO_MMIO_CONFIG; off++)
		for (size_t l = 0; l < ARRAY_SIZE(lens); l++) {
			uint8_t data[16];

			memset(data, 0xee, sizeof(data));
			driver_config(&f->d, off, data, lens[l]);
			for (unsigned i = 0; i < lens[l]; i++)
				assert_int_equal(data[i],
					off + i < TOY_CONFIG ? 0x40 + off + i : 0);
			assert_int_equal(data[lens[l]], 0xee);
		}
}

static void configuration_writes(void **state) /* G19 */
{
	static const unsigned lens[] = { 1, 2, 4, 8 };
	struct fix *f = *state;
	uint8_t before[256], ones[8];
	unsigned told = 0;

	memset(ones, 0xff, sizeof(ones));
	memcpy(before, f->toy->dev.config, sizeof(before));
	driver_start(&f->d, 0, 1, TOY_SIZE);
	for (uint32_t off = 0; off < VIRTIO_MMIO_SIZE - VIRTIO_MMIO_CONFIG; off++)
		for (size_t l = 0; l < ARRAY_SIZE(lens); l++) {
			bool good = off >= TOY_WRITABLE && off + lens[l] <= TOY_WRITABLE + 4;

			driver_config_set(&f->d, off, ones, lens[l]);
			told += good;
			assert_int_equal(f->toy->config_writes, told);
			if (good)
				assert_memory_equal(f->toy->dev.config + off, ones, lens[l]);
		}
	assert_memory_equal(f->toy->dev.config, before, TOY_WRITABLE);
	assert_memory_equal(f->toy->dev.config + TOY_WRITABLE + 4, before + TOY_WRITABLE + 4,
		sizeof(before) - TOY_WRITABLE - 4);
	driver_reset(&f->d); /* a device that is not started is told nothing */
	driver_config_set(&f->d, TOY_WRITABLE, ones, 4);
	assert_int_equal(f->toy->config_writes, told);
	f->toy->dev.config_writable_off = f->toy->dev.config_writable_len = 0; /* most devices */
	driver_config_set(&f->d, 0, ones, 1);
	f->toy->dev.config_writable_len = 16; /* nothing is written 8 bytes at a time */
	driver_config_set(&f->d, 0, ones, 8);
	assert_int_equal(f->toy->config_writes, told);
	assert_memory_equal(f->toy->dev.config, before, TOY_WRITABLE);
}

/* Several vCPUs write all registers while the loop serves kicks. Whoever loses, nothing breaks
 * (G11, G22). */
struct racer {
	struct fix *f;
	uint32_t seed;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	struct fix *f = r->f;

	for (unsigned i = 0; i < 300; i++) {
		r->seed = r->seed * 1664525 + 1013904223;
		if (r->seed >> 31)
			driver_reset(&f->d);
		driver_set(&f->d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
		driver_set(&f->d, VIRTIO_MMIO_DRIVER_FEATURES, 1);
		driver_set(&f->d, VIRTIO_MMIO_STATUS,
			DRIVER_STATUS_LIVE & ~VIRTIO_CONFIG_S_DRIVER_OK);
		driver_queue_write(&f->d, r->seed >> 30 & 1);
		driver_set(&f->d, VIRTIO_MMIO_QUEUE_READY, 1);
		driver_set(&f->d, VIRTIO_MMIO_STATUS, DRIVER_STATUS_LIVE);
		driver_ack_irq(&f->d);
		virtio_lock(&f->toy->dev); /* the fake machine's table of ioeventfds */
		driver_signal(&f->d, r->seed >> 29 & 1);
		virtio_unlock(&f->toy->dev);
	}
	return NULL;
}

static void vcpus_race(void **state)
{
	struct fix *f = *state;
	struct racer r[2] = { { .f = f, .seed = 1 }, { .f = f, .seed = 2 } };
	pthread_t thread[2];

	driver_start(&f->d, 0, 2, TOY_SIZE);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, race, &r[i]), 0);
	for (unsigned i = 0; i < 50; i++)
		driver_turn(&f->d);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_true(f->toy->starts - f->toy->stops <= 1);
	driver_start(&f->d, 0, 1, TOY_SIZE);
	while (driver_take_irq(&f->d))
		continue;
	works(f, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		H("g01", after_driver_ok_nothing_moves),
		H("g01", a_ready_queue_stays),
		H("g01", features_after_features_ok),
		H("g02", sizes),
		H("g14", areas_that_are_no_ram),
		H("g03", selectors),
		H("g03", notify_by_register),
		H("g04", malformed_rings),
		H("g13", broken_is_the_whole_device),
		H("g07", empty_buffers),
		H("g09", one_head_again_and_again),
		H("g19", odd_register_accesses),
		H("g19", every_register_every_value),
		H("g19", configuration_reads),
		H("g19", configuration_writes),
		H("g11", vcpus_race),
	};

	cmocka_set_test_filter(getenv("HOSTILE"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
