/*
 * What Kata's runtime 4.1 and its agent 3.32 said to each other, byte for byte
 * (integration/kata/frames: a recording's name, C for the runtime or S for the agent, a frame in
 * hexadecimal; the calls that first use a method, a field or a code). The messages are taken whole
 * and written as the same bytes again; our client says what the runtime said, and our server what
 * the agent did. Only a call's number on its connection is ours.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include "agent.pb-c.h"
#include "client/client.h"
#include "health.pb-c.h"
#include "ttrpc/server.h"
#include "ttrpc/test/peer.h"

#define FRAMES	"integration/kata/frames"
#define CALLS	64
#define METHODS 64

struct message {
	char story[16];
	struct frame_header head;
	uint8_t *data;
};

struct call {
	struct message asked, answered;
	Ttrpc__Request *request;
	Ttrpc__Response *response;
	const ProtobufCServiceDescriptor *service;
	const ProtobufCMethodDescriptor *method;
	ProtobufCMessage *input, *output; /* output NULL: an error */
};

struct recording {
	struct call calls[CALLS];
	size_t n;
	struct loop *loop;
	const struct call *current;
	int peer;
	struct ttrpc_server *server;
};

static const ProtobufCServiceDescriptor *const known[] = { &grpc__health__descriptor,
	&grpc__agent_service__descriptor };

/* --- the file --------------------------------------------------------------------------------- */

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* "STORY C HEX\n" */
static void read_frame(struct message *m, const char *line, char who)
{
	const char *hex = strchr(line, ' ');
	uint8_t *raw;
	size_t len;

	assert_non_null(hex);
	snprintf(m->story, sizeof(m->story), "%.*s", (int)(hex - line), line);
	assert_int_equal(hex[1], who);
	hex += 3;
	len = strcspn(hex, "\n") / 2;
	assert_true(len >= FRAME_HEADER);
	raw = malloc(len);
	for (size_t i = 0; i < len; i++)
		raw[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	m->head = frame_decode(raw);
	assert_int_equal(m->head.length, len - FRAME_HEADER);
	memmove(raw, raw + FRAME_HEADER, m->head.length);
	m->data = raw;
}

static void find_method(struct call *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i]->name, c->request->service))
			c->service = known[i];
	assert_non_null(c->service);
	c->method = protobuf_c_service_descriptor_get_method_by_name(c->service,
		c->request->method);
	if (!c->method)
		fail_msg("there is no %s", c->request->method);
}

static void read_call(struct call *c)
{
	Ttrpc__Response *r;

	c->request = ttrpc__request__unpack(NULL, c->asked.head.length, c->asked.data);
	c->response = r = ttrpc__response__unpack(NULL, c->answered.head.length, c->answered.data);
	assert_non_null(c->request);
	assert_non_null(r);
	find_method(c);
	c->input = protobuf_c_message_unpack(c->method->input, NULL, c->request->payload.len,
		c->request->payload.data);
	assert_non_null(c->input);
	if (r->status && r->status->code)
		return;
	c->output = protobuf_c_message_unpack(c->method->output, NULL, r->payload.len,
		r->payload.data);
	assert_non_null(c->output);
}

static int setup(void **state)
{
	struct recording *r = calloc(1, sizeof(*r));
	FILE *f = fopen(FRAMES, "re");
	char *line = NULL;
	size_t size = 0;

	*state = r;
	if (!f)
		return -1;
	while (getline(&line, &size, f) > 0) {
		struct call *c = &r->calls[r->n++];

		assert_true(r->n <= CALLS);
		read_frame(&c->asked, line, 'C');
		assert_true(getline(&line, &size, f) > 0);
		read_frame(&c->answered, line, 'S');
		read_call(c);
	}
	free(line);
	fclose(f);
	return 0;
}

static int teardown(void **state)
{
	struct recording *r = *state;

	for (struct call *c = r->calls; c < r->calls + r->n; c++) {
		free(c->asked.data);
		free(c->answered.data);
		ttrpc__request__free_unpacked(c->request, NULL);
		ttrpc__response__free_unpacked(c->response, NULL);
		protobuf_c_message_free_unpacked(c->input, NULL);
		protobuf_c_message_free_unpacked(c->output, NULL);
	}
	free(r);
	return 0;
}

/* --- messages --------------------------------------------------------------------------------- */

static unsigned unknown_fields(const ProtobufCMessage *m)
{
	unsigned n = m ? m->n_unknown_fields : 0;

	for (unsigned i = 0; m && i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		const void *value = (const char *)m + f->offset;
		const void *count = (const char *)m + f->quantifier_offset;

		if (f->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		if (f->label != PROTOBUF_C_LABEL_REPEATED)
			n += unknown_fields(*(ProtobufCMessage *const *)value);
		else
			for (size_t k = 0; k < *(const size_t *)count; k++)
				n += unknown_fields((*(ProtobufCMessage * *const *)value)[k]);
	}
	return n;
}

/* The agent's library writes an entry's value in a map even if it is 0, ours does not: the same. */
static bool has_zeros_in_map(const ProtobufCMessage *m)
{
	return m->descriptor == &grpc__stats_container_response__descriptor;
}

/* Packed again it is what it was, and each field of it is known. */
static unsigned differs(const struct call *c, const char *what, const ProtobufCMessage *m,
	const uint8_t *data, size_t len)
{
	AUTO_FREE uint8_t *packed = malloc(protobuf_c_message_get_packed_size(m) + 1);
	size_t n = protobuf_c_message_pack(m, packed), at = 0;
	unsigned unknown = unknown_fields(m);

	while (at < MIN(n, len) && packed[at] == data[at])
		at++;
	if (!unknown && ((n == len && at == len) || has_zeros_in_map(m)))
		return 0;
	print_error("# %s %s %s: %zu bytes, recorded %zu, differ at %zu; %u unknown fields\n",
		c->asked.story, c->request->method, what, n, len, at, unknown);
	return 1;
}

static void messages(void **state)
{
	struct recording *r = *state;
	unsigned bad = 0;

	assert_true(r->n > 40);
	for (const struct call *c = r->calls; c < r->calls + r->n; c++) {
		const ProtobufCBinaryData *in = &c->request->payload, *out = &c->response->payload;

		assert_int_equal(c->asked.head.type, FRAME_REQUEST);
		assert_int_equal(c->answered.head.type, FRAME_RESPONSE);
		assert_int_equal(c->answered.head.stream, c->asked.head.stream);
		bad += differs(c, "envelope", &c->request->base, c->asked.data,
			c->asked.head.length);
		bad += differs(c, "request", c->input, in->data, in->len);
		bad += differs(c, "status", &c->response->base, c->answered.data,
			c->answered.head.length);
		if (c->output)
			bad += differs(c, "response", c->output, out->data, out->len);
	}
	assert_int_equal(bad, 0);
}

/* --- our client ------------------------------------------------------------------------------- */

/* The next frame from there is this one, but for its stream (and, of one with such a map, for its
 * length and bytes). */
static struct frame_header expect_frame(int fd, const struct message *m, const char *name,
	bool zeros_in_map)
{
	uint8_t raw[FRAME_HEADER];
	struct frame_header head;
	AUTO_FREE uint8_t *data = NULL;

	assert_true(peer_receive(fd, raw, sizeof(raw)));
	head = frame_decode(raw);
	data = malloc(head.length + 1);
	assert_true(peer_receive(fd, data, head.length));
	assert_int_equal(head.type, m->head.type);
	assert_int_equal(head.flags, m->head.flags);
	if (!zeros_in_map &&
		(head.length != m->head.length || memcmp(data, m->data, head.length) != 0))
		fail_msg("%s: another frame of %u bytes than the recorded one of %u", name,
			head.length, m->head.length);
	return head;
}

static void on_answer(void *arg, struct ttrpc_answer *answer)
{
	struct recording *r = arg;
	const struct call *c = r->current;
	const ProtobufCBinaryData *out = &c->response->payload;

	if (!c->output) {
		assert_int_equal(answer->code, c->response->status->code);
		assert_string_equal(answer->message, c->response->status->message);
	} else {
		assert_int_equal(answer->code, 0);
		assert_int_equal(differs(c, "answer", answer->response, out->data, out->len), 0);
	}
	r->current = NULL;
	loop_quit(r->loop);
}

static void connect_ends(struct recording *r, int *ours)
{
	struct err err = { 0 };
	int fd[2];

	assert_int_equal(loop_new(&r->loop, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	peer_patience(fd[1]);
	r->peer = fd[1];
	*ours = fd[0];
}

/* A client for each call: what goes with a connection's calls is not the same in all of them. */
static void client_says(struct recording *r, const struct call *c)
{
	const Ttrpc__Request *q = c->request;
	struct frame_header head = c->answered.head;
	struct ttrpc_client *client;
	struct err err = { 0 };
	int fd, rc = 0;

	connect_ends(r, &fd);
	assert_int_equal(ttrpc_client_new(&client, r->loop, fd, NULL, NULL, &err), 0);
	for (size_t i = 0; i < q->n_metadata && !rc; i++)
		rc = ttrpc_client_metadata(client, q->metadata[i]->key, q->metadata[i]->value,
			&err);
	if (!rc)
		rc = ttrpc_client_call(client, c->service, c->method, c->input, q->timeout_nano,
			on_answer, r, NULL, &err);
	if (rc)
		fail_msg("%s", err.msg);
	head.stream = expect_frame(r->peer, &c->asked, c->method->name, false).stream;
	assert_int_equal(head.stream, 1);
	r->current = c;
	assert_true(peer_send_frame(r->peer, head, c->answered.data, head.length));
	loop_run(r->loop);
	assert_null(r->current);
	ttrpc_client_free(client);
	close(r->peer);
	loop_free(r->loop);
}

static void client(void **state)
{
	struct recording *r = *state;

	for (const struct call *c = r->calls; c < r->calls + r->n; c++)
		client_says(r, c);
}

/* --- our server ------------------------------------------------------------------------------- */

static void quit(void *arg)
{
	loop_quit(arg);
}

static void serve(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct recording *r = arg;
	const struct call *c = r->current;
	const ProtobufCBinaryData *in = &c->request->payload;

	assert_ptr_equal(ttrpc_call_method(call), c->method);
	assert_int_equal(ttrpc_call_timeout(call), c->request->timeout_nano);
	assert_int_equal(differs(c, "request", request, in->data, in->len), 0);
	if (c->output)
		ttrpc_reply(call, c->output);
	else
		ttrpc_fail(call, c->response->status->code, "%s", c->response->status->message);
	ttrpc_server_drain(r->server, quit, r->loop);
}

static void server(void **state)
{
	struct recording *r = *state;
	struct ttrpc_method methods[ARRAY_SIZE(known)][METHODS];
	struct ttrpc_service services[ARRAY_SIZE(known)];
	struct err err = { 0 };
	uint32_t stream = 1;
	int fd;

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		assert_true(known[i]->n_methods <= METHODS);
		services[i] = (struct ttrpc_service){ known[i], methods[i], known[i]->n_methods };
		for (unsigned m = 0; m < known[i]->n_methods; m++)
			methods[i][m] = (struct ttrpc_method){ known[i]->methods[m].name, serve };
	}
	connect_ends(r, &fd);
	assert_int_equal(ttrpc_server_new(&r->server, r->loop, services, ARRAY_SIZE(known), r,
				 &err),
		0);
	assert_int_equal(ttrpc_server_adopt(r->server, fd, &err), 0);
	for (const struct call *c = r->calls; c < r->calls + r->n; c++, stream += 2) {
		struct frame_header head = c->asked.head;

		head.stream = stream;
		r->current = c;
		assert_true(peer_send_frame(r->peer, head, c->asked.data, head.length));
		loop_run(r->loop);
		head = expect_frame(r->peer, &c->answered, c->method->name,
			c->output && has_zeros_in_map(c->output));
		assert_int_equal(head.stream, stream);
	}
	ttrpc_server_free(r->server);
	close(r->peer);
	loop_free(r->loop);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(client),
		cmocka_unit_test(server),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
