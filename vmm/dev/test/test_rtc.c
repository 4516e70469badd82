/* The goldfish clock: time in two halves, setting it, the alarm and its interrupt, bad accesses. */
#include <string.h>
#include "core/test/check.h"
#include "dev/rtc.h"
#include "dev/test/turn.h"

#define SECOND UINT64_C(1000000000)

struct fix {
	struct loop *loop;
	struct rtc *rtc;
	unsigned rises;
	bool level;
	struct err err;
};

static void set_irq(void *arg, bool level)
{
	struct fix *f = arg;

	assert_true(level != f->level);
	f->level = level;
	f->rises += level;
}

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f || loop_new(&f->loop, &f->err))
		return -1;
	*state = f;
	return rtc_new(&f->rtc, f->loop, set_irq, f, &f->err);
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	rtc_free(f->rtc);
	loop_free(f->loop);
	free(f);
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

static uint64_t get_time(struct fix *f)
{
	uint64_t low = get(f, 0x00);

	return (uint64_t)get(f, 0x04) << 32 | low;
}

/* As Linux does it: high first. off 0: the time, 8: the alarm. */
static void put64(struct fix *f, uint64_t off, uint64_t ns)
{
	put(f, off + 4, (uint32_t)(ns >> 32));
	put(f, off, (uint32_t)ns);
}

static void reads_the_host_s_time(void **state)
{
	struct fix *f = *state;
	uint64_t now = (uint64_t)time(NULL) * SECOND;

	assert_in_range(get_time(f), now - SECOND, now + 60 * SECOND);
	assert_true(get_time(f) < get_time(f));
}

static void can_be_set(void **state)
{
	static const uint64_t when[] = { 0, 1000 * SECOND, UINT64_C(0x7fffffffffffffff),
		UINT64_C(0xfffffff000000000) };
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(when); i++) {
		put64(f, 0, when[i]);
		assert_true(get_time(f) - when[i] < 60 * SECOND);
	}
	put(f, 4, 5); /* half of it changes nothing */
	assert_true(get_time(f) - when[3] < 60 * SECOND);
}

static bool rang(void *arg)
{
	return ((struct fix *)arg)->rises > 0;
}

static void alarm_rings(void **state)
{
	struct fix *f = *state;

	put(f, 0x10, 1);
	put64(f, 8, get_time(f) + SECOND / 20);
	assert_int_equal(get(f, 0x18), 1);
	assert_false(f->level);
	assert_true(turn_until(f->loop, rang, f));
	assert_int_equal(get(f, 0x18), 0);
	put(f, 0x1c, 1);
	assert_false(f->level);
	assert_false(turn_within(f->loop, 20, rang, &(struct fix){ 0 }));
	assert_int_equal(f->rises, 1);
}

static void alarm_of_the_past_rings_at_once(void **state)
{
	struct fix *f = *state;

	put64(f, 8, 12345);
	assert_false(f->level); /* not enabled */
	put(f, 0x10, 1);
	assert_true(f->level);
	put(f, 0x10, 0);
	assert_false(f->level);
	put(f, 0x10, 1);
	put(f, 0x1c, 1);
	assert_false(f->level);
	assert_int_equal(get(f, 0x08), 12345);
	assert_int_equal(get(f, 0x0c), 0);
}

/* Setting the time past an alarm rings it. */
static void time_moves_over_the_alarm(void **state)
{
	struct fix *f = *state;

	put64(f, 0, 1000 * SECOND);
	put64(f, 8, 2000 * SECOND);
	put(f, 0x10, 1);
	assert_int_equal(f->rises, 0);
	put64(f, 0, 3000 * SECOND);
	assert_int_equal(f->rises, 1);
}

static void alarm_can_be_cleared(void **state)
{
	struct fix *f = *state;

	put(f, 0x10, 1);
	put64(f, 8, get_time(f) + SECOND / 50);
	put(f, 0x14, 1);
	assert_int_equal(get(f, 0x18), 0);
	assert_false(turn_within(f->loop, 60, rang, f));
	put64(f, 8, UINT64_MAX);
	assert_false(turn_within(f->loop, 20, rang, f));
	rtc_reset(f->rtc);
	assert_int_equal(get(f, 0x18), 0);
	assert_int_equal(get(f, 0x10), 0);
}

static void odd_accesses(void **state)
{
	struct fix *f = *state;
	uint8_t data[8];

	for (uint64_t off = 0; off < 0x1010; off++)
		for (unsigned len = 1; len <= 8; len *= 2) {
			memset(data, 0xff, sizeof(data));
			if (len != 4 || off % 4 || off >= RTC_SIZE) {
				rtc_read(f->rtc, off, data, len);
				for (unsigned i = 0; i < len; i++)
					assert_int_equal(data[i], 0);
			}
			memset(data, 0xff, sizeof(data));
			rtc_write(f->rtc, off, data, len);
		}
	rtc_read(f->rtc, UINT64_MAX, data, 4);
	rtc_write(f->rtc, UINT64_MAX, data, 4);
	rtc_reset(f->rtc);
	assert_false(f->level);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fix_new, fix_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_the_host_s_time),
		TEST(can_be_set),
		TEST(alarm_rings),
		TEST(alarm_of_the_past_rings_at_once),
		TEST(time_moves_over_the_alarm),
		TEST(alarm_can_be_cleared),
		TEST(odd_accesses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
