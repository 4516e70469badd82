/*
 * The server; see server.h for what its owner sees.
 *
 * Its treatment of a peer: calls run side by side and are answered in any order. A request must
 * have an odd stream id, larger than all before it on its connection, else it is answered
 * INVALID_ARGUMENT. Data longer than 4 MiB is skipped and answered RESOURCE_EXHAUSTED, as is a
 * request for which no memory is left. Streams are refused (UNIMPLEMENTED), metadata, responses and
 * unknown kinds of frames ignored. Nothing of that ends the connection; only its end, or not
 * reading answers until the server's memory is used up, does.
 *
 * All that peers make the server keep (input, requests whose calls are parked, output) comes from
 * one budget.
 */
#define _GNU_SOURCE
#include "ttrpc/server.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include "core/log.h"
#include "ttrpc.pb-c.h"
#include "ttrpc/conn.h"
#include "ttrpc/utf8.h"

#define MEMORY	     (64 * MiB)
#define CONNECTIONS  256
#define ACCEPT_AGAIN UINT64_C(100000000) /* ns, when the process is out of descriptors */

struct peer {
	struct conn conn;
	LIST_ENTRY(peer) link;
	struct ttrpc_server *server;
	LIST_HEAD(, ttrpc_call) calls;
	uint32_t last_stream;
	uint64_t drain_at; /* of conn.out.written */
};

struct ttrpc_call {
	LIST_ENTRY(ttrpc_call) link;
	struct peer *peer;	     /* NULL: gone */
	struct ttrpc_server *server; /* NULL: gone, too */
	uint32_t stream;
	int64_t timeout;
	const ProtobufCMethodDescriptor *method;
	ProtobufCMessage *request;
	size_t taken; /* of the server's memory */
	void (*gone)(void *arg);
	void *gone_arg;
};

struct listener {
	struct watch watch;
	LIST_ENTRY(listener) link;
	struct ttrpc_server *server;
};

struct ttrpc_server {
	struct loop *loop;
	const struct ttrpc_service *services;
	size_t nservices;
	void *arg;
	struct budget budget;
	LIST_HEAD(, listener) listeners;
	LIST_HEAD(, peer) peers;
	LIST_HEAD(, ttrpc_call) orphans; /* their peers have gone */
	unsigned npeers;
	struct timer again;
	struct log_limit limit;
	struct deferred drained;
	void (*drain_fn)(void *arg);
	void *drain_arg;
};

/* --- answers --- */

static void end_call(struct ttrpc_call *call)
{
	if (call->server) {
		LIST_REMOVE(call, link);
		budget_give(&call->server->budget, call->taken);
	}
	protobuf_c_message_free_unpacked(call->request, NULL);
	free(call);
}

/* An answer of its own may be too long as well: text is short then. */
static int send_status(struct peer *p, uint32_t stream, int code, char *text)
{
	Ttrpc__Status status;
	Ttrpc__Response answer;

	ttrpc__status__init(&status);
	ttrpc__response__init(&answer);
	status.code = code;
	status.message = text;
	answer.status = &status;
	return conn_write(&p->conn, stream, FRAME_RESPONSE, &answer.base);
}

static void refuse(struct peer *p, uint32_t stream, int code, const char *fmt, ...) PRINTF(4, 5);

static void refuse(struct peer *p, uint32_t stream, int code, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	utf8_clean(text);
	if (send_status(p, stream, code, text))
		return; /* it fits */
}

/* The message that response makes; -EMSGSIZE, -ENOMEM. */
static int send_response(struct ttrpc_call *call, const ProtobufCMessage *response)
{
	size_t size = protobuf_c_message_get_packed_size(response);
	AUTO_FREE uint8_t *packed = NULL;
	Ttrpc__Status ok;
	Ttrpc__Response answer;

	ttrpc__status__init(&ok);
	ttrpc__response__init(&answer);
	if (size > FRAME_DATA_MAX)
		return -EMSGSIZE;
	packed = malloc(size ? size : 1);
	if (!packed)
		return -ENOMEM;
	answer.status = &ok;
	answer.payload.data = packed;
	answer.payload.len = protobuf_c_message_pack(response, packed);
	return conn_write(&call->peer->conn, call->stream, FRAME_RESPONSE, &answer.base);
}

void ttrpc_reply(struct ttrpc_call *call, const ProtobufCMessage *response)
{
	int rc = call->peer ? send_response(call, response) : 0;

	if (rc)
		refuse(call->peer, call->stream, TTRPC_RESOURCE_EXHAUSTED,
			"the answer is larger than %s",
			rc == -EMSGSIZE ? "4 MiB" : "the memory that is left");
	end_call(call);
}

void ttrpc_fail(struct ttrpc_call *call, int code, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	utf8_clean(text);
	if (call->peer && send_status(call->peer, call->stream, code, text))
		refuse(call->peer, call->stream, code, "unspeakable");
	end_call(call);
}

void ttrpc_on_gone(struct ttrpc_call *call, void (*fn)(void *arg), void *arg)
{
	call->gone = fn;
	call->gone_arg = arg;
}

int64_t ttrpc_call_timeout(const struct ttrpc_call *call)
{
	return call->timeout;
}

const ProtobufCMethodDescriptor *ttrpc_call_method(const struct ttrpc_call *call)
{
	return call->method;
}

/* --- requests --- */

static const struct ttrpc_service *find_service(const struct ttrpc_server *s, const char *name)
{
	for (size_t i = 0; i < s->nservices; i++)
		if (!strcmp(s->services[i].descriptor->name, name))
			return &s->services[i];
	return NULL;
}

static ttrpc_handler *find_handler(const struct ttrpc_service *service, const char *name)
{
	for (size_t i = 0; i < service->nmethods; i++)
		if (!strcmp(service->methods[i].name, name))
			return service->methods[i].serve;
	return NULL;
}

static const ProtobufCMethodDescriptor *find_method(const struct ttrpc_service *service,
	const char *name)
{
	for (unsigned i = 0; i < service->descriptor->n_methods; i++)
		if (!strcmp(service->descriptor->methods[i].name, name))
			return &service->descriptor->methods[i];
	return NULL;
}

/* Unpacks what is asked for and hands it over. */
static void start_call(struct peer *p, const Ttrpc__Request *r,
	const ProtobufCMethodDescriptor *method, ttrpc_handler *serve)
{
	struct budget *budget = &p->server->budget;
	struct ttrpc_call *call = NULL;

	if (budget_take(budget, sizeof(*call)))
		call = calloc(1, sizeof(*call));
	if (!call) {
		refuse(p, p->last_stream, TTRPC_RESOURCE_EXHAUSTED,
			"no memory is left for another call");
		return;
	}
	call->request = budget_unpack(budget, method->input, r->payload.data, r->payload.len,
		&call->taken);
	call->taken += sizeof(*call);
	call->peer = p;
	call->server = p->server;
	call->stream = p->last_stream;
	call->timeout = r->timeout_nano > 0 ? r->timeout_nano : 0;
	call->method = method;
	LIST_INSERT_HEAD(&p->calls, call, link);
	if (call->request)
		serve(p->server->arg, call, call->request);
	else
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT,
			"the request is malformed, or too large: it is no %s", method->input->name);
}

static void route(struct peer *p, const Ttrpc__Request *r)
{
	const struct ttrpc_service *service = find_service(p->server, r->service);
	const ProtobufCMethodDescriptor *method = service ? find_method(service, r->method) : NULL;
	ttrpc_handler *serve = method ? find_handler(service, r->method) : NULL;

	if (serve)
		start_call(p, r, method, serve);
	else if (service)
		refuse(p, p->last_stream, TTRPC_UNIMPLEMENTED, "method %.64s of %s is not served",
			r->method, r->service);
	else
		refuse(p, p->last_stream, TTRPC_UNIMPLEMENTED, "service %.64s is not served",
			r->service);
}

static void take_request(struct peer *p)
{
	const struct frame_reader *in = &p->conn.in;
	ProtobufCMessage *message;
	size_t taken;

	if (in->head.flags & FRAME_REMOTE_OPEN) {
		refuse(p, in->head.stream, TTRPC_UNIMPLEMENTED, "streams are not served");
		return;
	}
	message = budget_unpack(&p->server->budget, &ttrpc__request__descriptor, in->data,
		in->head.length, &taken);
	if (!message) {
		refuse(p, in->head.stream, TTRPC_INVALID_ARGUMENT, "the request is malformed");
		return;
	}
	route(p, (const Ttrpc__Request *)message);
	protobuf_c_message_free_unpacked(message, NULL);
	budget_give(&p->server->budget, taken);
}

/* False when it was refused: what opens a stream has a new, odd id. */
static bool open_stream(struct peer *p, uint32_t stream)
{
	if (!(stream & 1)) {
		refuse(p, stream, TTRPC_INVALID_ARGUMENT, "stream id %u is not odd", stream);
		return false;
	}
	if (stream <= p->last_stream) {
		refuse(p, stream, TTRPC_INVALID_ARGUMENT,
			"stream id %u is not larger than the last, %u", stream, p->last_stream);
		return false;
	}
	p->last_stream = stream;
	return true;
}

static void open_call(struct peer *p, bool refused)
{
	const struct frame_header *head = &p->conn.in.head;

	if (!open_stream(p, head->stream))
		return;
	if (!refused)
		take_request(p);
	else if (head->length > FRAME_DATA_MAX)
		refuse(p, head->stream, TTRPC_RESOURCE_EXHAUSTED,
			"message length %u exceeds the maximum of %u", head->length,
			FRAME_DATA_MAX);
	else
		refuse(p, head->stream, TTRPC_RESOURCE_EXHAUSTED,
			"no memory is left for the request");
}

/* What follows a stream that was refused is of no interest, nor is the answer to what we never
 * asked. */
static void on_frame(struct conn *c, bool refused)
{
	struct peer *p = container_of(c, struct peer, conn);
	const struct frame_header *head = &c->in.head;

	if (head->type == FRAME_REQUEST)
		open_call(p, refused);
	else if (head->type == FRAME_DATA && head->stream > p->last_stream)
		refuse(p, head->stream, TTRPC_INVALID_ARGUMENT, "stream %u is not open",
			head->stream);
}

/* --- connections --- */

static bool is_drained(const struct ttrpc_server *s)
{
	const struct peer *p;

	LIST_FOREACH(p, &s->peers, link)
	if (!p->conn.dead && p->conn.out.written < p->drain_at)
		return false;
	return true;
}

static void tell_drained(struct deferred *d)
{
	struct ttrpc_server *s = container_of(d, struct ttrpc_server, drained);
	void (*fn)(void *arg) = s->drain_fn;

	if (!fn || !is_drained(s))
		return;
	s->drain_fn = NULL;
	fn(s->drain_arg);
}

static void on_sent(struct conn *c)
{
	struct ttrpc_server *s = container_of(c, struct peer, conn)->server;

	if (s->drain_fn)
		loop_defer(s->loop, &s->drained);
}

/* The calls go on; their answers go nowhere. */
static void forget_calls(struct peer *p)
{
	struct ttrpc_call *call;

	while ((call = LIST_FIRST(&p->calls))) {
		LIST_REMOVE(call, link);
		LIST_INSERT_HEAD(&p->server->orphans, call, link);
		call->peer = NULL;
		if (call->gone)
			call->gone(call->gone_arg);
	}
}

static void peer_free(struct peer *p)
{
	struct ttrpc_server *s = p->server;

	LIST_REMOVE(p, link);
	s->npeers--;
	forget_calls(p);
	conn_fini(&p->conn);
	free(p);
}

static void on_gone(struct conn *c)
{
	struct peer *p = container_of(c, struct peer, conn);

	log_debug("ttrpc: %s", c->why.msg);
	on_sent(c);
	peer_free(p);
}

static const struct conn_ops peer_ops = { on_frame, on_sent, on_gone };

int ttrpc_server_adopt(struct ttrpc_server *s, int fd, struct err *err)
{
	struct peer *p = s->npeers < CONNECTIONS ? calloc(1, sizeof(*p)) : NULL;
	int rc;

	if (!p) {
		close(fd);
		return failx(err, -EMFILE, "no room for another connection");
	}
	p->server = s;
	rc = conn_init(&p->conn, s->loop, fd, &s->budget, &peer_ops, err);
	if (rc) {
		free(p);
		return rc;
	}
	LIST_INIT(&p->calls);
	LIST_INSERT_HEAD(&s->peers, p, link);
	s->npeers++;
	return 0;
}

/* Out of descriptors or memory: the listeners rest, instead of waking the loop for ever. */
static void rest(struct ttrpc_server *s)
{
	struct listener *l;

	LIST_FOREACH(l, &s->listeners, link)
	loop_modify(s->loop, &l->watch, 0);
	timer_set(&s->again, ACCEPT_AGAIN, 0);
}

static void listen_again(struct timer *t)
{
	struct ttrpc_server *s = container_of(t, struct ttrpc_server, again);
	struct listener *l;

	LIST_FOREACH(l, &s->listeners, link)
	loop_modify(s->loop, &l->watch, EPOLLIN);
}

static void on_connection(struct watch *w, uint32_t events UNUSED)
{
	struct listener *l = container_of(w, struct listener, watch);
	struct ttrpc_server *s = l->server;
	struct err err = { 0 };
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
		return;
	if (fd < 0) {
		log_limited(&s->limit, "ttrpc: accept a connection: %s", strerror(errno));
		rest(s);
	} else if (ttrpc_server_adopt(s, fd, &err)) {
		log_limited(&s->limit, "ttrpc: %s", err.msg);
	}
}

int ttrpc_server_listen(struct ttrpc_server *s, int fd, struct err *err)
{
	struct listener *l = calloc(1, sizeof(*l));
	int rc = l ? 0 : -ENOMEM;

	if (!rc && fcntl(fd, F_SETFL, O_NONBLOCK))
		rc = -errno;
	if (!rc)
		rc = loop_add(s->loop, &l->watch, fd, EPOLLIN, on_connection);
	if (rc) {
		close(fd);
		free(l);
		return fail(err, rc, "watch a listening socket");
	}
	l->server = s;
	LIST_INSERT_HEAD(&s->listeners, l, link);
	return 0;
}

int ttrpc_server_new(struct ttrpc_server **out, struct loop *loop,
	const struct ttrpc_service *services, size_t nservices, void *arg, struct err *err)
{
	struct ttrpc_server *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return fail(err, -ENOMEM, "create a ttrpc server");
	s->loop = loop;
	s->services = services;
	s->nservices = nservices;
	s->arg = arg;
	s->budget.left = MEMORY;
	s->drained.fn = tell_drained;
	LIST_INIT(&s->listeners);
	LIST_INIT(&s->peers);
	LIST_INIT(&s->orphans);
	rc = timer_init(loop, &s->again, listen_again);
	if (rc) {
		free(s);
		return fail(err, rc, "create a ttrpc server");
	}
	*out = s;
	return 0;
}

void ttrpc_server_free(struct ttrpc_server *s)
{
	struct listener *l;
	struct ttrpc_call *call;

	if (!s)
		return;
	while ((l = LIST_FIRST(&s->listeners))) {
		LIST_REMOVE(l, link);
		loop_remove(s->loop, &l->watch);
		close(l->watch.fd);
		free(l);
	}
	while (!LIST_EMPTY(&s->peers))
		peer_free(LIST_FIRST(&s->peers));
	while ((call = LIST_FIRST(&s->orphans))) {
		LIST_REMOVE(call, link);
		call->server = NULL;
	}
	timer_fini(s->loop, &s->again);
	loop_undefer(s->loop, &s->drained);
	free(s);
}

void ttrpc_server_drain(struct ttrpc_server *s, void (*fn)(void *arg), void *arg)
{
	struct peer *p;

	LIST_FOREACH(p, &s->peers, link)
	p->drain_at = p->conn.out.queued;
	s->drain_fn = fn;
	s->drain_arg = arg;
	loop_defer(s->loop, &s->drained);
}
