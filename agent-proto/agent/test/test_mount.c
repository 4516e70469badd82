/* The pure parts of mounting: option lists, paths, lines of mountinfo. */
#define _GNU_SOURCE
#include <limits.h>
#include <string.h>
#include <sys/mount.h>

#include "agent/mount.h"
#include "agent/mount_path.h"
#include "core/test/check.h"

/* words: split at blanks. */
static int parse(struct mount_opts *o, const char *words, struct err *err)
{
	char copy[512], *list[32], *save = NULL;
	size_t n = 0;

	strcpy(copy, words);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		list[n++] = w;
	return mount_opts_parse(o, list, n, err);
}

static void flags_and_data(void **state UNUSED)
{
	static const struct {
		const char *words;
		unsigned long flags, propagation;
		const char *data;
	} cases[] = {
		{ "", 0, 0, "" },
		{ "defaults", 0, 0, "" },
		{ "ro nosuid nodev noexec", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, 0, "" },
		{ "ro rw nosuid suid", 0, 0, "" },
		{ "rw ro", MS_RDONLY, 0, "" },
		{ "rbind rprivate ro", MS_BIND | MS_REC | MS_RDONLY, MS_PRIVATE | MS_REC, "" },
		{ "bind slave", MS_BIND, MS_SLAVE, "" },
		{ "noexec nosuid nodev mode=1777 size=67108864", MS_NOEXEC | MS_NOSUID | MS_NODEV,
			0, "mode=1777,size=67108864" },
		{ "dax", 0, 0, "dax" },
		{ "nouuid ro inode64", MS_RDONLY, 0, "nouuid,inode64" },
		{ "remount size=5m", MS_REMOUNT, 0, "size=5m" },
		{ "io.katacontainers.fs-opt.layer=abc lowerdir=/a:/b", 0, 0, "lowerdir=/a:/b" },
		{ "fsgid=1000 mode=0770", 0, 0, "mode=0770" },
		{ "noatime nodiratime strictatime lazytime sync",
			MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME | MS_LAZYTIME | MS_SYNCHRONOUS,
			0, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mount_opts o;

		assert_int_equal(parse(&o, cases[i].words, NULL), 0);
		assert_int_equal(o.flags, cases[i].flags);
		assert_int_equal(o.propagation, cases[i].propagation);
		assert_string_equal(o.data, cases[i].data);
		mount_opts_free(&o);
	}
}

static void numbers(void **state UNUSED)
{
	struct mount_opts o;

	assert_int_equal(parse(&o, "fsgid=0 mode=0640 size=3g pagesize=2MiB", NULL), 0);
	assert_true(o.has_fsgid && o.fsgid == 0 && o.has_mode && o.mode == 0640);
	assert_int_equal(o.size, 3 * GiB);
	assert_int_equal(o.page_size, 2 * MiB);
	mount_opts_free(&o);
	assert_int_equal(parse(&o, "size=50% pagesize=1GB", NULL), 0);
	assert_int_equal(o.size, 0);
	assert_int_equal(o.page_size, GiB);
	mount_opts_free(&o);
	assert_int_equal(parse(&o, "size=99999999999999999999 pagesize=18446744073709551615k",
				 NULL),
		0);
	assert_true(!o.size && !o.page_size);
	mount_opts_free(&o);
}

static void what_is_no_option(void **state UNUSED)
{
	static const char *const bad[] = { "fsgid=", "fsgid=x", "fsgid=-1", "fsgid=4294967295",
		"fsgid=1x", "mode=8", "mode=10000", "mode=rwx" };
	char word[8192];
	char *list[] = { word };
	struct mount_opts o;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse(&o, bad[i], &err), -EINVAL);
		assert_non_null(strstr(err.msg, "is no number"));
		assert_null(o.data);
	}
	memset(word, 'x', sizeof(word));
	word[4095] = '\0';
	assert_int_equal(mount_opts_parse(&o, list, 1, &err), 0);
	assert_int_equal(mount_opts_add(&o, &err, "y"), -E2BIG);
	mount_opts_free(&o);
	word[4095] = 'x';
	word[4096] = '\0';
	assert_int_equal(mount_opts_parse(&o, list, 1, &err), -E2BIG);
	assert_string_equal(err.msg, "mount options of more than 4095 bytes");
}

static void below(void **state UNUSED)
{
	char deep[PATH_MAX + 8];

	assert_string_equal(path_below("/run/k", "/run/k/a/b"), "a/b");
	assert_string_equal(path_below("/run/k", "/run/k//a/..b"), "a/..b");
	assert_string_equal(path_below("/run/k", "/run/k"), "");
	assert_string_equal(path_below("/run/k", "/run/k/"), "");
	assert_null(path_below("/run/k", "/run/kk/a"));
	assert_null(path_below("/run/k", "/run"));
	assert_null(path_below("/run/k", "run/k/a"));
	assert_null(path_below("/run/k", ""));
	assert_null(path_below("/run/k", "/run/k/.."));
	assert_null(path_below("/run/k", "/run/k/a/../b"));
	memset(deep, 'x', sizeof(deep));
	memcpy(deep, "/run/k/", 7);
	deep[sizeof(deep) - 1] = '\0';
	assert_null(path_below("/run/k", deep));
}

static void lines(void **state UNUSED)
{
	char buf[64], tiny[5];

	assert_true(mount_parse_line(
		"36 35 98:0 /mnt1 /mnt/a\\040b\\134c rw,noatime master:1 - ext3 /dev/root rw", buf,
		sizeof(buf)));
	assert_string_equal(buf, "/mnt/a b\\c");
	assert_true(mount_parse_line("1 2 3 4 /a\\04 rw", buf, sizeof(buf)));
	assert_string_equal(buf, "/a\\04");
	assert_true(mount_parse_line("1 2 3 4 /long/name", tiny, sizeof(tiny)));
	assert_string_equal(tiny, "/lon");
	assert_false(mount_parse_line("1 2 3 4 ", buf, sizeof(buf)));
	assert_false(mount_parse_line("1 2 3", buf, sizeof(buf)));
	assert_false(mount_parse_line("", buf, sizeof(buf)));
	assert_false(mount_parse_line("1 2 3 4 x", buf, sizeof(buf)));
	assert_false(mount_parse_line("1 2 3 4 /x", buf, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_and_data),
		cmocka_unit_test(numbers),
		cmocka_unit_test(what_is_no_option),
		cmocka_unit_test(below),
		cmocka_unit_test(lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
