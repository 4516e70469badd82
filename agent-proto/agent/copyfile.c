/*
 * CopyFile: how files come into a guest that shares no directory with the host. A directory or a
 * symlink is one call; a file comes in pieces, which gather in a hidden file beside it until it has
 * its full size, and is then renamed: a reader never sees half a file. The path has to lie below
 * run_dir, and nothing on the way to it may be a symlink: what was copied earlier (or what a
 * container made of it) can't lead the agent elsewhere.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/mount_path.h"
#include "agent/rpc.h"
#include "agent/watch_sync.h"

#define DEFAULT_DIR_MODE 0750

/* A name that only this path's pieces have, and that always fits (FNV-1a). */
struct hidden_name {
	char text[32];
};

static struct hidden_name hidden_name(const char *name)
{
	struct hidden_name h;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	snprintf(h.text, sizeof(h.text), ".part-%016" PRIx64, hash);
	return h;
}

static mode_t kind_of(const Grpc__CopyFileRequest *r)
{
	const mode_t kind = r->file_mode & S_IFMT;

	return kind ? kind : S_IFREG;
}

static int check(const Grpc__CopyFileRequest *r, const char *run_dir, struct err *err)
{
	const char *rel = path_below(run_dir, r->path);
	const mode_t kind = kind_of(r);
	int64_t end;

	if (!rel || !*rel)
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "the path %s is not below %s", r->path,
			run_dir);
	if (kind != S_IFREG && kind != S_IFDIR && kind != S_IFLNK)
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT,
			"%s is neither a file, a directory nor a symlink", r->path);
	if (kind == S_IFREG &&
		(r->offset < 0 || r->file_size < 0 ||
			!add_ok(r->offset, (int64_t)r->data.len, &end) || end > r->file_size))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT,
			"%zu bytes at offset %" PRId64 " of %s lie outside its size %" PRId64,
			r->data.len, r->offset, r->path, r->file_size);
	if (kind == S_IFLNK &&
		(!r->data.len || r->data.len >= PATH_MAX || memchr(r->data.data, 0, r->data.len)))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "the symlink %s has no valid target",
			r->path);
	return 0;
}

static int set_owner_and_mode(int fd, const Grpc__CopyFileRequest *r)
{
	if (fchown(fd, (uid_t)r->uid, (gid_t)r->gid) || fchmod(fd, r->file_mode & 07777))
		return -errno;
	return 0;
}

static int copy_dir(int dir, const char *name, const Grpc__CopyFileRequest *r)
{
	AUTO_FD fd = -1;
	struct stat st;

	if (!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && !S_ISDIR(st.st_mode) &&
		unlinkat(dir, name, 0))
		return -errno;
	if (mkdirat(dir, name, 0700) && errno != EEXIST)
		return -errno;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : set_owner_and_mode(fd, r);
}

/* By rename, so that a symlink that others go through is never missing. */
static int copy_link(int dir, const char *name, const Grpc__CopyFileRequest *r)
{
	const struct hidden_name hidden = hidden_name(name);
	char target[PATH_MAX];
	struct stat st;
	int rc = 0;

	memcpy(target, r->data.data, r->data.len);
	target[r->data.len] = '\0';
	if (!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISDIR(st.st_mode))
		rc = watch_tree_remove(dir, name);
	if (!rc)
		rc = watch_tree_remove(dir, hidden.text);
	if (rc)
		return rc;
	if (symlinkat(target, dir, hidden.text))
		return -errno;
	if (!fchownat(dir, hidden.text, (uid_t)r->uid, (gid_t)r->gid, AT_SYMLINK_NOFOLLOW) &&
		!renameat(dir, hidden.text, dir, name))
		return 0;
	rc = -errno;
	unlinkat(dir, hidden.text, 0);
	return rc;
}

/* The file in which the pieces gather; the first one makes it anew. */
static int open_hidden(int dir, const char *hidden, bool first)
{
	AUTO_FD fd = -1;
	struct stat st;
	int rc = first ? watch_tree_remove(dir, hidden) : 0;

	if (rc)
		return rc;
	fd = openat(dir, hidden,
		O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (first ? O_EXCL : 0),
		0600);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	return S_ISREG(st.st_mode) && st.st_nlink == 1 ? take_fd(&fd) : -EINVAL;
}

static int write_piece(int fd, const ProtobufCBinaryData *data, int64_t offset)
{
	size_t done = 0;

	while (done < data->len) {
		ssize_t n = pwrite(fd, data->data + done, data->len - done, offset + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

static int copy_piece(int dir, const char *name, const Grpc__CopyFileRequest *r)
{
	const struct hidden_name hidden = hidden_name(name);
	AUTO_FD fd = open_hidden(dir, hidden.text, !r->offset);
	struct stat st;
	int rc = fd < 0 ? fd : write_piece(fd, &r->data, r->offset);

	if (!rc && fstat(fd, &st))
		rc = -errno;
	if (!rc && st.st_size < r->file_size)
		return 0; /* there is more to come */
	if (!rc)
		rc = set_owner_and_mode(fd, r);
	if (!rc && renameat(dir, hidden.text, dir, name))
		rc = -errno;
	if (rc)
		unlinkat(dir, hidden.text, 0);
	return rc;
}

int rpc_copy_file(struct agent *a, const void *request, void *response UNUSED, struct err *err)
{
	const Grpc__CopyFileRequest *r = request;
	const char *run_dir = a->config.run_dir, *name;
	const mode_t dir_mode = r->dir_mode & 0777;
	const struct path_dirs dirs = { dir_mode ? dir_mode : DEFAULT_DIR_MODE, true, (uid_t)r->uid,
		(gid_t)r->gid };
	AUTO_FD root = -1, dir = -1;
	int rc = check(r, run_dir, err);

	if (rc)
		return rc;
	root = open(run_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return fail(err, -errno, "open %s", run_dir);
	dir = path_parent(root, path_below(run_dir, r->path), &dirs, &name);
	if (dir < 0)
		return fail(err, dir, "make the directory of %s", r->path);
	switch (kind_of(r)) {
	case S_IFDIR:
		rc = copy_dir(dir, name, r);
		break;
	case S_IFLNK:
		rc = copy_link(dir, name, r);
		break;
	default:
		rc = copy_piece(dir, name, r);
	}
	return rc ? fail(err, rc, "copy %s", r->path) : 0;
}
