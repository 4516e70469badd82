/*
 * The group of a volume's files, as Kubernetes' fsGroup: everything below the mount point gets the
 * group, its members may read (and write), directories hand the group on. Symlinks are left alone
 * and never followed, nor are other mounts entered; the volume's content is a stranger's.
 */
#define _GNU_SOURCE
#include "agent/storage_driver.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 100 /* a descriptor is open for each level */

struct change {
	gid_t gid;
	dev_t dev;
	mode_t file, dir; /* bits to add */
};

/* -errno. fd is open for reading, so that fchmod works on it. */
static int change_open(const struct change *c, int fd, const struct stat *st)
{
	const mode_t mode = (st->st_mode & 07777) | (S_ISDIR(st->st_mode) ? c->dir : c->file);

	if (st->st_gid != c->gid && fchown(fd, (uid_t)-1, c->gid))
		return -errno;
	return fchmod(fd, mode) ? -errno : 0;
}

static int change_below(const struct change *c, int fd, unsigned depth);

static int change_entry(const struct change *c, int dir, const char *name, unsigned depth)
{
	AUTO_FD fd = -1;
	struct stat st;
	int rc;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (S_ISLNK(st.st_mode) || st.st_dev != c->dev)
		return 0;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return fchownat(dir, name, (uid_t)-1, c->gid, AT_SYMLINK_NOFOLLOW) ? -errno : 0;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	rc = S_ISDIR(st.st_mode) ? change_below(c, fd, depth + 1) : 0;
	return rc ? rc : change_open(c, fd, &st);
}

static int change_below(const struct change *c, int fd, unsigned depth)
{
	int copy = depth < DEPTH_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1, rc = 0;
	struct dirent *entry;
	DIR *d;

	if (copy < 0)
		return depth < DEPTH_MAX ? -errno : -ELOOP;
	d = fdopendir(copy);
	if (!d) {
		rc = -errno;
		close(copy);
		return rc;
	}
	while (!rc && (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = change_entry(c, copy, entry->d_name, depth);
	closedir(d);
	return rc;
}

static bool matches(const struct change *c, const struct stat *st)
{
	return st->st_gid == c->gid && (st->st_mode & c->dir) == c->dir;
}

int storage_fs_group(const char *path, const Grpc__FSGroup *group, bool read_only, struct err *err)
{
	AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct change c = { .gid = group->group_id, .file = 0660, .dir = 0770 | S_ISGID };
	struct stat st;
	int rc;

	if (read_only)
		return 0; /* nothing can be changed there */
	if (fd < 0 || fstat(fd, &st))
		return fail(err, -errno, "open the volume %s", path);
	c.dev = st.st_dev;
	if (group->group_change_policy == TYPES__FSGROUP_CHANGE_POLICY__OnRootMismatch &&
		matches(&c, &st))
		return 0;
	rc = change_below(&c, fd, 0);
	if (!rc)
		rc = change_open(&c, fd, &st);
	return rc ? fail(err, rc, "give the volume %s to the group %u", path, c.gid) : 0;
}
