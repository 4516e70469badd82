/* pvpanic: what it offers, and that a panic is told once. */
#include <string.h>
#include "core/test/check.h"
#include "dev/pvpanic.h"

static void on_panic(void *arg)
{
	++*(unsigned *)arg;
}

static uint64_t get(struct pvpanic *p, uint64_t off, unsigned len)
{
	uint64_t v = UINT64_MAX;

	pvpanic_read(p, off, &v, len);
	return len == 8 ? v : v & ((UINT64_C(1) << 8 * len) - 1);
}

static void put(struct pvpanic *p, uint64_t off, uint64_t v, unsigned len)
{
	pvpanic_write(p, off, &v, len);
}

static void told_once(void **state UNUSED)
{
	struct pvpanic *p = NULL;
	unsigned n = 0;

	assert_int_equal(pvpanic_new(&p, on_panic, &n, NULL), 0);
	put(p, 0, 0, 1);
	put(p, 0, 0xfc, 1);
	put(p, 0, 2, 1); /* the guest's crash kernel goes on */
	put(p, 1, 1, 1);
	assert_int_equal(n, 0);
	put(p, 0, 1, 1);
	put(p, 0, 1, 1);
	assert_int_equal(n, 1);
	pvpanic_reset(p);
	put(p, 0, 1, 4);
	assert_int_equal(n, 2);
	pvpanic_free(p);
}

static void reads(void **state UNUSED)
{
	struct pvpanic *p = NULL;
	unsigned n = 0;

	assert_int_equal(pvpanic_new(&p, on_panic, &n, NULL), 0);
	for (unsigned len = 1; len <= 8; len *= 2) {
		assert_int_equal(get(p, 0, len), 3);
		for (uint64_t off = 1; off < 16; off++)
			assert_int_equal(get(p, off, len), 0);
		assert_int_equal(get(p, UINT64_MAX, len), 0);
	}
	pvpanic_free(p);
	pvpanic_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(told_once),
		cmocka_unit_test(reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
