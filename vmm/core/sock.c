/*
 * Unix sockets by path; see sock.h.
 * syscall(setup): openat, flock, clock_nanosleep, newfstatat, socket, connect, bind, listen, umask,
 * unlinkat: all that is done by path
 */
#define _GNU_SOURCE
#include "core/sock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LOCK_TRIES 50 /* of 10 ms */

static int address(struct sockaddr_un *sa, const char *path, struct err *err)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path)
		return failx(err, -EINVAL, "the socket path is empty");
	if (strlen(path) >= sizeof(sa->sun_path))
		return failx(err, -ENAMETOOLONG,
			"socket path %s is longer than the %zu bytes that a unix socket allows",
			path, sizeof(sa->sun_path) - 1);
	strcpy(sa->sun_path, path);
	return 0;
}

/* The lock is on the directory, so that it leaves no file behind. Whoever may read the directory
 * can hold it, so the wait ends. */
static int lock_dir(const char *path)
{
	char dir[108], *slash;
	int fd;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (slash == dir)
		slash[1] = 0;
	else if (slash)
		*slash = 0;
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int tries = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB); tries++) {
		if (errno != EWOULDBLOCK || tries == LOCK_TRIES) {
			auto_fd_close(&fd);
			return -1;
		}
		usleep(10000);
	}
	return fd;
}

/* What occupies the path: a live listener or something that is no socket is refused, a stale socket
 * is removed. */
static int clear_path(const struct sockaddr_un *sa, const char *what, struct err *err)
{
	AUTO_FD probe = -1;
	struct stat st;

	if (lstat(sa->sun_path, &st))
		return errno == ENOENT ? 0
				       : fail(err, -errno, "listen on %s %s", what, sa->sun_path);
	if (!S_ISSOCK(st.st_mode))
		return failx(err, -EEXIST, "listen on %s %s: the path exists and is no socket",
			what, sa->sun_path);
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return fail(err, -errno, "listen on %s %s", what, sa->sun_path);
	if (!connect(probe, (const struct sockaddr *)sa, sizeof(*sa)) ||
		(errno != ECONNREFUSED && errno != ENOENT))
		return failx(err, -EADDRINUSE,
			"listen on %s %s: another process is listening there", what, sa->sun_path);
	if (unlink(sa->sun_path) && errno != ENOENT) /* its owner may just have removed it */
		return fail(err, -errno, "remove stale socket %s", sa->sun_path);
	return 0;
}

int sock_listen(struct sock_listener *l, const char *path, const char *what, struct err *err)
{
	AUTO_FD lock = -1;
	AUTO_FD fd = -1;
	struct sockaddr_un sa;
	mode_t mask;
	int rc;

	l->fd = -1;
	rc = address(&sa, path, err);
	if (rc)
		return rc;
	lock = lock_dir(path);
	if (lock < 0)
		return fail(err, -errno, "listen on %s %s", what, path);
	rc = clear_path(&sa, what, err);
	if (rc)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(err, -errno, "listen on %s %s", what, path);
	mask = umask(0177);
	rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	umask(mask);
	if (rc)
		return fail(err, -errno, "listen on %s %s", what, path);
	strcpy(l->path, path);
	rc = listen(fd, 16) ? -errno : name_made(&l->name, l->path, -1);
	if (rc) {
		unlink(path);
		return fail(err, rc, "listen on %s %s", what, path);
	}
	l->fd = take_fd(&fd);
	return 0;
}

void sock_unlisten(struct sock_listener *l)
{
	if (l->fd < 0)
		return;
	name_remove(&l->name);
	close(l->fd);
	l->fd = -1;
}

ssize_t sock_send(int fd, const void *data, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	/* syscall(loop): sendmsg: to clients of QMP, consoles, debugger, vsock */
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t sock_recv(int fd, void *buf, size_t len, int flags)
{
	struct iovec iov = { buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	/* syscall(loop): recvmsg: from clients of QMP, consoles, debugger, vsock */
	return recvmsg(fd, &msg, MSG_DONTWAIT | flags);
}

int sock_connect(int *out, const char *path, struct err *err)
{
	AUTO_FD fd = -1;
	struct sockaddr_un sa;
	int rc = address(&sa, path, err);

	if (rc)
		return rc;
	/* Non-blocking from the start: a listener that accepts nothing must not hold up the
	 * caller's loop. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fail(err, -errno, "connect to %s", path);
	*out = take_fd(&fd);
	return 0;
}
