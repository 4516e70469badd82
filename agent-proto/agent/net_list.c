/* ListInterfaces and ListRoutes: what the kernel has now, in its order. */
#define _GNU_SOURCE
#include "agent/net.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "netlink/net_text.h"
#include "agent/rpc.h"

static Types__IPAddress *show_address(const struct net_addr *from)
{
	Types__IPAddress *to = malloc(sizeof(*to));
	char text[NET_TEXT_ADDR];

	if (!to)
		return NULL;
	types__ipaddress__init(to);
	to->family = from->family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
	to->address = strdup(net_show_addr(text, from, false));
	snprintf(text, sizeof(text), "%u", from->prefix);
	to->mask = strdup(text);
	return to;
}

static Types__Interface *show_link(const struct net_link *link, const struct net_ifaddr *addrs,
	size_t n)
{
	Types__Interface *to = malloc(sizeof(*to));
	char mac[NET_TEXT_MAC];
	size_t count = 0;

	if (!to)
		return NULL;
	types__interface__init(to);
	to->device = strdup(link->name);
	to->name = strdup(link->name);
	to->mtu = link->mtu;
	to->hwaddr = strdup(net_show_mac(mac, link->mac, link->mac_len));
	to->raw_flags = link->flags & IFF_NOARP;
	for (size_t i = 0; i < n; i++)
		count += addrs[i].index == link->index;
	if (!count)
		return to;
	to->ipaddresses = calloc(count, sizeof(*to->ipaddresses));
	for (size_t i = 0; to->ipaddresses && i < n; i++) {
		if (addrs[i].index != link->index)
			continue;
		to->ipaddresses[to->n_ipaddresses] = show_address(&addrs[i].addr);
		if (to->ipaddresses[to->n_ipaddresses])
			to->n_ipaddresses++;
	}
	return to;
}

static int list_interfaces(struct netlink *nl, Grpc__Interfaces *out, struct err *err)
{
	struct net_link *links = NULL;
	struct net_ifaddr *addrs = NULL;
	size_t n = 0, naddrs = 0;
	int r = netlink_links(nl, &links, &n);

	if (!r)
		r = netlink_addrs(nl, &addrs, &naddrs);
	if (!r && !(out->interfaces = calloc(n + 1, sizeof(*out->interfaces))))
		r = -ENOMEM;
	for (size_t i = 0; !r && i < n; i++) {
		out->interfaces[out->n_interfaces] = show_link(&links[i], addrs, naddrs);
		if (out->interfaces[out->n_interfaces])
			out->n_interfaces++;
	}
	free(addrs);
	free(links);
	return r ? fail(err, r, "list the interfaces") : 0;
}

int rpc_list_interfaces(struct agent *a, const void *request, void *response, struct err *err)
{
	struct netlink nl;
	int r = netlink_open(&nl, 0, err);

	(void)a;
	(void)request;
	if (r)
		return r;
	r = list_interfaces(&nl, response, err);
	netlink_close(&nl);
	return r;
}

int rpc_list_routes(struct agent *a, const void *request, void *response, struct err *err)
{
	struct netlink nl;
	int r = netlink_open(&nl, 0, err);

	(void)a;
	(void)request;
	if (r)
		return r;
	r = net_routes_list(&nl, response, err);
	netlink_close(&nl);
	return r;
}
