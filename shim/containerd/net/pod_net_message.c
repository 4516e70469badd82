/*
 * What the agent is told of a pod's network; see pod_net.h. A message whose parts can't be had is
 * none at all: half a routing table would be worse.
 */
#include "shim/containerd/net/pod_net.h"

#include <stdio.h>
#include <string.h>

#include "netlink/net_text.h"

/* Sets *to to a copy; *ok becomes false when there is no memory for it. */
static void set_text(char **to, const char *text, bool *ok)
{
	char *copy = strdup(text);

	if (copy)
		*to = copy;
	else
		*ok = false;
}

static void *message(const ProtobufCMessageDescriptor *type, bool *ok)
{
	ProtobufCMessage *m = malloc(type->sizeof_message);

	if (m)
		protobuf_c_message_init(type, m);
	else
		*ok = false;
	return m;
}

static Types__IPFamily family_of(const struct net_addr *addr)
{
	return addr->family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
}

static const char *name_of(const struct pod_net *net, int index)
{
	for (size_t i = 0; i < net->nlinks; i++)
		if (net->links[i].index == index)
			return net->links[i].name;
	return "";
}

/* A finished message, or NULL after it was freed. */
static void *finished(void *m, bool ok)
{
	if (ok)
		return m;
	if (m)
		protobuf_c_message_free_unpacked(m, NULL);
	return NULL;
}

/* --- interfaces ------------------------------------------------------------------------------- */

static Types__IPAddress *new_address(const struct net_addr *from, bool *ok)
{
	Types__IPAddress *to = message(&types__ipaddress__descriptor, ok);
	char text[NET_TEXT_ADDR];

	if (!to)
		return NULL;
	to->family = family_of(from);
	set_text(&to->address, net_show_addr(text, from, false), ok);
	return to;
}

static void add_address(Types__Interface *to, const struct net_addr *from, bool *ok)
{
	Types__IPAddress *address = new_address(from, ok);
	char mask[8];

	if (!address)
		return;
	snprintf(mask, sizeof(mask), "%u", from->prefix);
	set_text(&address->mask, mask, ok);
	to->ipaddresses[to->n_ipaddresses++] = address;
}

static void fill_interface(Types__Interface *to, const struct pod_net *net,
	const struct pod_link *from, bool *ok)
{
	char mac[NET_TEXT_MAC];

	set_text(&to->device, from->name, ok);
	set_text(&to->name, from->name, ok);
	set_text(&to->hwaddr, net_show_mac(mac, from->mac, sizeof(from->mac)), ok);
	set_text(&to->type, "virtual", ok);
	to->mtu = from->mtu;
	to->raw_flags = from->flags & IFF_NOARP;
	to->ipaddresses = calloc(net->naddrs + 1, sizeof(*to->ipaddresses));
	if (!to->ipaddresses)
		*ok = false;
	for (size_t i = 0; *ok && i < net->naddrs; i++)
		if (net->addrs[i].index == from->index)
			add_address(to, &net->addrs[i].addr, ok);
}

Grpc__UpdateInterfaceRequest *pod_net_interface(const struct pod_net *net, size_t link)
{
	bool ok = true;
	Grpc__UpdateInterfaceRequest *m = message(&grpc__update_interface_request__descriptor, &ok);

	if (m)
		m->interface = message(&types__interface__descriptor, &ok);
	if (ok)
		fill_interface(m->interface, net, &net->links[link], &ok);
	return finished(m, ok);
}

/* --- routes ----------------------------------------------------------------------------------- */

static Types__Route *new_route(const struct pod_net *net, const struct net_route *from, bool *ok)
{
	Types__Route *to = message(&types__route__descriptor, ok);
	char text[NET_TEXT_ADDR];
	const char *dest = from->family == AF_INET6 ? "::/0" : "0.0.0.0/0";

	if (!to)
		return NULL;
	if (from->dst.family)
		dest = net_show_addr(text, &from->dst, true);
	set_text(&to->dest, dest, ok);
	set_text(&to->device, name_of(net, from->oif), ok);
	if (from->gateway.family)
		set_text(&to->gateway, net_show_addr(text, &from->gateway, false), ok);
	if (from->prefsrc.family)
		set_text(&to->source, net_show_addr(text, &from->prefsrc, false), ok);
	to->family = from->family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
	to->scope = from->scope;
	to->flags = from->flags;
	to->mtu = from->mtu;
	return to;
}

Grpc__UpdateRoutesRequest *pod_net_routes(const struct pod_net *net)
{
	bool ok = true;
	Grpc__UpdateRoutesRequest *m = message(&grpc__update_routes_request__descriptor, &ok);

	if (m)
		m->routes = message(&grpc__routes__descriptor, &ok);
	if (ok) {
		m->routes->routes = calloc(net->nroutes + 1, sizeof(*m->routes->routes));
		ok = m->routes->routes != NULL;
	}
	for (size_t i = 0; ok && i < net->nroutes; i++) {
		Types__Route *route = new_route(net, &net->routes[i], &ok);

		if (route)
			m->routes->routes[m->routes->n_routes++] = route;
	}
	return finished(m, ok);
}

/* --- neighbours ------------------------------------------------------------------------------- */

static Types__ARPNeighbor *new_neighbour(const struct pod_net *net, const struct net_neigh *from,
	bool *ok)
{
	Types__ARPNeighbor *to = message(&types__arpneighbor__descriptor, ok);
	char mac[NET_TEXT_MAC];

	if (!to)
		return NULL;
	to->toipaddress = new_address(&from->addr, ok);
	set_text(&to->device, name_of(net, from->index), ok);
	set_text(&to->lladdr, net_show_mac(mac, from->mac, from->mac_len), ok);
	to->state = from->state;
	to->flags = from->flags;
	return to;
}

Grpc__AddARPNeighborsRequest *pod_net_neighbours(const struct pod_net *net)
{
	bool ok = net->nneighs > 0;
	Grpc__AddARPNeighborsRequest *m = ok
		? message(&grpc__add_arpneighbors_request__descriptor, &ok)
		: NULL;

	if (m)
		m->neighbors = message(&grpc__arpneighbors__descriptor, &ok);
	if (ok) {
		m->neighbors->arpneighbors = calloc(net->nneighs + 1,
			sizeof(*m->neighbors->arpneighbors));
		ok = m->neighbors->arpneighbors != NULL;
	}
	for (size_t i = 0; ok && i < net->nneighs; i++) {
		Types__ARPNeighbor *n = new_neighbour(net, &net->neighs[i], &ok);

		if (n)
			m->neighbors->arpneighbors[m->neighbors->n_arpneighbors++] = n;
	}
	return finished(m, ok);
}
