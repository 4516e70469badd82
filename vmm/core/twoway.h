/*
 * Two connected stream sockets, of any kinds, and all bytes carried between them, both ways.
 *
 * What one end sends is read only while the other takes it, so that at most 16 KiB a way wait here,
 * in memory that is only there meanwhile. An end of file is handed on (SHUT_WR); when both ways
 * have had theirs, or one end has failed, both sockets are closed and done() is called. A failure
 * is handed on, too: a TCP socket is reset, a unix or vsock one closed before both ways have ended,
 * which its other end, if it is one of these, takes for a failure.
 *
 * Embedded in its owner, as a watch is. Loop thread only.
 */
#ifndef SAMPAN_CORE_TWOWAY_H
#define SAMPAN_CORE_TWOWAY_H

#include "core/loop.h"

struct twoway;

struct twoway_end {
	struct watch watch;
	struct twoway *of;
	/* What this end has sent and the other did not take yet. */
	char *rest;
	size_t begin, end;
	bool eof; /* of what this end sends; the other has been told */
};

struct twoway {
	struct loop *loop;
	struct twoway_end ends[2];
	void (*done)(struct twoway *t); /* from the loop, once; t may be freed in it */
};

/* Takes the non-blocking sockets a and b over, also when it fails. */
int twoway_start(struct twoway *t, struct loop *loop, int a, int b, void (*done)(struct twoway *t))
	MUST_USE;

/* Resets both, without done(). Not after it. */
void twoway_stop(struct twoway *t);

/* Closes a socket so that its peer, if it is TCP, sees a reset instead of an end. */
void twoway_reset(int fd);

#endif
