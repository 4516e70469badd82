/*
 * A ttrpc server: listeners and connections in an event loop, requests handed to a table of
 * methods, answers in whatever order they come. All of it runs in the loop thread.
 *
 * A handler gets a call and must end it exactly once, at once or hours later, by ttrpc_reply() or
 * ttrpc_fail(). A call whose connection has gone meanwhile is ended the same way; its answer then
 * goes nowhere. The server's frames, limits and the treatment of a hostile peer are in frame.h and
 * server.c.
 */
#ifndef SAMPAN_TTRPC_SERVER_H
#define SAMPAN_TTRPC_SERVER_H

#include <protobuf-c/protobuf-c.h>
#include "core/err.h"
#include "core/loop.h"
#include "ttrpc/code.h"

struct ttrpc_server;
struct ttrpc_call;

/* request is the unpacked message of the method's input type; it lives until the call is ended. */
typedef void ttrpc_handler(void *arg, struct ttrpc_call *call, const ProtobufCMessage *request);

struct ttrpc_method {
	const char *name;
	ttrpc_handler *serve;
};

/* A method that the descriptor has and the table lacks answers UNIMPLEMENTED, as does an unknown
 * one. */
struct ttrpc_service {
	const ProtobufCServiceDescriptor *descriptor; /* its name is the service's on the wire */
	const struct ttrpc_method *methods;
	size_t nmethods;
};

/* services (not copied) must outlive the server; arg is passed to every handler. */
int ttrpc_server_new(struct ttrpc_server **out, struct loop *loop,
	const struct ttrpc_service *services, size_t nservices, void *arg, struct err *err)
	MUST_USE;
/* Closes all; calls not ended yet stay valid for their handlers to end. Not from inside a handler.
 */
void ttrpc_server_free(struct ttrpc_server *s);

/* Takes over a listening socket, or one connection; closed when this fails, too. */
int ttrpc_server_listen(struct ttrpc_server *s, int fd, struct err *err) MUST_USE;
int ttrpc_server_adopt(struct ttrpc_server *s, int fd, struct err *err) MUST_USE;

/* Calls fn(arg) in the loop thread when everything answered so far has been written (or its
 * connection is gone). A peer that does not read delays it: who can't wait sets a timer. */
void ttrpc_server_drain(struct ttrpc_server *s, void (*fn)(void *arg), void *arg);

/* End a call. response is packed before the call returns; it stays the caller's. code is an enum
 * ttrpc_code but OK. */
void ttrpc_reply(struct ttrpc_call *call, const ProtobufCMessage *response);
void ttrpc_fail(struct ttrpc_call *call, int code, const char *fmt, ...) PRINTF(3, 4);

/* fn(arg) is called once if the call's connection goes away before the call is ended: the handler
 * may end it then (also from inside fn) or later. NULL: none. */
void ttrpc_on_gone(struct ttrpc_call *call, void (*fn)(void *arg), void *arg);

/* What the caller said: its deadline in ns from the request's arrival (0: none), its method's
 * descriptor. */
int64_t ttrpc_call_timeout(const struct ttrpc_call *call);
const ProtobufCMethodDescriptor *ttrpc_call_method(const struct ttrpc_call *call);

#endif
