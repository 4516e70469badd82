/*
 * `sampan agent ADDRESS batch`: each line of stdin is a call, {"id": any, "method": "...",
 * "request": {...}}; each line of stdout an answer, {"id": the same, "code": N, "message": "...",
 * "response": {...}}, as they come. It ends when stdin has ended and all is answered.
 *
 * What is not answered or not sent is bounded: above that, stdin is not read.
 */
#include "shim/cli/agent.h"

#include <stdio.h>
#include <string.h>
#include "client/json.h"
#include "ttrpc/conn.h"

#define CALLS_MAX  65536
#define LINE_LIMIT (16 * MiB)
#define PORTION	   (64 * 1024)

struct batch {
	struct agent_link *link;
	int64_t timeout; /* ns; 0: each method's own */
	struct watch in;
	struct deferred pump; /* looks at what has come, reads a file on */
	bool file;	      /* stdin can't be waited for: it is always ready */
	bool eof, stop;
	char *data;
	size_t len, size, seen; /* bytes there; allocated; without a newline */
	size_t outstanding;
	struct err err; /* ends it */
};

struct batch_call {
	struct batch *b;
	json_t *id;
};

static void stop(struct batch *b)
{
	b->stop = true;
	loop_remove(b->link->loop, &b->in);
	loop_quit(b->link->loop);
}

/* id, response: references that are taken over. */
static void print_answer(struct batch *b, json_t *id, int code, const char *message,
	json_t *response)
{
	json_t *line = json_pack("{s:o,s:i,s:s,s:o}", "id", id, "code", code, "message", message,
		"response", response ? response : json_object());
	AUTO_FREE char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;

	json_decref(line);
	if (!text || printf("%s\n", text) < 0 || fflush(stdout)) {
		fail(&b->err, text ? -errno : -ENOMEM, "write an answer");
		stop(b);
	}
}

static void on_answer(void *arg, struct ttrpc_answer *answer)
{
	struct batch_call *call = arg;
	struct batch *b = call->b;
	json_t *response = NULL;
	struct err err = { 0 };

	b->outstanding--;
	if (b->stop)
		json_decref(call->id);
	else if (!answer->code && json_from_message(&response, answer->response, &err))
		print_answer(b, call->id, TTRPC_INTERNAL, err.msg, NULL);
	else
		print_answer(b, call->id, answer->code, answer->message, response);
	free(call);
	loop_defer(b->link->loop, &b->pump);
}

static int send_call(struct batch *b, json_t *line, struct batch_call *call, struct err *err)
{
	const char *name = json_string_value(json_object_get(line, "method"));
	json_t *request = json_object_get(line, "request");
	struct agent_method m;
	ProtobufCMessage *message = NULL;
	int64_t timeout;
	int rc = name ? agent_method_find(&m, name, err)
		      : failx(err, -EINVAL, "the line has no method");

	if (rc)
		return rc;
	timeout = agent_method_timeout(&m);
	if (timeout && b->timeout)
		timeout = b->timeout;
	if (request && !json_is_null(request)) {
		rc = json_to_message(&message, m.method->input, request, err);
		if (rc)
			return err_prefix(err, rc, "%s", name);
	} else {
		message = calloc(1, m.method->input->sizeof_message);
		if (!message)
			return fail(err, -ENOMEM, "%s", name);
		protobuf_c_message_init(m.method->input, message);
	}
	rc = ttrpc_client_call(b->link->client, m.service, m.method, message, timeout, on_answer,
		call, NULL, err);
	protobuf_c_message_free_unpacked(message, NULL);
	return rc;
}

static int code_of(int rc)
{
	if (rc == -ENOTCONN)
		return TTRPC_UNAVAILABLE;
	return rc == -ENOMEM || rc == -EMSGSIZE ? TTRPC_RESOURCE_EXHAUSTED : TTRPC_INVALID_ARGUMENT;
}

static void take_line(struct batch *b, const char *text, size_t len)
{
	json_error_t where;
	json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	json_t *id = json_object_get(line, "id");
	struct batch_call *call = calloc(1, sizeof(*call));
	struct err err = { 0 };
	int rc;

	id = id ? json_incref(id) : json_null();
	if (call)
		*call = (struct batch_call){ b, id };
	if (json_is_object(line))
		rc = call ? send_call(b, line, call, &err) : fail(&err, -ENOMEM, "keep a call");
	else
		rc = failx(&err, -EINVAL, "the line is no JSON object%s%s", line ? "" : ": ",
			line ? "" : where.text);
	if (rc) {
		print_answer(b, id, code_of(rc), err.msg, NULL);
		free(call);
	} else {
		b->outstanding++;
	}
	json_decref(line);
}

static bool is_full(const struct batch *b)
{
	return b->outstanding >= CALLS_MAX || ttrpc_client_waiting(b->link->client) >= CONN_HIGH;
}

/* The end of the line that begins at from; NULL: it has not come yet. */
static char *line_end(struct batch *b, size_t from)
{
	char *end = NULL;

	if (b->len > from + b->seen)
		end = memchr(b->data + from + b->seen, '\n', b->len - from - b->seen);
	if (end)
		return end;
	b->seen = b->len - from;
	return b->eof && b->seen ? b->data + b->len : NULL;
}

static void take_lines(struct batch *b)
{
	size_t from = 0;
	char *end;

	while (!b->stop && !is_full(b) && (end = line_end(b, from))) {
		size_t len = (size_t)(end - b->data) - from;

		if (len)
			take_line(b, b->data + from, len);
		from = MIN(from + len + 1, b->len);
		b->seen = 0;
	}
	if (from)
		memmove(b->data, b->data + from, b->len - from);
	b->len -= from;
}

static bool make_room(struct batch *b)
{
	size_t want = b->size ? b->size : 2 * PORTION;
	char *grown;

	while (want - b->len < PORTION)
		want *= 2;
	if (want == b->size)
		return true;
	grown = want <= LINE_LIMIT ? realloc(b->data, want) : NULL;
	if (!grown)
		return false;
	b->data = grown;
	b->size = want;
	return true;
}

static void read_more(struct batch *b)
{
	ssize_t n;

	if (!make_room(b)) {
		failx(&b->err, -E2BIG, "a line of stdin is longer than 16 MiB");
		stop(b);
		return;
	}
	n = read(STDIN_FILENO, b->data + b->len, PORTION);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		fail(&b->err, -errno, "read stdin");
		stop(b);
	}
	b->eof = n <= 0;
	b->len += n > 0 ? (size_t)n : 0;
}

static void on_readable(struct watch *w, uint32_t events UNUSED)
{
	struct batch *b = container_of(w, struct batch, in);

	read_more(b);
	loop_defer(b->link->loop, &b->pump);
}

/* Waits for stdin, if there is something to wait for. */
static void want_input(struct batch *b)
{
	int rc = 0;

	if (b->file)
		read_more(b);
	else if (!b->in.added)
		rc = loop_add(b->link->loop, &b->in, STDIN_FILENO, EPOLLIN, on_readable);
	if (rc == -EPERM)
		b->file = true;
	else if (rc) {
		fail(&b->err, rc, "wait for stdin");
		stop(b);
	}
	if (b->file)
		loop_defer(b->link->loop, &b->pump);
}

static void pump(struct deferred *d)
{
	struct batch *b = container_of(d, struct batch, pump);

	take_lines(b);
	if (b->stop)
		return;
	if (b->eof && !b->len && !b->outstanding)
		stop(b);
	else if (b->eof || is_full(b))
		loop_remove(b->link->loop, &b->in);
	else
		want_input(b);
}

static void on_sent(struct agent_link *link)
{
	loop_defer(link->loop, &((struct batch *)link->arg)->pump);
}

static void on_lost(struct agent_link *link)
{
	struct batch *b = link->arg;

	failx(&b->err, -ENOTCONN, "%s", link->why.msg);
	stop(b);
}

int agent_batch(struct agent_link *link, unsigned timeout, struct err *err)
{
	struct batch b = { .link = link,
		.timeout = timeout * INT64_C(1000000000),
		.pump.fn = pump };

	link->arg = &b;
	link->on_lost = on_lost;
	link->on_sent = on_sent;
	loop_defer(link->loop, &b.pump);
	loop_run(link->loop);
	b.stop = true;
	ttrpc_client_free(take(&link->client)); /* ends the calls, which are b's */
	loop_remove(link->loop, &b.in);
	loop_undefer(link->loop, &b.pump);
	free(b.data);
	return *b.err.msg ? failx(err, -EIO, "%s", b.err.msg) : 0;
}
