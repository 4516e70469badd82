/*
 * UpdateInterface and AddARPNeighbors: the runtime says what the host's interface had, and the link
 * with its hardware address gets it: name, addresses, MTU, NOARP.
 *
 * The link goes down first (its old addresses and routes with it), gets its addresses while it is
 * down, and comes up with all at once. IPv6 addresses are set without duplicate detection: the host
 * has done it, and a pod must be able to bind to them at once.
 */
#define _GNU_SOURCE
#include "agent/net.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/agent.h"
#include "netlink/net_text.h"
#include "agent/rpc.h"

#define LATE_LINK_MS 100 /* for a link that is not known to be plugged later */

const struct net_link *net_link_by_name(const struct net_link *links, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(links[i].name, name))
			return &links[i];
	return NULL;
}

const struct net_link *net_link_by_index(const struct net_link *links, size_t n, int index)
{
	for (size_t i = 0; i < n; i++)
		if (links[i].index == index)
			return &links[i];
	return NULL;
}

const struct net_link *net_link_by_mac(const struct net_link *links, size_t n, const uint8_t *mac,
	size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (links[i].mac_len == len && !memcmp(links[i].mac, mac, len))
			return &links[i];
	return NULL;
}

/* --- changing a link -------------------------------------------------------------------------- */

static int link_down(struct netlink *nl, int index)
{
	return netlink_link_change(nl, index, &(struct net_link_change){ .mask = IFF_UP });
}

/* Another link's name. Old kernels rename only what is down. */
static int rename_other(struct netlink *nl, const struct net_link *link, const char *name)
{
	struct net_link_change c = { .name = name };
	int r = netlink_link_change(nl, link->index, &c);

	if (r != -EBUSY)
		return r;
	r = link_down(nl, link->index);
	if (!r)
		r = netlink_link_change(nl, link->index, &c);
	c = (struct net_link_change){ .flags = IFF_UP, .mask = IFF_UP };
	return r ? r : netlink_link_change(nl, link->index, &c);
}

static int addr_request(struct netlink *nl, uint16_t type, uint16_t flags, int index,
	const struct net_addr *addr)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, type, flags);
	struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(nlh, sizeof(*i));
	size_t len = net_addr_len(addr);

	i->ifa_family = addr->family;
	i->ifa_prefixlen = addr->prefix;
	i->ifa_index = (uint32_t)index;
	if (addr->family == AF_INET6 && type == RTM_NEWADDR)
		i->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(nlh, IFA_LOCAL, len, addr->bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, len, addr->bytes);
	if (addr->family == AF_INET && addr->prefix < 31 && type == RTM_NEWADDR) {
		uint8_t broadcast[4];

		for (unsigned n = 0; n < 4; n++) {
			unsigned bits = addr->prefix > n * 8 ? addr->prefix - n * 8 : 0;

			broadcast[n] = addr->bytes[n] | (bits < 8 ? 0xff >> bits : 0);
		}
		mnl_attr_put(nlh, IFA_BROADCAST, 4, broadcast);
	}
	return netlink_do(nl, nlh);
}

static int addrs_clear(struct netlink *nl, int index)
{
	struct net_ifaddr *addrs = NULL;
	size_t n;
	int r = netlink_addrs(nl, &addrs, &n);

	for (size_t i = 0; !r && i < n; i++) {
		if (addrs[i].index != index)
			continue;
		r = addr_request(nl, RTM_DELADDR, 0, index, &addrs[i].addr);
		if (r == -EADDRNOTAVAIL) /* gone with the one it was secondary to */
			r = 0;
	}
	free(addrs);
	return r;
}

static bool no_ipv6(int r)
{
	return r == -EOPNOTSUPP || r == -EAFNOSUPPORT || r == -EACCES;
}

/* --- UpdateInterface -------------------------------------------------------------------------- */

/* What the request says, read before anything is changed. */
struct wanted {
	const Types__Interface *interface;
	uint8_t mac[NETLINK_MAC_MAX];
	size_t mac_len;
	struct net_addr *addrs;
	size_t naddrs;
};

static int read_address(const Types__IPAddress *a, struct net_addr *out, struct err *err)
{
	unsigned prefix;

	if (!net_text_addr(a->address, out) || strchr(a->address, '/'))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%s is no IP address", a->address);
	if (!net_text_number(a->mask, out->prefix, &prefix))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%s is no prefix length for %s",
			a->mask, a->address);
	out->prefix = (uint8_t)prefix;
	return 0;
}

static int read_wanted(const Types__Interface *i, struct wanted *w, struct err *err)
{
	int r = 0;

	if (!i)
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "the request names no interface");
	if (!net_text_mac(i->hwaddr, w->mac, &w->mac_len))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%s is no hardware address",
			i->hwaddr);
	if (!net_text_name(i->name))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%s is no name for an interface",
			i->name);
	if (i->mtu > INT32_MAX)
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "MTU %llu is too large",
			(unsigned long long)i->mtu);
	w->interface = i;
	w->addrs = calloc(i->n_ipaddresses + 1, sizeof(*w->addrs));
	if (!w->addrs)
		return fail(err, -ENOMEM, "read the interface");
	for (; !r && w->naddrs < i->n_ipaddresses; w->naddrs++)
		r = read_address(i->ipaddresses[w->naddrs], &w->addrs[w->naddrs], err);
	return r;
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * The links, when one of them has the address; waits for it for a while (longer when the runtime
 * says where it is being plugged). The caller frees *links. The runtime looks for the sentence and
 * calls again.
 */
static int find_link(struct netlink *nl, const struct wanted *w, unsigned hotplug_ms,
	struct net_link **links, size_t *n, struct err *err)
{
	int64_t left, end = now_ms() + (*w->interface->devicepath ? hotplug_ms : LATE_LINK_MS);

	for (;;) {
		int r = netlink_links(nl, links, n);

		if (r)
			return fail(err, r, "list the interfaces");
		if (net_link_by_mac(*links, *n, w->mac, w->mac_len))
			return 0;
		left = end - now_ms();
		if (left <= 0 || netlink_wait(nl, (int)left))
			return rpc_fail(err, TTRPC_INTERNAL, "Link not found (Address: %s)",
				w->interface->hwaddr);
		free(take(links));
	}
}

/* Gives the name that our link is to have back to the one that has it now, under the name ours had.
 */
static int swap_names(struct netlink *nl, const struct net_link *ours, const struct net_link *other,
	struct err *err)
{
	char temporary[IFNAMSIZ];
	int r;

	snprintf(temporary, sizeof(temporary), "swap%d", ours->index);
	r = rename_other(nl, other, temporary);
	if (!r)
		r = netlink_link_change(nl, ours->index,
			&(struct net_link_change){ .name = other->name });
	if (!r)
		return rename_other(nl, other, ours->name);
	if (rename_other(nl, other, other->name))
		log_warn("interface %s keeps the name %s", other->name, temporary);
	return fail(err, r, "rename interface %s to %s", ours->name, other->name);
}

static int set_name(struct netlink *nl, const struct net_link *links, size_t n,
	const struct net_link *ours, const char *name, struct err *err)
{
	const struct net_link *other = net_link_by_name(links, n, name);
	int r;

	if (other == ours)
		return 0;
	if (other)
		return swap_names(nl, ours, other, err);
	r = netlink_link_change(nl, ours->index, &(struct net_link_change){ .name = name });
	return r ? fail(err, r, "rename interface %s to %s", ours->name, name) : 0;
}

static int set_addrs(struct netlink *nl, const struct net_link *ours, const struct wanted *w,
	struct err *err)
{
	int r = addrs_clear(nl, ours->index);

	if (r)
		return fail(err, r, "remove the addresses of interface %s", w->interface->name);
	for (size_t i = 0; i < w->naddrs; i++) {
		const struct net_addr *addr = &w->addrs[i];
		char text[NET_TEXT_ADDR];

		r = addr_request(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, ours->index, addr);
		if (r && addr->family == AF_INET6 && no_ipv6(r))
			log_warn("no IPv6 here: interface %s goes without %s", w->interface->name,
				net_show_addr(text, addr, true));
		else if (r)
			return fail(err, r, "add address %s to interface %s",
				net_show_addr(text, addr, true), w->interface->name);
	}
	return 0;
}

static int apply(struct netlink *nl, const struct net_link *links, size_t n, const struct wanted *w,
	struct err *err)
{
	const struct net_link *ours = net_link_by_mac(links, n, w->mac, w->mac_len);
	struct net_link_change up = {
		.flags = IFF_UP | (w->interface->raw_flags & IFF_NOARP),
		.mask = IFF_UP | IFF_NOARP,
	};
	struct net_link_change mtu = { .mtu = (uint32_t)w->interface->mtu };
	int r = ours->flags & IFF_UP ? link_down(nl, ours->index) : 0;

	if (r)
		return fail(err, r, "set interface %s down", ours->name);
	r = set_name(nl, links, n, ours, w->interface->name, err);
	if (!r && mtu.mtu) {
		r = netlink_link_change(nl, ours->index, &mtu);
		if (r)
			fail(err, r, "set the MTU of interface %s to %u", w->interface->name,
				mtu.mtu);
	}
	if (!r)
		r = set_addrs(nl, ours, w, err);
	if (r)
		return r;
	r = netlink_link_change(nl, ours->index, &up);
	return r ? fail(err, r, "set interface %s up", w->interface->name) : 0;
}

/* The answer is what was asked for. */
static int echo(const Types__Interface *from, Types__Interface *to, struct err *err)
{
	size_t len = types__interface__get_packed_size(from);
	AUTO_FREE uint8_t *packed = malloc(len + 1);
	Types__Interface *copy = packed
		? types__interface__unpack(NULL, types__interface__pack(from, packed), packed)
		: NULL;

	if (!copy)
		return fail(err, -ENOMEM, "answer with the interface");
	*to = *copy;
	free(copy); /* what hung from it hangs from the answer */
	return 0;
}

int rpc_update_interface(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__UpdateInterfaceRequest *req = request;
	struct wanted w = { 0 };
	struct net_link *links = NULL;
	struct netlink nl;
	size_t n;
	int r = read_wanted(req->interface, &w, err);

	if (!r)
		r = netlink_open(&nl, RTMGRP_LINK, err);
	if (!r) {
		r = find_link(&nl, &w, a->config.hotplug_timeout_ms, &links, &n, err);
		if (!r)
			r = apply(&nl, links, n, &w, err);
		netlink_close(&nl);
	}
	if (!r)
		r = echo(req->interface, response, err);
	free(links);
	free(w.addrs);
	return r;
}

/* --- AddARPNeighbors -------------------------------------------------------------------------- */

static int add_neighbor(struct netlink *nl, const Types__ARPNeighbor *want, int index,
	struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
	struct ndmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	struct net_addr ip;
	uint8_t mac[NETLINK_MAC_MAX];
	size_t len = 0;
	int r;

	if (!want->toipaddress || !net_text_addr(want->toipaddress->address, &ip))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%s is no IP address",
			want->toipaddress ? want->toipaddress->address : "nothing");
	if (*want->lladdr && !net_text_mac(want->lladdr, mac, &len))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%s is no hardware address",
			want->lladdr);
	m->ndm_family = ip.family;
	m->ndm_ifindex = index;
	m->ndm_state = want->state ? (uint16_t)want->state : NUD_PERMANENT;
	m->ndm_flags = (uint8_t)want->flags;
	m->ndm_type = RTN_UNICAST;
	mnl_attr_put(nlh, NDA_DST, net_addr_len(&ip), ip.bytes);
	if (len)
		mnl_attr_put(nlh, NDA_LLADDR, len, mac);
	r = netlink_do(nl, nlh);
	return r ? fail(err, r, "add neighbour %s to interface %s", want->toipaddress->address,
			   want->device)
		 : 0;
}

static int add_neighbors(struct netlink *nl, const Grpc__ARPNeighbors *list, struct err *err)
{
	struct net_link *links = NULL;
	size_t n;
	int r = netlink_links(nl, &links, &n);

	if (r)
		fail(err, r, "list the interfaces");
	for (size_t i = 0; !r && i < list->n_arpneighbors; i++) {
		const Types__ARPNeighbor *want = list->arpneighbors[i];
		const struct net_link *link = net_link_by_name(links, n, want->device);

		r = link ? add_neighbor(nl, want, link->index, err)
			 : rpc_fail(err, TTRPC_INTERNAL, "Link not found (Name: %s)", want->device);
	}
	free(links);
	return r;
}

int rpc_add_arp_neighbors(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__AddARPNeighborsRequest *req = request;
	struct netlink nl;
	int r;

	(void)a;
	(void)response;
	if (!req->neighbors)
		return 0;
	r = netlink_open(&nl, 0, err);
	if (r)
		return r;
	r = add_neighbors(&nl, req->neighbors, err);
	netlink_close(&nl);
	return r;
}
