/*
 * cgroups on a tree of plain files with what a kernel would have in them, and, as root on a machine
 * with a cgroup2 somewhere, on a real group with a process in it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "core/test/check.h"
#include "agent/cgroup.h"
#include "agent/cgroup_file.h"

struct fix {
	char root[64];
	struct err err;
	Grpc__CgroupStats stats;
};

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	strcpy(f->root, "/tmp/test-cgroup-XXXXXX");
	if (!mkdtemp(f->root))
		return -1;
	grpc__cgroup_stats__init(&f->stats);
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static int fix_free(void **state)
{
	struct fix *f = *state;
	Grpc__CgroupStats *stats = malloc(sizeof(*stats));

	if (!stats)
		return -1;
	*stats = f->stats;
	grpc__cgroup_stats__free_unpacked(stats, NULL);
	nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void put(struct fix *f, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", f->root, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void put_dir(struct fix *f, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", f->root, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static void assert_holds(struct fix *f, const char *name, const char *text)
{
	char path[256];
	char *is;

	snprintf(path, sizeof(path), "%s/%s", f->root, name);
	is = cgroup_read(AT_FDCWD, path);
	assert_non_null(is);
	assert_string_equal(is, text);
	free(is);
}

static void test_setup(void **state)
{
	struct fix *f = *state;
	char self[32];

	put(f, "cgroup.controllers", "cpuset cpu io memory hugetlb pids\n");
	put(f, "cgroup.subtree_control", "");
	put(f, "cgroup.procs", "1\n0\n77\n");
	put_dir(f, "init");
	put(f, "init/cgroup.procs", "");
	put_dir(f, "kata");
	put(f, "kata/cgroup.controllers", "memory\n");
	put(f, "kata/cgroup.subtree_control", "");
	put(f, "kata/cgroup.max.depth", "max\n");
	assert_int_equal(cgroup_setup(f->root, true, &f->err), 0);
	/* a plain file keeps what was written last, over what was longer */
	snprintf(self, sizeof(self), "%d", getpid());
	assert_holds(f, "init/cgroup.procs", self);
	assert_holds(f, "cgroup.subtree_control", "+pidstlb");
	assert_holds(f, "kata/cgroup.subtree_control", "+memory");
	assert_holds(f, "kata/cgroup.max.depth", "32x\n");
}

static void test_setup_refused(void **state)
{
	struct fix *f = *state;

	assert_int_equal(cgroup_setup(f->root, false, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.msg, f->root));
	assert_int_equal(cgroup_setup("/nowhere/at/all", false, &f->err), -ENOENT);
}

static void test_paths(void **state)
{
	static const struct {
		const char *id, *path;
	} cases[] = {
		{ "c1", "/kata/c1" },
		{ "a.b-c_d", "/kata/a.b-c_d" },
		{ "..", "/kata/_." },
		{ ".", "/kata/_" },
		{ "../../x", "/kata/_.__.." },
		{ "", "/kata/" },
	};
	char path[64], small[9];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cgroup_container_path(path, sizeof(path), cases[i].id);
		if (strncmp(path, cases[i].path, 8) || strchr(path + 6, '/'))
			fail_msg("%s: %s", cases[i].id, path);
	}
	cgroup_container_path(small, sizeof(small), "/////////");
	assert_string_equal(small, "/kata/__");
}

static void figures(struct fix *f)
{
	put_dir(f, "c");
	put(f, "c/cpu.stat",
		"usage_usec 1295001\nuser_usec 231821\nsystem_usec 1063180\nnice_usec 0\n"
		"nr_periods 46\nnr_throttled 10\nthrottled_usec 5\nodd\n\n extra 1\nnone x\n");
	put(f, "c/memory.current", "1847296\n");
	put(f, "c/memory.peak", "2084864\n");
	put(f, "c/memory.max", "67108864\n");
	put(f, "c/memory.events", "low 0\nhigh 0\nmax 3\noom 0\noom_kill 0\n");
	put(f, "c/memory.swap.current", "4096\n");
	put(f, "c/memory.swap.max", "0\n");
	put(f, "c/memory.stat", "anon 49152\nfile 1490944\nkernel 114688\ninactive_file 20480\n");
	put(f, "c/pids.current", "5\n");
	put(f, "c/pids.max", "100\n");
	put(f, "c/io.stat",
		"254:16 rbytes=1024 wbytes=2048 rios=3 wios=4 dbytes=5 dios=6\n8:0 \nx y=z\n");
	put(f, "c/hugetlb.2MB.current", "2097152\n");
	put(f, "c/hugetlb.2MB.events", "max 9\n");
	put(f, "c/hugetlb.2MB.rsvd.current", "7\n");
}

static uint64_t stat_of(const Grpc__MemoryStats *m, const char *key)
{
	for (size_t i = 0; i < m->n_stats; i++)
		if (!strcmp(m->stats[i]->key, key))
			return m->stats[i]->value;
	fail_msg("no %s", key);
	return 0;
}

static void test_cpu_and_memory(void **state)
{
	struct fix *f = *state;
	const Grpc__CgroupStats *s = &f->stats;
	const Grpc__MemoryStats *m;

	figures(f);
	assert_int_equal(cgroup_stats(f->root, "/c", &f->stats, &f->err), 0);
	assert_int_equal(s->cpu_stats->cpu_usage->total_usage, 1295001000);
	assert_int_equal(s->cpu_stats->cpu_usage->usage_in_kernelmode, 1063180000);
	assert_int_equal(s->cpu_stats->cpu_usage->usage_in_usermode, 231821000);
	assert_int_equal(s->cpu_stats->throttling_data->periods, 46);
	assert_int_equal(s->cpu_stats->throttling_data->throttled_periods, 10);
	assert_int_equal(s->cpu_stats->throttling_data->throttled_time, 5000);
	m = s->memory_stats;
	assert_int_equal(m->usage->usage, 1847296);
	assert_int_equal(m->usage->max_usage, 2084864);
	assert_int_equal(m->usage->failcnt, 3);
	assert_int_equal(m->usage->limit, 67108864);
	assert_int_equal(m->swap_usage->usage, 4096);
	assert_int_equal(m->swap_usage->limit, 67108864); /* as Kata's agent says it */
	assert_int_equal(m->kernel_usage->usage, 114688);
	assert_true(m->kernel_usage->limit == UINT64_MAX);
	assert_int_equal(m->cache, 1490944);
	assert_int_equal(m->n_stats, 9);
	assert_int_equal(stat_of(m, "inactive_file"), 20480);
	assert_int_equal(stat_of(m, "total_inactive_file"), 20480);
	assert_int_equal(stat_of(m, "rss"), 49152);
}

static void test_other_figures(void **state)
{
	struct fix *f = *state;
	const Grpc__BlkioStats *io;

	figures(f);
	assert_int_equal(cgroup_stats(f->root, "/c", &f->stats, &f->err), 0);
	assert_int_equal(f->stats.pids_stats->current, 5);
	assert_int_equal(f->stats.pids_stats->limit, 100);
	io = f->stats.blkio_stats;
	assert_int_equal(io->n_io_service_bytes_recursive, 3);
	assert_int_equal(io->n_io_serviced_recursive, 3);
	assert_int_equal(io->io_service_bytes_recursive[1]->major, 254);
	assert_int_equal(io->io_service_bytes_recursive[1]->minor, 16);
	assert_string_equal(io->io_service_bytes_recursive[1]->op, "write");
	assert_int_equal(io->io_service_bytes_recursive[1]->value, 2048);
	assert_int_equal(io->io_serviced_recursive[0]->value, 3);
	assert_int_equal(f->stats.n_hugetlb_stats, 1);
	assert_string_equal(f->stats.hugetlb_stats[0]->key, "2MB");
	assert_int_equal(f->stats.hugetlb_stats[0]->value->usage, 2097152);
	assert_int_equal(f->stats.hugetlb_stats[0]->value->failcnt, 9);
}

/* Nothing there: all zero, memory unlimited, but every message present. */
static void test_no_figures(void **state)
{
	struct fix *f = *state;

	put_dir(f, "c");
	put(f, "c/pids.max", "max\n");
	assert_int_equal(cgroup_stats(f->root, "/c", &f->stats, &f->err), 0);
	assert_non_null(f->stats.cpu_stats->throttling_data);
	assert_true(f->stats.memory_stats->usage->limit == UINT64_MAX);
	assert_int_equal(f->stats.memory_stats->swap_usage->limit, 0);
	assert_int_equal(f->stats.pids_stats->limit, 0);
	assert_non_null(f->stats.blkio_stats);
}

static void test_no_group(void **state)
{
	struct fix *f = *state;

	assert_int_equal(cgroup_stats(f->root, "/gone", &f->stats, &f->err), -ENOENT);
	assert_int_equal(cgroup_freeze(f->root, "/gone", true, &f->err), -ENOENT);
	assert_int_equal(cgroup_kill(f->root, "/gone", &f->err), -ENOENT);
	assert_int_equal(cgroup_remove(f->root, "/gone", &f->err), 0);
}

static void test_network(void **state)
{
	struct fix *f = *state;
	Grpc__StatsContainerResponse *r = malloc(sizeof(*r));

	assert_non_null(r);
	grpc__stats_container_response__init(r);
	assert_int_equal(cgroup_network_stats(getpid(), r, &f->err), 0);
	for (size_t i = 0; i < r->n_network_stats; i++)
		assert_string_not_equal(r->network_stats[i]->name, "lo");
	assert_int_equal(cgroup_network_stats(-1, r, &f->err), -ENOENT);
	grpc__stats_container_response__free_unpacked(r, NULL);
}

static void test_refresh_cpus(void **state)
{
	struct fix *f = *state;

	assert_int_equal(cgroup_refresh_cpus(f->root, &f->err), 0);
	put_dir(f, "kata");
	put(f, "cpuset.cpus.effective", "0-3\n");
	put(f, "kata/cpuset.cpus", "\n");
	assert_int_equal(cgroup_refresh_cpus(f->root, &f->err), 0);
	assert_holds(f, "kata/cpuset.cpus", "\n");
	put(f, "kata/cpuset.cpus", "0\n");
	assert_int_equal(cgroup_refresh_cpus(f->root, &f->err), 0);
	assert_holds(f, "kata/cpuset.cpus", "0-3\n");
}

static void test_await(void **state)
{
	struct fix *f = *state;
	int dir = open(f->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(cgroup_await(dir, "frozen", 1, 10), -ENOENT);
	put(f, "cgroup.events", "populated 1\nfrozen 0\n");
	assert_int_equal(cgroup_await(dir, "frozen", 1, 20), -ETIMEDOUT);
	assert_int_equal(cgroup_await(dir, "frozen", 0, 20), 0);
	assert_int_equal(cgroup_await(dir, "unheard-of", 0, 20), -ETIMEDOUT);
	close(dir);
}

static void test_remove_nested(void **state)
{
	struct fix *f = *state;
	struct stat st;
	char path[128];

	put_dir(f, "kata");
	put_dir(f, "kata/c");
	put_dir(f, "kata/c/a");
	put_dir(f, "kata/c/a/b");
	put_dir(f, "kata/c/d");
	assert_int_equal(cgroup_remove(f->root, "/kata/c", &f->err), 0);
	snprintf(path, sizeof(path), "%s/kata/c", f->root);
	assert_int_equal(stat(path, &st), -1);
}

/* A real cgroup2: the root of it, or NULL. */
static const char *real_root(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	static const char group[] = "/cgroup.procs", probe[] = "/cgroup.stat";

	for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s%s", places[i], probe);
		if (access(path, F_OK))
			continue;
		snprintf(path, sizeof(path), "%s%s", places[i], group);
		if (!access(path, W_OK))
			return places[i];
	}
	return NULL;
}

/* Enters the group and waits for its end there. */
static pid_t child_in(int dir)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (cgroup_write(dir, "cgroup.procs", "0"))
		_exit(1);
	for (;;)
		pause();
}

static void test_real(void **state)
{
	struct fix *f = *state;
	const char *root = real_root();
	char path[128], group[64];
	int dir, status;
	pid_t pid;

	snprintf(group, sizeof(group), "/test-cgroup-%d", getpid());
	snprintf(path, sizeof(path), "%s%s", root ? root : "", group);
	if (!root || mkdir(path, 0755))
		skip();
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid = child_in(dir);
	assert_int_equal(cgroup_await(dir, "populated", 1, 5000), 0);
	assert_int_equal(cgroup_freeze(root, group, true, &f->err), 0);
	assert_int_equal(cgroup_value(dir, "cgroup.events", "frozen", 0), 1);
	assert_int_equal(cgroup_freeze(root, group, false, &f->err), 0);
	assert_int_equal(cgroup_value(dir, "cgroup.events", "frozen", 1), 0);
	assert_int_equal(cgroup_stats(root, group, &f->stats, &f->err), 0);
	assert_true(cgroup_freeze(root, group, true, &f->err) == 0); /* a kill does not mind */
	assert_int_equal(cgroup_kill(root, group, &f->err), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(mkdirat(dir, "sub", 0755), 0);
	assert_int_equal(cgroup_remove(root, group, &f->err), 0);
	assert_int_equal(access(path, F_OK), -1);
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_setup, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_setup_refused, fix_new, fix_free),
		cmocka_unit_test(test_paths),
		cmocka_unit_test_setup_teardown(test_cpu_and_memory, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_other_figures, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_no_figures, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_no_group, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_network, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_refresh_cpus, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_await, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_remove_nested, fix_new, fix_free),
		cmocka_unit_test_setup_teardown(test_real, fix_new, fix_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
