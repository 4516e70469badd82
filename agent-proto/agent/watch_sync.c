/* Reading, comparing and copying a small tree; see watch_sync.h. */
#define _GNU_SOURCE
#include "agent/watch_sync.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/mount_path.h"

#define DEPTH_MAX 32 /* also of what a container may have made in the copy */
#define TEMPORARY ".sampan-copy"

/* --- reading --------------------------------------------------------------------------------- */

static bool is_dots(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* *fd belongs to what is returned. */
static DIR *open_dir(int dir, const char *path, int *fd)
{
	DIR *d;

	*fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	d = *fd < 0 ? NULL : fdopendir(*fd);
	if (!d && *fd >= 0)
		close(*fd);
	return d;
}

static char *read_link(int dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	return n < 0 ? NULL : strndup(target, (size_t)n);
}

static int read_dir(struct watch_tree *t, int root, const char *path, unsigned depth);

static int read_entry(struct watch_tree *t, int root, int dir, const char *path, const char *name,
	unsigned depth)
{
	struct watch_entry *e;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return 0;
	if (t->n == WATCH_ENTRIES_MAX)
		return -EFBIG;
	e = &t->entry[t->n++];
	e->st = st;
	if (asprintf(&e->path, "%s%s%s", path, *path ? "/" : "", name) < 0) {
		e->path = NULL;
		return -ENOMEM;
	}
	if (S_ISLNK(st.st_mode) && !(e->link = read_link(dir, name)))
		return -errno;
	if (S_ISREG(st.st_mode) &&
		(!add_ok(t->bytes, (uint64_t)st.st_size, &t->bytes) || t->bytes > WATCH_BYTES_MAX))
		return -EFBIG;
	return S_ISDIR(st.st_mode) ? read_dir(t, root, e->path, depth + 1) : 0;
}

static int read_dir(struct watch_tree *t, int root, const char *path, unsigned depth)
{
	int fd = -1, rc = 0;
	DIR *d = depth < DEPTH_MAX ? open_dir(root, *path ? path : ".", &fd) : NULL;
	struct dirent *entry;

	if (!d)
		return depth < DEPTH_MAX ? -errno : -EFBIG;
	while (!rc && (entry = readdir(d)))
		if (!is_dots(entry->d_name))
			rc = read_entry(t, root, fd, path, entry->d_name, depth);
	closedir(d);
	return rc;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct watch_entry *)a)->path, ((const struct watch_entry *)b)->path);
}

/* Sorted by path: comparable, and a directory stands before what it holds. */
int watch_tree_read(struct watch_tree *t, int fd)
{
	int rc;

	memset(t, 0, sizeof(*t));
	if (fstat(fd, &t->root))
		return -errno;
	if (S_ISREG(t->root.st_mode))
		return t->root.st_size > (off_t)WATCH_BYTES_MAX ? -EFBIG : 0;
	if (!S_ISDIR(t->root.st_mode))
		return -EINVAL;
	rc = read_dir(t, fd, "", 0);
	if (rc)
		watch_tree_free(t);
	else
		qsort(t->entry, t->n, sizeof(t->entry[0]), compare);
	return rc;
}

void watch_tree_free(struct watch_tree *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		free(t->entry[i].path);
		free(t->entry[i].link);
	}
	memset(t, 0, sizeof(*t));
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Inode numbers of a share may change without a change. A directory's time and size are those of
 * its entries, which are compared themselves. */
static bool same_stat(const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid)
		return false;
	return !S_ISREG(a->st_mode) ||
		(a->st_size == b->st_size && same_time(&a->st_mtim, &b->st_mtim));
}

bool watch_tree_same(const struct watch_tree *a, const struct watch_tree *b)
{
	if (a->n != b->n || !same_stat(&a->root, &b->root))
		return false;
	for (unsigned i = 0; i < a->n; i++) {
		const struct watch_entry *x = &a->entry[i], *y = &b->entry[i];

		if (strcmp(x->path, y->path) != 0 || !same_stat(&x->st, &y->st) ||
			!x->link != !y->link || (x->link && strcmp(x->link, y->link) != 0))
			return false;
	}
	return true;
}

/* --- removing -------------------------------------------------------------------------------- */

static int remove_below(int dir, const char *name, unsigned depth)
{
	struct dirent *entry;
	int fd = -1;
	DIR *d;

	if (!unlinkat(dir, name, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	d = depth < DEPTH_MAX ? open_dir(dir, name, &fd) : NULL;
	if (!d)
		return depth < DEPTH_MAX ? -errno : -ELOOP;
	while ((entry = readdir(d)))
		if (!is_dots(entry->d_name))
			remove_below(fd, entry->d_name, depth + 1);
	closedir(d);
	return unlinkat(dir, name, AT_REMOVEDIR) && errno != ENOENT ? -errno : 0;
}

int watch_tree_remove(int dir, const char *name)
{
	return remove_below(dir, name, 0);
}

/* --- copying --------------------------------------------------------------------------------- */

static int set_meta(int fd, const struct stat *st)
{
	const struct timespec times[2] = { st->st_mtim, st->st_mtim };

	if (fchown(fd, st->st_uid, st->st_gid) || fchmod(fd, st->st_mode & 07777))
		return -errno;
	return futimens(fd, times) ? -errno : 0;
}

/* The bytes of from, which is as st says. */
static int copy_bytes(int from, int to, const struct stat *st)
{
	char buf[16384];
	struct stat now;
	off_t done = 0;
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) > 0) {
		if (done + n > st->st_size)
			return -EAGAIN;
		if (pwrite(to, buf, (size_t)n, done) != n)
			return errno ? -errno : -EIO;
		done += n;
	}
	if (n < 0 || fstat(from, &now))
		return -errno;
	if (done != st->st_size || !same_stat(st, &now))
		return -EAGAIN;
	return ftruncate(to, done) ? -errno : set_meta(to, st);
}

static bool is_copied(int dir, const char *name, const struct stat *st)
{
	struct stat have;

	return !fstatat(dir, name, &have, AT_SYMLINK_NOFOLLOW) && same_stat(st, &have);
}

/* rename() replaces anything but a directory. */
static int put_in_place(int dir, const char *name)
{
	int rc = 0;

	if (!renameat(dir, TEMPORARY, dir, name))
		return 0;
	if (errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST) {
		rc = watch_tree_remove(dir, name);
		if (!rc && !renameat(dir, TEMPORARY, dir, name))
			return 0;
	}
	return rc ? rc : -errno;
}

static int copy_file(const struct watch_entry *e, int from, int dir, const char *name)
{
	AUTO_FD in = -1, out = -1;
	int rc;

	if (is_copied(dir, name, &e->st))
		return 0;
	in = path_open(from, e->path, O_RDONLY | O_NONBLOCK);
	if (in < 0)
		return -EAGAIN;
	rc = watch_tree_remove(dir, TEMPORARY);
	if (rc)
		return rc;
	out = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	rc = copy_bytes(in, out, &e->st);
	if (!rc)
		rc = put_in_place(dir, name);
	if (rc)
		unlinkat(dir, TEMPORARY, 0);
	return rc;
}

static int copy_dir(const struct watch_entry *e, int dir, const char *name)
{
	AUTO_FD fd = -1;
	struct stat have;
	int rc = 0;

	if (!fstatat(dir, name, &have, AT_SYMLINK_NOFOLLOW) && !S_ISDIR(have.st_mode))
		rc = watch_tree_remove(dir, name);
	if (!rc && mkdirat(dir, name, 0700) && errno != EEXIST)
		rc = -errno;
	if (rc)
		return rc;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : set_meta(fd, &e->st);
}

static int copy_link(const struct watch_entry *e, int dir, const char *name)
{
	AUTO_FREE char *have = read_link(dir, name);
	int rc;

	if (have && !strcmp(have, e->link))
		return 0;
	rc = watch_tree_remove(dir, TEMPORARY);
	if (rc)
		return rc;
	if (symlinkat(e->link, dir, TEMPORARY) ||
		fchownat(dir, TEMPORARY, e->st.st_uid, e->st.st_gid, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return put_in_place(dir, name);
}

static int copy_entry(const struct watch_entry *e, int from, int to)
{
	const char *slash = strrchr(e->path, '/');
	AUTO_FREE char *parent = slash ? strndup(e->path, (size_t)(slash - e->path)) : strdup("");
	const char *name = slash ? slash + 1 : e->path;
	AUTO_FD dir = parent ? path_open(to, parent, O_PATH | O_DIRECTORY) : -ENOMEM;

	if (dir < 0)
		return dir;
	if (e->link)
		return copy_link(e, dir, name);
	return S_ISDIR(e->st.st_mode) ? copy_dir(e, dir, name) : copy_file(e, from, dir, name);
}

static bool is_data_link(const struct watch_entry *e)
{
	return e->link && !strcmp(e->path, "..data");
}

/* Files and directories, then "..data", then the links that go through it. */
static int copy_all(const struct watch_tree *t, int from, int to)
{
	for (int turn = 0; turn < 3; turn++)
		for (unsigned i = 0; i < t->n; i++) {
			const struct watch_entry *e = &t->entry[i];
			int rc, its = !e->link ? 0 : is_data_link(e) ? 1 : 2;

			rc = its == turn ? copy_entry(e, from, to) : 0;
			if (rc)
				return rc;
		}
	return 0;
}

static bool is_in_tree(const struct watch_tree *t, const char *path)
{
	const struct watch_entry key = { .path = strdup(path) };
	bool found = !key.path || bsearch(&key, t->entry, t->n, sizeof(key), compare);

	free(key.path);
	return found;
}

static void remove_others(const struct watch_tree *t, int to, const char *path, unsigned depth)
{
	int fd = -1;
	DIR *d = depth < DEPTH_MAX ? open_dir(to, *path ? path : ".", &fd) : NULL;
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		AUTO_FREE char *below = NULL;
		struct stat st;

		if (is_dots(entry->d_name) ||
			asprintf(&below, "%s%s%s", path, *path ? "/" : "", entry->d_name) < 0)
			continue;
		if (!is_in_tree(t, below))
			watch_tree_remove(fd, entry->d_name);
		else if (!fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) &&
			S_ISDIR(st.st_mode))
			remove_others(t, to, below, depth + 1);
	}
	if (d)
		closedir(d);
}

int watch_tree_apply(const struct watch_tree *t, int from, int to)
{
	int rc;

	if (S_ISREG(t->root.st_mode)) {
		AUTO_FD in = open(path_fd(from).text, O_RDONLY | O_CLOEXEC);

		return in < 0 ? -errno : copy_bytes(in, to, &t->root);
	}
	rc = set_meta(to, &t->root);
	if (!rc)
		rc = copy_all(t, from, to);
	if (!rc)
		remove_others(t, to, "", 0);
	return rc;
}
