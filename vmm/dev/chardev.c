/*
 * The life of a channel and of its far side; see chardev.h and, for the other files,
 * chardev_internal.h.
 *
 * SOCKET: a client that has hung up may have left input behind which the guest has yet to take. The
 * next client waits in the listener's queue meanwhile; when nothing of it is taken for
 * CHARDEV_STUCK_MS it is forgotten.
 */
#define _GNU_SOURCE
#include "dev/chardev_internal.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

bool chardev_hung_up(const struct chardev *c)
{
	struct pollfd p = { .fd = c->in.fd >= 0 ? c->in.fd : c->out.fd };

	/* syscall(loop): ppoll: whether a console's client has hung up */
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void tell_connected(struct chardev *c)
{
	if (c->reader && c->reader->connected)
		c->reader->connected(c->reader, c->connected);
}

/* SOCKET */

static void on_client(struct watch *w, uint32_t events UNUSED)
{
	struct chardev *c = container_of(w, struct chardev, listen);
	AUTO_FD fd = -1;

	if (c->connected && chardev_hung_up(c)) {
		c->parked = true;
		loop_remove(c->loop, w);
		chardev_arm_stall(c);
		return;
	}
	/* syscall(loop): accept4: a console's client */
	fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 || c->connected || chardev_take_stream(c, fd))
		return;
	take_fd(&fd);
	tell_connected(c);
	chardev_update_input(c);
}

static int listen_on(struct chardev *c)
{
	c->parked = false;
	return loop_add(c->loop, &c->listen, c->listener.fd, EPOLLIN, on_client);
}

void chardev_disconnect(struct chardev *c)
{
	chardev_close_sides(c);
	c->connected = c->stuck = false;
	if (c->parked && listen_on(c))
		log_warn("watch %s: %s", c->name, err_text(errno));
	tell_connected(c);
	chardev_pay_writable(c);
}

/* the terminal */

static void on_winch(struct watch *w, uint32_t events UNUSED)
{
	struct chardev *c = container_of(w, struct chardev, winch);
	uint16_t columns, rows;
	uint64_t n;

	/* syscall(loop): read: the terminal's size changed */
	if (read(w->fd, &n, sizeof(n)) == sizeof(n) && c->reader && c->reader->resized &&
		chardev_size(c, &columns, &rows))
		c->reader->resized(c->reader, columns, rows);
}

bool chardev_size(const struct chardev *c, uint16_t *columns, uint16_t *rows)
{
	return c->tty && (tty_size(c->in.fd, columns, rows) || tty_size(c->out.fd, columns, rows));
}

void chardev_on_escape(struct chardev *c, void (*fn)(void *arg), void *arg)
{
	c->on_escape = fn;
	c->escape_arg = arg;
}

/* the channel */

static int watch_all(struct chardev *c, struct err *err)
{
	int rc = timer_init(c->loop, &c->stall, c->stall.fn);

	if (!rc && c->tty)
		rc = loop_add(c->loop, &c->winch, c->winch.fd, EPOLLIN, on_winch);
	if (!rc && c->kind == CHARDEV_SOCKET)
		rc = listen_on(c);
	return rc ? fail(err, rc, "watch %s", c->name) : 0;
}

/* A descriptor is the caller's again when it could not be used. */
static void give_back(struct chardev *c, int fd)
{
	if (c->in.fd == fd)
		c->in.fd = -1;
	if (c->out.fd == fd)
		c->out.fd = -1;
}

int chardev_new(struct chardev **out, const struct chardev_config *cfg, struct loop *loop,
	struct err *err)
{
	struct chardev *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return fail(err, -ENOMEM, "create a console");
	c->loop = loop;
	c->in.fd = c->in.flags = c->out.fd = c->out.flags = c->always = c->listener.fd = -1;
	c->stall_ms = CHARDEV_STUCK_MS;
	chardev_io_init(c);
	rc = chardev_open(c, cfg, err);
	c->kind = rc ? c->kind : cfg->kind;
	if (!rc)
		rc = watch_all(c, err);
	if (rc) {
		if (cfg->kind == CHARDEV_FD)
			give_back(c, cfg->fd);
		chardev_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

void chardev_free(struct chardev *c)
{
	if (!c)
		return;
	c->reader = NULL;
	chardev_drain(c);
	if (c->tty) {
		loop_remove(c->loop, &c->winch);
		tty_restore();
	}
	if (c->kind == CHARDEV_STDIO)
		tty_release();
	loop_undefer(c->loop, &c->deliver_held);
	timer_fini(c->loop, &c->stall);
	loop_remove(c->loop, &c->listen);
	sock_unlisten(&c->listener);
	chardev_close_sides(c);
	if (c->always >= 0)
		close(c->always);
	free(c);
}

void chardev_attach(struct chardev *c, struct chardev_reader *reader)
{
	c->reader = reader;
	if (!reader)
		c->room = 0;
	chardev_update_input(c);
}

bool chardev_is_connected(const struct chardev *c)
{
	return c->connected;
}

void chardev_drop_when_stuck(struct chardev *c, unsigned ms)
{
	c->lossy = true;
	c->stall_ms = ms;
}
