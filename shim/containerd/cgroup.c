/* See cgroup.h. */
#include "shim/containerd/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "core/log.h"
#include "shim/containerd/file.h"

#define REMOVE_TRIES 100 /* of 10 ms */

/*
 * systemd's slices are nested by their names: a-b.slice is in a.slice. "-.slice" is the root.
 * Appends to dir.
 */
static int add_slice(char dir[CGROUP_PATH], const char *slice, size_t len, struct err *err)
{
	size_t at = strlen(dir), name = len - strlen(".slice");

	if (len <= strlen(".slice") || strncmp(slice + name, ".slice", 6) || slice[0] == '/')
		return failx(err, -EINVAL, "\"%.*s\" is no slice", (int)MIN(len, 100), slice);
	if (name == 1 && *slice == '-')
		return 0;
	for (size_t i = 1; i <= name; i++) {
		if (i < name && slice[i] != '-')
			continue;
		at += (size_t)snprintf(dir + at, CGROUP_PATH - at, "/%.*s.slice", (int)i, slice);
		if (at >= CGROUP_PATH)
			return failx(err, -ENAMETOOLONG, "the slice's name is too long");
	}
	return 0;
}

static int add_scope(char dir[CGROUP_PATH], const char *path, struct err *err)
{
	const char *prefix = strchr(path, ':') + 1, *name = strchr(prefix, ':') + 1;
	size_t slice = (size_t)(prefix - 1 - path), len = (size_t)(name - 1 - prefix), at;
	int rc = add_slice(dir, slice ? path : "system.slice", slice ? slice : 12, err);

	if (rc)
		return rc;
	at = strlen(dir);
	if ((size_t)snprintf(dir + at, CGROUP_PATH - at, "/%.*s%s%s.scope", (int)len, prefix,
		    len ? "-" : "", name) >= CGROUP_PATH - at)
		return failx(err, -ENAMETOOLONG, "the cgroup's path is too long");
	return 0;
}

int cgroup_directory(char dir[CGROUP_PATH], const char *path, struct err *err)
{
	const char *colon = strchr(path, ':');

	snprintf(dir, CGROUP_PATH, "%s", CGROUP_ROOT);
	if (strstr(path, "..") || strlen(path) > 700)
		return failx(err, -EINVAL, "the cgroup's path \"%.100s\" is not possible", path);
	if (!*path)
		*dir = 0;
	else if (colon && strchr(colon + 1, ':') && !strchr(path, '/'))
		return add_scope(dir, path, err);
	else
		snprintf(dir, CGROUP_PATH, CGROUP_ROOT "%s%s", *path == '/' ? "" : "/", path);
	return 0;
}

int cgroup_make(const char *dir, struct err *err)
{
	char path[CGROUP_PATH];

	snprintf(path, sizeof(path), "%s", dir);
	if (access(CGROUP_ROOT "/cgroup.controllers", F_OK))
		return failx(err, -ENOTSUP,
			CGROUP_ROOT " is no cgroup v2 file system: other ones are not supported");
	for (char *p = path + strlen(CGROUP_ROOT) + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		mkdir(path, 0755); /* what fails shows in the last one */
		*p = '/';
	}
	if (mkdir(path, 0755) && errno != EEXIST)
		return fail(err, -errno, "make the cgroup %s", path);
	return 0;
}

void cgroup_remove(const char *dir)
{
	char path[CGROUP_PATH + 32];

	if (!*dir || access(dir, F_OK))
		return;
	snprintf(path, sizeof(path), "%s/cgroup.kill", dir);
	if (file_poke(path, "1", NULL))
		log_warn("kill what is left in %s: %s", dir, strerror(errno));
	for (int tries = 0; rmdir(dir) && errno == EBUSY && tries < REMOVE_TRIES; tries++)
		usleep(10000);
}
