/*
 * The bytes of a channel; see chardev.h for what is kept and what is dropped.
 *
 * A watch is in the epoll set only while there is something to do when it fires: hang-ups can't be
 * masked and would spin the loop otherwise. Input is read only as far as the reader has room, a
 * terminal's into a small buffer, so that its keys always work. Output goes to the descriptor
 * directly while nothing is queued before it.
 */
#define _GNU_SOURCE
#include "dev/chardev_internal.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PIECE 4096 /* bytes read at a time */

static const char help[] =
	"\r\nCtrl-A X ends the machine, Ctrl-A Ctrl-A sends Ctrl-A, Ctrl-A H shows this\r\n";

static int64_t now_ms(void)
{
	struct timespec ts;

	/* syscall(loop): clock_gettime: how long a far side has been slow */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* input */

static size_t can_read(const struct chardev *c)
{
	if (c->in.fd < 0 || c->in_eof || !c->reader)
		return 0;
	return c->tty ? sizeof(c->held) - c->nheld : MIN(c->room, PIECE);
}

static void deliver(struct chardev *c, const uint8_t *data, size_t len)
{
	c->room -= len;
	c->moved = true;
	c->reader->input(c->reader, data, len);
}

static void deliver_held(struct chardev *c)
{
	while (c->nheld && c->room && c->reader) {
		uint8_t buf[CHARDEV_HELD];
		size_t n = MIN(c->nheld, c->room);

		memcpy(buf, c->held, n); /* the reader may ask for more meanwhile */
		c->nheld -= n;
		memmove(c->held, c->held + n, c->nheld);
		deliver(c, buf, n);
	}
}

static void deliver_later(struct deferred *d)
{
	struct chardev *c = container_of(d, struct chardev, deliver_held);

	deliver_held(c);
	chardev_update_input(c);
}

/* True when the user wants to leave. */
static bool typed(struct chardev *c, uint8_t *buf, size_t len)
{
	unsigned asked = 0;

	len = tty_filter(&c->keys, buf, len, &asked);
	memcpy(c->held + c->nheld, buf, len);
	c->nheld += len;
	deliver_held(c);
	if (asked & TTY_HELP)
		chardev_write(c, help, sizeof(help) - 1);
	return asked & TTY_LEAVE;
}

static void input_ended(struct chardev *c, bool hung_up)
{
	c->in_eof = true;
	if (c->kind != CHARDEV_STDIO && (hung_up || chardev_hung_up(c)))
		chardev_disconnect(c);
	else
		chardev_update_input(c);
}

static void on_in(struct watch *w, uint32_t events)
{
	struct chardev *c = container_of(w, struct chardev, in.watch);
	size_t max = can_read(c);
	uint8_t buf[PIECE];
	bool leave = false;
	ssize_t n;

	if (!max) { /* waiting for the end of a half-closed stream */
		if (c->in_eof && (events & (EPOLLHUP | EPOLLERR)))
			chardev_disconnect(c);
		return;
	}
	/* syscall(loop): read: a console's input */
	n = c->in.socket ? sock_recv(c->in.fd, buf, max, 0) : read(c->in.fd, buf, max);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0 && c->tty && !(events & EPOLLHUP))
		return;
	if (n <= 0) {
		input_ended(c, n < 0);
		return;
	}
	if (c->tty)
		leave = typed(c, buf, (size_t)n);
	else
		deliver(c, buf, (size_t)n);
	chardev_update_input(c);
	if (leave && c->on_escape)
		c->on_escape(c->escape_arg);
}

void chardev_update_input(struct chardev *c)
{
	bool read = can_read(c);
	bool wait_for_end = c->in_eof && c->connected && c->in.socket && c->kind != CHARDEV_STDIO;
	uint32_t events = read ? EPOLLIN : 0;

	if (!read && !wait_for_end)
		loop_remove(c->loop, &c->in.watch);
	else if (c->in.watch.added)
		loop_modify(c->loop, &c->in.watch, events);
	else if (loop_add(c->loop, &c->in.watch, c->always >= 0 ? c->always : c->in.fd, events,
			 on_in))
		log_limited(&c->limit, "watch %s: %s", c->name, err_text(errno));
}

void chardev_want_input(struct chardev *c, size_t room)
{
	c->room = room;
	if (c->nheld && room)
		loop_defer(c->loop, &c->deliver_held);
	chardev_update_input(c);
}

/* output */

/*
 * Nobody will ever read it after EPIPE, or EIO of a terminal. Anything else (a full disk) costs
 * what could not be written.
 */
static void output_failed(struct chardev *c, int error)
{
	if (error == EPIPE || error == ECONNRESET || error == ENOTCONN ||
		(error == EIO && c->tty)) {
		c->out_dead = true;
		c->head = c->len = 0;
	} else {
		log_limited(&c->limit, "write console output to %s: %s", c->name, err_text(error));
	}
}

/* Returns how many bytes are dealt with: written, or lost to an error. */
static size_t write_some(struct chardev *c, const uint8_t *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		/* syscall(loop): write: a console's output */
		ssize_t n = c->out.socket ? sock_send(c->out.fd, data + done, len - done)
					  : write(c->out.fd, data + done, len - done);

		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return done;
		output_failed(c, n < 0 ? errno : EIO);
		return len;
	}
	return done;
}

static size_t backlog_put(struct chardev *c, const uint8_t *data, size_t len)
{
	size_t n = MIN(len, CHARDEV_BACKLOG - c->len), at = (c->head + c->len) % CHARDEV_BACKLOG;
	size_t first = MIN(n, CHARDEV_BACKLOG - at);

	memcpy(c->backlog + at, data, first);
	memcpy(c->backlog, data + first, n - first);
	c->len += n;
	return n;
}

static void backlog_write(struct chardev *c)
{
	size_t n;

	do {
		n = write_some(c, c->backlog + c->head, MIN(c->len, CHARDEV_BACKLOG - c->head));
		n = MIN(n, c->len); /* 0 when the far side turned out to be gone */
		c->head = (c->head + n) % CHARDEV_BACKLOG;
		c->len -= n;
		c->moved |= n > 0;
	} while (n && c->len);
	if (c->moved && c->stuck) {
		c->stuck = false;
		log_limited(&c->limit, "%s took no output: %llu bytes were dropped", c->name,
			(unsigned long long)c->dropped);
	}
}

static void on_out(struct watch *w, uint32_t events UNUSED)
{
	struct chardev *c = container_of(w, struct chardev, out.watch);

	backlog_write(c);
	if (!c->len)
		loop_remove(c->loop, &c->out.watch);
	if (c->len <= CHARDEV_BACKLOG / 2)
		chardev_pay_writable(c);
}

void chardev_pay_writable(struct chardev *c)
{
	if (!c->owed)
		return;
	c->owed = false;
	if (c->reader && c->reader->writable)
		c->reader->writable(c->reader);
}

size_t chardev_write(struct chardev *c, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t n = 0;

	if (c->out.fd < 0 || c->out_dead)
		return len;
	if (!c->len)
		n = write_some(c, p, len);
	if (n < len && !c->out_dead)
		n += backlog_put(c, p + n, len - n);
	if (c->len && !c->out.watch.added &&
		loop_add(c->loop, &c->out.watch, c->out.fd, EPOLLOUT, on_out)) {
		c->len = 0; /* can't be waited for */
		return len;
	}
	if (n == len || c->out_dead)
		return len;
	if (c->stuck) {
		c->dropped += len - n;
		return len;
	}
	if (!c->owed)
		chardev_arm_stall(c);
	c->owed = true;
	return n;
}

bool chardev_drain(struct chardev *c)
{
	struct pollfd p = { .fd = c->out.fd, .events = POLLOUT };
	int64_t now = now_ms(), end = now + 10 * CHARDEV_LINGER_MS;

	/* syscall(loop): ppoll: a console's last output is written */
	while (c->len && !c->stuck && now < end &&
		poll(&p, 1, (int)MIN(CHARDEV_LINGER_MS, end - now)) > 0) {
		backlog_write(c);
		now = now_ms();
	}
	if (!c->len)
		loop_remove(c->loop, &c->out.watch);
	return !c->len;
}

/* a far side that does nothing */

void chardev_arm_stall(struct chardev *c)
{
	c->moved = false;
	timer_set(&c->stall, UINT64_C(1000000) * c->stall_ms, UINT64_C(1000000) * c->stall_ms);
}

static void on_stall(struct timer *t)
{
	struct chardev *c = container_of(t, struct chardev, stall);
	bool moved = c->moved;

	c->moved = false;
	if (!c->owed && !c->parked) {
		timer_set(t, 0, 0);
		return;
	}
	if (moved)
		return;
	if (c->owed && c->lossy) {
		c->stuck = true;
		c->dropped = 0;
		chardev_pay_writable(c);
	}
	if (c->parked)
		chardev_disconnect(c);
}

void chardev_io_init(struct chardev *c)
{
	c->deliver_held.fn = deliver_later;
	c->stall.fn = on_stall;
}
