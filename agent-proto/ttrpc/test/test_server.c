/* A ttrpc server against peers that speak as they should, and against those that don't. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <sys/un.h>
#include "agent.pb-c.h"
#include "health.pb-c.h"
#include "ttrpc/server.h"
#include "ttrpc/test/peer.h"

#define AGENT  "grpc.AgentService"
#define HEALTH "grpc.Health"
#define PARKED 4096

struct fix {
	struct loop *loop;
	struct ttrpc_server *server;
	pthread_t thread;
	struct sockaddr_un at;
	socklen_t at_len;
	/* of the loop's thread */
	struct ttrpc_call *parked[PARKED];
	unsigned nparked;
	int64_t timeout;
	/* read by both */
	unsigned gone, drained;
	struct deferred drain;
};

static void serve_check(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct fix *f = arg;
	Grpc__HealthCheckResponse r;

	assert_ptr_equal(request->descriptor, &grpc__check_request__descriptor);
	assert_string_equal(ttrpc_call_method(call)->name, "Check");
	f->timeout = ttrpc_call_timeout(call);
	grpc__health_check_response__init(&r);
	r.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	ttrpc_reply(call, &r.base);
}

static void on_gone(void *arg)
{
	__atomic_add_fetch((unsigned *)arg, 1, __ATOMIC_SEQ_CST);
}

/* Parks. */
static void serve_wait(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request UNUSED)
{
	struct fix *f = arg;

	assert_true(f->nparked < PARKED);
	f->parked[f->nparked++] = call;
	ttrpc_on_gone(call, on_gone, &f->gone);
}

/* Ends the call that was parked last, with signal as its status. */
static void serve_signal(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	struct fix *f = arg;
	Grpc__WaitProcessResponse r;

	if (!f->nparked) {
		ttrpc_fail(call, TTRPC_NOT_FOUND, "nobody \xff waits for %s", "it");
		return;
	}
	grpc__wait_process_response__init(&r);
	r.status = (int32_t)((const Grpc__SignalProcessRequest *)request)->signal;
	ttrpc_reply(f->parked[--f->nparked], &r.base);
	ttrpc_reply(call, &r.base);
}

/* As many bytes as asked for. */
static void serve_read(void *arg UNUSED, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	size_t len = ((const Grpc__ReadStreamRequest *)request)->len;
	AUTO_FREE uint8_t *data = calloc(1, len + 1);
	Grpc__ReadStreamResponse r;

	grpc__read_stream_response__init(&r);
	r.data.data = data;
	r.data.len = len;
	ttrpc_reply(call, &r.base);
}

static void serve_write(void *arg UNUSED, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	Grpc__WriteStreamResponse r;

	grpc__write_stream_response__init(&r);
	r.len = (uint32_t)((const Grpc__WriteStreamRequest *)request)->data.len;
	ttrpc_reply(call, &r.base);
}

static void serve_routes(void *arg UNUSED, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	ttrpc_reply(call, &((const Grpc__UpdateRoutesRequest *)request)->routes->base);
}

static const struct ttrpc_method health[] = { { "Check", serve_check } };
static const struct ttrpc_method agent[] = {
	{ "WaitProcess", serve_wait },
	{ "SignalProcess", serve_signal },
	{ "ReadStdout", serve_read },
	{ "WriteStdin", serve_write },
	{ "UpdateRoutes", serve_routes },
};
static const struct ttrpc_service services[] = {
	{ &grpc__health__descriptor, health, ARRAY_SIZE(health) },
	{ &grpc__agent_service__descriptor, agent, ARRAY_SIZE(agent) },
};

static void on_drained(void *arg)
{
	on_gone(arg);
}

static void start_drain(struct deferred *d)
{
	struct fix *f = container_of(d, struct fix, drain);

	ttrpc_server_drain(f->server, on_drained, &f->drained);
}

static void *run(void *arg)
{
	loop_run(arg);
	return NULL;
}

static int fix_new(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct err err;

	if (!f || fd < 0)
		return -1;
	f->at.sun_family = AF_UNIX;
	f->at_len = sizeof(f->at);
	f->drain.fn = start_drain;
	/* a name of the kernel's choice */
	if (bind(fd, (struct sockaddr *)&f->at, sizeof(sa_family_t)) || listen(fd, 300) ||
		getsockname(fd, (struct sockaddr *)&f->at, &f->at_len))
		return -1;
	if (loop_new(&f->loop, &err) ||
		ttrpc_server_new(&f->server, f->loop, services, ARRAY_SIZE(services), f, &err) ||
		ttrpc_server_listen(f->server, fd, &err) ||
		pthread_create(&f->thread, NULL, run, f->loop))
		return -1;
	*state = f;
	return 0;
}

/* Calls that are still parked outlive the server. */
static int fix_free(void **state)
{
	struct fix *f = *state;

	loop_quit(f->loop);
	pthread_join(f->thread, NULL);
	ttrpc_server_free(f->server);
	while (f->nparked)
		ttrpc_fail(f->parked[--f->nparked], TTRPC_CANCELLED, "late");
	loop_free(f->loop);
	free(f);
	return 0;
}

static int join(struct fix *f)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	peer_patience(fd);
	assert_int_equal(connect(fd, (struct sockaddr *)&f->at, f->at_len), 0);
	return fd;
}

static void expect_count(const unsigned *count, unsigned n)
{
	for (int i = 0; i < 1000 && __atomic_load_n(count, __ATOMIC_SEQ_CST) < n; i++)
		usleep(10000);
	assert_int_equal(__atomic_load_n(count, __ATOMIC_SEQ_CST), n);
}

/* The server serves this connection (and so lives). */
static void expect_alive(int fd, uint32_t stream)
{
	assert_true(peer_call(fd, stream, HEALTH, "Check", NULL));
	peer_expect(fd, stream, 0, "");
}

static void expect_closed(int fd)
{
	uint8_t byte;

	assert_false(peer_receive(fd, &byte, 1));
}

static bool call_signal(int fd, uint32_t stream, uint32_t signal)
{
	Grpc__SignalProcessRequest r;

	grpc__signal_process_request__init(&r);
	r.signal = signal;
	return peer_call(fd, stream, AGENT, "SignalProcess", &r.base);
}

static bool call_read(int fd, uint32_t stream, uint32_t len)
{
	Grpc__ReadStreamRequest r;

	grpc__read_stream_request__init(&r);
	r.len = len;
	return peer_call(fd, stream, AGENT, "ReadStdout", &r.base);
}

static void test_answer(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f);
	uint32_t stream = 0;
	Grpc__HealthCheckResponse *health_response;
	Ttrpc__Response *r;

	assert_true(peer_call(fd, 1, HEALTH, "Check", NULL));
	r = peer_answer(fd, &stream);
	assert_non_null(r);
	assert_int_equal(stream, 1);
	assert_non_null(r->status);
	assert_int_equal(r->status->code, 0);
	health_response = grpc__health_check_response__unpack(NULL, r->payload.len,
		r->payload.data);
	assert_int_equal(health_response->status, 1);
	grpc__health_check_response__free_unpacked(health_response, NULL);
	ttrpc__response__free_unpacked(r, NULL);
	assert_int_equal(f->timeout, 5000000000);
}

/* Thousands of calls wait, and are ended last come, first served. */
static void test_parked(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f);
	uint32_t n = 3000, stream = 1;

	for (uint32_t i = 0; i < n; i++, stream += 2)
		assert_true(peer_call(fd, stream, AGENT, "WaitProcess", NULL));
	for (uint32_t i = n; i > 0; i--, stream += 2) {
		assert_true(call_signal(fd, stream, i));
		peer_expect(fd, 2 * i - 1, 0, "");
		peer_expect(fd, stream, 0, "");
	}
	assert_true(call_signal(fd, stream, 9));
	peer_expect(fd, stream, TTRPC_NOT_FOUND, "nobody ? waits for it");
}

static void test_unknown(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f);

	assert_true(peer_call(fd, 1, "grpc.Nothing", "Check", NULL));
	peer_expect(fd, 1, TTRPC_UNIMPLEMENTED, "service grpc.Nothing");
	assert_true(peer_call(fd, 3, AGENT, "Frobnicate", NULL));
	peer_expect(fd, 3, TTRPC_UNIMPLEMENTED, "method Frobnicate of grpc.AgentService");
	assert_true(peer_call(fd, 5, AGENT, "SetPolicy", NULL)); /* in the .proto, not served */
	peer_expect(fd, 5, TTRPC_UNIMPLEMENTED, "SetPolicy");
	assert_true(peer_call(fd, 7, "", "", NULL));
	peer_expect(fd, 7, TTRPC_UNIMPLEMENTED, "");
	expect_alive(fd, 9);
}

static void test_garbage(void **state)
{
	static const uint8_t garbage[] = { 0xff, 0xff, 0xff, 0xff, 0x07 };
	struct fix *f = *state;
	AUTO_FD fd = join(f);
	char service[] = AGENT, method[] = "WaitProcess";
	uint8_t payload[] = { 0x0a, 0x7f, 'x' }; /* a string longer than what is there */
	AUTO_FREE uint8_t *data = NULL;
	Ttrpc__Request r;
	size_t len;

	assert_true(
		peer_send_frame(fd, (struct frame_header){ sizeof(garbage), 1, FRAME_REQUEST, 0 },
			garbage, sizeof(garbage)));
	peer_expect(fd, 1, TTRPC_INVALID_ARGUMENT, "malformed");
	ttrpc__request__init(&r);
	r.service = service;
	r.method = method;
	r.payload.data = payload;
	r.payload.len = sizeof(payload);
	data = peer_frame(3, FRAME_REQUEST, 0, &r.base, &len);
	assert_true(peer_send(fd, data, len));
	peer_expect(fd, 3, TTRPC_INVALID_ARGUMENT, "grpc.WaitProcessRequest");
	expect_alive(fd, 5);
}

/* A request that would become a hundred times as large. */
static void test_bomb(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f);
	size_t n = 1500000, len;
	AUTO_FREE uint8_t *routes = calloc(n, 2);
	AUTO_FREE uint8_t *payload = malloc(2 * n + 8), *data = NULL;
	char service[] = AGENT, method[] = "UpdateRoutes";
	uint32_t size = (uint32_t)(2 * n);
	Ttrpc__Request r;

	for (size_t i = 0; i < n; i++)
		routes[2 * i] = 0x0a;
	payload[0] = 0x0a;
	for (len = 1; size >= 0x80; size >>= 7)
		payload[len++] = (uint8_t)(size | 0x80);
	payload[len++] = (uint8_t)size;
	memcpy(payload + len, routes, 2 * n);
	ttrpc__request__init(&r);
	r.service = service;
	r.method = method;
	r.payload.data = payload;
	r.payload.len = len + 2 * n;
	data = peer_frame(1, FRAME_REQUEST, 0, &r.base, &len);
	assert_true(peer_send(fd, data, len));
	peer_expect(fd, 1, TTRPC_INVALID_ARGUMENT, "too large");
	expect_alive(fd, 3);
}

static void test_streams_ids(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f);

	expect_alive(fd, 5);
	assert_true(peer_call(fd, 2, HEALTH, "Check", NULL));
	peer_expect(fd, 2, TTRPC_INVALID_ARGUMENT, "not odd");
	assert_true(peer_call(fd, 0, HEALTH, "Check", NULL));
	peer_expect(fd, 0, TTRPC_INVALID_ARGUMENT, "not odd");
	assert_true(peer_call(fd, 5, HEALTH, "Check", NULL));
	peer_expect(fd, 5, TTRPC_INVALID_ARGUMENT, "not larger");
	assert_true(peer_call(fd, 3, HEALTH, "Check", NULL));
	peer_expect(fd, 3, TTRPC_INVALID_ARGUMENT, "not larger");
	expect_alive(fd, 7);
	expect_alive(fd, UINT32_MAX);
}

/* Data frames, streams, answers that were not asked for. */
static void test_other_frames(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f);
	size_t len;
	AUTO_FREE uint8_t *open = peer_request(1, HEALTH, "Check", NULL, &len);

	open[9] = FRAME_REMOTE_OPEN;
	assert_true(peer_send(fd, open, len));
	peer_expect(fd, 1, TTRPC_UNIMPLEMENTED, "streams");
	assert_true(peer_send_frame(fd, (struct frame_header){ 3, 1, FRAME_DATA, 0 }, "abc", 3));
	assert_true(peer_send_frame(fd, (struct frame_header){ 3, 99, FRAME_DATA, 0 }, "abc", 3));
	peer_expect(fd, 99, TTRPC_INVALID_ARGUMENT, "not open");
	assert_true(peer_send_frame(fd, (struct frame_header){ 0, 3, FRAME_RESPONSE, 0 }, "", 0));
	assert_true(peer_send_frame(fd, (struct frame_header){ 2, 3, 77, 255 }, "ab", 2));
	expect_alive(fd, 3);
}

static void test_too_long(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f);
	size_t size = FRAME_DATA_MAX + 1, len;
	AUTO_FREE uint8_t *junk = calloc(1, size), *data = NULL;
	Grpc__WriteStreamRequest w;

	assert_true(peer_send_frame(fd,
		(struct frame_header){ (uint32_t)size, 1, FRAME_REQUEST, 0 }, junk, size));
	peer_expect(fd, 1, TTRPC_RESOURCE_EXHAUSTED, "4194305 exceeds the maximum of 4194304");
	/* the longest that is allowed */
	grpc__write_stream_request__init(&w);
	w.data.data = junk;
	w.data.len = FRAME_DATA_MAX - 85;
	data = peer_request(3, AGENT, "WriteStdin", &w.base, &len);
	assert_int_equal(len, FRAME_HEADER + FRAME_DATA_MAX);
	assert_true(peer_send(fd, data, len));
	peer_expect(fd, 3, 0, "");
	/* an answer that would be too long */
	assert_true(call_read(fd, 5, FRAME_DATA_MAX));
	peer_expect(fd, 5, TTRPC_RESOURCE_EXHAUSTED, "larger than 4 MiB");
	assert_true(call_read(fd, 7, FRAME_DATA_MAX - 16));
	peer_expect(fd, 7, 0, "");
	expect_alive(fd, 9);
	/* one that never comes whole */
	assert_true(peer_send_frame(fd, (struct frame_header){ UINT32_MAX, 11, FRAME_REQUEST, 0 },
		junk, size));
	peer_expect(fd, 11, TTRPC_RESOURCE_EXHAUSTED, "4294967295");
}

static void test_slow_writer(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f), other = join(f);
	size_t len;
	AUTO_FREE uint8_t *data = peer_request(1, HEALTH, "Check", NULL, &len);

	for (size_t i = 0; i < len; i++) {
		assert_true(peer_send(fd, data + i, 1));
		if (i % 16 == 0)
			expect_alive(other, (uint32_t)(2 * i + 1));
	}
	peer_expect(fd, 1, 0, "");
}

/* Half a close is a close: whoever parked learns of it, others go on. */
static void test_half_close(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f), other = join(f);

	expect_alive(other, 1);
	assert_true(peer_call(fd, 1, AGENT, "WaitProcess", NULL));
	assert_true(peer_call(fd, 3, AGENT, "WaitProcess", NULL));
	assert_true(peer_call(fd, 5, HEALTH, "Check", NULL));
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	peer_expect(fd, 5, 0, "");
	expect_closed(fd);
	expect_count(&f->gone, 2);
	/* the calls are ended later; their answers go nowhere */
	assert_true(call_signal(other, 3, 9));
	peer_expect(other, 3, 0, "");
	assert_int_equal(f->gone, 2);
}

/* In the middle of a header, of data, with calls waiting. */
static void test_cut_off(void **state)
{
	struct fix *f = *state;
	AUTO_FD other = join(f);
	size_t len;
	AUTO_FREE uint8_t *data = peer_request(3, HEALTH, "Check", NULL, &len);

	for (size_t cut = 0; cut < len; cut++) {
		int fd = join(f);

		assert_true(peer_call(fd, 1, AGENT, "WaitProcess", NULL));
		assert_true(peer_send(fd, data, cut));
		close(fd);
	}
	expect_count(&f->gone, (unsigned)len);
	expect_alive(other, 1);
}

/* It asks and asks and never reads: cut off, or not listened to; others don't notice. */
static void test_never_reads(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f), other = join(f);
	struct timeval tv = { .tv_usec = 300000 };
	size_t asked = 0;
	bool open = true;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
	for (uint32_t stream = 1; open && asked < 100000; stream += 2, asked++) {
		size_t len;
		AUTO_FREE uint8_t *data = NULL;
		Grpc__ReadStreamRequest r;

		grpc__read_stream_request__init(&r);
		r.len = 1000000;
		data = peer_request(stream, AGENT, "ReadStdout", &r.base, &len);
		open = send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
	}
	assert_true(asked < 100000);
	expect_alive(other, 1);
	assert_true(call_read(other, 3, 1000000)); /* memory is left, or was given back */
	peer_expect(other, 3, 0, "");
}

/* A slow reader who does read gets all of it. */
static void test_slow_reader(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f);
	uint32_t n = 40;

	for (uint32_t i = 0; i < n; i++)
		assert_true(call_read(fd, 2 * i + 1, 1000000));
	for (uint32_t i = 0; i < n; i++) {
		usleep(1000);
		peer_expect(fd, 2 * i + 1, 0, "");
	}
}

/* What parked calls hold is bounded: the one too many is refused, and room comes back. */
static void test_parked_memory(void **state)
{
	struct fix *f = *state;
	int fd = join(f);
	AUTO_FD other = join(f);
	size_t size = 4000000, len;
	Grpc__WaitProcessRequest w;
	char *name = malloc(size + 1);
	uint32_t stream = 1, got = 0;
	Ttrpc__Response *r;

	memset(name, 'x', size);
	name[size] = 0;
	grpc__wait_process_request__init(&w);
	w.container_id = name;
	for (; stream < 2 * 40; stream += 2) {
		AUTO_FREE uint8_t *data = peer_request(stream, AGENT, "WaitProcess", &w.base, &len);

		assert_true(peer_send(fd, data, len));
	}
	free(name);
	r = peer_answer(fd, &got);
	assert_non_null(r);
	assert_true(r->status->code == TTRPC_RESOURCE_EXHAUSTED ||
		r->status->code == TTRPC_INVALID_ARGUMENT);
	assert_true(got > 2 * 8);
	ttrpc__response__free_unpacked(r, NULL);
	close(fd);
	expect_count(&f->gone, f->nparked);
	for (unsigned i = 1, n = f->nparked; i <= n; i++) {
		assert_true(call_signal(other, 2 * i + 1, 9));
		peer_expect(other, 2 * i + 1, 0, "");
	}
	assert_true(call_read(other, 1001, 4000000));
	peer_expect(other, 1001, 0, "");
}

static void test_drain(void **state)
{
	struct fix *f = *state;
	AUTO_FD fd = join(f);

	loop_defer(f->loop, &f->drain);
	expect_count(&f->drained, 1);
	assert_true(call_read(fd, 1, 4000000));
	assert_true(peer_call(fd, 3, HEALTH, "Check", NULL));
	usleep(100000);
	loop_defer(f->loop, &f->drain);
	usleep(100000);
	assert_int_equal(__atomic_load_n(&f->drained, __ATOMIC_SEQ_CST), 1);
	peer_expect(fd, 1, 0, "");
	expect_count(&f->drained, 2);
	peer_expect(fd, 3, 0, "");
}

/* A peer that goes does not hold the drain up. */
static void test_drain_gone(void **state)
{
	struct fix *f = *state;
	int fd = join(f);

	assert_true(call_read(fd, 1, 4000000));
	usleep(100000);
	loop_defer(f->loop, &f->drain);
	usleep(100000);
	assert_int_equal(__atomic_load_n(&f->drained, __ATOMIC_SEQ_CST), 0);
	close(fd);
	expect_count(&f->drained, 1);
}

static void test_many_connections(void **state)
{
	struct fix *f = *state;
	int fds[256], extra;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = join(f);
		expect_alive(fds[i], 1);
	}
	extra = join(f);
	expect_closed(extra);
	close(extra);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		expect_alive(fds[i], 3);
		close(fds[i]);
	}
	for (int i = 0;; i++) {
		AUTO_FD fd = join(f);
		uint8_t byte;

		assert_true(i < 100);
		if (peer_call(fd, 1, HEALTH, "Check", NULL) && peer_receive(fd, &byte, 1))
			break;
		usleep(10000);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, fix_new, fix_free)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(test_answer),
		T(test_parked),
		T(test_unknown),
		T(test_garbage),
		T(test_bomb),
		T(test_streams_ids),
		T(test_other_frames),
		T(test_too_long),
		T(test_slow_writer),
		T(test_half_close),
		T(test_cut_off),
		T(test_never_reads),
		T(test_slow_reader),
		T(test_parked_memory),
		T(test_drain),
		T(test_drain_gone),
		T(test_many_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
