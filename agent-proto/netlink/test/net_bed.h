/*
 * A network namespace of the test's own with pairs of virtual links in it, for the tests of the
 * network RPCs. Where none can be made, net_bed_enter() says false and the tests skip themselves.
 */
#ifndef SAMPAN_NETLINK_TEST_NET_BED_H
#define SAMPAN_NETLINK_TEST_NET_BED_H

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "netlink/netlink.h"

static inline bool net_bed_enter(void)
{
	return !unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) ||
		!unshare(CLONE_NEWNET | CLONE_NEWNS);
}

/* A pair NAME, NAMEp; NAME has the address 02:00:00:00:00:LAST. Both are down. 0 or -errno. */
static inline int net_bed_pair(const char *name, uint8_t last)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	uint8_t mac[6] = { 2, 0, 0, 0, 0, last };
	char peer_name[IFNAMSIZ];
	struct nlattr *info, *data, *peer;
	struct netlink nl;
	int r = netlink_open(&nl, 0, NULL);

	if (r)
		return r;
	snprintf(peer_name, sizeof(peer_name), "%sp", name);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(mac), mac);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, peer_name);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	r = netlink_do(&nl, nlh);
	netlink_close(&nl);
	return r;
}

static inline void net_bed_remove(const char *name)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_DELLINK, 0);
	struct netlink nl;

	if (netlink_open(&nl, 0, NULL))
		return;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (netlink_do(&nl, nlh))
		fprintf(stderr, "# no link %s to remove\n", name);
	netlink_close(&nl);
}

/* IFF_UP of a link. */
static inline int net_bed_up(const char *name)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_NEWLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(nlh, sizeof(*i));
	struct netlink nl;
	int r = netlink_open(&nl, 0, NULL);

	if (r)
		return r;
	i->ifi_flags = i->ifi_change = IFF_UP;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	r = netlink_do(&nl, nlh);
	netlink_close(&nl);
	return r;
}

#endif
