/* poll() before every step, with what is left of the deadline; see client.h. */
#include "shim/cli/client.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "core/sock.h"

#define REPLY_MAX (1024 * 1024) /* bytes */
#define RETRY_MS  20

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_for(const struct client *c, short events, struct err *err)
{
	struct pollfd p = { .fd = c->fd, .events = events };

	for (;;) {
		int64_t left = c->deadline_ms - now_ms();
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (n > 0)
			return 0;
		if (!n)
			return failx(err, -ETIMEDOUT, "the monitor did not answer in time");
		if (errno != EINTR)
			return fail(err, -errno, "wait for the monitor");
	}
}

/* As send(); with the first byte goes fd, if there is one. */
static ssize_t send_some(const struct client *c, const char *data, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (char *)(uintptr_t)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		control.align = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	return sendmsg(c->fd, &msg, MSG_NOSIGNAL);
}

static int send_all(const struct client *c, const char *data, size_t len, int fd, struct err *err)
{
	while (len) {
		ssize_t n = send_some(c, data, len, fd);
		int rc;

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail(err, -errno, "send to the monitor");
		if (n < 0) {
			rc = wait_for(c, POLLOUT, err);
			if (rc)
				return rc;
			continue;
		}
		fd = -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int receive(struct client *c, struct err *err)
{
	int rc = wait_for(c, POLLIN, err);
	ssize_t n;

	if (rc)
		return rc;
	n = recv(c->fd, c->in, sizeof(c->in), 0);
	if (n == 0)
		return failx(err, -EPIPE, "the monitor closed the connection");
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return fail(err, -errno, "receive from the monitor");
	c->at = 0;
	c->len = n > 0 ? (size_t)n : 0;
	return 0;
}

/* The next object that the monitor sends. */
static int next_message(struct client *c, json_t **message, struct err *err)
{
	enum qmp_split_result got = QMP_SPLIT_MORE;

	while (got == QMP_SPLIT_MORE) {
		size_t used = 0;
		int rc = c->at == c->len ? receive(c, err) : 0;

		if (rc)
			return rc;
		got = qmp_split_feed(&c->split, c->in + c->at, c->len - c->at, &used);
		c->at += used;
	}
	*message = got == QMP_SPLIT_MESSAGE ? json_loadb(c->split.text, c->split.len, 0, NULL)
					    : NULL;
	if (json_is_object(*message))
		return 0;
	json_decref(*message);
	*message = NULL;
	return failx(err, -EPROTO, "what answers does not speak QMP");
}

int client_call(struct client *c, const json_t *request, int fd, json_t **reply, struct err *err)
{
	AUTO_FREE char *text = json_dumps(request, JSON_COMPACT);
	int rc = text ? send_all(c, text, strlen(text), fd, err)
		      : fail(err, -ENOMEM, "write the request");

	if (!rc)
		rc = send_all(c, "\n", 1, -1, err);
	*reply = NULL;
	while (!rc) {
		json_t *message = NULL;

		rc = next_message(c, &message, err);
		if (json_object_get(message, "return") || json_object_get(message, "error")) {
			*reply = message;
			break;
		}
		json_decref(message);
	}
	return rc;
}

/* A listener whose queue is full says so at once (EAGAIN): try again while there is time. */
static int connect_in_time(struct client *c, const char *path, struct err *err)
{
	for (;;) {
		int rc = sock_connect(&c->fd, path, err);

		if (rc != -EAGAIN || now_ms() >= c->deadline_ms)
			return rc;
		poll(NULL, 0, RETRY_MS);
	}
}

static int handshake(struct client *c, struct err *err)
{
	json_t *greeting = NULL, *request, *reply = NULL;
	int rc = next_message(c, &greeting, err);

	if (!rc && !json_object_get(greeting, "QMP"))
		rc = failx(err, -EPROTO, "what answers does not speak QMP");
	json_decref(greeting);
	if (rc)
		return rc;
	request = json_pack("{s:s}", "execute", "qmp_capabilities");
	rc = request ? client_call(c, request, -1, &reply, err)
		     : fail(err, -ENOMEM, "write the request");
	json_decref(request);
	if (!rc && !json_object_get(reply, "return"))
		rc = failx(err, -EPROTO, "the monitor refused to negotiate capabilities");
	json_decref(reply);
	return rc;
}

int client_open(struct client *c, const char *path, unsigned timeout_ms, struct err *err)
{
	int rc;

	*c = (struct client){ .fd = -1, .deadline_ms = now_ms() + timeout_ms };
	qmp_split_init(&c->split, REPLY_MAX);
	rc = connect_in_time(c, path, err);
	return rc ? rc : handshake(c, err);
}

void client_close(struct client *c)
{
	auto_fd_close(&c->fd);
	c->fd = -1;
	qmp_split_fini(&c->split);
}
