/* See guest.h. A question that could not be sent is answered from a deferred function. */
#include "shim/containerd/guest.h"

#include <string.h>
#include <sys/queue.h>
#include "client/dial.h"
#include "core/log.h"
#include "health.pb-c.h"
#include "shim/containerd/text.h"

#define CHECK_TIMEOUT (30 * SECOND_NS)

struct ask {
	LIST_ENTRY(ask) link;
	struct guest *guest;
	uint32_t stream; /* 0: not sent */
	ttrpc_done *done;
	void *arg;
	struct err err; /* why it was not sent */
};

struct guest {
	struct loop *loop;
	const struct guest_events *events;
	void *arg;
	struct dial *dial;
	struct ttrpc_client *client;
	LIST_HEAD(, ask) sent, failed;
	struct deferred tell;
	bool lost;
	struct err why;
};

static void lose(struct guest *g, const char *why)
{
	if (g->lost)
		return;
	g->lost = true;
	failx(&g->why, 0, "%s", why);
	loop_defer(g->loop, &g->tell);
}

static void end_ask(struct ask *ask, struct ttrpc_answer *answer)
{
	LIST_REMOVE(ask, link);
	ask->done(ask->arg, answer);
	free(ask);
}

static void on_answer(void *arg, struct ttrpc_answer *answer)
{
	end_ask(arg, answer);
}

static void on_tell(struct deferred *d)
{
	struct guest *g = container_of(d, struct guest, tell);
	struct ask *ask;

	while ((ask = LIST_FIRST(&g->failed))) {
		struct ttrpc_answer answer = { .code = TTRPC_UNAVAILABLE, .message = ask->err.msg };

		end_ask(ask, &answer);
	}
	if (g->lost && g->events) {
		const struct guest_events *events = g->events;

		g->events = NULL;
		events->lost(g->arg, g->why.msg);
	}
}

static void send_ask(struct guest *g, struct ask *ask, const char *method,
	const ProtobufCMessage *request, int64_t timeout_ns)
{
	const ProtobufCServiceDescriptor *service = strcmp(method, "Check")
		? &grpc__agent_service__descriptor
		: &grpc__health__descriptor;
	int rc = g->client && !g->lost
		? ttrpc_client_call(g->client, service,
			  protobuf_c_service_descriptor_get_method_by_name(service, method),
			  request, timeout_ns, on_answer, ask, &ask->stream, &ask->err)
		: failx(&ask->err, -ENOTCONN, "the guest's agent is gone%s%s",
			  *g->why.msg ? ": " : "", g->why.msg);

	if (!rc) {
		LIST_INSERT_HEAD(&g->sent, ask, link);
		return;
	}
	LIST_INSERT_HEAD(&g->failed, ask, link);
	loop_defer(g->loop, &g->tell);
}

struct ask *guest_ask(struct guest *g, const char *method, const ProtobufCMessage *request,
	int64_t timeout_ns, ttrpc_done *done, void *arg)
{
	struct ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return NULL;
	ask->guest = g;
	ask->done = done;
	ask->arg = arg;
	send_ask(g, ask, method, request, timeout_ns);
	return ask;
}

void ask_ignored(void *arg UNUSED, struct ttrpc_answer *answer UNUSED)
{
}

void ask_forget(struct ask *ask)
{
	if (!ask)
		return;
	if (ask->stream)
		ttrpc_client_forget(ask->guest->client, ask->stream);
	LIST_REMOVE(ask, link);
	free(ask);
}

/* --- the connection --- */

static void on_checked(void *arg, struct ttrpc_answer *answer)
{
	struct guest *g = arg;

	if (answer->code != TTRPC_OK)
		lose(g, answer->message);
	else if (g->events)
		g->events->ready(g->arg);
}

static void on_lost(void *arg, const char *why)
{
	lose(arg, why);
}

static const struct ttrpc_client_events client_events = { on_lost, NULL };

static void on_dialled(void *arg, int fd, const struct err *why)
{
	struct guest *g = arg;
	Grpc__CheckRequest request = FRESH(grpc__check_request);
	struct err err = *why;

	g->dial = NULL;
	if (fd < 0 || ttrpc_client_new(&g->client, g->loop, fd, &client_events, g, &err))
		lose(g, err.msg);
	else if (!guest_ask(g, "Check", &request.base, CHECK_TIMEOUT, on_checked, g))
		lose(g, "no memory");
}

int guest_new(struct guest **out, struct loop *loop, const struct address *where,
	int64_t timeout_ns, const struct guest_events *events, void *arg, struct err *err)
{
	struct guest *g = calloc(1, sizeof(*g));
	int rc;

	if (!g)
		return fail(err, -ENOMEM, "call the guest");
	g->loop = loop;
	g->events = events;
	g->arg = arg;
	g->tell.fn = on_tell;
	LIST_INIT(&g->sent);
	LIST_INIT(&g->failed);
	rc = dial_start(&g->dial, loop, where, timeout_ns, true, on_dialled, g, err);
	if (rc)
		free(g);
	else
		*out = g;
	return rc;
}

void guest_free(struct guest *g)
{
	if (!g)
		return;
	if (g->dial)
		dial_cancel(g->dial);
	while (!LIST_EMPTY(&g->sent))
		ask_forget(LIST_FIRST(&g->sent));
	while (!LIST_EMPTY(&g->failed))
		ask_forget(LIST_FIRST(&g->failed));
	ttrpc_client_free(g->client);
	loop_undefer(g->loop, &g->tell);
	free(g);
}
