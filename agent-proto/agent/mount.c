/*
 * mount(2) through /proc/self/fd, so that what was checked is what is mounted on; the flags of a
 * bind mount by mount_setattr(2), which leaves alone what it is not told about.
 */
#define _GNU_SOURCE
#include "agent/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/mount_path.h"
#include "core/log.h"

#define LINE_MAX_BYTES (3 * PATH_MAX + 1024)
#define MOUNTS_MAX     16384

static const struct path_dirs plain_dirs = { .mode = 0755 };

static int open_file(int root, const char *rel, bool *made)
{
	const char *name;
	AUTO_FD dir = path_parent(root, rel, &plain_dirs, &name);
	AUTO_FD fd = -1;

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 && errno != EEXIST)
		return -errno;
	*made = fd >= 0;
	return path_open(dir, name, O_PATH);
}

int mount_point_open(struct mount_point *p, const char *run_dir, const char *path, bool file,
	struct err *err)
{
	const char *rel = path_below(run_dir, path);
	AUTO_FD root = -1;

	*p = (struct mount_point){ .path = path, .fd = -1 };
	if (!rel || !*rel)
		return failx(err, -EINVAL, "the mount point %s is not below %s", path, run_dir);
	root = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail(err, -errno, "open %s", run_dir);
	p->fd = file ? open_file(root, rel, &p->made) : path_make(root, rel, &plain_dirs, &p->made);
	if (p->fd < 0)
		return fail(err, p->fd, "make the mount point %s", path);
	return 0;
}

bool mount_is_root(int fd)
{
	struct statx stx;

	return !statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx) &&
		(stx.stx_attributes_mask & stx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static uint64_t attr_flags(unsigned long flags)
{
	static const struct {
		unsigned long flag;
		uint64_t attr;
	} map[] = {
		{ MS_RDONLY, MOUNT_ATTR_RDONLY },
		{ MS_NOSUID, MOUNT_ATTR_NOSUID },
		{ MS_NODEV, MOUNT_ATTR_NODEV },
		{ MS_NOEXEC, MOUNT_ATTR_NOEXEC },
		{ MS_NODIRATIME, MOUNT_ATTR_NODIRATIME },
		{ MS_NOATIME, MOUNT_ATTR_NOATIME },
		{ MS_STRICTATIME, MOUNT_ATTR_STRICTATIME },
	};
	uint64_t attr = 0;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (flags & map[i].flag)
			attr |= map[i].attr;
	return attr;
}

/* Flags and propagation of what has just been mounted at path. */
static int finish(const char *path, const struct mount_opts *opts)
{
	AUTO_FD fd = open(path, O_PATH | O_CLOEXEC);
	struct mount_attr attr = { .propagation = 0 };

	if (fd < 0)
		return -errno;
	if (opts->flags & MS_BIND)
		attr.attr_set = attr_flags(opts->flags);
	if (attr.attr_set & (MOUNT_ATTR_NOATIME | MOUNT_ATTR_STRICTATIME))
		attr.attr_clr = MOUNT_ATTR__ATIME;
	if (attr.attr_set && mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)))
		return -errno;
	if (opts->propagation && mount(NULL, path_fd(fd).text, NULL, opts->propagation, NULL))
		return -errno;
	return 0;
}

int mount_on(const struct mount_point *p, const char *source, const char *fstype,
	const struct mount_opts *opts, struct err *err)
{
	const bool bind = opts->flags & MS_BIND;
	const unsigned long flags = bind ? opts->flags & (MS_BIND | MS_REC) : opts->flags;
	int rc;

	if (flags & MS_REMOUNT)
		return failx(err, -EINVAL, "%s can't be remounted before it is mounted", p->path);
	if (mount(source, path_fd(p->fd).text, bind ? NULL : fstype, flags,
		    bind ? NULL : opts->data))
		return fail(err, -errno, "mount %s on %s%s%s", source, p->path, bind ? "" : " as ",
			bind ? "" : fstype);
	rc = finish(p->path, opts);
	if (rc) {
		umount2(p->path, MNT_DETACH | UMOUNT_NOFOLLOW);
		return fail(err, rc, "set the options of the mount %s", p->path);
	}
	return 0;
}

int mount_change(const char *run_dir, const char *path, const char *fstype,
	const struct mount_opts *opts, struct err *err)
{
	const char *rel = path_below(run_dir, path);
	AUTO_FD root = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD fd = -1;

	if (!rel || !*rel)
		return failx(err, -EINVAL, "the mount point %s is not below %s", path, run_dir);
	fd = root < 0 ? -errno : path_open(root, rel, O_PATH);
	if (fd < 0)
		return fail(err, fd, "open the mount point %s", path);
	if (!mount_is_root(fd))
		return failx(err, -EINVAL, "nothing is mounted on %s", path);
	if (mount("none", path_fd(fd).text, fstype, opts->flags | MS_REMOUNT, opts->data))
		return fail(err, -errno, "remount %s", path);
	return 0;
}

void mount_end(const char *run_dir, const char *path, bool rm)
{
	const char *rel = path_below(run_dir, path);
	int rc = umount2(path, UMOUNT_NOFOLLOW);

	if (rc && errno == EBUSY) {
		log_warn("%s is busy: it will be unmounted when its last user goes", path);
		rc = umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
	if (rc && errno != EINVAL && errno != ENOENT)
		log_warn("unmount %s: %s", path, strerror(errno));
	if (rm && rel && *rel && rmdir(path) && errno == ENOTDIR) {
		struct stat st;

		if (!lstat(path, &st) && S_ISREG(st.st_mode) && !st.st_size)
			unlink(path);
	}
}

/* "\040" and its like. The kernel escapes space, tab, newline and backslash. */
static size_t unescape(const char *in, size_t n, char *out, size_t len)
{
	size_t w = 0;

	for (size_t i = 0; i < n && w + 1 < len; w++) {
		if (in[i] == '\\' && n - i >= 4 && in[i + 1] >= '0' && in[i + 1] <= '3' &&
			in[i + 2] >= '0' && in[i + 2] <= '7' && in[i + 3] >= '0' &&
			in[i + 3] <= '7') {
			out[w] = (char)((in[i + 1] - '0') << 6 | (in[i + 2] - '0') << 3 |
				(in[i + 3] - '0'));
			i += 4;
		} else {
			out[w] = in[i++];
		}
	}
	out[w] = '\0';
	return w;
}

bool mount_parse_line(const char *line, char *buf, size_t len)
{
	/* id, parent, major:minor, root, mount point (proc(5)) */
	for (int i = 0; i < 4; i++) {
		line += strcspn(line, " ");
		if (!*line++)
			return false;
	}
	return len && *line == '/' && unescape(line, strcspn(line, " "), buf, len);
}

void mount_list_free(char **paths, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}

/* Appends path when it lies in dir; 0 or -errno. */
static int list_add(char ***paths, ssize_t *n, const char *dir, const char *path)
{
	char **grown;

	if (!path_below(dir, path))
		return 0;
	if (*n >= MOUNTS_MAX)
		return -E2BIG;
	grown = reallocarray(*paths, (size_t)*n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	*paths = grown;
	grown[*n] = strdup(path);
	if (!grown[*n])
		return -ENOMEM;
	++*n;
	return 0;
}

ssize_t mount_list(const char *dir, char ***paths, struct err *err)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	AUTO_FREE char *line = NULL;
	char path[PATH_MAX];
	size_t room = 0;
	ssize_t n = 0, len;
	int rc = 0;

	*paths = NULL;
	if (!f)
		return fail(err, -errno, "open /proc/self/mountinfo");
	while (!rc && (len = getline(&line, &room, f)) > 0) {
		if (len > LINE_MAX_BYTES || !mount_parse_line(line, path, sizeof(path)))
			continue;
		rc = list_add(paths, &n, dir, path);
	}
	fclose(f);
	if (!rc)
		return n;
	mount_list_free(*paths, n);
	*paths = NULL;
	return fail(err, rc, "list the mounts below %s", dir);
}
