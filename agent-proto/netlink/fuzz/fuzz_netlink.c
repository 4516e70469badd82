/*
 * Answers of rtnetlink: the input is a datagram, its first message's sequence number and port
 * are those of the request. Every message goes through all readers, what they
 * say is looked at whole, and shown.
 */
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "netlink/net_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void look(const struct net_addr *addr)
{
	char text[NET_TEXT_ADDR];
	struct net_addr back;

	must(addr->family == AF_UNSPEC || addr->family == AF_INET || addr->family == AF_INET6);
	must(addr->prefix <= net_addr_len(addr) * 8);
	net_show_addr(text, addr, true);
	must(strlen(text) < NET_TEXT_ADDR);
	if (addr->family) {
		must(net_text_addr(text, &back));
		must(!memcmp(&back, addr, sizeof(back)));
	}
}

static int each(const struct nlmsghdr *nlh, void *arg)
{
	unsigned *seen = arg;
	struct net_link link;
	struct net_ifaddr addr;
	struct net_route route;
	struct net_neigh neigh;
	char mac[NET_TEXT_MAC];

	if (netlink_read_link(nlh, &link)) {
		must(link.index > 0 && link.name[0] && strnlen(link.name, IFNAMSIZ) < IFNAMSIZ);
		must(link.mac_len <= NETLINK_MAC_MAX);
		net_show_mac(mac, link.mac, link.mac_len);
	}
	if (netlink_read_addr(nlh, &addr)) {
		must(addr.addr.family != AF_UNSPEC);
		look(&addr.addr);
	}
	if (netlink_read_route(nlh, &route)) {
		look(&route.dst);
		look(&route.src);
		look(&route.prefsrc);
		look(&route.gateway);
	}
	if (netlink_read_neigh(nlh, &neigh)) {
		must(neigh.index > 0 && neigh.addr.family != AF_UNSPEC);
		must(neigh.mac_len <= NETLINK_MAC_MAX);
		look(&neigh.addr);
	}
	return ++*seen > 100000 ? -E2BIG : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netlink nl = { .fd = -1 };
	char *copy = malloc(size ? size : 1); /* the bytes end where memory ends */
	struct nlmsghdr first;
	unsigned seen = 0;

	must(copy != NULL);
	memcpy(copy, data, size);
	if (size >= sizeof(first)) {
		memcpy(&first, data, sizeof(first));
		nl.seq = first.nlmsg_seq;
		nl.port = first.nlmsg_pid;
	}
	must(netlink_answer(copy, size, &nl, each, &seen) <= 1);
	free(copy);
	return 0;
}
