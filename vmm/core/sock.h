/*
 * Listening on a unix socket by path, the way every front and device of ours does it: the path must
 * fit, a live listener is refused, a stale socket (left by a killed monitor) is replaced under a
 * lock file so that two starters can't both win.
 */
#ifndef SAMPAN_CORE_SOCK_H
#define SAMPAN_CORE_SOCK_H

#include "core/err.h"

struct sock_listener {
	int fd;		   /* O_NONBLOCK, O_CLOEXEC; -1 when none */
	char path[108];	   /* what sock_unlisten() removes */
	uint64_t dev, ino; /* of the socket we made: only that one is removed */
};

/* what names its use in the sentence: "the API socket". Mode 0600. */
int sock_listen(struct sock_listener *l, const char *path, const char *what, struct err *err)
	MUST_USE;
void sock_unlisten(struct sock_listener *l); /* closes and removes; fine when fd is -1 */

/* Connects to path; non-blocking afterwards. */
int sock_connect(int *fd, const char *path, struct err *err) MUST_USE;

#endif
