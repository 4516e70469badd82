/*
 * QMP on a unix socket, in the event loop: accepts clients, moves bytes between them and their
 * sessions, tells events to all who negotiated.
 *
 * At most QMP_CLIENTS at a time. When one more comes, the oldest that has not negotiated makes
 * room; where all have, the newcomer gets an error and is closed. A client that lets its backlog
 * overflow is dropped. Owner: a front; loop thread only.
 */
#ifndef SAMPAN_QMP_SERVER_H
#define SAMPAN_QMP_SERVER_H

#include "core/loop.h"
#include "shim/qmp/commands.h"

#define QMP_CLIENTS 8

struct qmp_server;

/* dialect must outlive the server. */
int qmp_server_new(struct qmp_server **out, const char *path, const struct qmp_dialect *dialect,
	struct loop *loop, struct err *err) MUST_USE;
/* Sends what sockets take without waiting, closes, removes the socket. */
void qmp_server_free(struct qmp_server *server);

/* Takes over data; NULL: none. May be called from within a command. */
void qmp_server_event(struct qmp_server *server, const char *name, json_t *data);

#endif
