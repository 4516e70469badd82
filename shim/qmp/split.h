/*
 * Where one JSON message ends and the next begins, in bytes that come in any portions: byte by
 * byte, several messages at once, one spread over lines.
 *
 * Only brackets, strings and escapes are followed; whether the message is valid JSON is for the
 * parser to say. What can't begin a message runs to the end of its line and is given out as a
 * message too, so that it gets its error and the next line a fresh start. Pure; the owner is a
 * session or a client.
 */
#ifndef SAMPAN_QMP_SPLIT_H
#define SAMPAN_QMP_SPLIT_H

#include "core/util.h"

#define QMP_DEPTH_MAX 32 /* brackets within brackets */

struct qmp_split {
	size_t max; /* bytes of a message */
	char *text; /* the message so far; not NUL-terminated */
	size_t len, size;
	unsigned depth;
	bool string, escape, junk, done;
};

enum qmp_split_result {
	QMP_SPLIT_MORE,	    /* all bytes are used, no message is complete */
	QMP_SPLIT_MESSAGE,  /* text and len hold one, until the next call */
	QMP_SPLIT_TOO_LONG, /* as all that follow: there is no way on from here */
	QMP_SPLIT_TOO_DEEP,
	QMP_SPLIT_NO_MEMORY,
};

void qmp_split_init(struct qmp_split *s, size_t max);
void qmp_split_fini(struct qmp_split *s);

/* Whether no message is begun. */
bool qmp_split_is_between(const struct qmp_split *s);

/* *used: how many of the bytes were taken. */
enum qmp_split_result qmp_split_feed(struct qmp_split *s, const char *data, size_t len,
	size_t *used);

#endif
