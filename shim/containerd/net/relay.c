/*
 * See relay.h. A connection's life: accepted, dialed (to the agent's relay, which is asked for the
 * port and dials in its turn), carried. One that fails on the way is reset; what the client sends
 * meanwhile waits in its socket.
 */
#define _GNU_SOURCE
#include "shim/containerd/net/relay.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "client/dial.h"
#include "core/log.h"
#include "core/twoway.h"
#include "shim/containerd/net/loopback.h"
#include "shim/containerd/net/netns.h"

#define DIAL_NS	 UINT64_C(10000000000)
#define PAUSE_NS UINT64_C(100000000) /* when no descriptor is left to accept with */
#define TURN	 16		     /* connections accepted an event */

struct conn {
	struct relay *relay;
	int client; /* -1: carried by both */
	uint32_t port;
	struct dial *dial; /* NULL: done */
	struct twoway both;
};

struct relay {
	struct loop *loop;
	struct address agent;
	struct loopback loopback;
	struct watch listener;
	struct timer pause;
	struct log_limit limit;
	struct conn *conns[RELAY_CONNECTIONS];
};

static void conn_free(struct conn *c)
{
	struct relay *r = c->relay;

	for (int i = 0; i < RELAY_CONNECTIONS; i++)
		if (r->conns[i] == c)
			r->conns[i] = NULL;
	twoway_reset(c->client);
	free(c);
}

static void on_carried(struct twoway *t)
{
	conn_free(container_of(t, struct conn, both));
}

static void on_dialed(void *arg, int fd, const struct err *err)
{
	struct conn *c = arg;

	c->dial = NULL;
	if (fd < 0)
		log_limited(&c->relay->limit, "forward a connection to the guest's port %u: %s",
			c->port, err->msg);
	if (fd < 0 || twoway_start(&c->both, c->relay->loop, take_fd(&c->client), fd, on_carried))
		conn_free(c);
}

/* The port that the client asked for is the accepted socket's. */
static uint32_t port_of(int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len))
		return 0;
	if (sa.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&sa)->sin_port);
	return sa.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&sa)->sin6_port) : 0;
}

static struct conn *conn_new(struct relay *r)
{
	for (int i = 0; i < RELAY_CONNECTIONS; i++) {
		if (r->conns[i])
			continue;
		r->conns[i] = calloc(1, sizeof(*r->conns[i]));
		if (r->conns[i])
			r->conns[i]->relay = r;
		return r->conns[i];
	}
	return NULL;
}

static void take_client(struct relay *r, int fd)
{
	struct conn *c = conn_new(r);
	struct address to = r->agent;
	struct err err = { 0 };

	if (!c) {
		log_limited(&r->limit,
			"more than %d connections to the guest's ports: one is reset",
			RELAY_CONNECTIONS);
		twoway_reset(fd);
		return;
	}
	c->client = fd;
	c->port = to.inner = port_of(fd);
	if (!to.inner || dial_start(&c->dial, r->loop, &to, DIAL_NS, false, on_dialed, c, &err)) {
		log_limited(&r->limit, "forward a connection to the guest's port %u: %s", c->port,
			err.msg);
		conn_free(c);
	}
}

static void on_pause_over(struct timer *t)
{
	struct relay *r = container_of(t, struct relay, pause);

	loop_modify(r->loop, &r->listener, EPOLLIN);
}

static void on_client(struct watch *w, uint32_t events UNUSED)
{
	struct relay *r = container_of(w, struct relay, listener);

	for (int i = 0; i < TURN; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			take_client(r, fd);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			errno == ENOBUFS) {
			loop_modify(r->loop, w, 0);
			timer_set(&r->pause, PAUSE_NS, 0);
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			return;
		}
	}
}

static int open_namespace(struct relay *r, const char *netns, struct err *err)
{
	AUTO_FD fd = -1;
	int rc = netns_open(&fd, netns, err);

	return rc ? rc : loopback_open(&r->loopback, fd, err);
}

int relay_new(struct relay **out, struct loop *loop, const char *netns, const struct address *agent,
	struct err *err)
{
	struct relay *r = calloc(1, sizeof(*r));
	int rc;

	if (!r || timer_init(loop, &r->pause, on_pause_over)) {
		free(r);
		return fail(err, -ENOMEM, "prepare port forwarding");
	}
	r->loop = loop;
	r->agent = *agent;
	r->loopback = (struct loopback){ -1, -1, -1, -1 };
	rc = open_namespace(r, netns, err);
	if (!rc) {
		rc = loop_add(loop, &r->listener, r->loopback.listener, EPOLLIN, on_client);
		if (rc)
			fail(err, rc, "watch the loopback interface's listener");
	}
	if (rc) {
		relay_free(r);
		return err_prefix(err, rc, "port forwarding in %s", netns);
	}
	*out = r;
	return 0;
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	loop_remove(r->loop, &r->listener);
	timer_fini(r->loop, &r->pause);
	for (int i = 0; i < RELAY_CONNECTIONS; i++) {
		struct conn *c = r->conns[i];

		if (!c)
			continue;
		if (c->dial)
			dial_cancel(c->dial);
		else
			twoway_stop(&c->both);
		conn_free(c);
	}
	loopback_close(&r->loopback);
	free(r);
}
