/*
 * A world for the tests of storages and files: a mount namespace of the test's own (of root, or of
 * a user namespace where the test is an ordinary user), in it a tmpfs with a run directory, and an
 * agent with a loop that turns in a thread.
 */
#ifndef SAMPAN_AGENT_TEST_STORAGE_BED_H
#define SAMPAN_AGENT_TEST_STORAGE_BED_H

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "agent/agent.h"
#include "agent/mount.h"
#include "agent/rpc.h"
#include "agent/storage.h"
#include "agent/uevent.h"
#include "core/test/check.h"

struct bed {
	char dir[64]; /* a tmpfs */
	struct agent a;
	pthread_t thread;
	struct err err;
};

static inline void bed_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static inline void bed_content(const char *path, const char *text)
{
	char have[256] = "";
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_msg("open %s: %s", path, strerror(errno));
	assert_true(read(fd, have, sizeof(have) - 1) >= 0);
	assert_string_equal(have, text);
}

/* "DIR/rest", in a place that the next few calls leave alone. */
static inline const char *bed_path(const struct bed *b, const char *rest)
{
	static char place[8][256];
	static unsigned turn;
	char *p = place[turn++ % ARRAY_SIZE(place)];

	snprintf(p, sizeof(place[0]), "%s/%s", b->dir, rest);
	return p;
}

static inline bool bed_is_mounted(const char *path)
{
	AUTO_FD fd = open(path, O_PATH | O_CLOEXEC);

	return fd >= 0 && mount_is_root(fd);
}

static inline mode_t bed_mode(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		fail_msg("look at %s: %s", path, strerror(errno));
	return st.st_mode;
}

static inline void bed_sleep_ms(unsigned ms)
{
	const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

/* Once for each test program, as its group's set-up. Where no namespace can be had, the tests fail.
 */
static inline int bed_private(void **state UNUSED)
{
	char map[64];
	const unsigned uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWNS)) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) {
			print_error("no mount namespace of our own: %s\n", strerror(errno));
			return -1;
		}
		bed_write("/proc/self/setgroups", "deny");
		snprintf(map, sizeof(map), "0 %u 1", uid);
		bed_write("/proc/self/uid_map", map);
		snprintf(map, sizeof(map), "0 %u 1", gid);
		bed_write("/proc/self/gid_map", map);
	}
	return mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL);
}

/* A group that files can be given to: in a user namespace there is but one. */
static inline gid_t bed_group(const struct bed *b)
{
	return chown(b->dir, (uid_t)-1, 4321) ? 0 : 4321;
}

static inline void *bed_turn(void *loop)
{
	loop_run(loop);
	return NULL;
}

static inline int bed_new(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	if (!b)
		return -1;
	strcpy(b->dir, "/tmp/sampan-test-storage-XXXXXX");
	if (!mkdtemp(b->dir) || mount("tmpfs", b->dir, "tmpfs", 0, "mode=0755"))
		return -1;
	agent_config_init(&b->a.config, "");
	b->a.config.hotplug_timeout_ms = 100;
	snprintf(b->a.config.run_dir, sizeof(b->a.config.run_dir), "%.50s/run", b->dir);
	if (mkdir(b->a.config.run_dir, 0755) || loop_new(&b->a.loop, &b->err) ||
		workers_new(&b->a.workers, b->a.loop, &b->err) ||
		uevents_new(&b->a.uevents, b->a.loop, &b->err) ||
		storages_new(&b->a.storages, &b->a.config, b->a.uevents, b->a.loop, b->a.workers,
			&b->err)) {
		print_error("%s\n", b->err.msg);
		return -1;
	}
	*state = b;
	return pthread_create(&b->thread, NULL, bed_turn, b->a.loop);
}

/* What a test leaves mounted below the run directory fails it, as does a busy tmpfs. */
static inline int bed_free(void **state)
{
	struct bed *b = *state;
	char **paths;
	ssize_t n;
	int rc;

	loop_quit(b->a.loop);
	pthread_join(b->thread, NULL);
	workers_free(b->a.workers);
	storages_free(b->a.storages);
	uevents_free(b->a.uevents);
	loop_free(b->a.loop);
	n = mount_list(b->a.config.run_dir, &paths, NULL);
	for (ssize_t i = 0; i < n; i++)
		print_error("%s is still mounted\n", paths[i]);
	mount_list_free(paths, n);
	rc = umount2(b->dir, 0);
	if (rc)
		print_error("unmount %s: %s\n", b->dir, strerror(errno));
	rc = rmdir(b->dir) || rc || n;
	free(b);
	return rc;
}

#endif
