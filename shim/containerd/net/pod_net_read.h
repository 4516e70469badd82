/* What pod_net.c has read of a pod's network namespace; see pod_net.h. */
#ifndef SAMPAN_CONTAINERD_NET_POD_NET_READ_H
#define SAMPAN_CONTAINERD_NET_POD_NET_READ_H

#include "shim/containerd/net/pod_net.h"

/* All of the namespace's addresses, to choose links by. */
int pod_net_read_addrs(struct pod_net *net, struct netlink *nl, struct err *err) MUST_USE;
bool pod_net_has_address(const struct pod_net *net, int index);

/* With the links chosen: their routes and neighbours; other links' addresses go. */
int pod_net_read(struct pod_net *net, struct netlink *nl, struct err *err) MUST_USE;

#endif
