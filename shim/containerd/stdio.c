/* See stdio.h. Each stream has at most one question outstanding, or bytes to be written, or waits
 * for its FIFO: never two of them. */
#define _GNU_SOURCE
#include "shim/containerd/stdio.h"

#include <string.h>
#include "core/log.h"
#include "shim/containerd/logger.h"
#include "shim/containerd/stdio_open.h"
#include "shim/containerd/text.h"

#define CHUNK (32 * KiB)

struct output {
	struct stdio *s;
	struct watch watch; /* fd -1: what comes is dropped */
	struct ask *ask;
	const char *method;
	Grpc__ReadStreamResponse *data; /* bytes at .. len wait */
	size_t at;
	bool open; /* has not ended */
};

struct input {
	struct watch watch; /* fd: -1: none, or ended */
	int keep;	    /* the writing end that is ours; -1: closed */
	struct ask *ask;
	uint8_t data[CHUNK];
};

struct stdio {
	struct loop *loop;
	struct guest *guest;
	char *container, *exec;
	bool terminal, told;
	struct output out, err;
	struct input in;
	struct logger *logger; /* of both outputs, until it has ended */
	struct deferred tell;
	void (*closed)(void *arg);
	void *arg;
};

static void read_more(struct output *o);
static void wait_input(struct stdio *s);

/* --- output --- */

static void tell_closed(struct deferred *d)
{
	struct stdio *s = container_of(d, struct stdio, tell);

	if (s->told || s->out.open || s->err.open || s->logger)
		return;
	s->told = true;
	s->closed(s->arg);
}

static void drop_data(struct output *o)
{
	if (o->data)
		grpc__read_stream_response__free_unpacked(o->data, NULL);
	o->data = NULL;
}

static void end_output(struct output *o)
{
	drop_data(o);
	ask_forget(take(&o->ask));
	if (o->watch.fd >= 0) {
		loop_remove(o->s->loop, &o->watch);
		close(o->watch.fd);
		o->watch.fd = -1;
	}
	o->open = false;
	loop_defer(o->s->loop, &o->s->tell);
}

/* Writes what the FIFO takes; true when all has gone. */
static bool write_some(struct output *o)
{
	while (o->data && o->watch.fd >= 0 && o->at < o->data->data.len) {
		ssize_t n = write(o->watch.fd, o->data->data.data + o->at,
			o->data->data.len - o->at);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0 && errno != EINTR) { /* nobody will have it: the process goes on */
			log_warn("write output of %s: %s", o->s->exec, strerror(errno));
			break;
		}
		o->at += n > 0 ? (size_t)n : 0;
	}
	drop_data(o);
	return true;
}

static void on_writable(struct watch *w, uint32_t events UNUSED)
{
	struct output *o = container_of(w, struct output, watch);

	if (!write_some(o))
		return;
	loop_remove(o->s->loop, w);
	read_more(o);
}

/* A file can't be waited for, nor need it be. */
static void flush(struct output *o)
{
	if (write_some(o))
		read_more(o);
	else if (loop_add(o->s->loop, &o->watch, o->watch.fd, EPOLLOUT, on_writable))
		end_output(o);
}

static void on_read(void *arg, struct ttrpc_answer *answer)
{
	struct output *o = arg;
	Grpc__ReadStreamResponse *r = (void *)answer->response;

	o->ask = NULL;
	if (answer->code != TTRPC_OK || !r->data.len) {
		end_output(o); /* of a terminal the end is an error */
		return;
	}
	o->data = r;
	answer->response = NULL;
	o->at = 0;
	flush(o);
}

static void read_more(struct output *o)
{
	struct stdio *s = o->s;
	Grpc__ReadStreamRequest request = FRESH(grpc__read_stream_request);

	if (!o->open)
		return;
	request.container_id = s->container;
	request.exec_id = s->exec;
	request.len = CHUNK;
	o->ask = guest_ask(s->guest, o->method, &request.base, 0, on_read, o);
	if (!o->ask)
		end_output(o);
}

/* --- input --- */

static void close_keep(struct input *in)
{
	auto_fd_close(&in->keep);
	in->keep = -1;
}

static void end_input(struct stdio *s)
{
	struct input *in = &s->in;

	ask_forget(take(&in->ask));
	close_keep(in);
	if (in->watch.fd < 0)
		return;
	loop_remove(s->loop, &in->watch);
	close(in->watch.fd);
	in->watch.fd = -1;
}

static void on_closed(void *arg, struct ttrpc_answer *answer UNUSED)
{
	struct stdio *s = arg;

	s->in.ask = NULL;
}

static void close_guests_input(struct stdio *s)
{
	Grpc__CloseStdinRequest request = FRESH(grpc__close_stdin_request);

	request.container_id = s->container;
	request.exec_id = s->exec;
	s->in.ask = guest_ask(s->guest, "CloseStdin", &request.base, 60 * SECOND_NS, on_closed, s);
}

static void on_written(void *arg, struct ttrpc_answer *answer)
{
	struct stdio *s = arg;

	s->in.ask = NULL;
	if (answer->code == TTRPC_OK)
		wait_input(s);
	else
		end_input(s); /* the process has closed it, or ended */
}

static void write_guest(struct stdio *s, size_t len)
{
	Grpc__WriteStreamRequest request = FRESH(grpc__write_stream_request);

	request.container_id = s->container;
	request.exec_id = s->exec;
	request.data = (ProtobufCBinaryData){ len, s->in.data };
	/* It waits as long as the process does not read. */
	s->in.ask = guest_ask(s->guest, "WriteStdin", &request.base, 0, on_written, s);
	if (!s->in.ask)
		end_input(s);
}

static void on_readable(struct watch *w, uint32_t events UNUSED)
{
	struct stdio *s = container_of(w, struct stdio, in.watch);
	ssize_t n = read(w->fd, s->in.data, sizeof(s->in.data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		loop_remove(s->loop, w);
		write_guest(s, (size_t)n);
		return;
	}
	end_input(s);
	close_guests_input(s);
}

static void wait_input(struct stdio *s)
{
	if (loop_add(s->loop, &s->in.watch, s->in.watch.fd, EPOLLIN, on_readable))
		end_input(s);
}

void stdio_close_input(struct stdio *s)
{
	close_keep(&s->in);
}

/* --- making, freeing --- */

/* What it was to write is written. */
static void on_logger_ended(void *arg)
{
	struct stdio *s = arg;

	logger_free(take(&s->logger));
	loop_defer(s->loop, &s->tell);
}

/* One program for both outputs, which is named by the first. */
static int start_logger(struct stdio *s, const struct stdio_names *n, struct err *err)
{
	const struct logger_wish wish = { n->out, n->id, n->namespace };
	int fds[2];
	int rc = logger_start(&s->logger, s->loop, &wish, fds, on_logger_ended, s, err);

	if (rc)
		return rc;
	s->out.watch.fd = fds[0];
	if (n->terminal)
		close(fds[1]);
	else
		s->err.watch.fd = fds[1];
	return 0;
}

static int open_all(struct stdio *s, const struct stdio_names *n, struct err *err)
{
	int rc;

	if (logger_is_meant(n->out))
		rc = start_logger(s, n, err);
	else
		rc = stdio_open_output(&s->out.watch.fd, n->out, err);
	if (!rc && !n->terminal && !s->logger)
		rc = stdio_open_output(&s->err.watch.fd, n->err, err);
	return rc ? rc : stdio_open_input(&s->in.watch.fd, &s->in.keep, n->in, err);
}

int stdio_new(struct stdio **out, struct loop *loop, const struct stdio_names *names,
	void (*closed)(void *arg), void *arg, struct err *err)
{
	struct stdio *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return fail(err, -ENOMEM, "open the streams of a process");
	s->loop = loop;
	s->terminal = names->terminal;
	s->closed = closed;
	s->arg = arg;
	s->tell.fn = tell_closed;
	s->out = (struct output){ .s = s, .method = "ReadStdout", .open = true, .watch.fd = -1 };
	s->err = (struct output){ .s = s,
		.method = "ReadStderr",
		.open = !names->terminal,
		.watch.fd = -1 };
	s->in.watch.fd = s->in.keep = -1;
	rc = open_all(s, names, err);
	if (rc)
		stdio_free(s);
	else
		*out = s;
	return rc;
}

void stdio_free(struct stdio *s)
{
	if (!s)
		return;
	end_output(&s->out);
	end_output(&s->err);
	end_input(s);
	logger_free(s->logger);
	loop_undefer(s->loop, &s->tell);
	free(s->container);
	free(s->exec);
	free(s);
}

void stdio_start(struct stdio *s, struct guest *g, const char *container, const char *exec)
{
	s->guest = g;
	s->container = strdup(container);
	s->exec = strdup(exec);
	if (!s->container || !s->exec) {
		stdio_cut(s);
		return;
	}
	read_more(&s->out);
	read_more(&s->err);
	if (s->in.watch.fd >= 0)
		wait_input(s);
	else if (!s->terminal)
		close_guests_input(s);
}

void stdio_cut(struct stdio *s)
{
	end_output(&s->out);
	end_output(&s->err);
	end_input(s);
}

void stdio_say(struct stdio *s, const char *text)
{
	int fd = s->terminal ? s->out.watch.fd : s->err.watch.fd;

	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		log_warn("write output: %s", strerror(errno));
}
