/*
 * rtnetlink, as much as the agent and the containerd shim need: a socket, requests with their
 * acknowledgement, dumps as arrays, and waiting for a change. The readers of messages
 * (netlink_read_*) are pure functions over bytes: in a guest a container with CAP_NET_ADMIN shares
 * this network namespace and fills it as it likes, so lists are bounded and nothing in an answer is
 * taken on trust.
 *
 * A struct netlink belongs to one thread.
 */
#ifndef SAMPAN_NETLINK_NETLINK_H
#define SAMPAN_NETLINK_NETLINK_H

#include <linux/netlink.h>
#include <net/if.h>
#include "core/err.h"

#define NETLINK_ITEMS_MAX 8192 /* of a list; what is more makes the dump fail with -E2BIG */
#define NETLINK_MAC_MAX	  32

struct netlink {
	int fd;
	uint32_t seq, port;
};

struct net_addr {
	uint8_t family; /* AF_INET, AF_INET6; AF_UNSPEC: none */
	uint8_t prefix;
	uint8_t bytes[16];
};

struct net_link {
	int index;
	uint16_t type;	/* ARPHRD_ */
	uint32_t flags; /* IFF_ */
	uint32_t mtu;
	char name[IFNAMSIZ];
	uint8_t mac[NETLINK_MAC_MAX];
	size_t mac_len;
};

struct net_ifaddr {
	int index; /* of its link */
	uint8_t scope;
	struct net_addr addr;
};

struct net_route {
	uint8_t family, table, protocol, scope, type;
	uint32_t flags; /* RTNH_F_, RTM_F_ */
	int oif;	/* 0: none */
	uint32_t priority, mtu;
	struct net_addr dst, src, prefsrc, gateway; /* dst: AF_UNSPEC for the default route */
};

struct net_neigh {
	int index;	/* of its link */
	uint16_t state; /* NUD_ */
	uint8_t flags;	/* NTF_ */
	struct net_addr addr;
	uint8_t mac[NETLINK_MAC_MAX];
	size_t mac_len;
};

/* What netlink_link_change() changes of a link. */
struct net_link_change {
	uint32_t flags, mask; /* IFF_ */
	const char *name;     /* NULL: as it is */
	uint32_t mtu;	      /* 0: as it is */
};

/* groups: RTMGRP_ bits to listen to. */
int netlink_open(struct netlink *nl, uint32_t groups, struct err *err) MUST_USE;
void netlink_close(struct netlink *nl);

/* A request is built in a buffer of this size, with libmnl. */
#define NETLINK_REQUEST 1024
struct nlmsghdr *netlink_request(void *buf, uint16_t type, uint16_t flags);

/* Sends it and waits for the acknowledgement: 0 or the kernel's -errno. */
int netlink_do(struct netlink *nl, struct nlmsghdr *request) MUST_USE;

int netlink_link_change(struct netlink *nl, int index, const struct net_link_change *c) MUST_USE;

/* Sends a request for a dump; each() is called for each message of the answer, until it returns
 * something else than 0. -EINTR: the table changed meanwhile. */
int netlink_dump(struct netlink *nl, struct nlmsghdr *request,
	int (*each)(const struct nlmsghdr *nlh, void *arg), void *arg) MUST_USE;

/* Whole tables. *out is malloc'ed, also when *n is 0. family: AF_UNSPEC for all. */
int netlink_links(struct netlink *nl, struct net_link **out, size_t *n) MUST_USE;
int netlink_addrs(struct netlink *nl, struct net_ifaddr **out, size_t *n) MUST_USE;
int netlink_routes(struct netlink *nl, int family, struct net_route **out, size_t *n) MUST_USE;
int netlink_neighs(struct netlink *nl, struct net_neigh **out, size_t *n) MUST_USE;

/* Until something happens in the socket's groups: 0 or -ETIMEDOUT. What has happened is thrown
 * away; the caller looks again. */
int netlink_wait(struct netlink *nl, int timeout_ms) MUST_USE;

/* False when the message is not one, or is malformed. */
bool netlink_read_link(const struct nlmsghdr *nlh, struct net_link *link);
bool netlink_read_addr(const struct nlmsghdr *nlh, struct net_ifaddr *addr);
bool netlink_read_route(const struct nlmsghdr *nlh, struct net_route *route);
bool netlink_read_neigh(const struct nlmsghdr *nlh, struct net_neigh *neigh);

/*
 * A datagram of a dump's answer: each() is called for each message of ours in it. 1 when more is to
 * come, 0 at the end of the dump, or -errno (-EINTR: the table changed meanwhile, dump again).
 */
int netlink_answer(const void *data, size_t len, const struct netlink *nl,
	int (*each)(const struct nlmsghdr *nlh, void *arg), void *arg) MUST_USE;

#endif
