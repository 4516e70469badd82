/*
 * The real-time clock with a guest that lies: widths and offsets (G19), times and alarms at the
 * ends of 64 bits (G17), registers rewritten as fast as can be, also by two vCPUs (G22, G23). The
 * interrupt line only ever changes when it says so, memory stays as it was, and after a reset an
 * alarm rings.
 */
#include <pthread.h>
#include <string.h>
#include "core/test/hostile.h"
#include "dev/rtc.h"
#include "dev/test/turn.h"

#define SECOND UINT64_C(1000000000)

enum { TIME = 0x00, ALARM = 0x08, ENABLED = 0x10, CLEAR_ALARM = 0x14, STATUS = 0x18, CLEAR = 0x1c };

struct fix {
	const void *row; /* first: hostile_table() */
	struct loop *loop;
	struct rtc *rtc;
	bool level; /* under the clock's lock */
	size_t heap;
	struct err err;
};

static void set_irq(void *arg, bool level)
{
	struct fix *f = arg;

	assert_true(level != f->level);
	f->level = level;
}

static int setup(void **state)
{
	struct fix *f = *state;

	assert_int_equal(loop_new(&f->loop, &f->err), 0);
	assert_int_equal(rtc_new(&f->rtc, f->loop, set_irq, f, &f->err), 0);
	turn_some(f->loop);
	f->heap = hostile_heap();
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	rtc_free(f->rtc);
	loop_free(f->loop);
	return 0;
}

static uint32_t get(struct fix *f, uint64_t off)
{
	uint32_t v;

	rtc_read(f->rtc, off, &v, sizeof(v));
	return v;
}

static void put(struct fix *f, uint64_t off, uint32_t v)
{
	rtc_write(f->rtc, off, &v, sizeof(v));
}

static void put64(struct fix *f, uint64_t off, uint64_t v)
{
	put(f, off + 4, (uint32_t)(v >> 32));
	put(f, off, (uint32_t)v);
}

static uint64_t get_time(struct fix *f)
{
	uint64_t low = get(f, TIME);

	return (uint64_t)get(f, TIME + 4) << 32 | low;
}

static bool rings(void *arg)
{
	return ((struct fix *)arg)->level;
}

static void works(struct fix *f)
{
	rtc_reset(f->rtc);
	assert_false(f->level);
	put64(f, TIME, 1000 * SECOND);
	assert_in_range(get_time(f), 1000 * SECOND, 1060 * SECOND);
	put(f, ENABLED, 1);
	put64(f, ALARM, get_time(f) + SECOND / 100);
	assert_true(turn_until(f->loop, rings, f));
	assert_int_equal(get(f, STATUS), 0);
	put(f, CLEAR, 1);
	assert_false(f->level);
}

/* cases */

static void every_offset(struct fix *f, uint64_t len)
{
	for (uint64_t off = 0; off < 0x1010; off++) {
		uint8_t data[16];

		memset(data, 0xff, sizeof(data));
		rtc_write(f->rtc, off, data, (unsigned)len);
		rtc_read(f->rtc, off, data, (unsigned)len);
		for (uint64_t i = 0; i < len && (len != 4 || off % 4 || off >= RTC_SIZE); i++)
			assert_int_equal(data[i], 0);
		assert_int_equal(data[len], 0xff);
	}
	if (len != 4) {
		assert_int_equal(get(f, ENABLED), 0);
		assert_int_equal(get(f, STATUS), 0);
	}
}

static void offset(struct fix *f, uint64_t off)
{
	put(f, off, 1);
	assert_int_equal(get(f, off), 0);
	assert_int_equal(get(f, ENABLED), 0);
	assert_int_equal(get(f, STATUS), 0);
}

static void time_is(struct fix *f, uint64_t ns)
{
	put(f, ENABLED, 1);
	put64(f, ALARM, UINT64_MAX / 2);
	put64(f, TIME, ns);
	assert_true(get_time(f) - ns < 60 * SECOND);
	turn_some(f->loop);
}

/* One of the past rings at once, one of the future does not. */
static void alarm_at(struct fix *f, uint64_t ns)
{
	put64(f, TIME, 1000 * SECOND);
	put(f, ENABLED, 1);
	put64(f, ALARM, ns);
	turn_some(f->loop);
	assert_int_equal(f->level, ns <= 1000 * SECOND);
	assert_int_equal(get(f, ALARM), (uint32_t)ns);
}

static void alarms_without_end(struct fix *f, uint64_t rounds)
{
	put(f, ENABLED, 1);
	for (uint64_t i = 0; i < rounds; i++) {
		put64(f, ALARM, i & 1 ? 0 : UINT64_MAX);
		if (i & 2)
			put(f, CLEAR, 1);
		if (i & 4)
			put(f, CLEAR_ALARM, 1);
	}
}

static void flip(struct fix *f, uint64_t reg)
{
	for (uint32_t i = 0; i < 50000; i++)
		put(f, reg, i * 0x9e3779b1);
	turn_some(f->loop);
}

static void *hammer(void *arg)
{
	struct fix *f = arg;

	for (uint32_t i = 0; i < 20000; i++) {
		put(f, i * 4 % 0x20, i * 0x9e3779b1);
		get(f, i * 12 % 0x20);
	}
	return NULL;
}

static void two_vcpus(struct fix *f, uint64_t unused UNUSED)
{
	pthread_t thread[2];

	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer, f), 0);
	for (unsigned i = 0; i < 20; i++)
		turn_some(f->loop);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
}

struct row {
	const char *name;
	void (*act)(struct fix *f, uint64_t arg);
	uint64_t arg;
};

static const struct row rows[] = {
	{ "g19 every offset by 1 byte", every_offset, 1 },
	{ "g19 every offset by 2 bytes", every_offset, 2 },
	{ "g19 every offset by 4 bytes", every_offset, 4 },
	{ "g19 every offset by 8 bytes", every_offset, 8 },
	{ "g19 offset 0x20", offset, 0x20 },
	{ "g19 offset 2^32 + 0x10", offset, (UINT64_C(1) << 32) + ENABLED },
	{ "g19 offset 2^64 - 4", offset, UINT64_MAX - 3 },
	{ "g17 time 0", time_is, 0 },
	{ "g17 time 2^63", time_is, UINT64_C(1) << 63 },
	{ "g17 time shortly before 2^64", time_is, UINT64_MAX - 120 * SECOND },
	{ "g17 alarm at 0", alarm_at, 0 },
	{ "g17 alarm at 2^63", alarm_at, UINT64_C(1) << 63 },
	{ "g17 alarm at 2^64 - 1", alarm_at, UINT64_MAX },
	{ "g23 50000 alarms", alarms_without_end, 50000 },
	{ "g23 TIME_LOW rewritten 50000 times", flip, TIME },
	{ "g23 ALARM_LOW rewritten 50000 times", flip, ALARM },
	{ "g23 ALARM_HIGH rewritten 50000 times", flip, ALARM + 4 },
	{ "g23 IRQ_ENABLED rewritten 50000 times", flip, ENABLED },
	{ "g22 two vCPUs at all registers", two_vcpus, 0 },
};

static void run(void **state)
{
	struct fix *f = *state;
	const struct row *r = f->row;

	r->act(f, r->arg);
	assert_true(hostile_heap() <= f->heap + 4 * KiB);
	works(f);
}

int main(void)
{
	return hostile_table("rtc", rows, ARRAY_SIZE(rows), sizeof(rows[0]), sizeof(struct fix),
		run, setup, teardown);
}
