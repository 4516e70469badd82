/*
 * What the parts of `sampan agent` share: the methods by name, and a link, which is an event loop
 * with one connection to an agent. Owner: main; one thread.
 */
#ifndef SAMPAN_CLI_AGENT_H
#define SAMPAN_CLI_AGENT_H

#include <jansson.h>
#include "client/client.h"

struct agent_method {
	const ProtobufCServiceDescriptor *service;
	const ProtobufCMethodDescriptor *method;
};

/* "CreateContainer" (of grpc.AgentService, else of grpc.Health), "grpc.Health/Check". */
int agent_method_find(struct agent_method *m, const char *name, struct err *err) MUST_USE;

/* How long an answer may take, in ns, when nothing else was said; 0 for those that wait for
 * something to happen. */
int64_t agent_method_timeout(const struct agent_method *m);

/* Each method and the names of its request's fields. */
void agent_methods_show(void);

struct agent_link {
	struct loop *loop;
	struct ttrpc_client *client;
	bool lost;
	struct err why; /* when lost */
	/* Told of the client's events while they are set. */
	void (*on_lost)(struct agent_link *link);
	void (*on_sent)(struct agent_link *link);
	void *arg; /* theirs */
	/* of a call or a connection that is waited for */
	int fd;
	struct ttrpc_answer answer;
	struct err answer_text;
};

/* timeout in s: what does not answer yet is tried again so long. 0: one attempt, 10 s at most. */
int agent_link_open(struct agent_link *link, const char *address, unsigned timeout, struct err *err)
	MUST_USE;
void agent_link_close(struct agent_link *link);

/*
 * Calls and waits. 0: *response (may be NULL) is the answer, to be freed by
 * protobuf_c_message_free_unpacked(). A positive code: the agent's, err has "METHOD: CODE:
 * message". A negative errno: it was not sent.
 */
int agent_link_call(struct agent_link *link, const struct agent_method *m,
	const ProtobufCMessage *request, int64_t timeout_ns, ProtobufCMessage **response,
	struct err *err) MUST_USE;

/* JSON lines from stdin, answers to stdout; timeout in s, 0: each method's own. */
int agent_batch(struct agent_link *link, unsigned timeout, struct err *err) MUST_USE;

/* Until the end of what is read: stdin to the process, its output to stdout. */
int agent_copy_stdin(struct agent_link *link, const char *container, const char *process,
	struct err *err) MUST_USE;
int agent_copy_output(struct agent_link *link, const char *container, const char *process,
	const char *method, struct err *err) MUST_USE;

#endif
