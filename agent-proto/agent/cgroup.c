/*
 * The tree of cgroups: see cgroup.h.
 *
 * cgroup v2 allows processes only in leaves once controllers are handed down, so the agent moves
 * out of the root into /init first; kernel threads stay behind. Depth below /kata is limited: a
 * container that may write to its own tree can't make one that takes long to remove.
 */
#define _GNU_SOURCE
#include "agent/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "agent/cgroup_file.h"
#include "core/log.h"

#define KATA_NAME "kata"
#define KATA	  "/" KATA_NAME
#define MAX_DEPTH 32	/* of groups below /kata */
#define FREEZE_MS 10000 /* a task in the middle of a slow disk access counts */
#define EMPTY_MS  5000	/* until killed processes have left */

/* Hands all controllers down, each for itself: one that can't be does not take the others along. */
static int delegate(int dir, struct err *err, const char *path)
{
	AUTO_FREE char *list = cgroup_read(dir, "cgroup.controllers");
	char *rest = list, *name, word[64];

	if (!list)
		return fail(err, -errno, "read the controllers of the cgroup %s", path);
	while ((name = strsep(&rest, " \n"))) {
		int rc;

		if (!*name || strlen(name) > sizeof(word) - 2)
			continue;
		snprintf(word, sizeof(word), "+%s", name);
		rc = cgroup_write(dir, "cgroup.subtree_control", word);
		if (rc)
			log_warn("the cgroup controller %s is not handed down by %s: %s", name,
				path, strerror(-rc));
	}
	return 0;
}

/* Kernel threads refuse to be moved, and a process may end meanwhile. */
static int move_processes(int from, int to, struct err *err)
{
	AUTO_FREE char *list = cgroup_read(from, "cgroup.procs");
	char *rest = list, *pid, self[16];
	int rc;

	if (!list)
		return fail(err, -errno, "read the processes of the root cgroup");
	while ((pid = strsep(&rest, "\n")))
		if (*pid && strcmp(pid, "0"))
			cgroup_write(to, "cgroup.procs", pid);
	snprintf(self, sizeof(self), "%d", getpid());
	rc = cgroup_write(to, "cgroup.procs", self);
	return rc ? fail(err, rc, "enter the cgroup /init") : 0;
}

static int make_group(int dir, const char *name, struct err *err)
{
	int fd;

	if (mkdirat(dir, name, 0755) && errno != EEXIST)
		return fail(err, -errno, "make the cgroup /%s", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? fail(err, -errno, "open the cgroup /%s", name) : fd;
}

static int leave_root(int root, struct err *err)
{
	AUTO_FD own = make_group(root, "init", err);

	return own < 0 ? own : move_processes(root, own, err);
}

int cgroup_setup(const char *root, bool init, struct err *err)
{
	AUTO_FD dir = cgroup_open(root, "", err);
	AUTO_FD kata = -1;
	char depth[16];
	int rc;

	if (dir < 0)
		return dir;
	rc = init ? leave_root(dir, err) : 0;
	if (!rc)
		rc = delegate(dir, err, root);
	if (rc)
		return rc;
	kata = make_group(dir, KATA_NAME, err);
	if (kata < 0)
		return kata;
	snprintf(depth, sizeof(depth), "%d", MAX_DEPTH);
	cgroup_write(kata, "cgroup.max.depth", depth);
	return delegate(kata, err, KATA);
}

void cgroup_container_path(char *buf, size_t len, const char *container_id)
{
	char *p = buf + strlen(KATA "/");

	if ((size_t)snprintf(buf, len, KATA "/%s", container_id) < strlen(KATA "/."))
		return;
	/* No name leaves /kata, whatever an id looks like. */
	for (; p < buf + len && *p; p++)
		if (*p == '/' || (*p == '.' && p == buf + strlen(KATA "/")))
			*p = '_';
}

int cgroup_freeze(const char *root, const char *path, bool frozen, struct err *err)
{
	AUTO_FD dir = cgroup_open(root, path, err);
	int rc;

	if (dir < 0)
		return dir;
	rc = cgroup_write(dir, "cgroup.freeze", frozen ? "1" : "0");
	if (rc)
		return fail(err, rc, "%s the cgroup %s", frozen ? "freeze" : "thaw", path);
	rc = cgroup_await(dir, "frozen", frozen, FREEZE_MS);
	if (!rc)
		return 0;
	if (frozen) /* as it was before */
		cgroup_write(dir, "cgroup.freeze", "0");
	return fail(err, rc, "wait for the cgroup %s to %s", path, frozen ? "freeze" : "thaw");
}

int cgroup_kill(const char *root, const char *path, struct err *err)
{
	AUTO_FD dir = cgroup_open(root, path, err);
	int rc;

	if (dir < 0)
		return dir;
	rc = cgroup_write(dir, "cgroup.kill", "1");
	return rc ? fail(err, rc, "kill the processes of the cgroup %s", path) : 0;
}

void cgroup_signal(const char *root, const char *path, pid_t except, int sig)
{
	struct err ignored;
	AUTO_FD dir = cgroup_open(root, path, &ignored);
	AUTO_FREE char *text = dir < 0 ? NULL : cgroup_read(dir, "cgroup.procs");
	char *rest = text, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		long pid = strtol(line, NULL, 10);

		if (pid > 1 && pid != except)
			kill((pid_t)pid, sig);
	}
}

/* A group whose cpuset was never limited follows its parent by itself, and a container's limit is
 * its own. Only /kata, when it was given one, has to be told. */
int cgroup_refresh_cpus(const char *root, struct err *err)
{
	AUTO_FD dir = cgroup_open(root, "", err);
	AUTO_FD kata = -1;
	AUTO_FREE char *all = NULL, *limit = NULL;
	int rc;

	if (dir < 0)
		return dir;
	kata = openat(dir, KATA_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	limit = kata < 0 ? NULL : cgroup_read(kata, "cpuset.cpus");
	if (!limit || !*limit || *limit == '\n')
		return 0;
	all = cgroup_read(dir, "cpuset.cpus.effective");
	if (!all)
		return fail(err, -errno, "read which CPUs the root cgroup has");
	rc = cgroup_write(kata, "cpuset.cpus", all);
	return rc ? fail(err, rc, "give the cgroup " KATA " the CPUs %s", all) : 0;
}

/* What is below name in dir, then name itself. */
static int remove_tree(int dir, const char *name, unsigned depth)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!list) {
		int rc = -errno;

		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (depth && (e = readdir(list)))
		if (e->d_type == DT_DIR && strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			(void)remove_tree(fd, e->d_name, depth - 1); /* rmdir says it again */
	closedir(list);
	return unlinkat(dir, name, AT_REMOVEDIR) ? -errno : 0;
}

int cgroup_remove(const char *root, const char *path, struct err *err)
{
	AUTO_FD dir = cgroup_open(root, "", err);
	AUTO_FD group = -1;
	int rc;

	if (dir < 0)
		return dir;
	while (*path == '/')
		path++;
	group = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (group < 0)
		return errno == ENOENT ? 0 : fail(err, -errno, "open the cgroup /%s", path);
	rc = cgroup_await(group, "populated", 0, EMPTY_MS);
	if (!rc || rc == -ENOENT)
		rc = remove_tree(dir, path, MAX_DEPTH + 1);
	return rc && rc != -ENOENT && rc != -ENODEV ? fail(err, rc, "remove the cgroup /%s", path)
						    : 0;
}
