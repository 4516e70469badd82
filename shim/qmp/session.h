/*
 * One QMP client: bytes in, bytes out. Greeting, negotiation of capabilities, commands in order
 * with or without id, events once capabilities were negotiated. Protocol: QEMU's
 * docs/interop/qmp-spec (in-order execution only).
 *
 * Pure of sockets: the server (or a fuzzer) moves the bytes. While more than QMP_OUTPUT_HIGH bytes
 * wait to be sent no further input is taken, so a client that does not read its replies stops
 * itself; events alone can still grow the backlog, and at QMP_OUTPUT_MAX the session is dead.
 * Owner: the server; loop thread only.
 */
#ifndef SAMPAN_QMP_SESSION_H
#define SAMPAN_QMP_SESSION_H

#include "shim/qmp/fds.h"
#include "shim/qmp/split.h"

#define QMP_MESSAGE_MAX (64 * 1024)  /* bytes that a client may send as one message */
#define QMP_OUTPUT_HIGH (64 * 1024)  /* bytes */
#define QMP_OUTPUT_MAX	(256 * 1024) /* bytes */

struct qmp_session {
	const struct qmp_dialect *dialect;
	struct qmp_split split;
	struct qmp_inbox inbox;
	char *out; /* bytes out_at .. out_len wait to be sent */
	size_t out_at, out_len, out_size;
	bool negotiated;
	bool closing; /* send what waits, then close */
	bool dead;    /* close at once: backlog or memory exhausted */
};

/* Queues the greeting. dialect must outlive the session. */
void qmp_session_init(struct qmp_session *s, const struct qmp_dialect *dialect);
void qmp_session_fini(struct qmp_session *s);

/* What came with the bytes that are put in next; takes all of them over. */
void qmp_session_fds(struct qmp_session *s, const int *fds, size_t n);

/* Returns how many bytes were taken: all, unless output must be sent first or the session ends. */
size_t qmp_session_input(struct qmp_session *s, const char *data, size_t len);

const char *qmp_session_output(const struct qmp_session *s, size_t *len);
void qmp_session_sent(struct qmp_session *s, size_t len);

/* Sends an event's object to a client that negotiated; json is borrowed. */
void qmp_session_event(struct qmp_session *s, const json_t *event);

/* {"error": {"class": ..., "desc": ...}}; a new reference, NULL without memory. */
json_t *qmp_error(const char *class, const char *desc);

#endif
