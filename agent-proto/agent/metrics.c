/*
 * The agent's and the guest's figures as Prometheus text, under the names of Kata's agent: what
 * /proc says, each file one family or two. Sizes are in bytes, except the agent's own status (KiB),
 * times of CPUs in milliseconds, of the agent in ticks. A file that is missing leaves its family
 * out.
 */
#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "agent/agent.h"
#include "agent/cgroup_file.h"
#include "agent/rpc.h"

/* Names of /proc/meminfo and ours. Those without a unit in the file are counts. */
static const struct {
	const char *kernel, *item;
} meminfo[] = {
	{ "Active", "active" },
	{ "Active(anon)", "active_anon" },
	{ "Active(file)", "active_file" },
	{ "AnonHugePages", "anon_hugepages" },
	{ "AnonPages", "anon_pages" },
	{ "Bounce", "bounce" },
	{ "Buffers", "buffers" },
	{ "Cached", "cached" },
	{ "CmaFree", "cma_free" },
	{ "CmaTotal", "cma_total" },
	{ "CommitLimit", "commit_limit" },
	{ "Committed_AS", "committed_as" },
	{ "DirectMap1G", "direct_map_1G" },
	{ "DirectMap2M", "direct_map_2M" },
	{ "DirectMap4M", "direct_map_4M" },
	{ "DirectMap4k", "direct_map_4k" },
	{ "Dirty", "dirty" },
	{ "HardwareCorrupted", "hardware_corrupted" },
	{ "HighFree", "high_free" },
	{ "HighTotal", "high_total" },
	{ "HugePages_Free", "hugepages_free" },
	{ "HugePages_Rsvd", "hugepages_rsvd" },
	{ "HugePages_Surp", "hugepages_surp" },
	{ "HugePages_Total", "hugepages_total" },
	{ "Hugepagesize", "hugepagesize" },
	{ "Hugetlb", "hugetlb" },
	{ "Inactive", "inactive" },
	{ "Inactive(anon)", "inactive_anon" },
	{ "Inactive(file)", "inactive_file" },
	{ "KReclaimable", "k_reclaimable" },
	{ "KernelStack", "kernel_stack" },
	{ "LowFree", "low_free" },
	{ "LowTotal", "low_total" },
	{ "Mapped", "mapped" },
	{ "MemAvailable", "mem_available" },
	{ "MemFree", "mem_free" },
	{ "MemTotal", "mem_total" },
	{ "Mlocked", "mlocked" },
	{ "MmapCopy", "mmap_copy" },
	{ "NFS_Unstable", "nfs_unstable" },
	{ "PageTables", "page_tables" },
	{ "Percpu", "per_cpu" },
	{ "Quicklists", "quicklists" },
	{ "SReclaimable", "s_reclaimable" },
	{ "SUnreclaim", "s_unreclaim" },
	{ "Shmem", "shmem" },
	{ "ShmemHugePages", "shmem_hugepages" },
	{ "ShmemPmdMapped", "shmem_pmd_mapped" },
	{ "Slab", "slab" },
	{ "SwapCached", "swap_cached" },
	{ "SwapFree", "swap_free" },
	{ "SwapTotal", "swap_total" },
	{ "Unevictable", "unevictable" },
	{ "VmallocChunk", "vmalloc_chunk" },
	{ "VmallocTotal", "vmalloc_total" },
	{ "VmallocUsed", "vmalloc_used" },
	{ "Writeback", "writeback" },
	{ "WritebackTmp", "writeback_tmp" },
};

static void family(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static char *proc(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s", name);
	return cgroup_read(AT_FDCWD, path);
}

/* Names that others choose (an interface's) within the quotes of a label. What is not plain ASCII
 * may be no UTF-8, which would spoil the whole answer. */
static void put_label(FILE *f, const char *value)
{
	for (; *value; value++)
		if (*value == '"' || *value == '\\')
			fprintf(f, "\\%c", *value);
		else
			fputc(*value < ' ' || *value > '~' ? '?' : *value, f);
}

/* A line "Name:  VALUE [kB]": cut up, false when it is none. */
static bool named_value(char *line, const char **name, uint64_t *value, bool *kib)
{
	char *colon = strchr(line, ':'), *end;

	if (!colon)
		return false;
	*colon++ = 0;
	colon += strspn(colon, " \t");
	if (!isdigit((unsigned char)*colon))
		return false;
	*name = line;
	*value = strtoull(colon, &end, 10);
	*kib = !strcmp(end, " kB");
	return !*end || *kib;
}

static void put_io(FILE *f)
{
	AUTO_FREE char *text = proc("self/io");
	char *rest = text, *line;
	const char *name;
	uint64_t v;
	bool kib;

	if (!text)
		return;
	family(f, "kata_agent_io_stat", "gauge", "Input and output of the agent.");
	while ((line = strsep(&rest, "\n")))
		if (named_value(line, &name, &v, &kib))
			fprintf(f, "kata_agent_io_stat{item=\"%s\"} %" PRIu64 "\n", name, v);
}

/* The memory lines of /proc/self/status, and the context switches. */
static void put_status(FILE *f)
{
	AUTO_FREE char *text = proc("self/status");
	char *rest = text, *line;
	const char *name;
	uint64_t v;
	bool kib;

	if (!text)
		return;
	family(f, "kata_agent_proc_status", "gauge", "Status of the agent.");
	while ((line = strsep(&rest, "\n"))) {
		if (!named_value(line, &name, &v, &kib) ||
			(!kib && !strstr(name, "voluntary_ctxt_switches")))
			continue;
		fputs("kata_agent_proc_status{item=\"", f);
		for (; *name; name++)
			fputc(tolower((unsigned char)*name), f);
		fprintf(f, "\"} %" PRIu64 "\n", v);
	}
}

static void put_number(FILE *f, const char *name, const char *help, uint64_t v)
{
	family(f, name, "gauge", help);
	fprintf(f, "%s %" PRIu64 "\n", name, v);
}

/* Fields 14 and on of /proc/self/stat, counted behind the name in brackets, which may hold
 * anything. */
static void put_stat(FILE *f)
{
	AUTO_FREE char *text = proc("self/stat");
	const char *rest = text ? strrchr(text, ')') : NULL;
	uint64_t utime, stime, cutime, cstime, threads, size, pages;
	double hz = (double)sysconf(_SC_CLK_TCK);

	if (!rest ||
		sscanf(rest,
			") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
			" %" SCNu64 " %" SCNu64 " %*d %*d %" SCNu64 " %*d %*u %" SCNu64 " %" SCNu64,
			&utime, &stime, &cutime, &cstime, &threads, &size, &pages) != 7)
		return;
	family(f, "kata_agent_proc_stat", "gauge", "CPU time of the agent and its children.");
	fprintf(f,
		"kata_agent_proc_stat{item=\"cstime\"} %" PRIu64 "\n"
		"kata_agent_proc_stat{item=\"cutime\"} %" PRIu64 "\n"
		"kata_agent_proc_stat{item=\"stime\"} %" PRIu64 "\n"
		"kata_agent_proc_stat{item=\"utime\"} %" PRIu64 "\n",
		cstime, cutime, stime, utime);
	put_number(f, "kata_agent_threads", "Threads of the agent.", threads);
	put_number(f, "kata_agent_total_rss", "Resident memory of the agent.",
		pages * (uint64_t)sysconf(_SC_PAGESIZE));
	family(f, "kata_agent_total_time", "gauge", "CPU time of the agent in seconds.");
	fprintf(f, "kata_agent_total_time %.2f\n", (double)(utime + stime) / hz);
	put_number(f, "kata_agent_total_vm", "Address space of the agent.", size);
}

/* The lines "cpuN ..." of /proc/stat; the one without a number is the sum. */
static void put_cpus(FILE *f)
{
	static const char *const items[] = { "user", "nice", "system", "idle", "iowait", "irq",
		"softirq", "steal", "guest", "guest_nice" };
	AUTO_FREE char *text = proc("stat");
	char *rest = text, *line, *at;
	unsigned long long ms = 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);

	if (!text)
		return;
	family(f, "kata_guest_cpu_time", "gauge", "Time of the guest's CPUs in milliseconds.");
	while ((line = strsep(&rest, "\n")) && !strncmp(line, "cpu", 3)) {
		const char *cpu = line + 3;

		at = strchr(line, ' ');
		if (!at)
			continue;
		*at++ = 0;
		for (size_t i = 0; i < ARRAY_SIZE(items); i++)
			fprintf(f, "kata_guest_cpu_time{cpu=\"%s\",item=\"%s\"} %llu\n",
				*cpu ? cpu : "total", items[i], strtoull(at, &at, 10) * ms);
	}
}

static void put_load(FILE *f)
{
	AUTO_FREE char *text = proc("loadavg");
	double load[3];
	unsigned running, all;

	if (!text ||
		sscanf(text, "%lf %lf %lf %u/%u", &load[0], &load[1], &load[2], &running, &all) !=
			5)
		return;
	family(f, "kata_guest_load", "gauge", "Load of the guest.");
	fprintf(f,
		"kata_guest_load{item=\"load1\"} %.2f\n"
		"kata_guest_load{item=\"load15\"} %.2f\n"
		"kata_guest_load{item=\"load5\"} %.2f\n",
		load[0], load[2], load[1]);
	family(f, "kata_guest_tasks", "gauge", "Tasks of the guest, running and all.");
	fprintf(f,
		"kata_guest_tasks{item=\"cur\"} %u\n"
		"kata_guest_tasks{item=\"max\"} %u\n",
		running, all);
}

static const char *meminfo_item(const char *kernel)
{
	for (size_t i = 0; i < ARRAY_SIZE(meminfo); i++)
		if (!strcmp(meminfo[i].kernel, kernel))
			return meminfo[i].item;
	return NULL;
}

static void put_meminfo(FILE *f)
{
	AUTO_FREE char *text = proc("meminfo");
	char *rest = text, *line;
	const char *name;
	uint64_t v;
	bool kib;

	if (!text)
		return;
	family(f, "kata_guest_meminfo", "gauge", "Memory of the guest.");
	while ((line = strsep(&rest, "\n"))) {
		const char *item = named_value(line, &name, &v, &kib) ? meminfo_item(name) : NULL;

		if (item)
			fprintf(f, "kata_guest_meminfo{item=\"%s\"} %" PRIu64 "\n", item,
				kib ? v * KiB : v);
	}
}

static void put_interface(FILE *f, char *line)
{
	static const char *const items[] = { "recv_bytes", "recv_packets", "recv_errs", "recv_drop",
		"recv_fifo", "recv_frame", "recv_compressed", "recv_multicast", "sent_bytes",
		"sent_packets", "sent_errs", "sent_drop", "sent_fifo", "sent_colls", "sent_carrier",
		"sent_compressed" };
	char *at = strrchr(line, ':');
	const char *name = line + strspn(line, " ");

	if (!at)
		return;
	*at++ = 0;
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		fputs("kata_guest_netdev_stat{interface=\"", f);
		put_label(f, name);
		fprintf(f, "\",item=\"%s\"} %llu\n", items[i], strtoull(at, &at, 10));
	}
}

static void put_network(FILE *f)
{
	AUTO_FREE char *text = proc("net/dev");
	char *rest = text, *line;

	if (!text)
		return;
	family(f, "kata_guest_netdev_stat", "gauge", "Network interfaces of the guest.");
	while ((line = strsep(&rest, "\n")))
		put_interface(f, line);
}

static void put_vm_stat(FILE *f)
{
	AUTO_FREE char *text = proc("vmstat");
	char *rest = text;
	const char *key;
	uint64_t v;

	if (!text)
		return;
	family(f, "kata_guest_vm_stat", "gauge", "Virtual memory of the guest.");
	while (cgroup_pair(&rest, &key, &v))
		fprintf(f, "kata_guest_vm_stat{item=\"%s\"} %" PRIu64 "\n", key, v);
}

int rpc_get_metrics(struct agent *a, const void *request, void *response, struct err *err)
{
	Grpc__Metrics *metrics = response;
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)request;
	if (!f)
		return fail(err, -errno, "gather the metrics");
	put_io(f);
	put_stat(f);
	put_status(f);
	family(f, "kata_agent_scrape_count", "counter", "How often the metrics were asked for.");
	fprintf(f, "kata_agent_scrape_count %u\n",
		__atomic_add_fetch(&a->metrics_asked, 1, __ATOMIC_RELAXED));
	put_cpus(f);
	put_load(f);
	put_meminfo(f);
	put_network(f);
	put_vm_stat(f);
	if (fclose(f)) {
		free(text);
		return fail(err, -ENOMEM, "gather the metrics");
	}
	metrics->metrics = text;
	return 0;
}
