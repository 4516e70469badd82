/*
 * The loop reads the socket and counts what came; those who wait sleep on the count and look again
 * each time it moves. Messages whose sender is not the kernel are dropped. Where the socket
 * overflows, events are lost but not the wake-up: everybody looks again.
 */
#define _GNU_SOURCE
#include "agent/uevent.h"

#include <linux/netlink.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "core/log.h"

#define GROUP_KERNEL	1
#define MESSAGE_MAX	8192 /* the kernel's are at most 2 KiB and a path */
#define RECEIVE_BUFFER	(512 * 1024)
#define MESSAGES_A_TURN 64

struct uevents {
	struct loop *loop;
	struct watch watch;
	pthread_mutex_t lock; /* guards seen */
	pthread_cond_t moved;
	uint64_t seen;
};

static const char *value_of(const char *entry, const char *key)
{
	size_t n = strlen(key);

	return !strncmp(entry, key, n) && entry[n] == '=' ? entry + n + 1 : NULL;
}

bool uevent_parse(const char *msg, size_t len, struct uevent *e)
{
	const char *v;

	*e = (struct uevent){ "", "", "", "" };
	if (!len || msg[len - 1] || !strchr(msg, '@'))
		return false;
	for (const char *p = msg + strlen(msg) + 1; p < msg + len; p += strlen(p) + 1) {
		if ((v = value_of(p, "ACTION")))
			e->action = v;
		else if ((v = value_of(p, "DEVPATH")))
			e->devpath = v;
		else if ((v = value_of(p, "SUBSYSTEM")))
			e->subsystem = v;
		else if ((v = value_of(p, "DEVNAME")))
			e->devname = v;
	}
	return *e->action && *e->devpath;
}

static void move(struct uevents *u)
{
	pthread_mutex_lock(&u->lock);
	u->seen++;
	pthread_cond_broadcast(&u->moved);
	pthread_mutex_unlock(&u->lock);
}

/* Nothing appears when something goes. */
static bool matters(const char *msg, size_t len)
{
	struct uevent e;

	if (!uevent_parse(msg, len, &e))
		return false;
	log_debug("uevent: %s %s %s", e.action, e.subsystem, e.devpath);
	return strcmp(e.action, "remove") != 0 && strcmp(e.action, "unbind") != 0;
}

static void readable(struct watch *w, uint32_t events UNUSED)
{
	struct uevents *u = container_of(w, struct uevents, watch);
	char msg[MESSAGE_MAX];
	bool look = false;

	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		struct sockaddr_nl from = { .nl_pid = UINT32_MAX };
		socklen_t fromlen = sizeof(from);
		ssize_t n = recvfrom(w->fd, msg, sizeof(msg), MSG_DONTWAIT | MSG_TRUNC,
			(struct sockaddr *)&from, &fromlen);

		if (n < 0 && errno == ENOBUFS)
			look = true;
		else if (n < 0)
			break;
		else if (!from.nl_pid && (size_t)n <= sizeof(msg) && matters(msg, (size_t)n))
			look = true;
	}
	if (look)
		move(u);
}

static int open_socket(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL };
	const int size = RECEIVE_BUFFER;
	AUTO_FD fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return -errno;
	/* The limit of the first is for those without privilege; without either it is smaller. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) &&
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)))
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return take_fd(&fd);
}

int uevents_new(struct uevents **out, struct loop *loop, struct err *err)
{
	struct uevents *u = calloc(1, sizeof(*u));
	pthread_condattr_t monotonic;
	int fd = open_socket(), rc;

	if (!u || fd < 0) {
		rc = fail(err, u ? fd : -ENOMEM, "listen for uevents");
		if (fd >= 0)
			close(fd);
		free(u);
		return rc;
	}
	u->loop = loop;
	pthread_mutex_init(&u->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&u->moved, &monotonic);
	pthread_condattr_destroy(&monotonic);
	rc = loop_add(loop, &u->watch, fd, EPOLLIN, readable);
	if (rc) {
		u->watch.fd = fd;
		uevents_free(u);
		return fail(err, rc, "listen for uevents");
	}
	*out = u;
	return 0;
}

void uevents_free(struct uevents *u)
{
	if (!u)
		return;
	loop_remove(u->loop, &u->watch);
	close(u->watch.fd);
	pthread_cond_destroy(&u->moved);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

static struct timespec after(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

/* The count is taken before looking: an event that comes meanwhile is not slept over. */
int uevents_wait(struct uevents *u, bool (*ready)(void *arg), void *arg, unsigned timeout_ms)
{
	const struct timespec deadline = after(timeout_ms);

	for (;;) {
		uint64_t before;
		int rc = 0;

		pthread_mutex_lock(&u->lock);
		before = u->seen;
		pthread_mutex_unlock(&u->lock);
		if (ready(arg))
			return 0;
		pthread_mutex_lock(&u->lock);
		while (u->seen == before && !rc)
			rc = pthread_cond_timedwait(&u->moved, &u->lock, &deadline);
		pthread_mutex_unlock(&u->lock);
		if (rc)
			return ready(arg) ? 0 : -ETIMEDOUT;
	}
}
