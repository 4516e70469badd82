/*
 * Port forwarding, the guest's end: a connection to the relay's vsock port begins with a line
 * "CONNECT PORT\n", and is then, after "OK PORT\n", one to that TCP port of 127.0.0.1, or of [::1]
 * where the first refuses. It is closed without a word when neither takes it. What is behind is
 * what the pod's containers listen on: they share the agent's network namespace.
 *
 * Loop thread.
 */
#ifndef SAMPAN_AGENT_RELAY_PORT_H
#define SAMPAN_AGENT_RELAY_PORT_H

#include "core/loop.h"

#define RELAY_PORT_CONNECTIONS 256 /* at once; one more is closed */

struct relay_port;

/* listen_fd (non-blocking) is taken over, also when it fails. */
int relay_port_new(struct relay_port **out, struct loop *loop, int listen_fd, struct err *err)
	MUST_USE;
void relay_port_free(struct relay_port *r); /* fine on NULL */

#endif
