/*
 * A watch on a descriptor exists only while a call waits: epoll reports the end of a pipe to
 * watches that asked for nothing, again and again. The end of a terminal reads as EIO, and is
 * answered as that error: it is what runtimes know. See stream.h.
 */
#include "agent/stream.h"

#include <fcntl.h>
#include <string.h>
#include "agent.pb-c.h"

static void fail_errno(struct ttrpc_call *call, int error)
{
	ttrpc_fail(call, TTRPC_INTERNAL, "%s (os error %d)", strerror(error), error);
}

static void set_nonblocking(int fd)
{
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void answer_read(struct ttrpc_call *call, void *data, size_t len)
{
	Grpc__ReadStreamResponse response = GRPC__READ_STREAM_RESPONSE__INIT;

	response.data.data = data;
	response.data.len = len;
	ttrpc_reply(call, &response.base);
}

static void answer_end(struct output *o, struct ttrpc_call *call)
{
	if (o->error)
		fail_errno(call, o->error);
	else
		answer_read(call, NULL, 0);
}

static void output_end(struct output *o, int error)
{
	struct ttrpc_call *call;

	loop_remove(o->loop, &o->watch);
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	o->error = error;
	while ((call = unpark(&o->readers)))
		answer_end(o, call);
}

/* Answers readers as long as there are bytes. */
static void output_serve(struct output *o)
{
	char buf[8192];

	while (o->readers.first) {
		const Grpc__ReadStreamRequest *request = (const void *)o->readers.first->request;
		AUTO_FREE char *big = NULL;
		size_t room = MIN(request->len, STREAM_CHUNK);
		char *at = buf;
		ssize_t n;

		if (room > sizeof(buf)) {
			big = malloc(room);
			at = big ? big : buf;
			room = big ? room : sizeof(buf);
		}
		n = room ? read(o->fd, at, room) : 0;
		if (n > 0 || !room) {
			answer_read(unpark(&o->readers), at, (size_t)n);
		} else if (n < 0 && errno == EINTR) {
			continue;
		} else if (n < 0 && errno == EAGAIN && !o->expired) {
			return;
		} else if (n < 0 && errno == EAGAIN) {
			answer_read(unpark(&o->readers), NULL, 0);
		} else {
			output_end(o, n < 0 ? errno : 0);
			return;
		}
	}
}

static void on_readable(struct watch *w, uint32_t events);

static void output_settle(struct output *o)
{
	if (o->fd < 0 || !o->readers.first)
		loop_remove(o->loop, &o->watch);
	else if (!o->watch.added && loop_add(o->loop, &o->watch, o->fd, EPOLLIN, on_readable))
		output_end(o, ENOMEM);
}

static void on_readable(struct watch *w, uint32_t events UNUSED)
{
	struct output *o = container_of(w, struct output, watch);

	output_serve(o);
	output_settle(o);
}

static void reader_left(struct parked_list *list)
{
	output_settle(container_of(list, struct output, readers));
}

void output_open(struct output *o, struct loop *loop, int fd, bool tty)
{
	*o = (struct output){ .loop = loop, .fd = fd, .tty = tty, .readers.left = reader_left };
	set_nonblocking(fd);
}

void output_close(struct output *o)
{
	if (!o->loop)
		return;
	o->expired = true; /* the end, and no error */
	if (o->fd >= 0)
		output_serve(o);
	output_end(o, o->error);
}

void output_read(struct output *o, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	if (o->fd < 0) {
		answer_end(o, call);
		return;
	}
	if (!park(&o->readers, call, request))
		return;
	if (o->readers.first->next)
		return; /* others were first */
	output_serve(o);
	output_settle(o);
}

void output_expire(struct output *o)
{
	o->expired = true;
	if (o->fd >= 0)
		output_serve(o);
	output_settle(o);
}

/* A terminal has no end of its own to close: who types ^D closes it. */
static void close_write_end(struct input *i)
{
	if (i->tty || i->fd < 0)
		return;
	loop_remove(i->loop, &i->watch);
	close(i->fd);
	i->fd = -1;
}

static void answer_close(struct input *i, struct ttrpc_call *call, bool is_write)
{
	Grpc__WriteStreamResponse written = GRPC__WRITE_STREAM_RESPONSE__INIT;
	Google__Protobuf__Empty nothing = GOOGLE__PROTOBUF__EMPTY__INIT;

	close_write_end(i);
	ttrpc_reply(call, is_write ? &written.base : &nothing.base);
}

static void answer_written(struct ttrpc_call *call, size_t len)
{
	Grpc__WriteStreamResponse response = GRPC__WRITE_STREAM_RESPONSE__INIT;

	response.len = (uint32_t)len;
	ttrpc_reply(call, &response.base);
}

/* One call's bytes, as many as go. False when the pipe is full. */
static bool write_first(struct input *i)
{
	struct parked *p = i->writers.first;
	const Grpc__WriteStreamRequest *request = (const void *)p->request;
	bool is_write = p->request->descriptor == &grpc__write_stream_request__descriptor;

	if (!is_write || !request->data.len) {
		answer_close(i, unpark(&i->writers), is_write);
		return true;
	}
	while (p->progress < request->data.len) {
		ssize_t n = i->fd < 0 ? -1
				      : write(i->fd, request->data.data + p->progress,
						request->data.len - p->progress);

		if (n < 0 && i->fd >= 0 && errno == EAGAIN)
			return false;
		if (n < 0 && i->fd >= 0 && errno == EINTR)
			continue;
		if (n < 0) {
			fail_errno(unpark(&i->writers), i->fd < 0 ? EPIPE : errno);
			return true;
		}
		p->progress += (size_t)n;
	}
	answer_written(unpark(&i->writers), request->data.len);
	return true;
}

static void on_writable(struct watch *w, uint32_t events);

static void input_settle(struct input *i)
{
	if (i->fd < 0 || !i->writers.first)
		loop_remove(i->loop, &i->watch);
	else if (!i->watch.added && loop_add(i->loop, &i->watch, i->fd, EPOLLOUT, on_writable))
		input_close(i);
}

static void input_serve(struct input *i)
{
	while (i->writers.first && write_first(i))
		;
	input_settle(i);
}

static void on_writable(struct watch *w, uint32_t events UNUSED)
{
	input_serve(container_of(w, struct input, watch));
}

static void writer_left(struct parked_list *list)
{
	input_serve(container_of(list, struct input, writers));
}

void input_open(struct input *i, struct loop *loop, int fd, bool tty)
{
	*i = (struct input){ .loop = loop, .fd = fd, .tty = tty, .writers.left = writer_left };
	set_nonblocking(fd);
}

void input_close(struct input *i)
{
	struct ttrpc_call *call;

	if (!i->loop)
		return;
	loop_remove(i->loop, &i->watch);
	if (i->fd >= 0)
		close(i->fd);
	i->fd = -1;
	while ((call = unpark(&i->writers)))
		fail_errno(call, EPIPE);
}

void input_write(struct input *i, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	if (!park(&i->writers, call, request))
		return;
	if (!i->writers.first->next)
		input_serve(i);
}
