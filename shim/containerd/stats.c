/* See stats.h. */
#include "shim/containerd/stats.h"

#include <string.h>
#include <strings.h>
#include "cgroups.pb-c.h"
#include "shim/containerd/text.h"

#define NS_PER_US 1000

typedef Io__Containerd__Cgroups__V2__MemoryStat MemoryStat;

static const struct {
	const char *name; /* of memory.stat */
	size_t offset;
} memory_fields[] = {
#define FIELD(f) { #f, offsetof(MemoryStat, f) }
	FIELD(anon),
	FIELD(file),
	FIELD(kernel_stack),
	FIELD(slab),
	FIELD(sock),
	FIELD(shmem),
	FIELD(file_mapped),
	FIELD(file_dirty),
	FIELD(file_writeback),
	FIELD(anon_thp),
	FIELD(inactive_anon),
	FIELD(active_anon),
	FIELD(inactive_file),
	FIELD(active_file),
	FIELD(unevictable),
	FIELD(slab_reclaimable),
	FIELD(slab_unreclaimable),
	FIELD(pgfault),
	FIELD(pgmajfault),
	FIELD(workingset_refault),
	FIELD(workingset_activate),
	FIELD(workingset_nodereclaim),
	FIELD(pgrefill),
	FIELD(pgscan),
	FIELD(pgsteal),
	FIELD(pgactivate),
	FIELD(pgdeactivate),
	FIELD(pglazyfree),
	FIELD(pglazyfreed),
	FIELD(thp_fault_alloc),
	FIELD(thp_collapse_alloc),
#undef FIELD
};

static void set_cpu(Io__Containerd__Cgroups__V2__CPUStat *to, const Grpc__CpuStats *from)
{
	if (from && from->cpu_usage) {
		to->usage_usec = from->cpu_usage->total_usage / NS_PER_US;
		to->user_usec = from->cpu_usage->usage_in_usermode / NS_PER_US;
		to->system_usec = from->cpu_usage->usage_in_kernelmode / NS_PER_US;
	}
	if (from && from->throttling_data) {
		to->nr_periods = from->throttling_data->periods;
		to->nr_throttled = from->throttling_data->throttled_periods;
		to->throttled_usec = from->throttling_data->throttled_time / NS_PER_US;
	}
}

static void set_memory_field(MemoryStat *to, const char *name, uint64_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(memory_fields); i++)
		if (!strcmp(memory_fields[i].name, name))
			memcpy((char *)to + memory_fields[i].offset, &value, sizeof(value));
}

/* A limit of 0 would be taken as one: none is UINT64_MAX. */
static uint64_t limit(uint64_t value)
{
	return value ? value : UINT64_MAX;
}

static void set_memory(MemoryStat *to, const Grpc__MemoryStats *from)
{
	to->usage_limit = to->swap_limit = UINT64_MAX;
	if (!from)
		return;
	for (size_t i = 0; i < from->n_stats; i++)
		set_memory_field(to, from->stats[i]->key, from->stats[i]->value);
	if (from->usage) {
		to->usage = from->usage->usage;
		to->max_usage = from->usage->max_usage;
		to->usage_limit = limit(from->usage->limit);
	}
	if (from->swap_usage) {
		to->swap_usage = from->swap_usage->usage;
		to->swap_max_usage = from->swap_usage->max_usage;
		to->swap_limit = limit(from->swap_usage->limit);
	}
}

/* The agent's entries are (device, "read"/"write", value). */
static void add_io(Io__Containerd__Cgroups__V2__IOEntry *e, const Grpc__BlkioStatsEntry *from,
	bool bytes)
{
	bool write = !strcasecmp(from->op, "write");

	if (!write && strcasecmp(from->op, "read") != 0)
		return;
	if (bytes)
		*(write ? &e->wbytes : &e->rbytes) += from->value;
	else
		*(write ? &e->wios : &e->rios) += from->value;
}

#define IO_DEVICES 32

struct io {
	Io__Containerd__Cgroups__V2__IOStat stat;
	Io__Containerd__Cgroups__V2__IOEntry entry[IO_DEVICES], *list[IO_DEVICES];
};

static void add_io_list(struct io *io, Grpc__BlkioStatsEntry *const *list, size_t n, bool bytes)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;

		while (at < io->stat.n_usage &&
			(io->entry[at].major != list[i]->major ||
				io->entry[at].minor != list[i]->minor))
			at++;
		if (at == IO_DEVICES)
			continue;
		if (at == io->stat.n_usage) {
			io__containerd__cgroups__v2__ioentry__init(&io->entry[at]);
			io->entry[at].major = list[i]->major;
			io->entry[at].minor = list[i]->minor;
			io->list[at] = &io->entry[at];
			io->stat.n_usage++;
		}
		add_io(&io->entry[at], list[i], bytes);
	}
}

static void set_io(struct io *io, const Grpc__BlkioStats *from)
{
	io__containerd__cgroups__v2__iostat__init(&io->stat);
	io->stat.usage = io->list;
	if (!from)
		return;
	add_io_list(io, from->io_service_bytes_recursive, from->n_io_service_bytes_recursive, true);
	add_io_list(io, from->io_serviced_recursive, from->n_io_serviced_recursive, false);
}

int stats_pack(const Grpc__StatsContainerResponse *stats, uint64_t oom_kills, uint8_t **data,
	size_t *len, struct err *err)
{
	const Grpc__CgroupStats *from = stats ? stats->cgroup_stats : NULL;
	Io__Containerd__Cgroups__V2__Metrics m = FRESH(io__containerd__cgroups__v2__metrics);
	Io__Containerd__Cgroups__V2__PidsStat pids = FRESH(io__containerd__cgroups__v2__pids_stat);
	Io__Containerd__Cgroups__V2__CPUStat cpu = FRESH(io__containerd__cgroups__v2__cpustat);
	Io__Containerd__Cgroups__V2__MemoryStat memory = FRESH(
		io__containerd__cgroups__v2__memory_stat);
	Io__Containerd__Cgroups__V2__MemoryEvents events = FRESH(
		io__containerd__cgroups__v2__memory_events);
	struct io io;

	set_cpu(&cpu, from ? from->cpu_stats : NULL);
	set_memory(&memory, from ? from->memory_stats : NULL);
	set_io(&io, from ? from->blkio_stats : NULL);
	if (from && from->pids_stats) {
		pids.current = from->pids_stats->current;
		pids.limit = from->pids_stats->limit;
	}
	events.oom = events.oom_kill = oom_kills;
	m.pids = &pids;
	m.cpu = &cpu;
	m.memory = &memory;
	m.memory_events = &events;
	m.io = &io.stat;
	*len = protobuf_c_message_get_packed_size(&m.base);
	*data = malloc(*len + 1);
	if (!*data)
		return fail(err, -ENOMEM, "pack figures");
	protobuf_c_message_pack(&m.base, *data);
	return 0;
}
