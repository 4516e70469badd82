/* See conn.h. Each wake-up reads once, so that a peer that floods gets no more than its turn. */
#include "ttrpc/conn.h"

#include <string.h>
#include <sys/socket.h>

#define PORTION (32 * 1024) /* bytes that one wake-up reads */

/* The sentence is in c->why. */
static void die(struct conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
	loop_remove(c->loop, &c->watch);
	loop_defer(c->loop, &c->end);
}

static void tell_gone(struct deferred *d)
{
	struct conn *c = container_of(d, struct conn, end);

	c->ops->gone(c);
}

static void flush(struct conn *c)
{
	bool sent = false;
	const uint8_t *data;
	size_t len;

	while (!c->dead && (data = frame_waiting(&c->out, &len))) {
		ssize_t n = send(c->watch.fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			fail(&c->why, -errno, "send to the peer");
			die(c);
			break;
		}
		frame_sent(&c->out, (size_t)n);
		sent = true;
	}
	if (sent && c->ops->sent)
		c->ops->sent(c);
}

static bool is_full(const struct conn *c)
{
	size_t len;

	frame_waiting(&c->out, &len);
	return len >= CONN_HIGH;
}

/* Asks the loop for what matters next. A peer's end is seen even while its input is not wanted. */
static void settle(struct conn *c)
{
	uint32_t events = EPOLLRDHUP;
	size_t len;

	flush(c);
	if (c->dead)
		return;
	frame_waiting(&c->out, &len);
	if (len)
		events |= EPOLLOUT;
	if (!is_full(c) && c->rest)
		loop_defer(c->loop, &c->more);
	else if (!is_full(c))
		events |= EPOLLIN;
	loop_modify(c->loop, &c->watch, events);
}

/* Keeps what is left for later. */
static void keep_rest(struct conn *c, const uint8_t *data, size_t len)
{
	c->rest = malloc(len);
	c->rest_len = len;
	if (c->rest) {
		memcpy(c->rest, data, len);
		return;
	}
	fail(&c->why, -ENOMEM, "receive from the peer");
	die(c);
}

static void show_frames(struct conn *c, const uint8_t *data, size_t len)
{
	c->busy = true;
	while (len && !c->dead && !is_full(c)) {
		size_t used = 0;
		enum frame_result got = frame_read(&c->in, data, len, &used);

		data += used;
		len -= used;
		if (got != FRAME_MORE)
			c->ops->frame(c, got == FRAME_REFUSED);
	}
	c->busy = false;
	if (len && !c->dead)
		keep_rest(c, data, len);
}

/* Not from inside conn_write(): frames are never shown to one who is just writing. */
static void show_rest(struct deferred *d)
{
	struct conn *c = container_of(d, struct conn, more);
	AUTO_FREE uint8_t *rest = NULL;

	if (c->dead || is_full(c) || !c->rest)
		return;
	rest = take(&c->rest);
	show_frames(c, rest, c->rest_len);
	settle(c);
}

static void receive(struct conn *c)
{
	uint8_t data[PORTION];
	ssize_t n = recv(c->watch.fd, data, sizeof(data), MSG_DONTWAIT);

	if (n > 0) {
		show_frames(c, data, (size_t)n);
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		fail(&c->why, -errno, "receive from the peer");
	else
		failx(&c->why, 0, "the peer closed the connection");
	die(c);
}

static void on_event(struct watch *w, uint32_t events)
{
	struct conn *c = container_of(w, struct conn, watch);

	if (w->events & EPOLLIN && events & ~(uint32_t)EPOLLOUT) {
		receive(c);
	} else if (events & ~(uint32_t)EPOLLOUT) {
		failx(&c->why, 0, "the peer closed the connection");
		die(c);
	}
	settle(c);
}

int conn_init(struct conn *c, struct loop *loop, int fd, struct budget *budget,
	const struct conn_ops *ops, struct err *err)
{
	int rc;

	*c = (struct conn){ .loop = loop, .ops = ops, .end.fn = tell_gone, .more.fn = show_rest };
	frame_reader_init(&c->in, budget);
	frame_writer_init(&c->out, budget);
	rc = loop_add(loop, &c->watch, fd, EPOLLIN | EPOLLRDHUP, on_event);
	if (!rc)
		return 0;
	close(fd);
	c->watch.fd = -1;
	return fail(err, rc, "watch a connection");
}

void conn_fini(struct conn *c)
{
	loop_remove(c->loop, &c->watch);
	loop_undefer(c->loop, &c->end);
	loop_undefer(c->loop, &c->more);
	free(take(&c->rest));
	if (c->watch.fd >= 0)
		close(c->watch.fd);
	c->watch.fd = -1;
	frame_reader_fini(&c->in);
	frame_writer_fini(&c->out);
}

int conn_write(struct conn *c, uint32_t stream, enum frame_type type,
	const ProtobufCMessage *message)
{
	int rc = c->dead ? 0 : frame_write(&c->out, stream, type, message);

	if (rc == -ENOMEM) {
		failx(&c->why, 0, "the peer does not read, and no memory is left for it");
		die(c);
		return 0;
	}
	if (!rc && !c->busy && !c->dead)
		settle(c);
	return rc;
}
