/*
 * See pod_net_read.h. What the agent is not told: routes that the kernel makes of addresses and of
 * redirects, those of other tables (a guest has none that would lead there), several next hops, and
 * a second route to the same destination with a higher metric, which the protocol can't tell from
 * the first. The kernel lists routes of one destination in the order of their metrics.
 */
#include "shim/containerd/net/pod_net_read.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "core/log.h"

int pod_net_read_addrs(struct pod_net *net, struct netlink *nl, struct err *err)
{
	int r = netlink_addrs(nl, &net->addrs, &net->naddrs);

	return r ? fail(err, r, "list the pod's addresses") : 0;
}

bool pod_net_has_address(const struct pod_net *net, int index)
{
	for (size_t i = 0; i < net->naddrs; i++)
		if (net->addrs[i].index == index)
			return true;
	return false;
}

static bool chosen(const struct pod_net *net, int index)
{
	for (size_t i = 0; i < net->nlinks; i++)
		if (net->links[i].index == index)
			return true;
	return false;
}

static void keep_addrs(struct pod_net *net)
{
	size_t kept = 0;

	for (size_t i = 0; i < net->naddrs; i++)
		if (chosen(net, net->addrs[i].index))
			net->addrs[kept++] = net->addrs[i];
	net->naddrs = kept;
}

/* --- routes ----------------------------------------------------------------------------------- */

static bool tellable(const struct pod_net *net, const struct net_route *route)
{
	return route->table == RT_TABLE_MAIN && route->type == RTN_UNICAST &&
		!(route->flags & RTM_F_CLONED) && route->protocol != RTPROT_KERNEL &&
		route->protocol != RTPROT_REDIRECT && chosen(net, route->oif);
}

static struct net_route *same_destination(struct net_route *routes, size_t n,
	const struct net_route *route)
{
	for (size_t i = 0; i < n; i++)
		if (routes[i].family == route->family &&
			!memcmp(&routes[i].dst, &route->dst, sizeof(route->dst)))
			return &routes[i];
	return NULL;
}

static void keep_routes(struct pod_net *net, const struct net_route *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct net_route *same;

		if (!tellable(net, &from[i]))
			continue;
		same = same_destination(net->routes, net->nroutes, &from[i]);
		if (!same)
			net->routes[net->nroutes++] = from[i];
		else if (from[i].priority < same->priority)
			*same = from[i];
	}
}

static int read_routes(struct pod_net *net, struct netlink *nl)
{
	struct net_route *v4 = NULL, *v6 = NULL;
	size_t n4 = 0, n6 = 0;
	int r = netlink_routes(nl, AF_INET, &v4, &n4);

	if (!r)
		r = netlink_routes(nl, AF_INET6, &v6, &n6);
	if (r == -EOPNOTSUPP || r == -EAFNOSUPPORT) { /* a kernel without IPv6 */
		r = 0;
		n6 = 0;
	}
	if (!r) {
		net->routes = calloc(n4 + n6 + 1, sizeof(*net->routes));
		r = net->routes ? 0 : -ENOMEM;
	}
	if (!r) {
		keep_routes(net, v4, n4);
		keep_routes(net, v6, n6);
	}
	free(v4);
	free(v6);
	return r;
}

/* --- neighbours ------------------------------------------------------------------------------- */

static void keep_neighs(struct pod_net *net)
{
	size_t kept = 0;

	for (size_t i = 0; i < net->nneighs; i++) {
		const struct net_neigh *n = &net->neighs[i];

		if (n->state == NUD_PERMANENT && n->mac_len && chosen(net, n->index))
			net->neighs[kept++] = *n;
	}
	net->nneighs = kept;
}

int pod_net_read(struct pod_net *net, struct netlink *nl, struct err *err)
{
	int r = read_routes(net, nl);

	keep_addrs(net);
	if (r)
		return fail(err, r, "list the pod's routes");
	r = netlink_neighs(nl, &net->neighs, &net->nneighs);
	if (r)
		return fail(err, r, "list the pod's neighbours");
	keep_neighs(net);
	return 0;
}
