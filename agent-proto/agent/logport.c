/*
 * The log port; see console.h. The log is turned into a pipe that the loop reads: what comes out is
 * written to standard error, as before, and to each reader. The pipe never makes a writer wait (the
 * loop thread itself logs): what does not fit is lost. A reader that takes nothing while BACKLOG
 * bytes wait for it loses lines, and is told how many.
 */
#define _GNU_SOURCE
#include "agent/console.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define READERS 4
#define BACKLOG (32 * KiB)
#define CHUNK	4096 /* as much as the pipe takes whole */

struct reader {
	struct log_port *port;
	struct watch watch;
	char backlog[BACKLOG];
	size_t begin, end;
	unsigned lost; /* lines, since the last that was kept */
	bool silent;   /* it has closed its side of the connection; it may still read */
};

struct log_port {
	struct agent *agent;
	struct watch listener;
	struct watch pipe; /* the end that is read */
	int in;		   /* the end that the log has */
	char line[CHUNK];  /* not yet ended by a newline */
	size_t len;
	struct reader *readers[READERS];
};

static void reader_free(struct reader *r)
{
	struct log_port *p = r->port;

	for (int i = 0; i < READERS; i++)
		if (p->readers[i] == r)
			p->readers[i] = NULL;
	loop_remove(p->agent->loop, &r->watch);
	close(r->watch.fd);
	free(r);
}

static bool keep(struct reader *r, const char *data, size_t len)
{
	if (r->begin == r->end)
		r->begin = r->end = 0;
	if (r->end + len > BACKLOG && r->begin) {
		memmove(r->backlog, r->backlog + r->begin, r->end - r->begin);
		r->end -= r->begin;
		r->begin = 0;
	}
	if (r->end + len > BACKLOG)
		return false;
	memcpy(r->backlog + r->end, data, len);
	r->end += len;
	return true;
}

static void reader_line(struct reader *r, const char *line, size_t len)
{
	char gap[64];

	if (r->lost) {
		int n = snprintf(gap, sizeof(gap), "[%u lines lost]\n", r->lost);

		if (!keep(r, gap, (size_t)n)) {
			r->lost++;
			return;
		}
		r->lost = 0;
	}
	if (!keep(r, line, len))
		r->lost++;
}

static void reader_flush(struct reader *r)
{
	while (r->begin < r->end) {
		ssize_t n = send(r->watch.fd, r->backlog + r->begin, r->end - r->begin,
			MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			reader_free(r);
			return;
		}
		if (n < 0)
			break;
		r->begin += (size_t)n;
	}
	loop_modify(r->port->agent->loop, &r->watch,
		(r->silent ? 0 : EPOLLIN) | (r->begin < r->end ? EPOLLOUT : 0));
}

/* What a reader says is thrown away. */
static void reader_event(struct watch *w, uint32_t events)
{
	struct reader *r = container_of(w, struct reader, watch);
	char nothing[256];

	if (events & (EPOLLERR | EPOLLHUP)) {
		reader_free(r);
		return;
	}
	if (events & EPOLLIN && read(w->fd, nothing, sizeof(nothing)) == 0)
		r->silent = true;
	reader_flush(r);
}

static void accept_event(struct watch *w, uint32_t events)
{
	struct log_port *p = container_of(w, struct log_port, listener);
	AUTO_FD fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct reader *r;
	int i = 0;

	(void)events;
	while (i < READERS && p->readers[i])
		i++;
	if (fd < 0 || i == READERS)
		return;
	r = calloc(1, sizeof(*r));
	if (!r)
		return;
	r->port = p;
	if (loop_add(p->agent->loop, &r->watch, fd, EPOLLIN, reader_event)) {
		free(r);
		return;
	}
	take_fd(&fd);
	p->readers[i] = r;
}

static void spread(struct log_port *p, const char *line, size_t len)
{
	for (int i = 0; i < READERS; i++)
		if (p->readers[i])
			reader_line(p->readers[i], line, len);
}

static void flush_readers(struct log_port *p)
{
	for (int i = 0; i < READERS; i++)
		if (p->readers[i])
			reader_flush(p->readers[i]);
}

/* Takes what is in the pipe; false when it is empty. */
static bool take_log(struct log_port *p)
{
	ssize_t n = read(p->pipe.fd, p->line + p->len, sizeof(p->line) - p->len);
	char *newline;

	if (n <= 0)
		return false;
	if (write(STDERR_FILENO, p->line + p->len, (size_t)n) < 0)
		errno = 0; /* a log that can't be written must not stop the agent */
	p->len += (size_t)n;
	while ((newline = memchr(p->line, '\n', p->len)) || p->len == sizeof(p->line)) {
		size_t len = newline ? (size_t)(newline + 1 - p->line) : p->len;

		spread(p, p->line, len);
		p->len -= len;
		memmove(p->line, p->line + len, p->len);
	}
	return true;
}

static void pipe_event(struct watch *w, uint32_t events)
{
	struct log_port *p = container_of(w, struct log_port, pipe);

	(void)events;
	for (int i = 0; i < 16 && take_log(p); i++)
		;
	flush_readers(p);
}

static int start(struct log_port *p, int listen_fd)
{
	struct loop *loop = p->agent->loop;
	int fd[2], r;

	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	p->in = fd[1];
	p->pipe.fd = fd[0];
	r = loop_add(loop, &p->pipe, fd[0], EPOLLIN, pipe_event);
	if (!r && fcntl(listen_fd, F_SETFL, O_NONBLOCK))
		r = -errno;
	if (!r)
		r = loop_add(loop, &p->listener, listen_fd, EPOLLIN, accept_event);
	return r;
}

int log_port_new(struct log_port **out, struct agent *a, int listen_fd, struct err *err)
{
	AUTO_FD fd = listen_fd;
	struct log_port *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return fail(err, -ENOMEM, "make the log port");
	p->agent = a;
	p->in = p->pipe.fd = p->listener.fd = -1;
	r = start(p, fd);
	if (r) {
		p->listener.fd = -1; /* not ours yet */
		log_port_free(p);
		return fail(err, r, "make the log port");
	}
	take_fd(&fd);
	log_setup(p->in, a->config.log_level, LOG_PORT_PREFIX);
	*out = p;
	return 0;
}

void log_port_free(struct log_port *p)
{
	if (!p)
		return;
	if (p->listener.fd >= 0)
		log_setup(STDERR_FILENO, p->agent->config.log_level, LOG_PORT_PREFIX);
	while (p->pipe.fd >= 0 && take_log(p))
		;
	flush_readers(p);
	for (int i = 0; i < READERS; i++)
		if (p->readers[i])
			reader_free(p->readers[i]);
	loop_remove(p->agent->loop, &p->listener);
	loop_remove(p->agent->loop, &p->pipe);
	if (p->listener.fd >= 0)
		close(p->listener.fd);
	if (p->pipe.fd >= 0)
		close(p->pipe.fd);
	if (p->in >= 0)
		close(p->in);
	free(p);
}
