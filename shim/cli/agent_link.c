/* A connection to an agent, and calls that are waited for; see agent.h. */
#include "shim/cli/agent.h"

#include <stdio.h>
#include <string.h>
#include "agent.pb-c.h"
#include "client/dial.h"
#include "health.pb-c.h"

#define SECOND	     INT64_C(1000000000)
#define CALL_TIMEOUT (60 * SECOND)
#define DIAL_TIMEOUT (10 * SECOND)

static const ProtobufCServiceDescriptor *const services[] = { &grpc__agent_service__descriptor,
	&grpc__health__descriptor };

static bool find_in(struct agent_method *m, const ProtobufCServiceDescriptor *service,
	const char *name)
{
	const ProtobufCMethodDescriptor *found =
		protobuf_c_service_descriptor_get_method_by_name(service, name);

	if (found)
		*m = (struct agent_method){ service, found };
	return found;
}

int agent_method_find(struct agent_method *m, const char *name, struct err *err)
{
	const char *slash = strchr(name, '/');

	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		const char *service = services[i]->name;
		bool wanted = !slash ||
			(strlen(service) == (size_t)(slash - name) &&
				!strncmp(service, name, strlen(service)));

		if (wanted && find_in(m, services[i], slash ? slash + 1 : name))
			return 0;
	}
	return failx(err, -EINVAL, "unknown method \"%s\"", name);
}

int64_t agent_method_timeout(const struct agent_method *m)
{
	static const char *const waiting[] = { "WaitProcess", "GetOOMEvent", "ReadStdout",
		"ReadStderr" };

	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++)
		if (!strcmp(m->method->name, waiting[i]))
			return 0;
	return CALL_TIMEOUT;
}

void agent_methods_show(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		for (unsigned j = 0; j < services[i]->n_methods; j++) {
			const ProtobufCMethodDescriptor *m = &services[i]->methods[j];
			const char *service = i ? services[i]->name : "";
			int width = (int)(i ? 29 - strlen(service) : 30);

			printf("%s%s%-*s", service, i ? "/" : "", width, m->name);
			for (unsigned k = 0; k < m->input->n_fields; k++)
				printf(" %s", m->input->fields[k].name);
			putchar('\n');
		}
}

static void on_lost(void *arg, const char *why)
{
	struct agent_link *link = arg;

	link->lost = true;
	failx(&link->why, 0, "%s", why);
	if (link->on_lost)
		link->on_lost(link);
}

static void on_sent(void *arg)
{
	struct agent_link *link = arg;

	if (link->on_sent)
		link->on_sent(link);
}

static const struct ttrpc_client_events events = { on_lost, on_sent };

static void on_dialed(void *arg, int fd, const struct err *err)
{
	struct agent_link *link = arg;

	link->fd = fd;
	link->why = *err;
	loop_quit(link->loop);
}

static int dial(struct agent_link *link, const struct address *to, unsigned timeout,
	struct err *err)
{
	struct dial *d;
	int rc = dial_start(&d, link->loop, to, timeout ? timeout * SECOND : DIAL_TIMEOUT, timeout,
		on_dialed, link, err);

	if (rc)
		return rc;
	loop_run(link->loop);
	return link->fd < 0 ? failx(err, -EIO, "%s", link->why.msg) : 0;
}

int agent_link_open(struct agent_link *link, const char *address, unsigned timeout, struct err *err)
{
	struct address to;
	int rc = address_parse(&to, address, err);

	*link = (struct agent_link){ .fd = -1 };
	if (!rc)
		rc = loop_new(&link->loop, err);
	if (!rc)
		rc = dial(link, &to, timeout, err);
	if (!rc)
		rc = ttrpc_client_new(&link->client, link->loop, take_fd(&link->fd), &events, link,
			err);
	return rc;
}

void agent_link_close(struct agent_link *link)
{
	ttrpc_client_free(link->client);
	loop_free(link->loop);
	*link = (struct agent_link){ .fd = -1 };
}

static void on_answer(void *arg, struct ttrpc_answer *answer)
{
	struct agent_link *link = arg;

	link->answer.code = answer->code;
	link->answer.response = take(&answer->response);
	failx(&link->answer_text, 0, "%s", answer->message);
	loop_quit(link->loop);
}

int agent_link_call(struct agent_link *link, const struct agent_method *m,
	const ProtobufCMessage *request, int64_t timeout_ns, ProtobufCMessage **response,
	struct err *err)
{
	const char *name = m->method->name;
	char buf[24];
	int rc = ttrpc_client_call(link->client, m->service, m->method, request, timeout_ns,
		on_answer, link, NULL, err);

	if (rc)
		return rc;
	loop_run(link->loop);
	if (response)
		*response = take(&link->answer.response);
	else
		protobuf_c_message_free_unpacked(link->answer.response, NULL);
	if (!link->answer.code)
		return 0;
	return failx(err, link->answer.code, "%s: %s: %s", name,
		ttrpc_code_name(link->answer.code, buf), link->answer_text.msg);
}
