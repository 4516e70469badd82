/* The one-sentence error: its text, its prefixes, its length, and what it does to hostile names. */
#include <string.h>
#include "core/test/check.h"
#include "core/err.h"

static void adds_the_reason(void **state UNUSED)
{
	struct err err = { 0 };

	assert_int_equal(fail(&err, -ENOSPC, "open disk %s", "/a/b"), -ENOSPC);
	assert_string_equal(err.msg, "open disk /a/b: No space left on device");
}

static void leaves_the_sentence(void **state UNUSED)
{
	struct err err = { 0 };

	assert_int_equal(failx(&err, -EINVAL, "%d is odd", 3), -EINVAL);
	assert_string_equal(err.msg, "3 is odd");
}

static void overwrites(void **state UNUSED)
{
	struct err err = { 0 };

	failx(&err, -EINVAL, "a much longer sentence");
	failx(&err, -EINVAL, "short");
	assert_string_equal(err.msg, "short");
}

static void prefixes_outward(void **state UNUSED)
{
	struct err err = { 0 };

	fail(&err, -ENOENT, "open %s", "x");
	assert_int_equal(err_prefix(&err, -ENOENT, "disk%u", 0), -ENOENT);
	assert_string_equal(err.msg, "disk0: open x: No such file or directory");
}

static void nobody_listens(void **state UNUSED)
{
	assert_int_equal(fail(NULL, -EIO, "x"), -EIO);
	assert_int_equal(failx(NULL, -EIO, "x"), -EIO);
	assert_int_equal(err_prefix(NULL, -EIO, "x"), -EIO);
}

/* A file name must not move the cursor, colour the terminal or begin a second line. */
static void control_bytes_are_shown(void **state UNUSED)
{
	struct err err = { 0 };

	failx(&err, -EINVAL, "open %s", "a\033[31mb\nc\x7f\r\t");
	assert_string_equal(err.msg, "open a?[31mb?c???");
	fail(&err, -ENOENT, "open %s", "\n");
	assert_string_equal(err.msg, "open ?: No such file or directory");
	err_prefix(&err, -ENOENT, "%s", "\033");
	assert_string_equal(err.msg, "?: open ?: No such file or directory");
	failx(&err, -EINVAL, "open %s", "a\302\23331mb\302\237\302");
	assert_string_equal(err.msg, "open a??31mb??\302");
}

static void other_alphabets_are_kept(void **state UNUSED)
{
	struct err err = { 0 };

	failx(&err, -EINVAL, "open %s", "Größe-磁盘");
	assert_string_equal(err.msg, "open Größe-磁盘");
}

static void long_names_are_cut(void **state UNUSED)
{
	char name[2000];
	struct err err = { 0 };

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	fail(&err, -ENOENT, "open %s", name);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	err_prefix(&err, -ENOENT, "disk");
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_memory_equal(err.msg, "disk: open xxx", 14);
	err_prefix(&err, -ENOENT, "%s", name);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	failx(&err, -ENOENT, "%s", name);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

/* Every length of prefix, so that the byte where sentence and buffer end meet is crossed. */
static void prefix_of_every_length(void **state UNUSED)
{
	char name[600];

	for (size_t n = 0; n < sizeof(name); n++) {
		struct err err = { 0 };
		size_t want = MIN(n + strlen(": old"), sizeof(err.msg) - 1);

		memset(name, 'p', n);
		name[n] = 0;
		failx(&err, -EINVAL, "old");
		err_prefix(&err, -EINVAL, "%s", name);
		assert_true(strlen(err.msg) <= want && strlen(err.msg) + 2 >= want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(adds_the_reason),
		cmocka_unit_test(leaves_the_sentence),
		cmocka_unit_test(overwrites),
		cmocka_unit_test(prefixes_outward),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(control_bytes_are_shown),
		cmocka_unit_test(other_alphabets_are_kept),
		cmocka_unit_test(long_names_are_cut),
		cmocka_unit_test(prefix_of_every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
