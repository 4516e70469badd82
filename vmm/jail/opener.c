/*
 * The monitor's end; see opener.h. Loop thread only.
 * syscall(setup): socketpair, clone: the helper is started
 */
#define _GNU_SOURCE
#include "jail/opener_inner.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "core/log.h"
#include "core/names.h"

int opener_start(struct opener *o, const struct opener_plan *plan, struct err *err)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return fail(err, -errno, "start the opener");
	pid = fork();
	if (!pid)
		_exit(opener_serve(pair[1], plan) ? 1 : 0);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return fail(err, -errno, "start the opener");
	}
	o->fd = pair[0];
	return 0;
}

static void give_up(struct opener *o, const char *why)
{
	log_warn("the opener %s: no disk and no connection can be opened any more", why);
	auto_fd_close(&o->fd);
	o->fd = -1;
}

static void take_descriptor(struct msghdr *msg, int *fd)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(int));
}

/* 0, or -errno when no answer is to be had. */
static int hear(struct opener *o, struct opener_answer *answer, int *fd)
{
	struct iovec iov = { answer, sizeof(*answer) };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct pollfd p = { .fd = o->fd, .events = POLLIN };

	/* syscall(loop): ppoll: waits for the opener */
	if (poll(&p, 1, OPENER_PATIENCE_MS) <= 0)
		return -ETIMEDOUT;
	/* syscall(loop): recvmsg: takes the opener's answer and its descriptor */
	if (recvmsg(o->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) != sizeof(*answer))
		return -EPIPE;
	take_descriptor(&msg, fd);
	answer->text[sizeof(answer->text) - 1] = 0;
	return 0;
}

static int ask(struct opener *o, const struct opener_request *request, size_t len,
	struct opener_answer *answer, int *fd)
{
	struct iovec iov = { (void *)(uintptr_t)request, OPENER_HEADER + len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	int rc;

	*fd = -1;
	if (o->fd < 0)
		return -EPIPE;
	/* syscall(loop): sendmsg: asks the opener */
	if (sendmsg(o->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		rc = -errno;
	else
		rc = hear(o, answer, fd);
	if (rc)
		give_up(o, rc == -ETIMEDOUT ? "does not answer" : "is gone");
	return rc;
}

static int tell_path(struct opener *o, struct opener_request *request, const char *path,
	struct opener_answer *answer, int *fd)
{
	size_t len = strlen(path);

	if (len > sizeof(request->text))
		return -ENAMETOOLONG;
	memcpy(request->text, path, len);
	return ask(o, request, len, answer, fd);
}

int opener_take_names(struct opener *o, struct err *err)
{
	struct opener_request request = { .word = OPENER_NAME };
	struct opener_answer answer = { 0 };
	int fd, rc = 0;

	for (const struct name *n = names_first(); n && !rc; n = n->next) {
		rc = tell_path(o, &request, n->path, &answer, &fd);
		if (!rc)
			rc = answer.rc;
	}
	request.word = OPENER_SEAL;
	if (!rc)
		rc = ask(o, &request, 0, &answer, &fd);
	if (!rc)
		rc = answer.rc;
	if (rc)
		return fail(err, rc, "give names to the opener");
	names_leave();
	return 0;
}

int opener_disk(struct opener *o, int *fd, const char *path, bool readonly, struct err *err)
{
	struct opener_request request = { .word = OPENER_DISK, .readonly = readonly };
	struct opener_answer answer = { 0 };
	int rc = tell_path(o, &request, path, &answer, fd);

	if (rc)
		return fail(err, rc, "open disk %s", path);
	if (answer.rc)
		return failx(err, answer.rc, "%s", answer.text);
	return *fd >= 0 ? 0 : fail(err, -EMFILE, "open disk %s", path);
}

int opener_dial(struct opener *o, uint32_t port)
{
	struct opener_request request = { .word = OPENER_DIAL, .port = port };
	struct opener_answer answer = { 0 };
	int fd, rc = ask(o, &request, 0, &answer, &fd);

	if (!rc)
		rc = answer.rc;
	if (rc)
		return rc;
	return fd >= 0 ? fd : -EMFILE;
}

void opener_end(struct opener *o)
{
	struct pollfd p = { .fd = o->fd, .events = POLLIN };

	if (o->fd < 0)
		return;
	/* syscall(loop): shutdown: tells the opener that it is over */
	if (!shutdown(o->fd, SHUT_WR))
		poll(&p, 1, OPENER_PATIENCE_MS); /* its end, which is the end of the stream */
	close(o->fd);
	o->fd = -1;
}
