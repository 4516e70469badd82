/*
 * See hotplug.h. A new CPU announces itself by a uevent. One that was there from the start and that
 * the monitor kept back does not: the kernel's attempt to start it fails until the monitor lets it
 * run. So while CPUs are missing all that are there are tried again on each event, and every 50 ms.
 */
#define _GNU_SOURCE
#include "agent/hotplug.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/cgroup.h"
#include "agent/rpc.h"
#include "agent/uevent.h"

#define RETRY_MS	50
#define CPUS_TIMEOUT_MS 5000
#define BLOCK_SIZE	(128 * MiB) /* the kernel's own choice on most machines of this kind */
#define LINE		64

static void auto_dir_close(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define AUTO_DIR __attribute__((cleanup(auto_dir_close))) DIR

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int open_at(DIR *dir, const char *path, int flags)
{
	int fd = dirfd(dir);

	return fd < 0 ? -1 : openat(fd, path, flags | O_CLOEXEC);
}

/* A small file below a directory, as a string. 0 or -errno. */
static int read_at(DIR *dir, const char *path, char buf[LINE])
{
	AUTO_FD fd = open_at(dir, path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, LINE - 1);

	if (n < 0)
		return -errno;
	buf[n] = 0;
	return 0;
}

static int write_at(DIR *dir, const char *path, const char *text)
{
	AUTO_FD fd = open_at(dir, path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

/* "cpu12" with the prefix "cpu". */
static bool is_numbered(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);

	if (strncmp(name, prefix, len) || !name[len])
		return false;
	for (name += len; *name; name++)
		if (!isdigit((unsigned char)*name))
			return false;
	return true;
}

/* --- CPUs ------------------------------------------------------------------------------------- */

struct cpus {
	DIR *dir;
	unsigned wanted, online;
	int last; /* why a CPU could not be started */
};

/* Whether the CPU is in use, or can be started now when that is wanted. */
static bool cpu_online(struct cpus *c, const char *name, bool start)
{
	char path[NAME_MAX + 8], state[LINE];
	int r;

	snprintf(path, sizeof(path), "%s/online", name);
	r = read_at(c->dir, path, state);
	if (r)
		return r == -ENOENT; /* one without the file can't be taken out of use */
	if (state[0] == '0' && start) {
		r = write_at(c->dir, path, "1");
		c->last = r ? r : c->last;
		return !r;
	}
	return state[0] == '1';
}

/* Counts the CPUs in use, and starts others as long as there are too few. */
static bool enough_cpus(void *arg)
{
	struct cpus *c = arg;
	struct dirent *e;

	for (int start = 0; start < 2; start++) {
		c->online = 0;
		rewinddir(c->dir);
		while (c->online < c->wanted && (e = readdir(c->dir)))
			if (is_numbered(e->d_name, "cpu") && cpu_online(c, e->d_name, start))
				c->online++;
		if (c->online >= c->wanted)
			return true;
	}
	return false;
}

int hotplug_cpus(const char *sys, struct uevents *uevents, unsigned count, unsigned timeout_ms,
	struct err *err)
{
	char path[128];
	AUTO_DIR *dir = NULL;
	struct cpus c = { .wanted = count };
	int64_t end = now_ms() + timeout_ms;

	snprintf(path, sizeof(path), "%s/devices/system/cpu", sys);
	c.dir = dir = opendir(path);
	if (!dir)
		return fail(err, -errno, "open %s", path);
	while (!enough_cpus(&c)) {
		int64_t left = end - now_ms();
		struct timespec pause = { .tv_nsec = RETRY_MS * 1000000 };

		if (left <= 0)
			return failx(err, -ETIMEDOUT,
				"%u CPUs are online after %u ms, %u were asked for%s%s", c.online,
				timeout_ms, count, c.last ? ": " : "",
				c.last ? strerror(-c.last) : "");
		if (!uevents)
			nanosleep(&pause, NULL);
		else if (!uevents_wait(uevents, enough_cpus, &c, (unsigned)MIN(left, RETRY_MS)))
			return 0;
	}
	return 0;
}

/* --- memory ----------------------------------------------------------------------------------- */

static int open_memory(DIR **dir, const char *sys, char path[128])
{
	snprintf(path, 128, "%s/devices/system/memory", sys);
	*dir = opendir(path);
	return *dir ? 0 : -errno;
}

int hotplug_memory(const char *sys, struct err *err)
{
	char path[128];
	AUTO_DIR *dir = NULL;
	struct dirent *e;
	int r = open_memory(&dir, sys, path);

	if (r)
		return r == -ENOENT ? 0 : fail(err, r, "open %s", path);
	while ((e = readdir(dir))) {
		char file[sizeof(e->d_name) + 8], state[LINE];
		int failed;

		if (!is_numbered(e->d_name, "memory"))
			continue;
		snprintf(file, sizeof(file), "%s/online", e->d_name);
		if (read_at(dir, file, state) || state[0] != '0')
			continue;
		failed = write_at(dir, file, "1");
		if (failed)
			r = fail(err, failed, "bring memory block %s online", e->d_name);
	}
	return r;
}

int hotplug_probe(const char *sys, const uint64_t *addrs, size_t n, struct err *err)
{
	char path[128], text[32];
	AUTO_DIR *dir = NULL;
	int r = open_memory(&dir, sys, path);

	if (r)
		return fail(err, r, "open %s", path);
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "0x%llx", (unsigned long long)addrs[i]);
		r = write_at(dir, "probe", text);
		if (r)
			return fail(err, r, "probe memory at %s", text);
	}
	return 0;
}

uint64_t hotplug_block_size(const char *sys)
{
	char path[128], text[LINE];
	AUTO_DIR *dir = NULL;
	unsigned long long size = 0;

	if (!open_memory(&dir, sys, path) && !read_at(dir, "block_size_bytes", text))
		size = strtoull(text, NULL, 16);
	return size ? size : BLOCK_SIZE;
}

bool hotplug_can_probe(const char *sys)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/devices/system/memory/probe", sys);
	return !access(path, F_OK);
}

/* --- RPCs ------------------------------------------------------------------------------------- */

int rpc_online_cpu_mem(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__OnlineCPUMemRequest *req = request;
	int r = 0;

	(void)response;
	if (req->nb_cpus)
		r = hotplug_cpus("/sys", a->uevents, req->nb_cpus, CPUS_TIMEOUT_MS, err);
	if (!r && !req->cpu_only)
		r = hotplug_memory("/sys", err);
	if (!r)
		r = cgroup_refresh_cpus(a->config.cgroup_root, err);
	return r;
}

int rpc_mem_hotplug_by_probe(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__MemHotplugByProbeRequest *req = request;

	(void)a;
	(void)response;
	return hotplug_probe("/sys", req->memhotplugprobeaddr, req->n_memhotplugprobeaddr, err);
}
