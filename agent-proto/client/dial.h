/*
 * Connecting to an address in an event loop, with a deadline: tried again every 50 ms while what
 * answers is not there yet (a guest that boots), if that is wanted. For a hybrid vsock, and for the
 * agent's relay (address.inner), the CONNECT line is exchanged too. Loop thread only.
 */
#ifndef SAMPAN_CLIENT_DIAL_H
#define SAMPAN_CLIENT_DIAL_H

#include "client/address.h"
#include "core/loop.h"

struct dial;

/* fd: connected, non-blocking, now the callee's; or -1, and err says why. Called once, from the
 * loop; the dial is gone then. */
typedef void dial_done(void *arg, int fd, const struct err *err);

/* timeout_ns bounds all of it. */
int dial_start(struct dial **out, struct loop *loop, const struct address *to, int64_t timeout_ns,
	bool again, dial_done *done, void *arg, struct err *err) MUST_USE;

/* Without done(). Not after it. */
void dial_cancel(struct dial *d);

#endif
