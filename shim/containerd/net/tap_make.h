/*
 * Making a tap for a guest's card, in the network namespace of the calling thread. It lives as long
 * as its descriptors.
 */
#ifndef SAMPAN_CONTAINERD_NET_TAP_MAKE_H
#define SAMPAN_CONTAINERD_NET_TAP_MAKE_H

#include "netlink/netlink.h"

/*
 * A new tap of that name with so many queues, set up: fds[] gets a descriptor a queue (none when it
 * fails), *index the interface's number. It has frames behind a virtio header, no IPv6 of its own,
 * and the MTU. -EBUSY when there is an interface of that name.
 */
int tap_make(struct netlink *nl, const char *name, unsigned queues, uint32_t mtu, int *fds,
	int *index, struct err *err) MUST_USE;

#endif
