/* CPUs and memory blocks in a directory that looks like sysfs. */
#define _GNU_SOURCE
#include "agent/hotplug.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/test/check.h"

struct fix {
	char sys[64];
};

static void put(const struct fix *f, const char *path, const char *text)
{
	char full[256];
	FILE *file;

	snprintf(full, sizeof(full), "%s/devices/system/%s", f->sys, path);
	for (char *p = strchr(full + strlen(f->sys) + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		mkdir(full, 0700);
		*p = '/';
	}
	if (!text)
		return;
	file = fopen(full, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static char first_of(const struct fix *f, const char *path)
{
	char full[256], c = 0;
	int fd;

	snprintf(full, sizeof(full), "%s/devices/system/%s", f->sys, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, &c, 1) >= 0);
	close(fd);
	return c;
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	*state = f;
	strcpy(f->sys, "/tmp/sampan-hotplug-XXXXXX");
	if (!mkdtemp(f->sys))
		return -1;
	put(f, "x", NULL); /* mkdir -p */
	return 0;
}

static int remove_one(const char *path, const struct stat *st UNUSED, int kind UNUSED,
	struct FTW *ftw UNUSED)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fix *f = *state;
	int r = nftw(f->sys, remove_one, 8, FTW_DEPTH | FTW_PHYS);

	free(f);
	return r;
}

static void some_cpus(struct fix *f)
{
	put(f, "cpu/cpu0/topology", "");
	put(f, "cpu/cpu1/online", "0\n");
	put(f, "cpu/cpu2/online", "1\n");
	put(f, "cpu/cpu3/online", "0\n");
	put(f, "cpu/cpufreq/online", "0\n");
	put(f, "cpu/online", "0,2\n");
}

static void as_many_cpus_as_asked_for(void **state)
{
	struct fix *f = *state;
	struct err err = { 0 };

	some_cpus(f);
	assert_int_equal(hotplug_cpus(f->sys, NULL, 2, 0, &err), 0);
	assert_int_equal(first_of(f, "cpu/cpu1/online"), '0');
	assert_int_equal(first_of(f, "cpu/cpu3/online"), '0');
	assert_int_equal(hotplug_cpus(f->sys, NULL, 3, 0, &err), 0);
	assert_int_equal(first_of(f, "cpu/cpu1/online") + first_of(f, "cpu/cpu3/online"),
		'0' + '1');
	assert_int_equal(hotplug_cpus(f->sys, NULL, 4, 0, &err), 0);
	assert_int_equal(first_of(f, "cpu/cpufreq/online"), '0');
}

static void too_few_cpus(void **state)
{
	struct fix *f = *state;
	struct err err = { 0 };

	some_cpus(f);
	assert_int_equal(hotplug_cpus(f->sys, NULL, 5, 120, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "4 CPUs are online after 120 ms, 5 were asked for");
	assert_int_equal(hotplug_cpus("/nowhere", NULL, 1, 0, &err), -ENOENT);
}

static void *plug(void *arg)
{
	struct timespec later = { .tv_nsec = 150000000 };
	struct fix *f = arg;
	char from[128], to[128];

	nanosleep(&later, NULL);
	put(arg, "new/cpu4/online", "0\n");
	/* Whole at once, as the kernel makes them. */
	snprintf(from, sizeof(from), "%s/devices/system/new/cpu4", f->sys);
	snprintf(to, sizeof(to), "%s/devices/system/cpu/cpu4", f->sys);
	return rename(from, to) ? NULL : arg;
}

static void cpu_that_comes_later(void **state)
{
	struct fix *f = *state;
	struct err err = { 0 };
	pthread_t thread;

	some_cpus(f);
	assert_int_equal(pthread_create(&thread, NULL, plug, f), 0);
	if (hotplug_cpus(f->sys, NULL, 5, 5000, &err))
		fail_msg("%s", err.msg);
	pthread_join(thread, NULL);
	assert_int_equal(first_of(f, "cpu/cpu4/online"), '1');
}

static void memory(void **state)
{
	struct fix *f = *state;
	struct err err = { 0 };

	assert_int_equal(hotplug_memory(f->sys, &err), 0); /* a kernel without */
	put(f, "memory/memory0/online", "1\n");
	put(f, "memory/memory32/online", "0\n");
	put(f, "memory/memory33/online", "0\n");
	put(f, "memory/power/online", "0\n");
	assert_int_equal(hotplug_memory(f->sys, &err), 0);
	assert_int_equal(first_of(f, "memory/memory32/online"), '1');
	assert_int_equal(first_of(f, "memory/memory33/online"), '1');
	assert_int_equal(first_of(f, "memory/power/online"), '0');
}

static void block_size(void **state)
{
	struct fix *f = *state;

	assert_int_equal(hotplug_block_size(f->sys), 128 * MiB);
	put(f, "memory/block_size_bytes", "40000000\n");
	assert_int_equal(hotplug_block_size(f->sys), GiB);
	put(f, "memory/block_size_bytes", "\n");
	assert_int_equal(hotplug_block_size(f->sys), 128 * MiB);
}

static void probe(void **state)
{
	struct fix *f = *state;
	struct err err = { 0 };
	uint64_t addrs[] = { 0x88000000, 0x90000000 };

	assert_false(hotplug_can_probe(f->sys));
	assert_int_equal(hotplug_probe(f->sys, addrs, 2, &err), -ENOENT);
	put(f, "memory/block_size_bytes", "8000000\n");
	assert_int_equal(hotplug_probe(f->sys, addrs, 2, &err), -ENOENT);
	assert_string_equal(err.msg, "probe memory at 0x88000000: No such file or directory");
	put(f, "memory/probe", "");
	assert_true(hotplug_can_probe(f->sys));
	assert_int_equal(hotplug_probe(f->sys, addrs, 2, &err), 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(as_many_cpus_as_asked_for),
		T(too_few_cpus),
		T(cpu_that_comes_later),
		T(memory),
		T(block_size),
		T(probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
