/*
 * What the parts of the network RPCs share (net.c, net_route.c, net_list.c); the RPCs themselves
 * are in rpc.h. Blocking; any thread, each call with a netlink socket of its own.
 */
#ifndef SAMPAN_AGENT_NET_H
#define SAMPAN_AGENT_NET_H

#include "agent.pb-c.h"
#include "netlink/netlink.h"

/* An array of links and the one that is looked for in it; NULL when there is none. */
const struct net_link *net_link_by_name(const struct net_link *links, size_t n, const char *name);
const struct net_link *net_link_by_index(const struct net_link *links, size_t n, int index);
const struct net_link *net_link_by_mac(const struct net_link *links, size_t n, const uint8_t *mac,
	size_t len);

/* The answer of ListRoutes and UpdateRoutes: the main tables' routes. 0 or -errno. */
int net_routes_list(struct netlink *nl, Grpc__Routes *out, struct err *err) MUST_USE;

#endif
