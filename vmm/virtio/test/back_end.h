/*
 * A vhost-user back end in a test's hands: the far end of a socket pair, on which answers can be
 * laid down before they are asked for, because a front end asks in a known order. Requests are read
 * as they lie in the socket.
 */
#ifndef SAMPAN_VIRTIO_TEST_BACK_END_H
#define SAMPAN_VIRTIO_TEST_BACK_END_H

#include <dirent.h>
#include <linux/virtio_config.h>
#include <string.h>
#include <sys/socket.h>
#include "virtio/vhost_user.h"

#define BACK_FEATURES                                                                              \
	(UINT64_C(1) << VIRTIO_F_VERSION_1 | UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES)
#define BACK_ACK (UINT64_C(1) << VHOST_USER_PROTOCOL_F_REPLY_ACK)
#define BACK_MQ	 (UINT64_C(1) << VHOST_USER_PROTOCOL_F_MQ)

/* A request that was read. */
struct told {
	struct vhost_user_msg m;
	int fd[MEM_REGIONS];
	unsigned nfds;
};

static void need(bool ok)
{
	if (!ok)
		abort();
}

static void back_pair(int *front, int *back)
{
	int fd[2];

	need(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
	*front = fd[0];
	*back = fd[1];
}

static void back_sends(int fd, const void *bytes, size_t len, int extra)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (extra >= 0) {
		memcpy(CMSG_DATA(&control.head), &extra, sizeof(extra));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	need(sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)len);
}

static void back_answers(int fd, uint32_t request, uint64_t value)
{
	struct vhost_user_msg m = { .request = request,
		.flags = VHOST_USER_VERSION | VHOST_USER_REPLY,
		.size = sizeof(value),
		.body.u64 = value };

	back_sends(fd, &m, VHOST_USER_ANSWER, -1);
}

/* All answers of a set-up. */
static UNUSED void back_greets(int fd, uint64_t features, uint64_t protocol, uint64_t queues)
{
	back_answers(fd, VHOST_USER_GET_FEATURES, features);
	back_answers(fd, VHOST_USER_GET_PROTOCOL_FEATURES, protocol);
	if (protocol & BACK_MQ)
		back_answers(fd, VHOST_USER_GET_QUEUE_NUM, queues);
	if (protocol & BACK_ACK)
		back_answers(fd, VHOST_USER_SET_OWNER, 0);
}

static void take_fds(struct told *t, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		need(c->cmsg_type == SCM_RIGHTS && n <= MEM_REGIONS);
		memcpy(t->fd, CMSG_DATA(c), n * sizeof(int));
		t->nfds = (unsigned)n;
	}
}

/* The next request; false when there is none. Its descriptors are the caller's. */
static UNUSED bool back_hears(int fd, struct told *t)
{
	char control[CMSG_SPACE(MEM_REGIONS * sizeof(int))];
	struct iovec iov = { .iov_base = &t->m, .iov_len = VHOST_USER_HEADER };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t n;

	*t = (struct told){ 0 };
	n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n <= 0)
		return false;
	need(n == VHOST_USER_HEADER && t->m.size <= sizeof(t->m.body));
	take_fds(t, &msg);
	if (t->m.size)
		need(recv(fd, &t->m.body, t->m.size, MSG_DONTWAIT) == (ssize_t)t->m.size);
	return true;
}

static UNUSED void told_free(struct told *t)
{
	while (t->nfds)
		close(t->fd[--t->nfds]);
}

/* Reads what was asked, to no purpose. */
static UNUSED void back_forgets(int fd)
{
	struct told t;

	while (back_hears(fd, &t))
		told_free(&t);
}

/* ThreadSanitizer's own come and go: then there is nothing to compare. */
static UNUSED unsigned open_descriptors(void)
{
	unsigned n = 0;
#if !__has_feature(thread_sanitizer)
	DIR *dir = opendir("/proc/self/fd");

	need(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
#endif
	return n;
}

#endif
