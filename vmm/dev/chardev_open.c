/*
 * From a description to descriptors; see chardev_internal.h. No descriptor of a channel may block
 * the loop, and O_NONBLOCK belongs to the open file description, which stdin and stdout share with
 * the shell: a terminal or pipe there is opened again through /proc, so that the flag is ours
 * alone, and where that is refused the flag is put back at the end. Sockets are told not to block
 * call by call (MSG_DONTWAIT). Regular files don't block.
 * syscall(setup): openat, newfstatat, ioctl(TCGETS), rt_sigaction, eventfd2: files, the terminal
 */
#define _GNU_SOURCE
#include "dev/chardev_internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

static int set_nonblock(struct chardev_side *side)
{
	int flags = fcntl(side->fd, F_GETFL);

	if (flags < 0 || (!(flags & O_NONBLOCK) && fcntl(side->fd, F_SETFL, flags | O_NONBLOCK)))
		return -errno;
	return flags;
}

/* One of our standard streams, for reading or for writing. Closed (-1) is as good as /dev/null. */
static int open_std(struct chardev_side *side, int fd, int mode, struct err *err)
{
	const char *what = fd == STDIN_FILENO ? "stdin" : "stdout";
	char path[32];
	struct stat st;

	if (fstat(fd, &st))
		return 0;
	side->socket = S_ISSOCK(st.st_mode);
	if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		side->fd = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (side->fd >= 0)
			return 0;
	}
	side->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (side->fd < 0)
		return fail(err, -errno, "use %s", what);
	if (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)) {
		side->flags = set_nonblock(side);
		if (side->flags < 0)
			return fail(err, side->flags, "use %s", what);
	}
	return 0;
}

static int open_stdio(struct chardev *c, struct err *err)
{
	int rc = tty_claim(err);

	if (rc)
		return rc;
	c->kind = CHARDEV_STDIO; /* from here on it is released */
	c->connected = true;
	rc = open_std(&c->in, STDIN_FILENO, O_RDONLY, err);
	if (!rc)
		rc = open_std(&c->out, STDOUT_FILENO, O_WRONLY, err);
	if (rc || c->in.fd < 0 || !isatty(c->in.fd))
		return rc;
	rc = tty_raw(c->in.fd, &c->winch.fd, err);
	c->tty = !rc;
	return rc;
}

/* A FIFO is opened both ways: without a reader it would be refused now, or break when its reader
 * leaves. */
static int open_file(struct chardev *c, const char *path, struct err *err)
{
	struct stat st;
	int mode = !lstat(path, &st) && S_ISFIFO(st.st_mode) ? O_RDWR : O_WRONLY;

	c->out.fd = open(path,
		mode | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (c->out.fd < 0 && errno == ELOOP)
		return failx(err, -ELOOP, "open %s for writing: it is a symbolic link", path);
	if (c->out.fd < 0)
		return fail(err, -errno, "open %s for writing", path);
	c->connected = true;
	return 0;
}

int chardev_take_stream(struct chardev *c, int fd)
{
	AUTO_FD in = -1;
	AUTO_FD out = -1;
	/* syscall(loop): fcntl(F_GETFL): how a console's client is to be served */
	int flags = fcntl(fd, F_GETFL), mode = flags & O_ACCMODE;
	struct stat st;

	/* syscall(loop): fstat: what a console's client is */
	if (flags < 0 || fstat(fd, &st))
		return -errno;
	if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	if (mode == O_RDWR) {
		/* syscall(loop): fcntl(F_DUPFD_CLOEXEC): a console's client, both ways */
		out = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (out < 0)
			return -errno;
	}
	if (mode != O_WRONLY)
		in = fd;
	else
		out = fd;
	c->in.socket = c->out.socket = S_ISSOCK(st.st_mode);
	c->in.fd = take_fd(&in);
	c->out.fd = take_fd(&out);
	c->in_eof = c->out_dead = false;
	c->connected = true;
	return 0;
}

/*
 * What epoll refuses (EPERM: a regular file, /dev/null) never makes its reader wait: a bell that
 * always rings stands in for it.
 */
static int find_watched(struct chardev *c, struct err *err)
{
	struct watch probe = { .fd = -1 };
	int rc = c->in.fd < 0 ? 0 : loop_add(c->loop, &probe, c->in.fd, 0, NULL);

	loop_remove(c->loop, &probe);
	if (rc == -EPERM) {
		rc = 0;
		c->always = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
		if (c->always < 0)
			rc = -errno;
	}
	return rc ? fail(err, rc, "watch %s", c->name) : 0;
}

int chardev_open(struct chardev *c, const struct chardev_config *cfg, struct err *err)
{
	int rc = 0;

	snprintf(c->name, sizeof(c->name), "%s",
		cfg->kind == CHARDEV_STDIO ? "stdin and stdout" : "a descriptor");
	if (cfg->kind == CHARDEV_FILE || cfg->kind == CHARDEV_SOCKET)
		snprintf(c->name, sizeof(c->name), "%s", cfg->path);
	if (cfg->kind == CHARDEV_STDIO || cfg->kind == CHARDEV_FD)
		signal(SIGPIPE, SIG_IGN);
	switch (cfg->kind) {
	case CHARDEV_NONE:
		return 0;
	case CHARDEV_STDIO:
		rc = open_stdio(c, err);
		break;
	case CHARDEV_FILE:
		rc = open_file(c, cfg->path, err);
		break;
	case CHARDEV_SOCKET:
		return sock_listen(&c->listener, cfg->path, "the console socket", err);
	case CHARDEV_FD:
		rc = chardev_take_stream(c, cfg->fd);
		if (rc)
			return fail(err, rc, "use descriptor %d as a console", cfg->fd);
	}
	return rc ? rc : find_watched(c, err);
}

static void close_side(struct chardev *c, struct chardev_side *side)
{
	loop_remove(c->loop, &side->watch);
	if (side->flags >= 0)
		/* syscall(loop): fcntl(F_SETFL): standard streams become as they were */
		fcntl(side->fd, F_SETFL, side->flags);
	if (side->fd >= 0)
		close(side->fd);
	side->fd = side->flags = -1;
}

void chardev_close_sides(struct chardev *c)
{
	close_side(c, &c->in);
	close_side(c, &c->out);
	c->head = c->len = 0;
}
