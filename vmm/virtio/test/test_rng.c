/* The entropy device: what a request gets, the rate, and drivers that ask for nothing, for too
 * much, or wrongly. */
#include <string.h>
#include <time.h>
#include "core/test/check.h"
#include "virtio/devices.h"
#include "virtio/test/driver.h"

struct fix {
	struct driver d;
	struct err err;
};

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	driver_init(&f->d);
	*state = f;
	return 0;
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	driver_fini(&f->d);
	free(f);
	return 0;
}

static void plug(struct fix *f, uint64_t rate)
{
	struct virtio_env env = { .mem = &f->d.mem, .loop = f->d.loop, .label = "rng0", .cpus = 1 };
	struct virtio_dev *dev = NULL;

	assert_int_equal(virtio_rng_new(&dev, rate, &env, &f->err), 0);
	driver_plug(&f->d, dev);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint32_t ask(struct fix *f, const struct buf *bufs, unsigned n)
{
	struct vring_used_elem e;

	driver_add(&f->d, 0, bufs, n);
	driver_kick(&f->d, 0);
	assert_true(driver_wait_used(&f->d, 0, &e));
	return e.len;
}

static unsigned zeros(struct fix *f, struct buf b)
{
	const uint8_t *p = driver_ptr(&f->d, b.gpa);
	unsigned n = 0;

	for (uint32_t i = 0; i < b.len; i++)
		n += !p[i];
	return n;
}

static void gives_random_bytes(void **state)
{
	struct fix *f = *state;
	struct buf a = driver_in(&f->d, 1000), b = driver_in(&f->d, 1000), c = driver_in(&f->d, 16);

	plug(f, 0);
	assert_int_equal(driver_get(&f->d, VIRTIO_MMIO_DEVICE_ID), 4);
	assert_int_equal(f->d.dev->nqueues, 1);
	driver_start(&f->d, 0, 1, 16);
	assert_int_equal(ask(f, &a, 1), 1000);
	assert_true(driver_take_irq(&f->d));
	assert_int_equal(ask(f, (struct buf[]){ b, c }, 2), 1016);
	assert_in_range(zeros(f, a), 0, 50); /* 4 are likely, 50 are not */
	assert_in_range(zeros(f, b), 0, 50);
	assert_memory_not_equal(driver_ptr(&f->d, a.gpa), driver_ptr(&f->d, b.gpa), 1000);
	assert_memory_not_equal(driver_ptr(&f->d, c.gpa), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void writes_no_more_than_it_says(void **state)
{
	struct fix *f = *state;
	struct buf whole = driver_in(&f->d, 200), part = { whole.gpa, 77, true };

	plug(f, 0);
	driver_start(&f->d, 0, 1, 16);
	assert_int_equal(ask(f, &part, 1), 77);
	assert_int_equal(zeros(f, (struct buf){ whole.gpa + 77, 123, true }), 123);
}

static void at_most_64_KiB_an_answer(void **state)
{
	struct fix *f = *state;
	struct buf bufs[32];

	plug(f, 0);
	driver_start(&f->d, UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC, 1, 32);
	for (unsigned i = 0; i < 32; i++)
		bufs[i] = (struct buf){ DRIVER_RAM + MiB, 2 * MiB, true };
	driver_add_indirect(&f->d, 0, bufs, 32);
	assert_int_equal(ask(f, bufs, 32), 64 * KiB);
}

/* The bucket holds a second's worth; then bytes come as time goes. */
static void rate_is_kept(void **state)
{
	struct fix *f = *state;
	struct buf b = driver_in(&f->d, 4096);
	struct vring_used_elem e;
	int64_t begin;
	uint32_t got = 0;

	plug(f, 1000);
	driver_start(&f->d, 0, 1, 16);
	assert_int_equal(ask(f, &b, 1), 1000);
	begin = now_ms();
	while (got < 100) {
		driver_add(&f->d, 0, &b, 1);
		driver_kick(&f->d, 0);
		assert_true(driver_wait_used(&f->d, 0, &e));
		assert_true(e.len > 0);
		got += e.len;
	}
	assert_in_range(now_ms() - begin, 60, 2000);
	assert_true(got <= (uint64_t)(now_ms() - begin) + 60);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fix_new, fix_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(gives_random_bytes),
		TEST(writes_no_more_than_it_says),
		TEST(at_most_64_KiB_an_answer),
		TEST(rate_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
