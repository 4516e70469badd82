/* Walking below a directory, one component at a time where something is made; see mount_path.h. */
#define _GNU_SOURCE
#include "agent/mount_path.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RESOLVE_TRIES 32 /* openat2 gives up with EAGAIN when somebody renames meanwhile */

static bool has_dotdot(const char *path)
{
	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return true;
		p += len;
		p += strspn(p, "/");
	}
	return false;
}

const char *path_below(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	if (path[0] != '/' || strncmp(path, dir, len) || (path[len] && path[len] != '/') ||
		strlen(path) >= PATH_MAX || has_dotdot(path))
		return NULL;
	path += len;
	return path + strspn(path, "/");
}

int path_open(int root, const char *rel, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	long fd = -1;

	for (int i = 0; i < RESOLVE_TRIES; i++) {
		fd = syscall(SYS_openat2, root, *rel ? rel : ".", &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

/* One component below dir. */
static int make_one(int dir, const char *name, const struct path_dirs *dirs, bool *made)
{
	int fd = path_open(dir, name, O_PATH | O_DIRECTORY);

	*made = false;
	if (fd != -ENOENT)
		return fd;
	if (!mkdirat(dir, name, 0700))
		*made = true;
	else if (errno != EEXIST)
		return -errno;
	fd = path_open(dir, name, O_PATH | O_DIRECTORY);
	if (fd < 0 || !*made)
		return fd;
	if ((dirs->own && fchownat(fd, "", dirs->uid, dirs->gid, AT_EMPTY_PATH)) ||
		chmod(path_fd(fd).text, dirs->mode)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

int path_make(int root, const char *rel, const struct path_dirs *dirs, bool *made)
{
	AUTO_FD dir = path_open(root, "", O_PATH | O_DIRECTORY);
	char name[NAME_MAX + 1];
	bool new = false;

	while (dir >= 0 && *(rel += strspn(rel, "/"))) {
		size_t len = strcspn(rel, "/");
		int next;

		if (len > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, rel, len);
		name[len] = '\0';
		next = make_one(dir, name, dirs, &new);
		close(dir);
		dir = next;
		rel += len;
	}
	if (made)
		*made = new;
	return take_fd(&dir);
}

int path_parent(int root, const char *rel, const struct path_dirs *dirs, const char **name)
{
	AUTO_FREE char *parent = strdup(rel);
	char *slash;

	if (!parent)
		return -ENOMEM;
	slash = strrchr(parent, '/');
	*name = slash ? rel + (slash - parent) + 1 : rel;
	if (slash)
		*slash = '\0';
	else
		*parent = '\0';
	if (!**name || !strcmp(*name, "."))
		return -EINVAL;
	return path_make(root, parent, dirs, NULL);
}

struct path_fd path_fd(int fd)
{
	struct path_fd p;

	snprintf(p.text, sizeof(p.text), "/proc/self/fd/%d", fd);
	return p;
}
