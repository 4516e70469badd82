/*
 * See relay_port.h. A connection's life: its line is read (byte by byte: what follows is not ours),
 * the port dialed, then bytes carried. The first two have five seconds.
 */
#define _GNU_SOURCE
#include "agent/relay_port.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/twoway.h"

#define LIMIT_NS UINT64_C(5000000000)
#define PAUSE_NS UINT64_C(100000000) /* when no descriptor is left to accept with */
#define LINE_MAX 16		     /* "CONNECT 65535\n" has 14 */

struct conn {
	struct relay_port *relay;
	struct watch peer, target; /* fd -1: none, or carried by both */
	struct timer limit;
	char line[LINE_MAX + 1];
	size_t have;
	uint16_t port;
	int family; /* being dialed */
	bool carried;
	struct twoway both;
};

struct relay_port {
	struct loop *loop;
	struct watch listener;
	struct timer pause;
	struct conn *conns[RELAY_PORT_CONNECTIONS];
};

static void conn_free(struct conn *c)
{
	struct relay_port *r = c->relay;

	for (int i = 0; i < RELAY_PORT_CONNECTIONS; i++)
		if (r->conns[i] == c)
			r->conns[i] = NULL;
	loop_remove(r->loop, &c->peer);
	loop_remove(r->loop, &c->target);
	auto_fd_close(&c->peer.fd);
	auto_fd_close(&c->target.fd);
	timer_fini(r->loop, &c->limit);
	free(c);
}

static void on_carried(struct twoway *t)
{
	conn_free(container_of(t, struct conn, both));
}

static void on_limit(struct timer *t)
{
	conn_free(container_of(t, struct conn, limit));
}

/* --- dialing ---------------------------------------------------------------------------------- */

static void dial(struct conn *c);

static void carry(struct conn *c)
{
	struct loop *loop = c->relay->loop;
	char line[LINE_MAX];
	int len = snprintf(line, sizeof(line), "OK %u\n", c->port);

	timer_set(&c->limit, 0, 0);
	loop_remove(loop, &c->target);
	if (send(c->peer.fd, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) != len) {
		conn_free(c);
		return;
	}
	c->carried = !twoway_start(&c->both, loop, take_fd(&c->peer.fd), take_fd(&c->target.fd),
		on_carried);
	if (!c->carried)
		conn_free(c);
}

/* [::1] has its turn when 127.0.0.1 does not take it. */
static void next_family(struct conn *c)
{
	loop_remove(c->relay->loop, &c->target);
	auto_fd_close(&c->target.fd);
	c->target.fd = -1;
	if (c->family == AF_INET6) {
		conn_free(c);
		return;
	}
	c->family = AF_INET6;
	dial(c);
}

static void on_target(struct watch *w, uint32_t events UNUSED)
{
	struct conn *c = container_of(w, struct conn, target);
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) || error)
		next_family(c);
	else
		carry(c);
}

static int connect_to(int fd, int family, uint16_t port)
{
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
		.sin6_port = htons(port),
	};
	struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port),
	};

	return family == AF_INET ? connect(fd, (struct sockaddr *)&v4, sizeof(v4))
				 : connect(fd, (struct sockaddr *)&v6, sizeof(v6));
}

static void dial(struct conn *c)
{
	int fd = socket(c->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	c->target.fd = fd;
	if (fd < 0 || (connect_to(fd, c->family, c->port) && errno != EINPROGRESS) ||
		loop_add(c->relay->loop, &c->target, fd, EPOLLOUT, on_target))
		next_family(c);
}

/* --- the line --------------------------------------------------------------------------------- */

/* "CONNECT 80": the number, 0 when it is none. */
static uint16_t parse_line(const char *line)
{
	static const char word[] = "CONNECT ";
	unsigned port = 0;

	if (strncmp(line, word, sizeof(word) - 1) != 0)
		return 0;
	for (line += sizeof(word) - 1; *line; line++) {
		if (*line < '0' || *line > '9')
			return 0;
		port = port * 10 + (unsigned)(*line - '0');
		if (port > UINT16_MAX)
			return 0;
	}
	return (uint16_t)port;
}

static void on_peer(struct watch *w, uint32_t events UNUSED)
{
	struct conn *c = container_of(w, struct conn, peer);
	ssize_t n;

	while ((n = recv(w->fd, c->line + c->have, 1, MSG_DONTWAIT)) == 1) {
		if (c->line[c->have] != '\n' && ++c->have < LINE_MAX)
			continue;
		c->line[c->have] = 0;
		c->port = parse_line(c->line);
		if (!c->port)
			break;
		loop_remove(c->relay->loop, &c->peer);
		dial(c);
		return;
	}
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		conn_free(c);
}

/* --- accepting -------------------------------------------------------------------------------- */

static struct conn *conn_new(struct relay_port *r, int fd)
{
	struct conn *c;
	int i = 0;

	while (i < RELAY_PORT_CONNECTIONS && r->conns[i])
		i++;
	c = i < RELAY_PORT_CONNECTIONS ? calloc(1, sizeof(*c)) : NULL;
	if (!c || timer_init(r->loop, &c->limit, on_limit)) {
		free(c);
		close(fd);
		return NULL;
	}
	r->conns[i] = c;
	c->relay = r;
	c->peer.fd = fd;
	c->target.fd = -1;
	c->family = AF_INET;
	timer_set(&c->limit, LIMIT_NS, 0);
	return c;
}

static void on_pause_over(struct timer *t)
{
	struct relay_port *r = container_of(t, struct relay_port, pause);

	loop_modify(r->loop, &r->listener, EPOLLIN);
}

static void on_listener(struct watch *w, uint32_t events UNUSED)
{
	struct relay_port *r = container_of(w, struct relay_port, listener);
	int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conn *c;

	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
			loop_modify(r->loop, w, 0);
			timer_set(&r->pause, PAUSE_NS, 0);
		}
		return;
	}
	c = conn_new(r, fd);
	if (c && loop_add(r->loop, &c->peer, fd, EPOLLIN, on_peer))
		conn_free(c);
}

int relay_port_new(struct relay_port **out, struct loop *loop, int listen_fd, struct err *err)
{
	struct relay_port *r = calloc(1, sizeof(*r));
	int rc = r ? timer_init(loop, &r->pause, on_pause_over) : -ENOMEM;

	if (!rc) {
		rc = loop_add(loop, &r->listener, listen_fd, EPOLLIN, on_listener);
		if (rc)
			timer_fini(loop, &r->pause);
	}
	if (rc) {
		free(r);
		close(listen_fd);
		return fail(err, rc, "make the relay");
	}
	r->loop = loop;
	*out = r;
	return 0;
}

void relay_port_free(struct relay_port *r)
{
	if (!r)
		return;
	for (int i = 0; i < RELAY_PORT_CONNECTIONS; i++) {
		if (!r->conns[i])
			continue;
		if (r->conns[i]->carried)
			twoway_stop(&r->conns[i]->both);
		conn_free(r->conns[i]);
	}
	loop_remove(r->loop, &r->listener);
	close(r->listener.fd);
	timer_fini(r->loop, &r->pause);
	free(r);
}
