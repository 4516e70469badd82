/*
 * Fuzzes both ends of ttrpc over a socket pair. The input's first byte chooses the end (bit 0: the
 * client) and the portions in which the rest arrives; then the peer closes. Whatever comes, what
 * the end says is well-formed frames; every call ends exactly once; nothing leaks.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/socket.h>
#include "agent.pb-c.h"
#include "client/client.h"
#include "health.pb-c.h"
#include "ttrpc.pb-c.h"
#include "ttrpc/frame.h"
#include "ttrpc/server.h"

#define PARKED 64
#define CALLS  8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct peer {
	struct loop *loop;
	struct watch watch;
	const uint8_t *data;
	size_t len, portion;
	uint8_t want; /* the type of frames that come */
	struct budget budget;
	struct frame_reader in;
	struct ttrpc_call *parked[PARKED];
	unsigned nparked, done;
};

/* --- the server's methods --- */

static void serve_check(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request UNUSED)
{
	Grpc__HealthCheckResponse r;

	(void)arg;
	grpc__health_check_response__init(&r);
	r.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	ttrpc_reply(call, &r.base);
}

static void serve_wait(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request UNUSED)
{
	struct peer *p = arg;

	if (p->nparked == PARKED)
		ttrpc_fail(call, TTRPC_RESOURCE_EXHAUSTED, "too many wait");
	else
		p->parked[p->nparked++] = call;
}

static void release(struct peer *p)
{
	Grpc__WaitProcessResponse r;

	grpc__wait_process_response__init(&r);
	if (p->nparked)
		ttrpc_reply(p->parked[--p->nparked], &r.base);
}

static void serve_signal(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	const Grpc__SignalProcessRequest *r = (const Grpc__SignalProcessRequest *)request;

	release(arg);
	ttrpc_fail(call, TTRPC_NOT_FOUND, "no process %s", r->container_id);
}

/* Says what it was told. */
static void serve_update(void *arg UNUSED, struct ttrpc_call *call, const ProtobufCMessage *request)
{
	const Grpc__UpdateInterfaceRequest *r = (const Grpc__UpdateInterfaceRequest *)request;

	if (r->interface)
		ttrpc_reply(call, &r->interface->base);
	else
		ttrpc_fail(call, TTRPC_INVALID_ARGUMENT, "no interface");
}

static const struct ttrpc_method health[] = { { "Check", serve_check } };
static const struct ttrpc_method agent[] = { { "WaitProcess", serve_wait },
	{ "SignalProcess", serve_signal }, { "UpdateInterface", serve_update } };
static const struct ttrpc_service services[] = {
	{ &grpc__health__descriptor, health, ARRAY_SIZE(health) },
	{ &grpc__agent_service__descriptor, agent, ARRAY_SIZE(agent) },
};

/* --- the peer --- */

static void check_frame(const struct peer *p)
{
	const struct frame_reader *in = &p->in;
	ProtobufCMessage *m = protobuf_c_message_unpack(p->want == FRAME_RESPONSE
			? &ttrpc__response__descriptor
			: &ttrpc__request__descriptor,
		NULL, in->head.length, in->data);

	if (!m || in->head.type != p->want || in->head.flags)
		abort();
	protobuf_c_message_free_unpacked(m, NULL);
}

static void hear(struct peer *p)
{
	uint8_t data[4096];
	ssize_t n = recv(p->watch.fd, data, sizeof(data), MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		loop_quit(p->loop);
		return;
	}
	for (size_t at = 0; n > 0 && at < (size_t)n;) {
		size_t used;
		enum frame_result got = frame_read(&p->in, data + at, (size_t)n - at, &used);

		at += used;
		if (got == FRAME_REFUSED)
			abort();
		if (got == FRAME_READY)
			check_frame(p);
	}
}

static void say(struct peer *p)
{
	size_t len = MIN(p->len, p->portion);
	ssize_t n = len ? send(p->watch.fd, p->data, len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

	if (n > 0) {
		p->data += n;
		p->len -= (size_t)n;
	}
	if (p->len && (n >= 0 || errno == EAGAIN))
		return;
	shutdown(p->watch.fd, SHUT_WR);
	loop_modify(p->loop, &p->watch, EPOLLIN);
}

static void on_peer(struct watch *w, uint32_t events)
{
	struct peer *p = container_of(w, struct peer, watch);

	if (events & EPOLLOUT)
		say(p);
	if (events & ~(uint32_t)EPOLLOUT)
		hear(p);
}

/* --- the two ends --- */

static void on_done(void *arg, struct ttrpc_answer *answer)
{
	struct peer *p = arg;

	if (!answer->code != !!answer->response || !answer->message)
		abort();
	p->done++;
}

static void on_lost(void *arg, const char *why UNUSED)
{
	struct peer *p = arg;

	loop_quit(p->loop);
}

static const struct ttrpc_client_events client_events = { on_lost, NULL };

static void fuzz_client(struct peer *p, int fd)
{
	static const char *const names[CALLS] = { "WaitProcess", "ListInterfaces", "StatsContainer",
		"ReadStdout", "GetGuestDetails", "GetMetrics", "DestroySandbox", "GetVolumeStats" };
	struct ttrpc_client *client;
	struct err err;

	if (ttrpc_client_new(&client, p->loop, fd, &client_events, p, &err))
		abort();
	for (size_t i = 0; i < CALLS; i++) {
		const ProtobufCMethodDescriptor *m =
			protobuf_c_service_descriptor_get_method_by_name(
				&grpc__agent_service__descriptor, names[i]);
		ProtobufCMessage *request = calloc(1, m->input->sizeof_message);

		protobuf_c_message_init(m->input, request);
		if (ttrpc_client_call(client, &grpc__agent_service__descriptor, m, request, 0,
			    on_done, p, NULL, &err))
			abort();
		protobuf_c_message_free_unpacked(request, NULL);
	}
	loop_run(p->loop);
	ttrpc_client_free(client);
	if (p->done != CALLS)
		abort();
}

static void fuzz_server(struct peer *p, int fd)
{
	struct ttrpc_server *server;
	struct err err;

	if (ttrpc_server_new(&server, p->loop, services, ARRAY_SIZE(services), p, &err) ||
		ttrpc_server_adopt(server, fd, &err))
		abort();
	loop_run(p->loop);
	if (p->nparked > 1)
		release(p);
	ttrpc_server_free(server);
	while (p->nparked)
		release(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer p = { .budget.left = SIZE_MAX };
	struct err err;
	int fds[2];

	if (!size)
		return 0;
	if (loop_new(&p.loop, &err) || socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		abort();
	p.data = data + 1;
	p.len = size - 1;
	p.portion = data[0] >= 0xfe ? size : (size_t)(data[0] >> 1) + 1;
	p.want = data[0] & 1 ? FRAME_REQUEST : FRAME_RESPONSE;
	frame_reader_init(&p.in, &p.budget);
	if (loop_add(p.loop, &p.watch, fds[1], EPOLLIN | EPOLLOUT, on_peer))
		abort();
	if (data[0] & 1)
		fuzz_client(&p, fds[0]);
	else
		fuzz_server(&p, fds[0]);
	loop_remove(p.loop, &p.watch);
	frame_reader_fini(&p.in);
	close(fds[1]);
	loop_free(p.loop);
	return 0;
}
