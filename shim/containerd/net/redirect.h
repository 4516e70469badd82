/*
 * All frames that arrive at one interface leave by another: an ingress queueing discipline with one
 * filter that matches everything (u32) and redirects (mirred), as `tc filter add dev A ingress
 * pref 23501 u32 ... action mirred egress redirect dev B` would. In the network namespace of the
 * netlink socket.
 */
#ifndef SAMPAN_CONTAINERD_NET_REDIRECT_H
#define SAMPAN_CONTAINERD_NET_REDIRECT_H

#include "netlink/netlink.h"

/* from has no filter of ours yet. 0 or -errno. */
int redirect_add(struct netlink *nl, int from, int to) MUST_USE;

/* Our filter goes, and the queueing discipline unless it has others. Fine when there is none, and
 * when the interface is not there. */
int redirect_remove(struct netlink *nl, int from) MUST_USE;

#endif
