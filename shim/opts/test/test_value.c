/* Tests of single values: value.c. */
#include "shim/opts/opts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void sizes(void **state UNUSED)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 }, { "4096", 4096 }, { "512K", 512 * KiB }, { "256M", 256 * MiB },
		{ "2g", 2 * GiB }, { "1T", 1024 * GiB }, { "18446744073709551615", UINT64_MAX },
		{ "16777215T", UINT64_C(16777215) << 40 } };
	static const char *const bad[] = { "", "M", "-1", "+1", " 1", "1 ", "1MM", "1MiB", "1.5G",
		"0x10", "1X", "18446744073709551616", "16777216T", "99999999999999999999999" };

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t v = 1;

		assert_int_equal(parse_size(good[i].text, &v, NULL), 0);
		assert_true(v == good[i].bytes);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = { 0 };
		uint64_t v = 77;

		assert_true(parse_size(bad[i], &v, &err) < 0);
		assert_non_null(strstr(err.msg, "is not a size"));
		assert_int_equal(v, 77);
	}
}

static void counts(void **state UNUSED)
{
	static const char *const bad[] = { "", "x", "1x", "-1", "0", "65", "10000",
		"18446744073709551616", "18446744073709551617" };
	struct err err = { 0 };
	uint64_t v;

	assert_int_equal(parse_count("1", 1, 64, &v, NULL), 0);
	assert_int_equal(v, 1);
	assert_int_equal(parse_count("64", 1, 64, &v, NULL), 0);
	assert_int_equal(v, 64);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(parse_count(bad[i], 1, 64, &v, NULL) < 0);
	assert_int_equal(parse_count("10000", 1, 64, &v, &err), -ERANGE);
	assert_string_equal(err.msg, "10000 is out of range (1 to 64)");
	assert_int_equal(parse_count("18446744073709551616", 1, UINT64_MAX - 1, &v, &err), -ERANGE);
	assert_int_equal(parse_count("7up", 1, 64, &v, &err), -EINVAL);
	assert_string_equal(err.msg, "\"7up\" is not a number");
}

static void macs(void **state UNUSED)
{
	static const char *const bad[] = { "", "52", "52:54:00:12:34", "52:54:00:12:34:5",
		"52:54:00:12:34:5g", "52:54:00:12:34:56:", "52:54:00:12:34:56:78",
		"52-54-00-12-34-56", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff",
		"00:00:00:00:00:00" };
	const uint8_t want[6] = { 0x52, 0x54, 0, 0xab, 0xcd, 0xef };
	uint8_t mac[6] = { 0 };

	assert_int_equal(parse_mac("52:54:00:aB:cd:EF", mac, NULL), 0);
	assert_memory_equal(mac, want, 6);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(parse_mac(bad[i], mac, NULL) < 0);
	assert_memory_equal(mac, want, 6);
}

static void descriptors(void **state UNUSED)
{
	static const char *const bad[] = { "", ":", "0:", ":0", "0::1", "x", "-1", "0 ", "999",
		"1000000000000000" };
	unsigned n = 0;
	int fds[2];

	assert_int_equal(parse_fds("0:2", 0, fds, 2, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(fds[0], 0);
	assert_int_equal(fds[1], 2);
	assert_int_equal(parse_fds("0", 0, fds, 2, &n, NULL), -E2BIG);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		n = 0;
		assert_true(parse_fds(bad[i], 0, fds, 2, &n, NULL) < 0);
	}
	assert_int_equal(parse_fd("2", 3, fds, NULL), -EBADF); /* a standard stream */
}

struct fields {
	const char *text;
	uint64_t size;
	unsigned count, choice;
	bool flag, on;
};

static const char *const colours[] = { "red", "green", NULL };

static void setters(void **state UNUSED)
{
	const struct opt size = { .offset = offsetof(struct fields, size), .min = 2, .max = 4096 };
	const struct opt count = { .offset = offsetof(struct fields, count), .min = 1, .max = 8 };
	const struct opt choice = { .offset = offsetof(struct fields, choice), .choices = colours };
	const struct opt flag = { .offset = offsetof(struct fields, flag) };
	const struct opt on = { .offset = offsetof(struct fields, on) };
	struct fields f = { 0 };
	struct err err;

	assert_int_equal(opt_size(&size, &f, "4K", &err), 0);
	assert_int_equal(f.size, 4096);
	assert_int_equal(opt_size(&size, &f, "1", &err), -ERANGE);
	assert_string_equal(err.msg, "1 is too small");
	assert_int_equal(opt_size(&size, &f, "5K", &err), -ERANGE);
	assert_string_equal(err.msg, "5K is too large");
	assert_int_equal(opt_count(&count, &f, "8", &err), 0);
	assert_int_equal(f.count, 8);
	assert_true(opt_count(&count, &f, "9", &err) < 0);
	assert_int_equal(opt_choice(&choice, &f, "green", &err), 0);
	assert_int_equal(f.choice, 1);
	assert_int_equal(opt_choice(&choice, &f, "blue", &err), -EINVAL);
	assert_string_equal(err.msg, "\"blue\" is none of red, green");
	assert_int_equal(opt_flag(&flag, &f, NULL, &err), 0);
	assert_true(f.flag);
	assert_int_equal(opt_on_off(&on, &f, NULL, &err), 0);
	assert_true(f.on);
	assert_int_equal(opt_on_off(&on, &f, "off", &err), 0);
	assert_false(f.on);
	assert_true(opt_on_off(&on, &f, "yes", &err) < 0);
}

static void names(void **state UNUSED)
{
	const struct opt name = { .offset = offsetof(struct fields, text), .max = 8 };
	static const char *const bad[] = { "", "a b", "a/b", "123456789", "\xc3\xa9", "a\n",
		"a,b" };
	struct fields f = { 0 };

	assert_int_equal(opt_name(&name, &f, "a-B_1.x", NULL), 0);
	assert_string_equal(f.text, "a-B_1.x");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_true(opt_name(&name, &f, bad[i], NULL) < 0);
	assert_string_equal(f.text, "a-B_1.x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(counts),
		cmocka_unit_test(macs),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(setters),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
