/* See fake_agent.h. */
#include "shim/containerd/test/fake_agent.h"

#include <stdio.h>
#include <string.h>
#include "core/test/check.h"
#include "health.pb-c.h"
#include "shim/containerd/text.h"

static void note(struct fake_agent *a, struct ttrpc_call *call)
{
	loop_quit(a->loop);
	strncat(a->log, " ", sizeof(a->log) - strlen(a->log) - 1);
	strncat(a->log, ttrpc_call_method(call)->name, sizeof(a->log) - strlen(a->log) - 1);
}

static void done(struct ttrpc_call *call)
{
	Google__Protobuf__Empty nothing = FRESH(google__protobuf__empty);

	ttrpc_reply(call, &nothing.base);
}

static void park(struct fake_agent *a, struct ttrpc_call *call, const char *process, char kind)
{
	for (unsigned i = 0; i < FAKE_CALLS; i++)
		if (!a->parked[i].call) {
			a->parked[i].call = call;
			a->parked[i].kind = kind;
			snprintf(a->parked[i].process, sizeof(a->parked[i].process), "%s", process);
			return;
		}
	fail_msg("too many calls are parked");
}

static struct ttrpc_call *unpark(struct fake_agent *a, const char *process, char kind)
{
	for (unsigned i = 0; i < FAKE_CALLS; i++)
		if (a->parked[i].call && a->parked[i].kind == kind &&
			!strcmp(a->parked[i].process, process)) {
			struct ttrpc_call *call = a->parked[i].call;

			a->parked[i].call = NULL;
			return call;
		}
	return NULL;
}

static void serve_plain(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	(void)m;
	note(arg, call);
	done(call);
}

static void serve_check(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	Grpc__HealthCheckResponse r = FRESH(grpc__health_check_response);

	(void)arg;
	(void)m;
	r.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	ttrpc_reply(call, &r.base);
}

static void serve_create(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	const Grpc__CreateContainerRequest *r = (const void *)m;
	struct fake_agent *a = arg;

	note(a, call);
	snprintf(a->container, sizeof(a->container), "%s", r->container_id);
	snprintf(a->root, sizeof(a->root), "%s", r->oci->root->path);
	*a->storage = 0;
	if (r->n_storages)
		snprintf(a->storage, sizeof(a->storage), "%s %s %s", r->storages[0]->driver,
			r->storages[0]->source, r->storages[0]->fstype);
	if (r->oci->linux && r->oci->linux->n_sysctl)
		snprintf(a->sysctl, sizeof(a->sysctl), "%s", r->oci->linux->sysctl[0]->key);
	if (a->create_fails)
		ttrpc_fail(call, TTRPC_INTERNAL, "%s", a->create_fails);
	else
		done(call);
}

static void serve_copy(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	const Grpc__CopyFileRequest *r = (const void *)m;
	struct fake_agent *a = arg;

	note(a, call);
	snprintf(a->input, sizeof(a->input), "%s: %.*s", r->path, (int)r->data.len,
		(const char *)r->data.data);
	done(call);
}

static void serve_exec(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	struct fake_agent *a = arg;

	(void)m;
	note(a, call);
	if (a->exec_fails)
		ttrpc_fail(call, TTRPC_INTERNAL, "%s", a->exec_fails);
	else
		done(call);
}

static void serve_wait(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	const Grpc__WaitProcessRequest *r = (const void *)m;

	park(arg, call, r->exec_id, 'w');
}

static void serve_stdout(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	const Grpc__ReadStreamRequest *r = (const void *)m;
	Grpc__ReadStreamResponse response = FRESH(grpc__read_stream_response);
	struct fake_agent *a = arg;
	char line[100];

	for (unsigned i = 0; i < a->nsaid; i++)
		if (!strcmp(a->said[i], r->exec_id)) {
			park(a, call, r->exec_id, 'o');
			return;
		}
	snprintf(a->said[a->nsaid++ % 16], 80, "%s", r->exec_id);
	snprintf(line, sizeof(line), "%s speaks\n", r->exec_id);
	response.data = (ProtobufCBinaryData){ strlen(line), (uint8_t *)line };
	ttrpc_reply(call, &response.base);
}

static void serve_stderr(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	const Grpc__ReadStreamRequest *r = (const void *)m;

	park(arg, call, r->exec_id, 'e');
}

static void serve_write(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	const Grpc__WriteStreamRequest *r = (const void *)m;
	Grpc__WriteStreamResponse response = FRESH(grpc__write_stream_response);
	struct fake_agent *a = arg;
	size_t have = strlen(a->input);

	note(a, call);
	snprintf(a->input + have, sizeof(a->input) - have, "%.*s", (int)r->data.len,
		(const char *)r->data.data);
	response.len = (uint32_t)r->data.len;
	ttrpc_reply(call, &response.base);
}

void fake_agent_end(struct fake_agent *a, const char *process, int status)
{
	Grpc__ReadStreamResponse nothing = FRESH(grpc__read_stream_response);
	Grpc__WaitProcessResponse response = FRESH(grpc__wait_process_response);
	struct ttrpc_call *call;

	response.status = status;
	while ((call = unpark(a, process, 'o')) || (call = unpark(a, process, 'e')))
		ttrpc_reply(call, &nothing.base);
	while ((call = unpark(a, process, 'w')))
		ttrpc_reply(call, &response.base);
}

static void serve_signal(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	const Grpc__SignalProcessRequest *r = (const void *)m;
	const char *of = *r->exec_id ? r->exec_id : r->container_id;
	struct fake_agent *a = arg;
	int status = 128 + (int)r->signal;
	char process[80];

	snprintf(process, sizeof(process), "%s", of);
	note(a, call);
	done(call);
	fake_agent_end(a, process, status);
}

static void serve_oom(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	(void)m;
	park(arg, call, "", 'm');
}

void fake_agent_oom(struct fake_agent *a, const char *container)
{
	Grpc__OOMEvent event = FRESH(grpc__oomevent);
	struct ttrpc_call *call = unpark(a, "", 'm');

	assert_non_null(call);
	event.container_id = UNCONST(container);
	ttrpc_reply(call, &event.base);
}

static void serve_stats(void *arg, struct ttrpc_call *call, const ProtobufCMessage *m)
{
	Grpc__StatsContainerResponse response = FRESH(grpc__stats_container_response);
	Grpc__CgroupStats stats = FRESH(grpc__cgroup_stats);
	Grpc__PidsStats pids = FRESH(grpc__pids_stats);

	(void)m;
	note(arg, call);
	pids.current = 7;
	stats.pids_stats = &pids;
	response.cgroup_stats = &stats;
	ttrpc_reply(call, &response.base);
}

static const struct ttrpc_method agent_methods[] = {
	{ "CreateContainer", serve_create },
	{ "StartContainer", serve_plain },
	{ "CopyFile", serve_copy },
	{ "RemoveContainer", serve_plain },
	{ "ExecProcess", serve_exec },
	{ "SignalProcess", serve_signal },
	{ "WaitProcess", serve_wait },
	{ "UpdateContainer", serve_plain },
	{ "StatsContainer", serve_stats },
	{ "PauseContainer", serve_plain },
	{ "ResumeContainer", serve_plain },
	{ "RemoveStaleVirtiofsShareMounts", serve_plain },
	{ "WriteStdin", serve_write },
	{ "ReadStdout", serve_stdout },
	{ "ReadStderr", serve_stderr },
	{ "CloseStdin", serve_plain },
	{ "TtyWinResize", serve_plain },
	{ "GetOOMEvent", serve_oom },
};

static const struct ttrpc_method health_methods[] = { { "Check", serve_check } };

static const struct ttrpc_service services[] = {
	{ &grpc__agent_service__descriptor, agent_methods, ARRAY_SIZE(agent_methods) },
	{ &grpc__health__descriptor, health_methods, ARRAY_SIZE(health_methods) },
};

void fake_agent_start(struct fake_agent *a, struct loop *loop, int listener)
{
	struct err err = { 0 };

	a->loop = loop;
	assert_int_equal(ttrpc_server_new(&a->server, loop, services, ARRAY_SIZE(services), a,
				 &err),
		0);
	assert_int_equal(ttrpc_server_listen(a->server, listener, &err), 0);
}

void fake_agent_stop(struct fake_agent *a)
{
	for (unsigned i = 0; i < FAKE_CALLS; i++)
		if (a->parked[i].call)
			ttrpc_fail(take(&a->parked[i].call), TTRPC_CANCELLED, "the end");
	ttrpc_server_free(a->server);
	a->server = NULL;
}
