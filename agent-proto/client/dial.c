/*
 * See dial.h. An attempt is a socket that connects, then whoever accepted it may have to be asked
 * to connect it to a port ("CONNECT 1024\n"): it says "OK NUMBER\n" when that is done, or closes
 * it. A hybrid vsock is asked for the guest's port, the agent's relay for a TCP port there. What
 * follows that line is the far end's: the line is read byte by byte.
 */
#include "client/dial.h"

#include <stdio.h>
#include <string.h>

#define AGAIN_NS  UINT64_C(50000000)
#define REPLY_MAX 32

struct dial {
	struct loop *loop;
	struct address to;
	bool again;
	dial_done *done;
	void *arg;
	struct watch watch; /* of the attempt's socket, fd */
	int fd;		    /* -1: between attempts */
	uint32_t ask[2];    /* ports that are still to be asked for; 0: none */
	struct timer retry, limit;
	char reply[REPLY_MAX];
	size_t have; /* of reply */
	struct err err;
};

static void end_attempt(struct dial *d)
{
	loop_remove(d->loop, &d->watch);
	auto_fd_close(&d->fd);
	d->fd = -1;
}

void dial_cancel(struct dial *d)
{
	end_attempt(d);
	timer_fini(d->loop, &d->retry);
	timer_fini(d->loop, &d->limit);
	free(d);
}

static void finish(struct dial *d, int fd)
{
	dial_done *done = d->done;
	void *arg = d->arg;
	struct err err = d->err;

	dial_cancel(d);
	done(arg, fd, &err);
}

/* Reasons that go away when whoever shall answer comes up. */
static bool may_pass(int rc)
{
	switch (-rc) {
	case ENOENT:
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENODEV:
	case EAGAIN:
		return true;
	}
	return false;
}

static void fail_attempt(struct dial *d, int rc)
{
	char to[160];

	address_text(&d->to, to, sizeof(to));
	fail(&d->err, rc, "connect to %s", to);
	end_attempt(d);
	if (d->again && may_pass(rc))
		timer_set(&d->retry, AGAIN_NS, 0);
	else
		finish(d, -1);
}

static void succeed(struct dial *d)
{
	loop_remove(d->loop, &d->watch);
	finish(d, take_fd(&d->fd));
}

static void connected(struct dial *d);

/* The answer's line, a byte a time; what does not begin as it must is not waited for. */
static void on_reply(struct watch *w, uint32_t events UNUSED)
{
	struct dial *d = container_of(w, struct dial, watch);
	ssize_t n;

	while ((n = recv(d->fd, d->reply + d->have, 1, MSG_DONTWAIT)) == 1) {
		char c = d->reply[d->have++];

		if (d->have <= 3 && c != "OK "[d->have - 1])
			return fail_attempt(d, -EPROTO);
		if (c == '\n')
			return connected(d);
		if (d->have == REPLY_MAX)
			return fail_attempt(d, -EPROTO);
	}
	if (!n)
		fail_attempt(d, -ECONNRESET);
	else if (errno != EAGAIN && errno != EINTR)
		fail_attempt(d, -errno);
}

static void connected(struct dial *d)
{
	char line[32];
	int len, rc;
	ssize_t n;

	if (!d->ask[0])
		return succeed(d);
	len = snprintf(line, sizeof(line), "CONNECT %u\n", d->ask[0]);
	d->ask[0] = d->ask[1];
	d->ask[1] = 0;
	/* Into the empty buffer of a new socket it fits. */
	n = send(d->fd, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n != len)
		return fail_attempt(d, n < 0 ? -errno : -EIO);
	d->have = 0;
	loop_remove(d->loop, &d->watch);
	rc = loop_add(d->loop, &d->watch, d->fd, EPOLLIN, on_reply);
	if (rc)
		fail_attempt(d, rc);
}

static void on_connected(struct watch *w, uint32_t events UNUSED)
{
	struct dial *d = container_of(w, struct dial, watch);
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		error = errno;
	if (error)
		fail_attempt(d, -error);
	else
		connected(d);
}

/* Its outcome is seen by the watch, also when it is known at once. */
static void attempt(struct timer *t)
{
	struct dial *d = container_of(t, struct dial, retry);
	struct sockaddr_storage to;
	socklen_t len = address_sockaddr(&d->to, &to);
	int rc = 0, n = 0;

	d->ask[0] = d->ask[1] = 0;
	if (d->to.kind == ADDRESS_HVSOCK)
		d->ask[n++] = d->to.port;
	d->ask[n] = d->to.inner;
	d->fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0 || (connect(d->fd, (struct sockaddr *)&to, len) && errno != EINPROGRESS))
		rc = -errno;
	if (!rc)
		rc = loop_add(d->loop, &d->watch, d->fd, EPOLLOUT, on_connected);
	if (rc)
		fail_attempt(d, rc);
}

static void on_limit(struct timer *t)
{
	struct dial *d = container_of(t, struct dial, limit);
	char to[160];

	address_text(&d->to, to, sizeof(to));
	if (!*d->err.msg)
		fail(&d->err, -ETIMEDOUT, "connect to %s", to);
	finish(d, -1);
}

int dial_start(struct dial **out, struct loop *loop, const struct address *to, int64_t timeout_ns,
	bool again, dial_done *done, void *arg, struct err *err)
{
	struct dial *d = calloc(1, sizeof(*d));
	int rc = d ? timer_init(loop, &d->retry, attempt) : -ENOMEM;

	if (!rc)
		rc = timer_init(loop, &d->limit, on_limit);
	if (rc) {
		if (d)
			timer_fini(loop, &d->retry);
		free(d);
		return fail(err, rc, "prepare a connection");
	}
	d->loop = loop;
	d->to = *to;
	d->again = again;
	d->done = done;
	d->arg = arg;
	d->fd = -1;
	timer_set(&d->retry, 1, 0);
	timer_set(&d->limit, timeout_ns > 0 ? (uint64_t)timeout_ns : 1, 0);
	*out = d;
	return 0;
}
