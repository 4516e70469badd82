/*
 * A ttrpc client in an event loop: as many calls outstanding on one connection as wanted, answered
 * in any order, each with a deadline of its own or none. Loop thread only.
 *
 * What is called is named by protobuf-c's descriptors. Each call that was accepted ends by exactly
 * one done(), from the loop: with the peer's answer, with DEADLINE_EXCEEDED, or when the connection
 * is lost with UNAVAILABLE. The peer is hostile: its answers are bounded in size and in what they
 * unpack to, late and unasked ones are ignored, what it floods goes no further than its turn.
 */
#ifndef SAMPAN_CLIENT_CLIENT_H
#define SAMPAN_CLIENT_CLIENT_H

#include <protobuf-c/protobuf-c.h>
#include "core/err.h"
#include "core/loop.h"
#include "ttrpc/code.h"

struct ttrpc_client;

struct ttrpc_answer {
	int code;		    /* enum ttrpc_code, or another number of the peer's */
	const char *message;	    /* UTF-8; "" when code is OK */
	ProtobufCMessage *response; /* when code is OK: of the method's output type; lives until
				       done() returns unless taken with take() */
};

typedef void ttrpc_done(void *arg, struct ttrpc_answer *answer);

struct ttrpc_client_events {
	/* The connection is lost, all calls have been ended; why is a sentence. NULL: none. */
	void (*lost)(void *arg, const char *why);
	/* Less than CONN_HIGH bytes wait to be sent again; see ttrpc_client_waiting(). NULL: none.
	 */
	void (*sent)(void *arg);
};

/* Takes fd over (closed when this fails, too). events (not copied, NULL: none) gets arg. */
int ttrpc_client_new(struct ttrpc_client **out, struct loop *loop, int fd,
	const struct ttrpc_client_events *events, void *arg, struct err *err) MUST_USE;

/* Ends outstanding calls with CANCELLED. Not from inside done(), lost() or sent(). */
void ttrpc_client_free(struct ttrpc_client *c);

/*
 * request is packed before this returns. timeout_ns 0: none. *stream (may be NULL) names the call
 * for ttrpc_client_forget(). When it fails, done() is not called: -ENOTCONN after the connection
 * was lost, -EMSGSIZE, -ENOMEM.
 */
int ttrpc_client_call(struct ttrpc_client *c, const ProtobufCServiceDescriptor *service,
	const ProtobufCMethodDescriptor *method, const ProtobufCMessage *request,
	int64_t timeout_ns, ttrpc_done *done, void *arg, uint32_t *stream, struct err *err)
	MUST_USE;

/* key and value go with every call from now on, as runtimes send the name of their namespace. */
int ttrpc_client_metadata(struct ttrpc_client *c, const char *key, const char *value,
	struct err *err) MUST_USE;

/* The call's done() will not be called; its answer is ignored. Fine when it has ended. */
void ttrpc_client_forget(struct ttrpc_client *c, uint32_t stream);

/* Bytes that wait to be sent: who makes calls without end holds back above CONN_HIGH. */
size_t ttrpc_client_waiting(const struct ttrpc_client *c);

/* CANCELLED, ...; "code N" (in buf) for a number without a name. */
const char *ttrpc_code_name(int code, char buf[24]);

#endif
