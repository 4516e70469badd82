/*
 * Port forwarding: a connection that something on the host makes to 127.0.0.1 or [::1] in the pod's
 * network namespace (containerd does, for `kubectl port-forward`) reaches the same port of the
 * guest's loopback.
 *
 * One listening socket in the namespace gets the connections to all ports: a program of a few
 * instructions at the namespace's socket lookup (BPF_SK_LOOKUP, Linux 5.9) steers them there. Each
 * is carried over a connection of its own to the agent's relay port. Nobody else's sockets on
 * loopback in that namespace get connections while this runs; CNI leaves none there.
 *
 * A port that nobody listens on in the guest, and an agent without a relay, are a connection that
 * is reset at once. Everything is bounded, and gone with relay_free() or the process.
 *
 * Loop thread only.
 */
#ifndef SAMPAN_CONTAINERD_NET_RELAY_H
#define SAMPAN_CONTAINERD_NET_RELAY_H

#include "client/address.h"
#include "core/loop.h"

#define RELAY_PORT	  1027 /* of vsock; the agent is told: agent.relay_vport=1027 */
#define RELAY_CONNECTIONS 256  /* at once; one more is reset */

struct relay;

/* agent: where the agent's relay listens, vsock://CID:RELAY_PORT say. Works in the namespace by a
 * short-lived thread; the caller's stays. */
int relay_new(struct relay **out, struct loop *loop, const char *netns, const struct address *agent,
	struct err *err) MUST_USE;
void relay_free(struct relay *relay); /* fine on NULL; resets what is under way */

#endif
