/*
 * Listening on a unix socket by path, the way every front and device of ours does it: the path must
 * fit, a live listener is refused, a stale socket (left by a killed monitor) is replaced under a
 * lock file so that two starters can't both win.
 */
#ifndef SAMPAN_CORE_SOCK_H
#define SAMPAN_CORE_SOCK_H

#include "core/err.h"
#include "core/names.h"

struct sock_listener {
	int fd; /* O_NONBLOCK, O_CLOEXEC; -1 when none */
	char path[108];
	struct name name; /* what sock_unlisten() removes */
};

/* l stays where it is until sock_unlisten(). what names its use in the sentence: "the API socket".
 * Mode 0600. */
int sock_listen(struct sock_listener *l, const char *path, const char *what, struct err *err)
	MUST_USE;
void sock_unlisten(struct sock_listener *l); /* closes and removes; fine when fd is -1 */

/* send() and recv() that neither wait nor raise SIGPIPE. */
ssize_t sock_send(int fd, const void *data, size_t len);
ssize_t sock_recv(int fd, void *buf, size_t len, int flags);

/* Connects to path; non-blocking afterwards. */
int sock_connect(int *fd, const char *path, struct err *err) MUST_USE;

#endif
