/*
 * A process's standard streams as this program's own; see agent.h. A call at a time, as a runtime
 * does it: order is kept, and nothing piles up.
 */
#include "shim/cli/agent.h"

#include <string.h>
#include "agent.pb-c.h"

#define PORTION 32768

/* An answer that says that a terminal's other end is closed; pipes end by an empty answer. */
static bool is_tty_end(int rc, const struct err *err)
{
	return rc == TTRPC_INTERNAL && strstr(err->msg, "Input/output error");
}

static int write_all(const uint8_t *data, size_t len, struct err *err)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(err, -errno, "write to stdout");
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

int agent_copy_output(struct agent_link *link, const char *container, const char *process,
	const char *method, struct err *err)
{
	AUTO_FREE char *container_id = strdup(container), *exec_id = strdup(process);
	Grpc__ReadStreamRequest request;
	struct agent_method m;
	bool end = false;
	int rc = agent_method_find(&m, method, err);

	if (!rc && (!container_id || !exec_id))
		rc = fail(err, -ENOMEM, "%s", method);
	grpc__read_stream_request__init(&request);
	request.container_id = container_id;
	request.exec_id = exec_id;
	request.len = PORTION;
	while (!rc && !end) {
		ProtobufCMessage *message = NULL;
		const Grpc__ReadStreamResponse *got;

		rc = agent_link_call(link, &m, &request.base, 0, &message, err);
		if (rc)
			break;
		got = (const Grpc__ReadStreamResponse *)message;
		end = !got->data.len;
		rc = write_all(got->data.data, got->data.len, err);
		protobuf_c_message_free_unpacked(message, NULL);
	}
	return is_tty_end(rc, err) ? 0 : rc;
}

/* All of data; the agent says how much of it it took. */
static int write_stdin(struct agent_link *link, const struct agent_method *m,
	Grpc__WriteStreamRequest *request, uint8_t *data, size_t len, struct err *err)
{
	while (len) {
		ProtobufCMessage *message = NULL;
		size_t took;
		int rc;

		request->data.data = data;
		request->data.len = len;
		rc = agent_link_call(link, m, &request->base, 0, &message, err);
		if (rc)
			return rc;
		took = ((const Grpc__WriteStreamResponse *)message)->len;
		protobuf_c_message_free_unpacked(message, NULL);
		if (!took || took > len)
			return failx(err, -EPROTO, "WriteStdin: the agent took %zu bytes of %zu",
				took, len);
		data += took;
		len -= took;
	}
	return 0;
}

static int close_stdin(struct agent_link *link, char *container_id, char *exec_id, struct err *err)
{
	Grpc__CloseStdinRequest request;
	struct agent_method m;
	int rc = agent_method_find(&m, "CloseStdin", err);

	grpc__close_stdin_request__init(&request);
	request.container_id = container_id;
	request.exec_id = exec_id;
	return rc ? rc
		  : agent_link_call(link, &m, &request.base, agent_method_timeout(&m), NULL, err);
}

int agent_copy_stdin(struct agent_link *link, const char *container, const char *process,
	struct err *err)
{
	AUTO_FREE char *container_id = strdup(container), *exec_id = strdup(process);
	Grpc__WriteStreamRequest request;
	uint8_t data[PORTION];
	struct agent_method m;
	int rc = agent_method_find(&m, "WriteStdin", err);

	if (!rc && (!container_id || !exec_id))
		rc = fail(err, -ENOMEM, "WriteStdin");
	grpc__write_stream_request__init(&request);
	request.container_id = container_id;
	request.exec_id = exec_id;
	while (!rc) {
		ssize_t n = read(STDIN_FILENO, data, sizeof(data));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(err, -errno, "read stdin");
		if (!n)
			return close_stdin(link, container_id, exec_id, err);
		rc = write_stdin(link, &m, &request, data, (size_t)n, err);
	}
	return rc;
}
