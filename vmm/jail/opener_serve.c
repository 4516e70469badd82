/*
 * The helper's end: what it may still do, and its four words; see opener.h.
 *
 * Directories are opened before it confines itself; paths are resolved beneath them (openat2(2),
 * RESOLVE_BENEATH), so that neither ".." nor a link leads out. A block device is opened once with
 * O_EXCL, which the kernel refuses while the host has it mounted or built something on it. Landlock
 * says the same again for what is outside those directories. All signals that a terminal or a
 * service manager sends to a whole group are ignored: its monitor's end is its end.
 *
 * syscall(setup): dup3, close_range, openat, prctl, rt_sigaction: before it confines itself
 * syscall(opener): newfstatat, unlinkat: a name, if it still is the monitor's (core/names.c)
 * syscall(opener): close: what was sent, and what was only looked at
 * syscall(opener): exit_group: it ends with its monitor
 */
#define _GNU_SOURCE
#include "jail/opener_inner.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#include "core/names.h"
#include "jail/jail.h"
#include "jail/rights.h"

#define NAMES	 32
#define RATE_MAX 4096 /* requests a second; far more than a machine's life holds */

struct place {
	char path[PATH_MAX], real[PATH_MAX]; /* as the caller says it, and without links */
	int fd;
	bool devices;
};

struct helper {
	int fd;
	const char *vsock;
	char cwd[PATH_MAX];
	struct place place[OPENER_PLACES];
	unsigned nplaces;
	struct name name[NAMES];
	char path[NAMES][PATH_MAX + 1];
	unsigned nnames;
	bool sealed;
	time_t second;
	unsigned asked; /* in it */
};

/* disks */

/* What follows dir in path; NULL when path is not beneath it. */
static const char *beneath(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (!len || strncmp(path, dir, len) != 0)
		return NULL;
	while (len && dir[len - 1] == '/')
		len--;
	if (path[len] != '/')
		return NULL;
	for (path += len; *path == '/';)
		path++;
	return *path ? path : NULL;
}

static const char *find_place(const struct helper *h, const char *path, const struct place **place)
{
	char full[2 * PATH_MAX];

	snprintf(full, sizeof(full), "%s%s%s", *path == '/' ? "" : h->cwd, *path == '/' ? "" : "/",
		path);
	for (unsigned i = 0; i < h->nplaces; i++) {
		const char *rest = beneath(full, h->place[i].path);

		if (!rest)
			rest = beneath(full, h->place[i].real);
		if (!rest)
			continue;
		*place = &h->place[i];
		return path + strlen(path) - strlen(rest);
	}
	return NULL;
}

/* syscall(opener): openat2: a disk, beneath a directory that it may come from */
static int open_beneath(const struct place *place, const char *rest, int flags)
{
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, place->fd, rest, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* Of what may be a disk there. */
static int check_kind(const struct place *place, const struct stat *st, const char *path,
	struct err *err)
{
	if (S_ISBLK(st->st_mode) || (S_ISREG(st->st_mode) && !place->devices))
		return 0;
	if (S_ISREG(st->st_mode))
		return failx(err, -EINVAL,
			"disk %s is a regular file: in /dev only devices are disks", path);
	return failx(err, S_ISDIR(st->st_mode) ? -EISDIR : -EINVAL,
		"disk %s is %s: a disk is a regular file or a block device", path,
		S_ISDIR(st->st_mode)		? "a directory"
			: S_ISFIFO(st->st_mode) ? "a FIFO"
			: S_ISSOCK(st->st_mode) ? "a socket"
						: "a character device");
}

static int open_disk(const struct helper *h, const char *path, bool readonly, struct err *err)
{
	const struct place *place = NULL;
	const char *rest = find_place(h, path, &place);
	AUTO_FD probe = -1;
	struct stat st;
	int fd, rc;

	if (!rest)
		return failx(err, -EACCES,
			"open disk %s: it lies in no directory that disks come from", path);
	probe = open_beneath(place, rest, O_PATH);
	if (probe == -EXDEV || probe == -ELOOP)
		return failx(err, -EACCES, "open disk %s: it leads out of the directory", path);
	if (probe < 0)
		return fail(err, probe, "open disk %s", path);
	/* syscall(opener): fstat: what kind of file it is */
	if (fstat(probe, &st))
		return fail(err, -errno, "open disk %s", path);
	rc = check_kind(place, &st, path, err);
	if (rc)
		return rc;
	if (S_ISBLK(st.st_mode)) {
		fd = open_beneath(place, rest, O_RDONLY | O_EXCL | O_NONBLOCK | O_NOCTTY);
		if (fd == -EBUSY)
			return failx(err, fd, "open disk %s: the host itself is using it", path);
		auto_fd_close(&fd);
	}
	fd = open_beneath(place, rest, (readonly ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_NOCTTY);
	return fd >= 0 ? fd : fail(err, fd, "open disk %s%s", path, readonly ? "" : " for writing");
}

/* connections */

static int dial(const struct helper *h, uint32_t port)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	AUTO_FD fd = -1;

	if (!h->vsock)
		return -EACCES;
	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s_%u", h->vsock, port) >=
		(int)sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	/* syscall(opener): socket(AF_UNIX): for the hybrid vsock's connections */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* syscall(opener): connect: to the hybrid vsock's PATH_PORT */
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return -errno;
	return take_fd(&fd);
}

/* names */

static int remember(struct helper *h, const char *path)
{
	char *copy;

	if (h->sealed || h->nnames == NAMES)
		return -EPERM;
	copy = h->path[h->nnames];
	strcpy(copy, path);
	return name_made(&h->name[h->nnames++], copy, -1);
}

/* the conversation */

static bool too_many(struct helper *h)
{
	struct timespec now;

	/* syscall(opener): clock_gettime: how much it was asked in this second */
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != h->second)
		h->asked = 0;
	h->second = now.tv_sec;
	return h->asked++ >= RATE_MAX;
}

/* Returns a descriptor, 0 for an answer without one, or -errno. */
static int carry_out(struct helper *h, const struct opener_request *r, const char *path,
	struct err *err)
{
	if (too_many(h))
		return fail(err, -EAGAIN, "the opener is asked too often");
	switch (r->word) {
	case OPENER_DISK:
		return open_disk(h, path, r->readonly, err);
	case OPENER_DIAL:
		return dial(h, r->port);
	case OPENER_NAME:
		return remember(h, path);
	case OPENER_SEAL:
		h->sealed = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/* fd: closed when it is sent; -1: none */
static bool answer_with(const struct helper *h, const struct opener_answer *a, int fd)
{
	struct iovec iov = { (void *)(uintptr_t)a, sizeof(*a) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (fd >= 0) {
		control.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	/* syscall(opener): sendmsg: answers */
	n = sendmsg(h->fd, &msg, MSG_NOSIGNAL);
	auto_fd_close(&fd);
	return n == sizeof(*a);
}

static bool converse(struct helper *h)
{
	struct opener_request r;
	struct opener_answer a = { 0 };
	struct err err = { 0 };
	char path[PATH_MAX + 1];
	struct iovec iov = { &r, sizeof(r) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	/* syscall(opener): recvmsg: takes a request */
	ssize_t n = recvmsg(h->fd, &msg, 0);
	size_t len;
	int rc;

	if (n < (ssize_t)OPENER_HEADER)
		return false;
	len = (size_t)n - OPENER_HEADER;
	memcpy(path, r.text, len);
	path[len] = 0;
	if (strlen(path) != len)
		return false;
	rc = carry_out(h, &r, path, &err);
	a.rc = MIN(rc, 0);
	memcpy(a.text, err.msg, sizeof(a.text));
	return answer_with(h, &a, rc > 0 ? rc : -1);
}

/* confining itself */

static void add_place(struct helper *h, const char *dir, size_t len, bool devices)
{
	struct place *p = &h->place[h->nplaces];

	if (h->nplaces == OPENER_PLACES || !len || len >= PATH_MAX)
		return;
	snprintf(p->path, sizeof(p->path), "%.*s", (int)len, dir);
	p->fd = open(p->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->fd < 0 || !realpath(p->path, p->real))
		return;
	p->devices = devices;
	h->nplaces++;
}

static void open_places(struct helper *h, const struct opener_plan *plan)
{
	const char *dirs = plan->disks ? plan->disk_dirs : NULL;

	if (plan->disks)
		add_place(h, "/dev", 4, true);
	while (dirs && *dirs) {
		size_t len = strcspn(dirs, ":");

		add_place(h, dirs, len, false);
		dirs += len + (dirs[len] == ':');
	}
}

static void ignore_signals(void)
{
	static const int group[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU,
		SIGPIPE };

	for (size_t i = 0; i < ARRAY_SIZE(group); i++)
		signal(group[i], SIG_IGN);
}

static int confine(const struct helper *h, struct err *err)
{
	int dirs[OPENER_PLACES], rc = rights_limit(0, err);

	for (unsigned i = 0; i < h->nplaces; i++)
		dirs[i] = h->place[i].fd;
	rights_forget_environment();
	if (!rc && !geteuid())
		rc = rights_drop_bounding(err);
	if (!rc)
		rc = rights_keep_file_access(err);
	if (!rc)
		rc = rights_seal(err);
	if (!rc)
		rc = rights_landlock_disks(dirs, h->nplaces, err);
	if (!rc)
		rc = jail_filter(JAIL_OPENER, err);
	return rc;
}

int opener_serve(int fd, const struct opener_plan *plan)
{
	struct helper *h = calloc(1, sizeof(*h));
	struct err err;

	if (!h || dup2(fd, 0) < 0 || close_range(1, ~0U, 0))
		return -errno;
	prctl(PR_SET_NAME, "sampan-opener");
	ignore_signals();
	h->vsock = plan->vsock;
	if (!getcwd(h->cwd, sizeof(h->cwd)))
		*h->cwd = 0;
	open_places(h, plan);
	if (confine(h, &err))
		return -EPERM;
	while (converse(h))
		;
	names_remove_all();
	return 0;
}
