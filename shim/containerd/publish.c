/* See publish.h. One call is outstanding at a time: that keeps the order. */
#include "shim/containerd/publish.h"

#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include "client/client.h"
#include "client/dial.h"
#include "core/log.h"
#include "forward.pb-c.h"
#include "shim/containerd/text.h"

#define SECOND	INT64_C(1000000000)
#define TIMEOUT (5 * SECOND)
#define TRIES	5
#define FORWARD "Forward"

typedef Containerd__Services__Events__Ttrpc__V1__ForwardRequest Forward;

struct event {
	STAILQ_ENTRY(event) link;
	struct timespec when;
	const char *topic, *type;
	unsigned tries;
	size_t len;
	uint8_t data[];
};

struct publisher {
	struct loop *loop;
	struct address address;
	char *namespace;
	STAILQ_HEAD(, event) queue;
	unsigned queued;
	struct dial *dial;
	struct ttrpc_client *client;
	struct deferred again; /* drops a client that was lost, goes on */
	struct timer pause, patience;
	bool lost, calling, pausing;
	void (*drained)(void *arg);
	void *drained_arg;
};

static void go_on(struct publisher *p);

static const struct {
	const char *message, *topic;
} topics[] = {
	{ "TaskCreate", "/tasks/create" },
	{ "TaskStart", "/tasks/start" },
	{ "TaskOOM", "/tasks/oom" },
	{ "TaskExit", "/tasks/exit" },
	{ "TaskDelete", "/tasks/delete" },
	{ "TaskExecAdded", "/tasks/exec-added" },
	{ "TaskExecStarted", "/tasks/exec-started" },
	{ "TaskPaused", "/tasks/paused" },
	{ "TaskResumed", "/tasks/resumed" },
};

const char *publish_topic(const char *name)
{
	static const char prefix[] = "containerd.events.";

	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
		if (!strcmp(topics[i].message, name + strlen(prefix)))
			return topics[i].topic;
	return NULL;
}

/* --- the queue --- */

static void tell_drained(struct publisher *p)
{
	void (*fn)(void *arg) = p->drained;

	if (!fn)
		return;
	p->drained = NULL;
	timer_set(&p->patience, 0, 0);
	fn(p->drained_arg);
}

static void drop_first(struct publisher *p)
{
	struct event *e = STAILQ_FIRST(&p->queue);

	STAILQ_REMOVE_HEAD(&p->queue, link);
	p->queued--;
	free(e);
}

/* What is tried too often is dropped; else the next attempt waits. */
static void failed(struct publisher *p, const char *why)
{
	struct event *e = STAILQ_FIRST(&p->queue);

	log_info("tell containerd of %s: %s", e->topic, why);
	if (++e->tries >= TRIES) {
		log_warn("event %s is lost: %s", e->topic, why);
		drop_first(p);
	}
	p->pausing = true;
	timer_set(&p->pause, (uint64_t)SECOND, 0);
}

static void on_pause_over(struct timer *t)
{
	struct publisher *p = container_of(t, struct publisher, pause);

	p->pausing = false;
	go_on(p);
}

static void on_patience_over(struct timer *t)
{
	tell_drained(container_of(t, struct publisher, patience));
}

/* --- sending --- */

static void on_answer(void *arg, struct ttrpc_answer *answer)
{
	struct publisher *p = arg;

	p->calling = false;
	if (answer->code == TTRPC_OK)
		drop_first(p);
	else
		failed(p, answer->message);
	loop_defer(p->loop, &p->again);
}

static void send_first(struct publisher *p)
{
	const ProtobufCServiceDescriptor *service =
		&containerd__services__events__ttrpc__v1__events__descriptor;
	Google__Protobuf__Timestamp when = FRESH(google__protobuf__timestamp);
	Containerd__Types__Envelope envelope = FRESH(containerd__types__envelope);
	Google__Protobuf__Any any = FRESH(google__protobuf__any);
	Forward request = FRESH(containerd__services__events__ttrpc__v1__forward_request);
	struct event *e = STAILQ_FIRST(&p->queue);
	struct err err = { 0 };

	when.seconds = e->when.tv_sec;
	when.nanos = (int32_t)e->when.tv_nsec;
	any.type_url = UNCONST(e->type);
	any.value = (ProtobufCBinaryData){ e->len, e->data };
	envelope.timestamp = &when;
	envelope.namespace_ = p->namespace;
	envelope.topic = UNCONST(e->topic);
	envelope.event = &any;
	request.envelope = &envelope;
	if (ttrpc_client_call(p->client, service,
		    protobuf_c_service_descriptor_get_method_by_name(service, FORWARD),
		    &request.base, TIMEOUT, on_answer, p, NULL, &err))
		failed(p, err.msg);
	else
		p->calling = true;
}

static void on_lost(void *arg, const char *why UNUSED)
{
	struct publisher *p = arg;

	p->lost = true;
	loop_defer(p->loop, &p->again);
}

static const struct ttrpc_client_events client_events = { on_lost, NULL };

static void on_dialled(void *arg, int fd, const struct err *why)
{
	struct publisher *p = arg;
	struct err err = *why;

	p->dial = NULL;
	if (fd < 0 || ttrpc_client_new(&p->client, p->loop, fd, &client_events, p, &err))
		failed(p, err.msg);
	loop_defer(p->loop, &p->again);
}

static void dial(struct publisher *p)
{
	struct err err = { 0 };

	if (dial_start(&p->dial, p->loop, &p->address, TIMEOUT, false, on_dialled, p, &err))
		failed(p, err.msg);
}

static void go_on(struct publisher *p)
{
	if (p->lost) {
		ttrpc_client_free(take(&p->client));
		p->lost = false;
	}
	if (p->queued && !p->client && !p->dial && !p->pausing)
		dial(p);
	else if (p->queued && p->client && !p->calling && !p->pausing)
		send_first(p);
	if (!p->queued)
		tell_drained(p);
}

static void on_again(struct deferred *d)
{
	go_on(container_of(d, struct publisher, again));
}

void publish(struct publisher *p, const ProtobufCMessage *event)
{
	const char *topic = publish_topic(event->descriptor->name);
	size_t len = protobuf_c_message_get_packed_size(event);
	struct event *e = topic ? malloc(sizeof(*e) + len) : NULL;

	if (!e)
		return;
	if (p->queued == PUBLISH_QUEUE) {
		/* Not the first while it is being sent. */
		log_warn("event %s is lost: %u wait already", topic, p->queued);
		free(e);
		return;
	}
	clock_gettime(CLOCK_REALTIME, &e->when);
	e->topic = topic;
	e->type = event->descriptor->name;
	e->tries = 0;
	e->len = protobuf_c_message_pack(event, e->data);
	STAILQ_INSERT_TAIL(&p->queue, e, link);
	p->queued++;
	loop_defer(p->loop, &p->again);
}

void publisher_drain(struct publisher *p, uint64_t timeout_ns, void (*done)(void *arg), void *arg)
{
	p->drained = done;
	p->drained_arg = arg;
	timer_set(&p->patience, timeout_ns, 0);
	loop_defer(p->loop, &p->again);
}

/* --- making, freeing --- */

static int set_address(struct publisher *p, const char *address, struct err *err)
{
	char text[256];

	snprintf(text, sizeof(text), "%s%s", strncmp(address, "unix:", 5) ? "unix://" : "",
		address);
	return address_parse(&p->address, text, err);
}

int publisher_new(struct publisher **out, struct loop *loop, const char *address,
	const char *namespace, struct err *err)
{
	struct publisher *p = calloc(1, sizeof(*p));
	int rc;

	if (!p)
		return fail(err, -ENOMEM, "make the publisher of events");
	p->loop = loop;
	p->again.fn = on_again;
	STAILQ_INIT(&p->queue);
	p->namespace = strdup(namespace);
	rc = p->namespace ? set_address(p, address, err) : fail(err, -ENOMEM, "publish events");
	if (!rc)
		rc = timer_init(loop, &p->pause, on_pause_over);
	if (!rc)
		rc = timer_init(loop, &p->patience, on_patience_over);
	if (rc)
		publisher_free(p);
	else
		*out = p;
	return rc;
}

void publisher_free(struct publisher *p)
{
	if (!p)
		return;
	p->drained = NULL;
	if (p->dial)
		dial_cancel(p->dial);
	ttrpc_client_free(p->client); /* what is outstanding ends while it is still queued */
	while (p->queued)
		drop_first(p);
	timer_fini(p->loop, &p->pause);
	timer_fini(p->loop, &p->patience);
	loop_undefer(p->loop, &p->again);
	free(p->namespace);
	free(p);
}
