/*
 * Sockets around sessions; see server.h.
 *
 * A client is freed only in its own callback, in accept's or in the deferred tidy(), never while
 * one of its commands runs: an event that a command causes is queued in every session and sent by
 * tidy(). A spare descriptor is kept so that a process that has used up its descriptors can still
 * accept and close, instead of being woken for ever by a connection it can't take.
 */
#define _GNU_SOURCE
#include "shim/qmp/server.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "core/log.h"
#include "core/sock.h"
#include "shim/qmp/session.h"

struct client {
	struct watch watch;
	struct qmp_server *server;
	struct qmp_session session;
	uint64_t number; /* in order of arrival */
	bool eof;	 /* it sends no more */
	size_t in_at, in_len;
	char in[2048]; /* bytes in_at .. in_len were received and not taken yet */
};

struct qmp_server {
	struct loop *loop;
	const struct qmp_dialect *dialect;
	struct sock_listener listener;
	struct watch watch;
	struct deferred tidy;
	struct client *client[QMP_CLIENTS];
	uint64_t arrivals;
	int spare; /* -1: none at the moment */
};

static void client_free(struct client *c)
{
	for (size_t i = 0; i < QMP_CLIENTS; i++)
		if (c->server->client[i] == c)
			c->server->client[i] = NULL;
	loop_remove(c->server->loop, &c->watch);
	close(c->watch.fd);
	qmp_session_fini(&c->session);
	free(c);
}

/* Sends what the socket takes. */
static void flush(struct client *c)
{
	size_t len;
	const char *data;

	while ((data = qmp_session_output(&c->session, &len))) {
		ssize_t n = sock_send(c->watch.fd, data, len);

		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				c->session.dead = true;
			return;
		}
		qmp_session_sent(&c->session, (size_t)n);
	}
}

static void take_input(struct client *c)
{
	c->in_at += qmp_session_input(&c->session, c->in + c->in_at, c->in_len - c->in_at);
	if (c->in_at == c->in_len)
		c->in_at = c->in_len = 0;
}

/* What came along; more than fits was closed by the kernel. */
static void take_fds(struct client *c, struct msghdr *msg)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
		int fds[QMP_INBOX];
		size_t bytes = h->cmsg_len - CMSG_LEN(0);

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds, CMSG_DATA(h), MIN(bytes, sizeof(fds)));
		qmp_session_fds(&c->session, fds, MIN(bytes, sizeof(fds)) / sizeof(int));
	}
}

/* Reads once, so that a client that floods gets no more than its turn. */
static void receive(struct client *c)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int[QMP_INBOX]))];
	} control;
	struct iovec iov = { c->in, sizeof(c->in) };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	/* syscall(loop): recvmsg: from clients of QMP, with descriptors */
	ssize_t n = recvmsg(c->watch.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n >= 0)
		take_fds(c, &msg);
	if (n > 0)
		c->in_len = (size_t)n;
	else if (n == 0)
		c->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		c->session.dead = true;
}

/* True when nothing can come of this client any more. */
static bool is_over(const struct client *c)
{
	size_t waiting;

	qmp_session_output(&c->session, &waiting);
	return c->session.dead || (!waiting && (c->session.closing || (c->eof && !c->in_len)));
}

/*
 * After any change: sends, takes what was held back, closes what is over, asks the loop for what
 * matters next.
 */
static void settle(struct client *c)
{
	size_t waiting;
	uint32_t events = 0;

	flush(c);
	while (c->in_len && !c->session.closing && !c->session.dead) {
		size_t before = c->in_len - c->in_at;

		take_input(c);
		flush(c);
		if (c->in_len - c->in_at == before)
			break; /* the client must read first */
	}
	if (is_over(c)) {
		if (c->session.dead && !c->eof)
			log_info("QMP: a client was dropped");
		client_free(c);
		return;
	}
	qmp_session_output(&c->session, &waiting);
	if (waiting)
		events |= EPOLLOUT;
	if (!c->in_len && !c->eof && !c->session.closing)
		events |= EPOLLIN;
	loop_modify(c->server->loop, &c->watch, events);
}

static void on_client(struct watch *w, uint32_t events)
{
	struct client *c = container_of(w, struct client, watch);

	if ((events & EPOLLERR) || ((events & EPOLLHUP) && !(events & EPOLLIN)))
		c->session.dead = c->eof = true;
	else if ((events & EPOLLIN) && !c->in_len && !c->eof)
		receive(c);
	settle(c);
}

static void tidy(struct deferred *d)
{
	struct qmp_server *server = container_of(d, struct qmp_server, tidy);

	for (size_t i = 0; i < QMP_CLIENTS; i++)
		if (server->client[i])
			settle(server->client[i]);
}

/* A free place, made if need be from the oldest client that is not in the middle of work. */
static struct client **find_place(struct qmp_server *server)
{
	struct client **oldest = NULL;

	for (size_t i = 0; i < QMP_CLIENTS; i++) {
		struct client **place = &server->client[i];

		if (!*place)
			return place;
		if ((!(*place)->session.negotiated || (*place)->session.closing) &&
			(!oldest || (*place)->number < (*oldest)->number))
			oldest = place;
	}
	if (oldest)
		client_free(*oldest);
	return oldest;
}

static void refuse(int fd)
{
	json_t *error = qmp_error("GenericError", "too many clients");
	AUTO_FREE char *text = error ? json_dumps(error, JSON_COMPACT) : NULL;

	if (text && sock_send(fd, text, strlen(text)) >= 0)
		sock_send(fd, "\r\n", 2);
	json_decref(error);
}

static void admit(struct qmp_server *server, int *fd)
{
	struct client **place = find_place(server), *c;

	if (!place) {
		refuse(*fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	c->server = server;
	c->number = server->arrivals++;
	if (loop_add(server->loop, &c->watch, *fd, EPOLLIN, on_client)) {
		free(c);
		return;
	}
	take_fd(fd);
	qmp_session_init(&c->session, server->dialect);
	*place = c;
	settle(c);
}

static void on_connection(struct watch *w, uint32_t events UNUSED)
{
	struct qmp_server *server = container_of(w, struct qmp_server, watch);
	/* syscall(loop): accept4: a client of QMP */
	AUTO_FD fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0) {
		admit(server, &fd);
	} else if (errno == EMFILE || errno == ENFILE) {
		auto_fd_close(&server->spare);
		fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			refuse(fd);
		auto_fd_close(&fd);
		fd = -1;
		/* syscall(loop): fcntl(F_DUPFD_CLOEXEC): a spare descriptor, for a client too many
		 */
		server->spare = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
	}
}

int qmp_server_new(struct qmp_server **out, const char *path, const struct qmp_dialect *dialect,
	struct loop *loop, struct err *err)
{
	struct qmp_server *server = calloc(1, sizeof(*server));
	int rc;

	if (!server)
		return fail(err, -ENOMEM, "create the API socket");
	json_object_seed(0); /* now, as the library would open /dev/urandom at the first object */
	server->loop = loop;
	server->dialect = dialect;
	server->tidy.fn = tidy;
	server->spare = -1;
	rc = sock_listen(&server->listener, path, "the API socket", err);
	if (!rc) {
		server->spare = fcntl(server->listener.fd, F_DUPFD_CLOEXEC, 0);
		rc = loop_add(loop, &server->watch, server->listener.fd, EPOLLIN, on_connection);
		if (rc)
			fail(err, rc, "watch the API socket");
	}
	if (rc) {
		qmp_server_free(server);
		return rc;
	}
	*out = server;
	return 0;
}

void qmp_server_free(struct qmp_server *server)
{
	if (!server)
		return;
	loop_undefer(server->loop, &server->tidy);
	for (size_t i = 0; i < QMP_CLIENTS; i++) {
		if (!server->client[i])
			continue;
		flush(server->client[i]);
		client_free(server->client[i]);
	}
	loop_remove(server->loop, &server->watch);
	auto_fd_close(&server->spare);
	sock_unlisten(&server->listener);
	free(server);
}

void qmp_server_event(struct qmp_server *server, const char *name, json_t *data)
{
	struct timespec now;
	json_t *event;

	/* syscall(loop): clock_gettime: an event's time stamp */
	clock_gettime(CLOCK_REALTIME, &now);
	event = json_pack("{s:s,s:{s:I,s:I}}", "event", name, "timestamp", "seconds",
		(json_int_t)now.tv_sec, "microseconds", (json_int_t)(now.tv_nsec / 1000));
	if (event && data)
		json_object_set(event, "data", data);
	json_decref(data);
	for (size_t i = 0; event && i < QMP_CLIENTS; i++)
		if (server->client[i])
			qmp_session_event(&server->client[i]->session, event);
	json_decref(event);
	loop_defer(server->loop, &server->tidy);
}
