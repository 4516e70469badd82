/*
 * See twoway.h. Events are level-triggered: each one carries what can be carried, then says what is
 * waited for. An end that only waits for the other is watched for its failure and its going, by
 * edges: a socket that has hung up says so all the time, also while there is more to read.
 */
#define _GNU_SOURCE
#include "core/twoway.h"

#include <string.h>
#include <sys/socket.h>

#define PIECE 16384
#define TURN  4 /* pieces a way and event: others are waiting, too */

void twoway_reset(int fd)
{
	struct linger now = { .l_onoff = 1 };

	if (fd < 0)
		return;
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		shutdown(fd, SHUT_RDWR);
	close(fd);
}

static void close_end(struct twoway *t, struct twoway_end *e, bool reset)
{
	loop_remove(t->loop, &e->watch);
	if (reset)
		twoway_reset(e->watch.fd);
	else if (e->watch.fd >= 0)
		close(e->watch.fd);
	e->watch.fd = -1;
	free(take(&e->rest));
}

static void finish(struct twoway *t, bool reset)
{
	close_end(t, &t->ends[0], reset);
	close_end(t, &t->ends[1], reset);
	t->done(t);
}

void twoway_stop(struct twoway *t)
{
	close_end(t, &t->ends[0], true);
	close_end(t, &t->ends[1], true);
}

static bool may_wait(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* How much the socket took; -1 when it has failed. */
static ssize_t give(int fd, const char *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n < 0 && may_wait() ? 0 : n;
}

/* False when the socket has failed. */
static bool give_rest(struct twoway_end *from, int to)
{
	ssize_t n;

	if (!from->rest)
		return true;
	n = give(to, from->rest + from->begin, from->end - from->begin);
	if (n < 0)
		return false;
	from->begin += (size_t)n;
	if (from->begin == from->end)
		free(take(&from->rest));
	return true;
}

static bool keep_rest(struct twoway_end *from, const char *data, size_t len)
{
	from->rest = malloc(len);
	if (!from->rest)
		return false;
	memcpy(from->rest, data, len);
	from->begin = 0;
	from->end = len;
	return true;
}

/* Whether who has sent an end of file does not listen any more, either. A TCP peer can't tell us; a
 * unix or vsock one has closed, before it can have got the other way's end: it has failed. */
static bool gone(int fd)
{
	return send(fd, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && !may_wait();
}

/* A piece from one end to the other. 1: there may be more, 0: not now, -1: one of them failed. */
static int carry_piece(struct twoway_end *from, const struct twoway_end *other)
{
	char piece[PIECE];
	int to = other->watch.fd;
	ssize_t n = recv(from->watch.fd, piece, sizeof(piece), MSG_DONTWAIT), sent;

	if (n < 0)
		return may_wait() ? 0 : -1;
	if (!n && !other->eof && gone(from->watch.fd))
		return -1;
	if (!n) {
		from->eof = true;
		shutdown(to, SHUT_WR);
		return 0;
	}
	sent = give(to, piece, (size_t)n);
	if (sent < 0 || (sent < n && !keep_rest(from, piece + sent, (size_t)(n - sent))))
		return -1;
	return 1;
}

static bool carry(struct twoway *t, unsigned which)
{
	struct twoway_end *from = &t->ends[which], *other = &t->ends[!which];
	int r = 1;

	for (int i = 0; i < TURN && r > 0; i++) {
		if (!give_rest(from, other->watch.fd))
			return false;
		if (from->rest || from->eof)
			return true;
		r = carry_piece(from, other);
	}
	return r >= 0;
}

/* What is waited for at an end, which has just had these events; false when it has failed. */
static bool wait_for(struct twoway *t, unsigned which, uint32_t had)
{
	struct twoway_end *e = &t->ends[which], *other = &t->ends[!which];
	uint32_t events = (e->eof || e->rest ? 0 : EPOLLIN) | (other->rest ? EPOLLOUT : 0);

	if (!events) {
		events = EPOLLRDHUP | EPOLLET;
		if (had & EPOLLERR ||
			(had & (EPOLLRDHUP | EPOLLHUP) && e->eof && !other->eof &&
				gone(e->watch.fd)))
			return false;
	}
	loop_modify(t->loop, &e->watch, events);
	return true;
}

static void on_event(struct watch *w, uint32_t events)
{
	struct twoway_end *e = container_of(w, struct twoway_end, watch);
	struct twoway *t = e->of;
	unsigned which = e != t->ends;

	if (!carry(t, 0) || !carry(t, 1))
		finish(t, true);
	else if (t->ends[0].eof && t->ends[1].eof)
		finish(t, false);
	else if (!wait_for(t, which, events) || !wait_for(t, !which, 0))
		finish(t, true);
}

int twoway_start(struct twoway *t, struct loop *loop, int a, int b, void (*done)(struct twoway *t))
{
	int rc = 0;

	*t = (struct twoway){ .loop = loop, .done = done };
	t->ends[0].watch.fd = a;
	t->ends[1].watch.fd = b;
	for (unsigned i = 0; i < 2; i++) {
		t->ends[i].of = t;
		if (!rc)
			rc = loop_add(loop, &t->ends[i].watch, i ? b : a, EPOLLIN, on_event);
	}
	if (rc)
		twoway_stop(t);
	return rc;
}
