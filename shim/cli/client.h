/*
 * A QMP client that waits, but never longer than its deadline: for `sampan ctl`, one request after
 * another. Owner: main.
 */
#ifndef SAMPAN_CLI_CLIENT_H
#define SAMPAN_CLI_CLIENT_H

#include <jansson.h>
#include "core/err.h"
#include "shim/qmp/split.h"

struct client {
	int fd;
	int64_t deadline_ms; /* monotonic */
	struct qmp_split split;
	size_t at, len;
	char in[4096]; /* bytes at .. len were received and not looked at yet */
};

/* Connects, reads the greeting, negotiates. timeout_ms covers all that is done with the client. */
int client_open(struct client *c, const char *path, unsigned timeout_ms, struct err *err) MUST_USE;
void client_close(struct client *c);

/*
 * Sends request (borrowed), with a descriptor along where fd >= 0, and gives the reply, a new
 * reference; events are skipped. The reply may hold an error.
 */
int client_call(struct client *c, const json_t *request, int fd, json_t **reply, struct err *err)
	MUST_USE;

#endif
