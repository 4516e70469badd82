/*
 * See client.h. Calls hang in a hash table by their stream ids, which are 1, 3, 5, ...; the timer
 * is set to the nearest deadline, or to an earlier one whose call has ended meanwhile.
 */
#include "client/client.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include "ttrpc.pb-c.h"
#include "ttrpc/conn.h"
#include "ttrpc/utf8.h"

#define MEMORY (64 * MiB) /* of frames and of one answer unpacked */

struct pending {
	LIST_ENTRY(pending) link;
	uint32_t stream;
	int64_t deadline; /* monotonic ns; 0: none */
	const ProtobufCMethodDescriptor *method;
	ttrpc_done *done;
	void *arg;
};

LIST_HEAD(bucket, pending);

struct ttrpc_client {
	struct conn conn;
	struct budget budget;
	const struct ttrpc_client_events *events;
	void *arg;
	struct bucket *buckets;
	size_t nbuckets, npending; /* nbuckets: a power of two */
	uint32_t next;		   /* stream id; 0: all were used */
	Ttrpc__KeyValue **metadata;
	size_t nmetadata;
	struct timer timer;
	int64_t wake; /* when the timer fires; 0: not set */
	bool lost, high;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* --- the table --- */

static struct bucket *bucket_of(const struct ttrpc_client *c, uint32_t stream)
{
	return &c->buckets[(stream >> 1) & (c->nbuckets - 1)];
}

static struct pending *find(const struct ttrpc_client *c, uint32_t stream)
{
	struct pending *p;

	LIST_FOREACH(p, bucket_of(c, stream), link)
	if (p->stream == stream)
		return p;
	return NULL;
}

static bool resize(struct ttrpc_client *c, size_t n)
{
	struct bucket *old = c->buckets, *fresh = calloc(n, sizeof(*fresh));
	size_t nold = c->nbuckets;

	if (!fresh)
		return false;
	c->buckets = fresh;
	c->nbuckets = n;
	for (size_t i = 0; i < nold; i++)
		while (!LIST_EMPTY(&old[i])) {
			struct pending *p = LIST_FIRST(&old[i]);

			LIST_REMOVE(p, link);
			LIST_INSERT_HEAD(bucket_of(c, p->stream), p, link);
		}
	free(old);
	return true;
}

static void unlink_pending(struct ttrpc_client *c, struct pending *p)
{
	LIST_REMOVE(p, link);
	c->npending--;
}

/* --- how calls end --- */

static void end_with(struct ttrpc_client *c, struct pending *p, struct ttrpc_answer *answer)
{
	unlink_pending(c, p);
	p->done(p->arg, answer);
	protobuf_c_message_free_unpacked(answer->response, NULL);
	free(p);
}

static void end_failed(struct ttrpc_client *c, struct pending *p, int code, const char *message)
{
	struct ttrpc_answer answer = { .code = code, .message = message };

	end_with(c, p, &answer);
}

static void end_all(struct ttrpc_client *c, int code, const char *message)
{
	for (size_t i = 0; i < c->nbuckets; i++)
		while (!LIST_EMPTY(&c->buckets[i]))
			end_failed(c, LIST_FIRST(&c->buckets[i]), code, message);
}

static void set_timer(struct ttrpc_client *c, int64_t at)
{
	int64_t in = at ? at - now_ns() : 0;

	c->wake = at;
	timer_set(&c->timer, at && in <= 0 ? 1 : (uint64_t)in, 0);
}

/* done() may make calls and forget others, so each one that is late is looked for anew. */
static struct pending *find_late(const struct ttrpc_client *c, int64_t now, int64_t *nearest)
{
	struct pending *p;

	*nearest = 0;
	for (size_t i = 0; i < c->nbuckets; i++)
		LIST_FOREACH(p, &c->buckets[i], link)
		{
			if (!p->deadline)
				continue;
			if (p->deadline <= now)
				return p;
			if (!*nearest || p->deadline < *nearest)
				*nearest = p->deadline;
		}
	return NULL;
}

static void on_timer(struct timer *t)
{
	struct ttrpc_client *c = container_of(t, struct ttrpc_client, timer);
	int64_t now = now_ns(), nearest;
	struct pending *p;

	while ((p = find_late(c, now, &nearest)))
		end_failed(c, p, TTRPC_DEADLINE_EXCEEDED, "no answer came in time");
	set_timer(c, nearest);
}

/* --- answers --- */

static void take_success(struct ttrpc_client *c, struct pending *p, const ProtobufCBinaryData *data)
{
	struct ttrpc_answer answer = { .code = TTRPC_OK, .message = "" };
	size_t taken;

	answer.response = budget_unpack(&c->budget, p->method->output, data->data, data->len,
		&taken);
	budget_give(&c->budget, taken); /* at most this one exists at a time, or is done()'s */
	if (answer.response)
		end_with(c, p, &answer);
	else
		end_failed(c, p, TTRPC_INTERNAL, "the peer's answer is malformed, or too large");
}

static void take_response(struct ttrpc_client *c, struct pending *p)
{
	const struct frame_reader *in = &c->conn.in;
	size_t taken;
	ProtobufCMessage *message = budget_unpack(&c->budget, &ttrpc__response__descriptor,
		in->data, in->head.length, &taken);
	Ttrpc__Response *r = (Ttrpc__Response *)message;

	budget_give(&c->budget, taken);
	if (!r) {
		end_failed(c, p, TTRPC_INTERNAL, "the peer's answer is malformed");
		return;
	}
	if (r->status && r->status->code) {
		utf8_clean(r->status->message);
		end_failed(c, p, r->status->code, r->status->message);
	} else {
		take_success(c, p, &r->payload);
	}
	protobuf_c_message_free_unpacked(message, NULL);
}

static void on_frame(struct conn *conn, bool refused)
{
	struct ttrpc_client *c = container_of(conn, struct ttrpc_client, conn);
	const struct frame_header *head = &conn->in.head;
	struct pending *p = find(c, head->stream);

	if (!p)
		return; /* too late, or never asked */
	if (head->type == FRAME_DATA)
		end_failed(c, p, TTRPC_INTERNAL, "the peer answers with a stream");
	else if (head->type == FRAME_RESPONSE && refused)
		end_failed(c, p, TTRPC_RESOURCE_EXHAUSTED, "the peer's answer is too large");
	else if (head->type == FRAME_RESPONSE)
		take_response(c, p);
}

static void on_sent(struct conn *conn)
{
	struct ttrpc_client *c = container_of(conn, struct ttrpc_client, conn);

	if (!c->high || ttrpc_client_waiting(c) >= CONN_HIGH)
		return;
	c->high = false;
	if (c->events->sent)
		c->events->sent(c->arg);
}

static void on_gone(struct conn *conn)
{
	struct ttrpc_client *c = container_of(conn, struct ttrpc_client, conn);

	c->lost = true;
	end_all(c, TTRPC_UNAVAILABLE, conn->why.msg);
	if (c->events->lost)
		c->events->lost(c->arg, conn->why.msg);
}

static const struct conn_ops client_ops = { on_frame, on_sent, on_gone };

/* --- calls --- */

/* Packs request and sends it in its envelope, whose strings want to be writable. */
static int send_request(struct ttrpc_client *c, const char *service, const char *method,
	const ProtobufCMessage *request, int64_t timeout_ns)
{
	size_t size = protobuf_c_message_get_packed_size(request);
	AUTO_FREE uint8_t *payload = NULL;
	AUTO_FREE char *service_name = strdup(service), *method_name = strdup(method);
	Ttrpc__Request r;

	if (size > FRAME_DATA_MAX)
		return -EMSGSIZE;
	payload = malloc(size ? size : 1);
	if (!payload || !service_name || !method_name)
		return -ENOMEM;
	ttrpc__request__init(&r);
	r.service = service_name;
	r.method = method_name;
	r.payload.data = payload;
	r.payload.len = protobuf_c_message_pack(request, payload);
	r.timeout_nano = timeout_ns;
	r.metadata = c->metadata;
	r.n_metadata = c->nmetadata;
	return conn_write(&c->conn, c->next, FRAME_REQUEST, &r.base);
}

static struct pending *new_pending(struct ttrpc_client *c)
{
	if (c->npending >= c->nbuckets && !resize(c, c->nbuckets * 2))
		return NULL;
	return calloc(1, sizeof(struct pending));
}

static void add_pending(struct ttrpc_client *c, struct pending *p, int64_t timeout_ns)
{
	p->stream = c->next;
	c->next = c->next <= UINT32_MAX - 2 ? c->next + 2 : 0;
	LIST_INSERT_HEAD(bucket_of(c, p->stream), p, link);
	c->npending++;
	if (timeout_ns <= 0 || !add_ok(now_ns(), timeout_ns, &p->deadline))
		p->deadline = 0;
	if (p->deadline && (!c->wake || p->deadline < c->wake))
		set_timer(c, p->deadline);
}

int ttrpc_client_call(struct ttrpc_client *c, const ProtobufCServiceDescriptor *service,
	const ProtobufCMethodDescriptor *method, const ProtobufCMessage *request,
	int64_t timeout_ns, ttrpc_done *done, void *arg, uint32_t *stream, struct err *err)
{
	struct pending *p;
	int rc;

	if (c->lost || !c->next)
		return fail(err, -ENOTCONN, "call %s", method->name);
	p = new_pending(c);
	if (!p)
		return fail(err, -ENOMEM, "call %s", method->name);
	rc = send_request(c, service->name, method->name, request, timeout_ns);
	if (rc) {
		free(p);
		return rc == -EMSGSIZE ? failx(err, rc, "the request is larger than 4 MiB")
				       : fail(err, rc, "call %s", method->name);
	}
	p->method = method;
	p->done = done;
	p->arg = arg;
	if (stream)
		*stream = c->next;
	add_pending(c, p, timeout_ns);
	c->high |= ttrpc_client_waiting(c) >= CONN_HIGH;
	return 0;
}

int ttrpc_client_metadata(struct ttrpc_client *c, const char *key, const char *value,
	struct err *err)
{
	Ttrpc__KeyValue **grown = reallocarray(c->metadata, c->nmetadata + 1, sizeof(*grown));
	AUTO_FREE Ttrpc__KeyValue *pair = malloc(sizeof(*pair));
	AUTO_FREE char *key_copy = strdup(key), *value_copy = strdup(value);

	if (grown)
		c->metadata = grown;
	if (!grown || !pair || !key_copy || !value_copy)
		return fail(err, -ENOMEM, "send %s with calls", key);
	ttrpc__key_value__init(pair);
	pair->key = take(&key_copy);
	pair->value = take(&value_copy);
	c->metadata[c->nmetadata++] = take(&pair);
	return 0;
}

void ttrpc_client_forget(struct ttrpc_client *c, uint32_t stream)
{
	struct pending *p = find(c, stream);

	if (!p)
		return;
	unlink_pending(c, p);
	free(p);
}

size_t ttrpc_client_waiting(const struct ttrpc_client *c)
{
	size_t len;

	frame_waiting(&c->conn.out, &len);
	return len;
}

int ttrpc_client_new(struct ttrpc_client **out, struct loop *loop, int fd,
	const struct ttrpc_client_events *events, void *arg, struct err *err)
{
	static const struct ttrpc_client_events none;
	struct ttrpc_client *c = calloc(1, sizeof(*c));
	int rc = c && resize(c, 16) ? timer_init(loop, &c->timer, on_timer) : -ENOMEM;

	if (rc) {
		close(fd);
		fail(err, rc, "create a ttrpc client");
	} else {
		c->budget.left = MEMORY;
		c->events = events ? events : &none;
		c->arg = arg;
		c->next = 1;
		rc = conn_init(&c->conn, loop, fd, &c->budget, &client_ops, err);
		if (rc)
			timer_fini(loop, &c->timer);
	}
	if (rc && c)
		free(c->buckets);
	if (rc)
		free(c);
	else
		*out = c;
	return rc;
}

void ttrpc_client_free(struct ttrpc_client *c)
{
	if (!c)
		return;
	c->lost = true;
	end_all(c, TTRPC_CANCELLED, "the connection was closed");
	timer_fini(c->conn.loop, &c->timer);
	conn_fini(&c->conn);
	while (c->nmetadata)
		ttrpc__key_value__free_unpacked(c->metadata[--c->nmetadata], NULL);
	free(c->metadata);
	free(c->buckets);
	free(c);
}

const char *ttrpc_code_name(int code, char buf[24])
{
	static const char *const names[] = { "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT",
		"DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
		"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED" };

	if (code >= 0 && (size_t)code < ARRAY_SIZE(names))
		return names[code];
	snprintf(buf, 24, "code %d", code);
	return buf;
}
