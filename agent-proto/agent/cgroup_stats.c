/*
 * A container's figures, from the files of its cgroup (v2) to the messages, whose names come from
 * cgroup v1: time in nanoseconds, reads and writes of disks as entries, swap's limit as the sum
 * with memory's. A file or a key that is missing leaves its figure 0.
 */
#include "agent/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "agent/cgroup_file.h"

#define MAX_ENTRIES 4096 /* of disks or interfaces; a container may make many of them */

static void *new_message(const ProtobufCMessageDescriptor *d)
{
	void *m = malloc(d->sizeof_message);

	if (m)
		protobuf_c_message_init(d, m);
	return m;
}

/* One more item in a list of pointers that *n counts; false when there is no memory for it. */
static bool list_add(void *list, size_t *n, void *item)
{
	void *items, *old;

	memcpy(&old, list, sizeof(old));
	items = old;
	if (!(*n & (*n - 1))) { /* full at 0, 1, 2, 4... */
		items = realloc(old, (*n ? *n * 2 : 1) * sizeof(item));
		if (!items)
			return false;
		memcpy(list, &items, sizeof(items));
	}
	memcpy((char *)items + (*n)++ * sizeof(item), &item, sizeof(item));
	return true;
}

static uint64_t ns_of(uint64_t usec)
{
	return usec * 1000;
}

static bool put_cpu(int dir, Grpc__CgroupStats *stats)
{
	AUTO_FREE char *text = cgroup_read(dir, "cpu.stat");
	Grpc__CpuStats *cpu = stats->cpu_stats = new_message(&grpc__cpu_stats__descriptor);
	Grpc__CpuUsage *usage;
	Grpc__ThrottlingData *throttling;
	char *rest = text;
	const char *key;
	uint64_t v;

	if (!cpu)
		return false;
	usage = cpu->cpu_usage = new_message(&grpc__cpu_usage__descriptor);
	throttling = cpu->throttling_data = new_message(&grpc__throttling_data__descriptor);
	if (!usage || !throttling)
		return false;
	while (rest && cgroup_pair(&rest, &key, &v))
		if (!strcmp(key, "usage_usec"))
			usage->total_usage = ns_of(v);
		else if (!strcmp(key, "user_usec"))
			usage->usage_in_usermode = ns_of(v);
		else if (!strcmp(key, "system_usec"))
			usage->usage_in_kernelmode = ns_of(v);
		else if (!strcmp(key, "nr_periods"))
			throttling->periods = v;
		else if (!strcmp(key, "nr_throttled"))
			throttling->throttled_periods = v;
		else if (!strcmp(key, "throttled_usec"))
			throttling->throttled_time = ns_of(v);
	return true;
}

static bool put_memory_stat(Grpc__MemoryStats *m, const char *key, uint64_t value)
{
	Grpc__MemoryStats__StatsEntry *e = new_message(
		&grpc__memory_stats__stats_entry__descriptor);
	char *name = strdup(key);

	if (e && name && list_add(&m->stats, &m->n_stats, e)) {
		e->key = name;
		e->value = value;
		return true;
	}
	free(e);
	free(name);
	return false;
}

/* memory.stat as it is, and under the names that readers for cgroup v1 look for. */
static bool put_memory_stats(int dir, Grpc__MemoryStats *m)
{
	static const struct {
		const char *key, *v1;
	} also[] = {
		{ "anon", "rss" },
		{ "anon", "total_rss" },
		{ "file", "cache" },
		{ "file", "total_cache" },
		{ "inactive_file", "total_inactive_file" },
	};
	AUTO_FREE char *text = cgroup_read(dir, "memory.stat");
	char *rest = text;
	const char *key;
	uint64_t v;

	while (rest && cgroup_pair(&rest, &key, &v)) {
		bool ok = put_memory_stat(m, key, v);

		for (size_t i = 0; i < ARRAY_SIZE(also) && ok; i++)
			if (!strcmp(key, also[i].key))
				ok = put_memory_stat(m, also[i].v1, v);
		if (!ok)
			return false;
		if (!strcmp(key, "file"))
			m->cache = v;
		else if (!strcmp(key, "kernel"))
			m->kernel_usage->usage = v;
	}
	return true;
}

static bool put_memory(int dir, Grpc__CgroupStats *stats)
{
	Grpc__MemoryStats *m = stats->memory_stats = new_message(&grpc__memory_stats__descriptor);
	uint64_t sum;

	if (!m)
		return false;
	m->usage = new_message(&grpc__memory_data__descriptor);
	m->swap_usage = new_message(&grpc__memory_data__descriptor);
	m->kernel_usage = new_message(&grpc__memory_data__descriptor);
	if (!m->usage || !m->swap_usage || !m->kernel_usage)
		return false;
	m->usage->usage = cgroup_number(dir, "memory.current", 0);
	m->usage->max_usage = cgroup_number(dir, "memory.peak", 0);
	m->usage->failcnt = cgroup_value(dir, "memory.events", "max", 0);
	m->usage->limit = cgroup_number(dir, "memory.max", UINT64_MAX);
	m->kernel_usage->limit = UINT64_MAX; /* v2 has none */
	m->swap_usage->usage = cgroup_number(dir, "memory.swap.current", 0);
	m->swap_usage->max_usage = cgroup_number(dir, "memory.swap.peak", 0);
	m->swap_usage->failcnt = cgroup_value(dir, "memory.swap.events", "max", 0);
	if (add_ok(m->usage->limit, cgroup_number(dir, "memory.swap.max", UINT64_MAX), &sum))
		m->swap_usage->limit = sum;
	return put_memory_stats(dir, m);
}

static bool put_pids(int dir, Grpc__CgroupStats *stats)
{
	Grpc__PidsStats *p = stats->pids_stats = new_message(&grpc__pids_stats__descriptor);
	uint64_t limit = cgroup_number(dir, "pids.max", 0);

	if (!p)
		return false;
	p->current = cgroup_number(dir, "pids.current", 0);
	p->limit = limit == UINT64_MAX ? 0 : limit; /* 0: none */
	return true;
}

static bool put_io_entry(Grpc__BlkioStatsEntry ***list, size_t *n, const unsigned disk[2],
	const char *op, uint64_t value)
{
	Grpc__BlkioStatsEntry *e = new_message(&grpc__blkio_stats_entry__descriptor);
	char *name = strdup(op);

	if (e && name && list_add(list, n, e)) {
		e->major = disk[0];
		e->minor = disk[1];
		e->op = name;
		e->value = value;
		return true;
	}
	free(e);
	free(name);
	return false;
}

/* A line of io.stat: "MAJOR:MINOR rbytes=N wbytes=N rios=N ...". */
static bool put_disk(Grpc__BlkioStats *io, char *line)
{
	static const struct {
		const char *key, *op;
		bool bytes;
	} words[] = {
		{ "rbytes", "read", true },
		{ "wbytes", "write", true },
		{ "dbytes", "discard", true },
		{ "rios", "read", false },
		{ "wios", "write", false },
		{ "dios", "discard", false },
	};
	char *word = strsep(&line, " "), *value;
	unsigned disk[2];
	bool ok = true;

	if (!word || sscanf(word, "%u:%u", &disk[0], &disk[1]) != 2)
		return true;
	while (ok && (word = strsep(&line, " "))) {
		value = strchr(word, '=');
		if (!value)
			continue;
		*value++ = 0;
		for (size_t i = 0; i < ARRAY_SIZE(words) && ok; i++)
			if (!strcmp(word, words[i].key))
				ok = words[i].bytes
					? put_io_entry(&io->io_service_bytes_recursive,
						  &io->n_io_service_bytes_recursive, disk,
						  words[i].op, strtoull(value, NULL, 10))
					: put_io_entry(&io->io_serviced_recursive,
						  &io->n_io_serviced_recursive, disk, words[i].op,
						  strtoull(value, NULL, 10));
	}
	return ok;
}

static bool put_io(int dir, Grpc__CgroupStats *stats)
{
	AUTO_FREE char *text = cgroup_read(dir, "io.stat");
	char *rest = text, *line;

	stats->blkio_stats = new_message(&grpc__blkio_stats__descriptor);
	if (!stats->blkio_stats)
		return false;
	while (rest && stats->blkio_stats->n_io_serviced_recursive < MAX_ENTRIES &&
		(line = strsep(&rest, "\n")))
		if (!put_disk(stats->blkio_stats, line))
			return false;
	return true;
}

/* size: "2MB" of hugetlb.2MB.current */
static bool put_page_size(int dir, const char *size, Grpc__CgroupStats *stats)
{
	Grpc__CgroupStats__HugetlbStatsEntry *e = new_message(
		&grpc__cgroup_stats__hugetlb_stats_entry__descriptor);
	Grpc__HugetlbStats *h = new_message(&grpc__hugetlb_stats__descriptor);
	char *name = strdup(size), file[64];

	if (!e || !h || !name || !list_add(&stats->hugetlb_stats, &stats->n_hugetlb_stats, e)) {
		free(e);
		free(h);
		free(name);
		return false;
	}
	e->key = name;
	e->value = h;
	snprintf(file, sizeof(file), "hugetlb.%s.current", size);
	h->usage = cgroup_number(dir, file, 0);
	snprintf(file, sizeof(file), "hugetlb.%s.events", size);
	h->failcnt = cgroup_value(dir, file, "max", 0);
	return true;
}

/* The page sizes that the kernel has, seen by the files; not those of "hugetlb.2MB.rsvd.current".
 */
static bool put_hugetlb(int dir, Grpc__CgroupStats *stats)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	bool ok = true;

	while (list && ok && (e = readdir(list))) {
		char size[16];
		int end = 0;

		if (sscanf(e->d_name, "hugetlb.%15[0-9KMGB].current%n", size, &end) == 1 && end &&
			!e->d_name[end])
			ok = put_page_size(dir, size, stats);
	}
	if (list)
		closedir(list);
	else if (fd >= 0)
		close(fd);
	return ok;
}

int cgroup_stats(const char *root, const char *path, Grpc__CgroupStats *stats, struct err *err)
{
	AUTO_FD dir = cgroup_open(root, path, err);

	if (dir < 0)
		return dir;
	if (put_cpu(dir, stats) && put_memory(dir, stats) && put_pids(dir, stats) &&
		put_io(dir, stats) && put_hugetlb(dir, stats))
		return 0;
	return fail(err, -ENOMEM, "gather the figures of the cgroup %s", path);
}

/* A line of /proc/PID/net/dev: "NAME: 8 figures received, 8 sent". */
static bool put_interface(Grpc__StatsContainerResponse *r, char *line)
{
	char *colon = strrchr(line, ':'), *name = line + strspn(line, " ");
	uint64_t in[4], out[4];
	Grpc__NetworkStats *n;

	if (!colon ||
		sscanf(colon + 1,
			"%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %*u %*u %*u %*u %" SCNu64
			" %" SCNu64 " %" SCNu64 " %" SCNu64,
			&in[0], &in[1], &in[2], &in[3], &out[0], &out[1], &out[2], &out[3]) != 8)
		return true;
	*colon = 0;
	if (!strcmp(name, "lo"))
		return true;
	n = new_message(&grpc__network_stats__descriptor);
	name = n ? strdup(name) : NULL;
	if (!name || !list_add(&r->network_stats, &r->n_network_stats, n)) {
		free(n);
		free(name);
		return false;
	}
	n->name = name;
	for (; *name;
		name++) /* a container may have named it; text that is no UTF-8 can't be sent */
		if (*name < ' ' || *name > '~')
			*name = '?';
	n->rx_bytes = in[0];
	n->rx_packets = in[1];
	n->rx_errors = in[2];
	n->rx_dropped = in[3];
	n->tx_bytes = out[0];
	n->tx_packets = out[1];
	n->tx_errors = out[2];
	n->tx_dropped = out[3];
	return true;
}

int cgroup_network_stats(pid_t pid, Grpc__StatsContainerResponse *response, struct err *err)
{
	char path[64], *rest, *line;
	AUTO_FREE char *text = NULL;

	snprintf(path, sizeof(path), "/proc/%d/net/dev", pid);
	text = rest = cgroup_read(AT_FDCWD, path);
	if (!text)
		return fail(err, -errno, "read %s", path);
	while (rest && response->n_network_stats < MAX_ENTRIES && (line = strsep(&rest, "\n")))
		if (!put_interface(response, line))
			return fail(err, -ENOMEM, "gather the figures of %s", path);
	return 0;
}
