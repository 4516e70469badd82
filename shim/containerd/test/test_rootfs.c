/* Each snapshotter's list of mounts, and what becomes of it; templates that are none. */
#include "shim/containerd/rootfs.h"

#include <string.h>
#include "core/test/check.h"

#define OPTIONS(...)                                                                               \
	.options = (char *const *)(uintptr_t)(const char *const[]){ __VA_ARGS__ },                 \
	.noptions = ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ }))

static struct rootfs_plan plan;
static struct err err;

static int make(const struct rootfs_mount *m, size_t n)
{
	err = (struct err){ 0 };
	return rootfs_plan(&plan, m, n, &err);
}

static void directories(void **state)
{
	const struct rootfs_mount overlay[] = { { "overlay", "overlay",
		OPTIONS("index=off", "workdir=/w", "upperdir=/u", "lowerdir=/a:/b") } };
	const struct rootfs_mount bind[] = { { "bind", "/s/1/fs", OPTIONS("rw", "rbind") } };

	(void)state;
	assert_int_equal(make(overlay, 1), 0);
	assert_int_equal(plan.kind, ROOTFS_SHARED);
	assert_int_equal(make(bind, 1), 0);
	assert_int_equal(plan.kind, ROOTFS_SHARED);
	assert_int_equal(make(NULL, 0), 0);
	assert_int_equal(plan.kind, ROOTFS_PATH);
}

static void blockfile(void **state)
{
	const struct rootfs_mount rw[] = { { "ext4", "/s/1", OPTIONS("loop", "rw") } };
	const struct rootfs_mount ro[] = { { "ext4", "/s/1", OPTIONS("ro", "loop") } };

	(void)state;
	assert_int_equal(make(rw, 1), 0);
	assert_int_equal(plan.kind, ROOTFS_DISK);
	assert_int_equal(plan.ndisks, 1);
	assert_string_equal(plan.disks[0].source, "/s/1");
	assert_string_equal(plan.disks[0].type, "ext4");
	assert_false(plan.disks[0].readonly);
	assert_int_equal(make(ro, 1), 0);
	assert_true(plan.disks[0].readonly);
}

/* containerd 2.x's erofs snapshotter, its writable layer an ext4 image (default_size). */
static void erofs_with_an_image(void **state)
{
	const struct rootfs_mount m[] = {
		{ "ext4", "/s/9/rwlayer.img", OPTIONS("rw", "loop") },
		{ "erofs", "/s/3/layer.erofs", OPTIONS("ro", "loop") },
		{ "erofs", "/s/2/layer.erofs", OPTIONS("ro", "loop") },
		{ "erofs", "/s/1/layer.erofs", OPTIONS("ro", "loop") },
		{ "format/mkdir/overlay", "overlay",
			OPTIONS("X-containerd.mkdir.path={{ mount 0 }}/upper:0755",
				"workdir={{ mount 0 }}/work", "upperdir={{ mount 0 }}/upper",
				"lowerdir={{ overlay 1 3 }}") },
	};

	(void)state;
	assert_int_equal(make(m, ARRAY_SIZE(m)), 0);
	assert_int_equal(plan.kind, ROOTFS_OVERLAY);
	assert_int_equal(plan.ndisks, 4);
	assert_int_equal(plan.nlower, 3);
	assert_int_equal(plan.lower[0], 1);
	assert_int_equal(plan.lower[2], 3);
	assert_int_equal(plan.upper, 0);
	assert_string_equal(plan.upperdir, "upper");
	assert_string_equal(plan.workdir, "work");
	assert_false(plan.readonly);
}

static void erofs_with_a_directory(void **state)
{
	const struct rootfs_mount m[] = {
		{ "erofs", "/s/2/layer.erofs", OPTIONS("ro", "loop") },
		{ "erofs", "/s/1/layer.erofs", OPTIONS("ro", "loop") },
		{ "format/mkdir/overlay", "overlay",
			OPTIONS("workdir=/s/9/work", "upperdir=/s/9/fs",
				"lowerdir={{ mount 0 }}:{{mount 1}}") },
	};

	(void)state;
	assert_int_equal(make(m, ARRAY_SIZE(m)), 0);
	assert_int_equal(plan.nlower, 2);
	assert_int_equal(plan.upper, -1);
	assert_false(plan.readonly);
}

static void erofs_read_only(void **state)
{
	const struct rootfs_mount view[] = {
		{ "erofs", "/s/2/layer.erofs", OPTIONS("ro", "loop") },
		{ "erofs", "/s/1/layer.erofs", OPTIONS("ro", "loop") },
		{ "format/overlay", "overlay", OPTIONS("lowerdir={{ overlay 0 1 }}") },
	};
	const struct rootfs_mount one[] = {
		{ "erofs", "/s/1/layer.erofs", OPTIONS("ro", "loop") },
		{ "format/bind", "{{ mount 0 }}", OPTIONS("ro", "rbind") },
	};

	(void)state;
	assert_int_equal(make(view, ARRAY_SIZE(view)), 0);
	assert_true(plan.readonly);
	assert_int_equal(make(one, ARRAY_SIZE(one)), 0);
	assert_int_equal(plan.kind, ROOTFS_OVERLAY);
	assert_true(plan.readonly);
	assert_int_equal(plan.nlower, 1);
}

/* Without layers: the image's own directory. */
static void only_an_image(void **state)
{
	const struct rootfs_mount m[] = {
		{ "ext4", "/s/9/rwlayer.img", OPTIONS("rw", "loop") },
		{ "format/mkdir/bind", "{{ mount 0 }}/upper", OPTIONS("rw", "rbind") },
	};

	(void)state;
	assert_int_equal(make(m, ARRAY_SIZE(m)), 0);
	assert_int_equal(plan.upper, 0);
	assert_string_equal(plan.upperdir, "upper");
}

static void bad_templates(void **state)
{
	static const char *const bad[] = { "lowerdir={{ overlay 0 2 }}", "lowerdir={{ mount 7 }}",
		"lowerdir={{ mount }}", "lowerdir={{ mount 0 }", "lowerdir=/host",
		"lowerdir=", "lowerdir={{ mount 0 }}x", "lowerdir={{ frob 0 }}",
		"lowerdir={{ mount 99999 }}" };
	static const char *const upper[] = { "upperdir={{ mount 1 }}/upper",
		"upperdir={{ mount 0 }}/../x", "upperdir={{ mount 0 }}", "upperdir=frob" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct rootfs_mount m[] = {
			{ "erofs", "/s/2", OPTIONS("ro", "loop") },
			{ "erofs", "/s/1", OPTIONS("ro", "loop") },
			{ "format/overlay", "overlay", OPTIONS(bad[i]) },
		};

		assert_int_equal(make(m, 3), -EINVAL);
		assert_true(*err.msg);
	}
	for (size_t i = 0; i < ARRAY_SIZE(upper); i++) {
		const struct rootfs_mount m[] = {
			{ "ext4", "/s/2", OPTIONS("rw", "loop") },
			{ "erofs", "/s/1", OPTIONS("ro", "loop") },
			{ "format/mkdir/overlay", "overlay",
				OPTIONS("lowerdir={{ mount 1 }}", upper[i]) },
		};

		assert_int_equal(make(m, 3), -EINVAL);
	}
}

static void mixed(void **state)
{
	const struct rootfs_mount m[] = {
		{ "erofs", "/s/1", OPTIONS("ro", "loop") },
		{ "bind", "/s/2", OPTIONS("rbind") },
		{ "format/overlay", "overlay", OPTIONS("lowerdir={{ mount 0 }}") },
	};

	(void)state;
	assert_int_equal(make(m, 3), -EINVAL);
	assert_non_null(strstr(err.msg, "mixes disks and directories"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(directories),
		cmocka_unit_test(blockfile),
		cmocka_unit_test(erofs_with_an_image),
		cmocka_unit_test(erofs_with_a_directory),
		cmocka_unit_test(erofs_read_only),
		cmocka_unit_test(only_an_image),
		cmocka_unit_test(bad_templates),
		cmocka_unit_test(mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
