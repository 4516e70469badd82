/* See share.h. */
#define _GNU_SOURCE
#include "shim/containerd/share.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "core/log.h"
#include "shim/containerd/mounts.h"
#include "shim/containerd/spawn.h"

/* The guest can make files at the top: they are mount points, and bounded. */
#define TMPFS_OPTIONS "mode=0700,size=4m,nr_inodes=16k"
#define PATH_ROOM     512

int share_enter(struct err *err)
{
	if (mkdir(SHARE_DIR, 0700) && errno != EEXIST)
		return fail(err, -errno, "make the directory " SHARE_DIR);
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return fail(err, -errno, "make a mount namespace");
	if (mount("sampan", SHARE_DIR, "tmpfs", MS_NOSUID | MS_NODEV, TMPFS_OPTIONS))
		return fail(err, -errno, "mount a tmpfs on " SHARE_DIR);
	return 0;
}

/* A socket by which only we find virtiofsd: it has no name but the kernel's. */
static int make_listener(struct sockaddr_un *where, socklen_t *len, struct err *err)
{
	sa_family_t family = AF_UNIX;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*len = sizeof(*where);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&family, sizeof(family)) && !listen(fd, 1) &&
		!getsockname(fd, (struct sockaddr *)where, len))
		return fd;
	fail(err, -errno, "make a socket for virtiofsd");
	auto_fd_close(&fd);
	return -EIO;
}

static int connect_to(const struct sockaddr_un *where, socklen_t len, struct err *err)
{
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)where, len))
		return fail(err, -errno, "connect to virtiofsd");
	return take_fd(&fd);
}

/*
 * One process, one thread: no pool, and a change of root instead of a process in namespaces of its
 * own (it is in a mount namespace without the host's sight already).
 */
int share_start(struct share *s, const char *virtiofsd, const char *cache, const char *cgroup,
	struct err *err)
{
	static const char dir_option[] = "--shared-dir=" SHARE_DIR;
	char cache_option[64];
	const char *const argv[] = { "virtiofsd", "--fd=3", dir_option, cache_option,
		"--thread-pool-size=0", "--sandbox=chroot", "--announce-submounts",
		"--log-level=error", NULL };
	struct sockaddr_un where;
	socklen_t len;
	AUTO_FD listener = make_listener(&where, &len, err);
	struct spawn how = { .path = virtiofsd,
		.argv = argv,
		.fds = { -1, STDERR_FILENO, STDERR_FILENO, listener },
		.nfds = 4,
		.netns = -1,
		.cgroup = cgroup };
	int rc;

	if (listener < 0)
		return listener;
	snprintf(cache_option, sizeof(cache_option), "--cache=%.40s", cache);
	s->fd = connect_to(&where, len, err); /* waits in the queue until virtiofsd accepts */
	if (s->fd < 0)
		return s->fd;
	rc = spawn(&s->virtiofsd, &how, err);
	if (rc)
		share_stop(s);
	return rc;
}

void share_stop(struct share *s)
{
	auto_fd_close(&s->fd);
	s->fd = -1;
	spawn_kill(&s->virtiofsd);
}

static int make_path(char path[PATH_ROOM], const char *name, struct err *err)
{
	if ((size_t)snprintf(path, PATH_ROOM, SHARE_DIR "/%s", name) >= PATH_ROOM)
		return failx(err, -ENAMETOOLONG, "the shared name %.80s... is too long", name);
	return 0;
}

/* The directory that name is in. */
static void make_parent(const char *path)
{
	char dir[PATH_ROOM];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash && slash > dir + strlen(SHARE_DIR)) {
		*slash = 0;
		mkdir(dir, 0755); /* what fails shows in the next step */
	}
}

int share_make(const char *name, struct err *err)
{
	char path[PATH_ROOM];
	int rc = make_path(path, name, err);

	if (rc)
		return rc;
	make_parent(path);
	return mkdir(path, 0755) && errno != EEXIST ? fail(err, -errno, "make %s", path) : 0;
}

static int make_file(const char *path, struct err *err)
{
	AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? fail(err, -errno, "make %s", path) : 0;
}

int share_bind(const char *name, const char *source, bool readonly, struct err *err)
{
	char path[PATH_ROOM];
	struct stat st;
	int rc = make_path(path, name, err);

	if (rc)
		return rc;
	if (stat(source, &st))
		return fail(err, -errno, "share %s", source);
	make_parent(path);
	rc = S_ISDIR(st.st_mode) ? share_make(name, err) : make_file(path, err);
	return rc ? rc : mount_bind(source, path, readonly, err);
}

void share_remove(const char *name)
{
	char path[PATH_ROOM];
	char *slash;

	if (make_path(path, name, NULL))
		return;
	while (!umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW))
		;
	if (rmdir(path) && errno == ENOTDIR)
		unlink(path);
	slash = strrchr(path, '/');
	if (slash > path + strlen(SHARE_DIR)) {
		*slash = 0;
		rmdir(path); /* while others are in it, it stays */
	}
}
