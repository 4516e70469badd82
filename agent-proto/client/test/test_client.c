/*
 * The ttrpc client against peers that answer, late, wrongly or not at all. The peer is the other
 * end of a socket pair: what it says is put there before the loop runs, or by a timer.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include "agent.pb-c.h"
#include "client/client.h"
#include "health.pb-c.h"
#include "ttrpc/test/peer.h"

#define MS INT64_C(1000000)

struct fix {
	struct loop *loop;
	struct ttrpc_client *client;
	int peer;
	unsigned done, wanted, lost, sent; /* the loop ends when as many are done */
	int code;
	int32_t status;
	char message[128];
	struct err err, why;
};

static void on_lost(void *arg, const char *why)
{
	struct fix *f = arg;

	f->lost++;
	failx(&f->why, 0, "%s", why);
	loop_quit(f->loop);
}

static void on_sent(void *arg)
{
	struct fix *f = arg;

	__atomic_add_fetch(&f->sent, 1, __ATOMIC_SEQ_CST);
	loop_quit(f->loop);
}

static const struct ttrpc_client_events events = { on_lost, on_sent };

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	int fds[2];

	if (!f || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return -1;
	peer_patience(fds[1]);
	f->peer = fds[1];
	f->code = -1;
	f->wanted = 1;
	*state = f;
	if (loop_new(&f->loop, &f->err))
		return -1;
	return ttrpc_client_new(&f->client, f->loop, fds[0], &events, f, &f->err);
}

static int fix_free(void **state)
{
	struct fix *f = *state;

	ttrpc_client_free(f->client);
	loop_free(f->loop);
	if (f->peer >= 0)
		close(f->peer);
	free(f);
	return 0;
}

static void on_done(void *arg, struct ttrpc_answer *answer)
{
	struct fix *f = arg;

	f->code = answer->code;
	snprintf(f->message, sizeof(f->message), "%s", answer->message);
	assert_int_equal(!answer->response, answer->code != 0);
	if (answer->response &&
		answer->response->descriptor == &grpc__wait_process_response__descriptor)
		f->status = ((Grpc__WaitProcessResponse *)answer->response)->status;
	if (++f->done == f->wanted)
		loop_quit(f->loop);
}

static const ProtobufCMethodDescriptor *method(const char *name)
{
	return protobuf_c_service_descriptor_get_method_by_name(&grpc__agent_service__descriptor,
		name);
}

static int call(struct fix *f, const char *name, const ProtobufCMessage *request, int64_t timeout,
	uint32_t *stream)
{
	return ttrpc_client_call(f->client, &grpc__agent_service__descriptor, method(name), request,
		timeout, on_done, f, stream, &f->err);
}

static void call_wait(struct fix *f, int64_t timeout)
{
	Grpc__WaitProcessRequest r;
	char id[] = "c1";

	grpc__wait_process_request__init(&r);
	r.container_id = id;
	assert_int_equal(call(f, "WaitProcess", &r.base, timeout, NULL), 0);
}

/* payload NULL: an answer with a status alone, or with nothing in it. */
static void answer(struct fix *f, uint32_t stream, int code, char *text,
	const ProtobufCMessage *payload)
{
	AUTO_FREE uint8_t *packed = NULL, *data = NULL;
	Ttrpc__Status status;
	Ttrpc__Response r;
	size_t len;

	ttrpc__status__init(&status);
	ttrpc__response__init(&r);
	status.code = code;
	if (text)
		status.message = text;
	if (code)
		r.status = &status;
	if (payload) {
		packed = malloc(protobuf_c_message_get_packed_size(payload) + 1);
		r.payload.data = packed;
		r.payload.len = protobuf_c_message_pack(payload, packed);
	}
	data = peer_frame(stream, FRAME_RESPONSE, 0, &r.base, &len);
	assert_true(peer_send(f->peer, data, len));
}

static void answer_wait(struct fix *f, uint32_t stream, int32_t status)
{
	Grpc__WaitProcessResponse r;

	grpc__wait_process_response__init(&r);
	r.status = status;
	answer(f, stream, 0, NULL, &r.base);
}

static void expect(struct fix *f, int code, const char *text)
{
	loop_run(f->loop);
	assert_int_equal(f->done, f->wanted);
	assert_int_equal(f->code, code);
	if (!strstr(f->message, text))
		fail_msg("\"%s\" is not in \"%s\"", text, f->message);
	f->wanted++;
}

/* What goes out is what the protocol says. */
static void test_request(void **state)
{
	struct fix *f = *state;
	uint8_t raw[FRAME_HEADER], data[256];
	struct frame_header head;
	Grpc__WaitProcessRequest *wait;
	Ttrpc__Request *r;

	call_wait(f, 7 * 1000 * MS);
	assert_true(peer_receive(f->peer, raw, sizeof(raw)));
	head = frame_decode(raw);
	assert_int_equal(head.stream, 1);
	assert_int_equal(head.type, FRAME_REQUEST);
	assert_int_equal(head.flags, 0);
	assert_true(head.length <= sizeof(data));
	assert_true(peer_receive(f->peer, data, head.length));
	r = ttrpc__request__unpack(NULL, head.length, data);
	assert_non_null(r);
	assert_string_equal(r->service, "grpc.AgentService");
	assert_string_equal(r->method, "WaitProcess");
	assert_int_equal(r->timeout_nano, 7 * 1000 * MS);
	wait = grpc__wait_process_request__unpack(NULL, r->payload.len, r->payload.data);
	assert_string_equal(wait->container_id, "c1");
	grpc__wait_process_request__free_unpacked(wait, NULL);
	ttrpc__request__free_unpacked(r, NULL);
	answer_wait(f, 1, 42);
	expect(f, 0, "");
	assert_int_equal(f->status, 42);
}

static void test_status(void **state)
{
	struct fix *f = *state;
	char text[] = "no such \xff thing";

	call_wait(f, 0);
	answer(f, 1, TTRPC_NOT_FOUND, text, NULL);
	expect(f, TTRPC_NOT_FOUND, "no such ? thing");
	call_wait(f, 0);
	answer(f, 3, 0, NULL, NULL); /* nothing at all is an empty success */
	expect(f, 0, "");
	assert_int_equal(f->status, 0);
	call_wait(f, 0);
	answer(f, 5, -7, NULL, NULL);
	expect(f, -7, "");
}

static void test_out_of_order(void **state)
{
	struct fix *f = *state;
	uint32_t n = 1000;

	for (uint32_t i = 0; i < n; i++)
		call_wait(f, i % 2 ? 0 : 5000 * MS);
	f->wanted = n;
	for (uint32_t i = n; i > 0; i--) {
		answer_wait(f, 2 * i - 1, (int32_t)i);
		if (i % 100 == 1 && i > 1) { /* what the socket holds */
			f->wanted = n - i + 1;
			loop_run(f->loop);
			f->wanted = n;
		}
	}
	expect(f, 0, "");
	assert_int_equal(f->status, 1);
}

static void test_deadline(void **state)
{
	struct fix *f = *state;

	call_wait(f, 0);
	call_wait(f, 5000 * MS);
	call_wait(f, 30 * MS);
	expect(f, TTRPC_DEADLINE_EXCEEDED, "no answer");
	answer_wait(f, 5, 1); /* late: ignored */
	answer_wait(f, 3, 2);
	expect(f, 0, "");
	assert_int_equal(f->status, 2);
	call_wait(f, 1);
	expect(f, TTRPC_DEADLINE_EXCEEDED, "no answer");
}

static void test_lost(void **state)
{
	struct fix *f = *state;
	Grpc__WaitProcessRequest r;

	for (int i = 0; i < 100; i++)
		call_wait(f, i % 2 ? 0 : 5000 * MS);
	f->wanted = 0;
	close(f->peer);
	f->peer = -1;
	loop_run(f->loop);
	assert_int_equal(f->done, 100);
	assert_int_equal(f->code, TTRPC_UNAVAILABLE);
	assert_int_equal(f->lost, 1);
	assert_true(*f->why.msg);
	grpc__wait_process_request__init(&r);
	assert_int_equal(call(f, "WaitProcess", &r.base, 0, NULL), -ENOTCONN);
}

/* Half a close by the peer is its end. */
static void test_half_close(void **state)
{
	struct fix *f = *state;

	call_wait(f, 0);
	call_wait(f, 0);
	answer_wait(f, 3, 5);
	shutdown(f->peer, SHUT_WR);
	f->wanted = 2;
	expect(f, TTRPC_UNAVAILABLE, "closed");
	assert_int_equal(f->status, 5);
}

static void test_free_ends_calls(void **state)
{
	struct fix *f = *state;

	call_wait(f, 0);
	ttrpc_client_free(take(&f->client));
	assert_int_equal(f->done, 1);
	assert_int_equal(f->code, TTRPC_CANCELLED);
}

static void test_forget(void **state)
{
	struct fix *f = *state;
	Grpc__WaitProcessRequest r;
	uint32_t stream;

	grpc__wait_process_request__init(&r);
	assert_int_equal(call(f, "WaitProcess", &r.base, 20 * MS, &stream), 0);
	ttrpc_client_forget(f->client, stream);
	ttrpc_client_forget(f->client, stream);
	call_wait(f, 0);
	answer_wait(f, stream, 1);
	answer_wait(f, stream + 2, 2);
	expect(f, 0, "");
	assert_int_equal(f->done, 1);
	assert_int_equal(f->status, 2);
}

/* Answers that are none; the connection lives through all of them. */
static void test_hostile(void **state)
{
	static const uint8_t garbage[] = { 0xff, 0xff, 0xff };
	struct fix *f = *state;
	ProtobufCBinaryData junk = { sizeof(garbage), (uint8_t[]){ 0xff, 0xff, 0xff } };
	AUTO_FREE uint8_t *data = NULL;
	Ttrpc__Response r;
	size_t len;

	call_wait(f, 0);
	peer_send_frame(f->peer, (struct frame_header){ 3, 2, FRAME_RESPONSE, 0 }, garbage, 3);
	peer_send_frame(f->peer, (struct frame_header){ 3, 77, FRAME_RESPONSE, 0 }, garbage, 3);
	peer_send_frame(f->peer, (struct frame_header){ 3, 1, FRAME_REQUEST, 0 }, garbage, 3);
	peer_send_frame(f->peer, (struct frame_header){ 3, 1, 99, 0 }, garbage, 3);
	peer_send_frame(f->peer, (struct frame_header){ 3, 1, FRAME_RESPONSE, 0 }, garbage, 3);
	expect(f, TTRPC_INTERNAL, "malformed");

	call_wait(f, 0);
	ttrpc__response__init(&r);
	r.payload = junk;
	data = peer_frame(3, FRAME_RESPONSE, 0, &r.base, &len);
	assert_true(peer_send(f->peer, data, len));
	expect(f, TTRPC_INTERNAL, "malformed");

	call_wait(f, 0);
	peer_send_frame(f->peer, (struct frame_header){ 3, 5, FRAME_DATA, 0 }, garbage, 3);
	expect(f, TTRPC_INTERNAL, "stream");

	call_wait(f, 0);
	answer_wait(f, 7, 3);
	answer_wait(f, 7, 4); /* twice */
	call_wait(f, 0);
	answer_wait(f, 9, 5);
	f->wanted++;
	expect(f, 0, "");
	assert_int_equal(f->status, 5);
}

/* The header of an answer that is too long suffices; a half one is waited for until the deadline.
 */
static void test_too_long(void **state)
{
	struct fix *f = *state;
	Grpc__WriteStreamRequest w;
	size_t size = FRAME_DATA_MAX;
	AUTO_FREE uint8_t *data = calloc(1, size);

	grpc__write_stream_request__init(&w);
	w.data.data = data;
	w.data.len = size;
	assert_int_equal(call(f, "WriteStdin", &w.base, 0, NULL), -EMSGSIZE);
	assert_non_null(strstr(f->err.msg, "4 MiB"));
	call_wait(f, 0);
	peer_send_frame(f->peer, (struct frame_header){ FRAME_DATA_MAX + 1, 1, FRAME_RESPONSE, 0 },
		data, 0);
	expect(f, TTRPC_RESOURCE_EXHAUSTED, "too large");
	call_wait(f, 50 * MS);
	peer_send(f->peer, data, 1000);
	expect(f, TTRPC_DEADLINE_EXCEEDED, "no answer");
}

static void *send_bomb(void *arg)
{
	struct fix *f = arg;
	size_t n = 1500000, len;
	AUTO_FREE uint8_t *routes = calloc(n, 2), *data = NULL;
	Ttrpc__Response r;

	for (size_t i = 0; i < n; i++)
		routes[2 * i] = 0x0a;
	ttrpc__response__init(&r);
	r.payload.data = routes;
	r.payload.len = 2 * n;
	data = peer_frame(1, FRAME_RESPONSE, 0, &r.base, &len);
	peer_send(f->peer, data, len);
	return NULL;
}

/* Three megabytes that would be hundreds. */
static void test_bomb(void **state)
{
	struct fix *f = *state;
	Grpc__ListRoutesRequest list;
	pthread_t thread;

	grpc__list_routes_request__init(&list);
	assert_int_equal(call(f, "ListRoutes", &list.base, 0, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_bomb, f), 0);
	expect(f, TTRPC_INTERNAL, "too large");
	pthread_join(thread, NULL);
	call_wait(f, 0);
	answer_wait(f, 3, 5);
	expect(f, 0, "");
}

/* Reads until the other side has heard that there is room. */
static void *read_some(void *arg)
{
	struct fix *f = arg;
	uint8_t data[4096];

	for (int i = 0; i < 10000 && !__atomic_load_n(&f->sent, __ATOMIC_SEQ_CST); i++)
		if (recv(f->peer, data, sizeof(data), MSG_DONTWAIT) < 0)
			usleep(1000);
	return NULL;
}

/* Who writes more than the peer reads sees it, and hears when there is room again. */
static void test_back_pressure(void **state)
{
	struct fix *f = *state;
	Grpc__WriteStreamRequest w;
	size_t n = 0;
	AUTO_FREE uint8_t *data = calloc(1, 100000);
	pthread_t thread;

	grpc__write_stream_request__init(&w);
	w.data.data = data;
	w.data.len = 100000;
	while (ttrpc_client_waiting(f->client) < 1024 * 1024) {
		assert_int_equal(call(f, "WriteStdin", &w.base, 0, NULL), 0);
		assert_true(++n < 100);
	}
	assert_int_equal(pthread_create(&thread, NULL, read_some, f), 0);
	loop_run(f->loop); /* until on_sent() */
	pthread_join(thread, NULL);
	assert_int_equal(f->sent, 1);
	assert_true(ttrpc_client_waiting(f->client) < 1024 * 1024);
}

static void test_code_names(void **state)
{
	char buf[24];

	(void)state;
	assert_string_equal(ttrpc_code_name(5, buf), "NOT_FOUND");
	assert_string_equal(ttrpc_code_name(16, buf), "UNAUTHENTICATED");
	assert_string_equal(ttrpc_code_name(17, buf), "code 17");
	assert_string_equal(ttrpc_code_name(INT32_MIN, buf), "code -2147483648");
}

#define T(name) cmocka_unit_test_setup_teardown(name, fix_new, fix_free)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_request),
		T(test_status),
		T(test_out_of_order),
		T(test_deadline),
		T(test_lost),
		T(test_half_close),
		T(test_free_ends_calls),
		T(test_forget),
		T(test_hostile),
		T(test_too_long),
		T(test_bomb),
		T(test_back_pressure),
		cmocka_unit_test(test_code_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
