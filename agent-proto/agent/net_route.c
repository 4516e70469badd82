/*
 * UpdateRoutes: each route of the request is added to the main table, in the place of one to the
 * same destination if there is one; nothing else is removed. First come those to a link, then those
 * through a gateway, which must be reachable by one of the first.
 */
#define _GNU_SOURCE
#include "agent/net.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "netlink/net_text.h"
#include "agent/rpc.h"

/* What the request says of one route, read before anything is changed. */
struct wanted {
	const Types__Route *route;
	struct net_addr dst, src, gateway;
	uint8_t family;
	int oif;
};

static int read_addr(const char *text, uint8_t *family, struct net_addr *out, struct err *err)
{
	*out = (struct net_addr){ 0 };
	if (!*text)
		return 0;
	if (!net_text_addr(text, out) || (*family && *family != out->family))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%s is no address for this route",
			text);
	*family = out->family;
	return 0;
}

static int read_route(const Types__Route *route, const struct net_link *links, size_t n,
	struct wanted *w, struct err *err)
{
	const struct net_link *link = net_link_by_name(links, n, route->device);
	int r;

	*w = (struct wanted){ .route = route };
	r = read_addr(route->dest, &w->family, &w->dst, err);
	if (!r)
		r = read_addr(route->gateway, &w->family, &w->gateway, err);
	if (!r)
		r = read_addr(route->source, &w->family, &w->src, err);
	if (r)
		return r;
	if (!w->family)
		w->family = route->family == TYPES__IPFAMILY__v6 ? AF_INET6 : AF_INET;
	if (route->scope > 255)
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%u is no scope for a route",
			route->scope);
	if (w->gateway.family && !net_addr_whole(&w->gateway))
		return rpc_fail(err, TTRPC_INVALID_ARGUMENT, "%s is no gateway", route->gateway);
	if (!link)
		return rpc_fail(err, TTRPC_INTERNAL, "Link not found (Name: %s)", route->device);
	w->oif = link->index;
	return 0;
}

/* The kernel refuses a network with bits of a host in it. */
static void mask_host_bits(struct net_addr *addr)
{
	for (unsigned i = 0; i < net_addr_len(addr); i++) {
		unsigned bits = addr->prefix > i * 8 ? addr->prefix - i * 8 : 0;

		if (bits < 8)
			addr->bytes[i] &= (uint8_t)(0xff00 >> bits);
	}
}

static int add_route(struct netlink *nl, struct wanted *w, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	size_t len = w->family == AF_INET ? 4 : 16;
	int r;

	mask_host_bits(&w->dst);
	m->rtm_family = w->family;
	m->rtm_dst_len = w->dst.prefix;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = RTPROT_BOOT;
	m->rtm_scope = (uint8_t)w->route->scope;
	m->rtm_type = RTN_UNICAST;
	m->rtm_flags = w->route->flags & RTNH_F_ONLINK;
	if (w->dst.prefix)
		mnl_attr_put(nlh, RTA_DST, len, w->dst.bytes);
	if (w->gateway.family)
		mnl_attr_put(nlh, RTA_GATEWAY, len, w->gateway.bytes);
	if (net_addr_whole(&w->src)) {
		mnl_attr_put(nlh, RTA_PREFSRC, len, w->src.bytes);
	} else if (w->src.prefix) {
		mask_host_bits(&w->src);
		m->rtm_src_len = w->src.prefix;
		mnl_attr_put(nlh, RTA_SRC, len, w->src.bytes);
	}
	mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)w->oif);
	if (w->route->mtu) {
		struct nlattr *metrics = mnl_attr_nest_start(nlh, RTA_METRICS);

		mnl_attr_put_u32(nlh, RTAX_MTU, w->route->mtu);
		mnl_attr_nest_end(nlh, metrics);
	}
	r = netlink_do(nl, nlh);
	if (!r || r == -EEXIST)
		return 0;
	return fail(err, r, "add the route to %s through %s on interface %s",
		*w->route->dest ? w->route->dest : "everywhere",
		*w->route->gateway ? w->route->gateway : "no gateway", w->route->device);
}

/* Both families' routes, one list after the other; the caller frees it. A kernel without IPv6 has
 * none of its. */
static int all_routes(struct netlink *nl, struct net_route **out, size_t *n)
{
	struct net_route *v6 = NULL, *both;
	size_t n6 = 0;
	int r = netlink_routes(nl, AF_INET, out, n);

	if (!r)
		r = netlink_routes(nl, AF_INET6, &v6, &n6);
	if (r == -EOPNOTSUPP || r == -EAFNOSUPPORT)
		r = 0;
	if (!r) {
		both = reallocarray(*out, *n + n6 + 1, sizeof(*both));
		if (both) {
			*out = both;
			if (v6)
				memcpy(both + *n, v6, n6 * sizeof(*both));
			*n += n6;
		} else {
			r = -ENOMEM;
		}
	}
	free(v6);
	return r;
}

static int add_routes(struct netlink *nl, const Grpc__Routes *list, struct err *err)
{
	size_t count = list ? list->n_routes : 0, n = 0;
	struct wanted *wanted = calloc(count + 1, sizeof(*wanted));
	struct net_link *links = NULL;
	int r = wanted ? netlink_links(nl, &links, &n) : -ENOMEM;

	if (r)
		fail(err, r, "list the interfaces");
	for (size_t i = 0; !r && i < count; i++)
		r = read_route(list->routes[i], links, n, &wanted[i], err);
	for (size_t i = 0; !r && i < count; i++)
		if (!wanted[i].gateway.family)
			r = add_route(nl, &wanted[i], err);
	for (size_t i = 0; !r && i < count; i++)
		if (wanted[i].gateway.family)
			r = add_route(nl, &wanted[i], err);
	free(links);
	free(wanted);
	return r;
}

int rpc_update_routes(struct agent *a, const void *request, void *response, struct err *err)
{
	const Grpc__UpdateRoutesRequest *req = request;
	struct netlink nl;
	int r = netlink_open(&nl, 0, err);

	(void)a;
	if (r)
		return r;
	r = add_routes(&nl, req->routes, err);
	if (!r)
		r = net_routes_list(&nl, response, err);
	netlink_close(&nl);
	return r;
}

/* --- the list --------------------------------------------------------------------------------- */

static Types__Route *show_route(const struct net_route *from, const struct net_link *links,
	size_t n)
{
	const struct net_link *link = net_link_by_index(links, n, from->oif);
	Types__Route *to = malloc(sizeof(*to));
	char text[NET_TEXT_ADDR];

	if (!to)
		return NULL;
	types__route__init(to);
	to->family = from->family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
	to->scope = from->scope;
	to->flags = from->flags & RTNH_F_ONLINK;
	to->mtu = from->mtu;
	/* The default route's destination has no prefix: so the runtime knows it. */
	to->dest = strdup(from->dst.family	  ? net_show_addr(text, &from->dst, true)
			: from->family == AF_INET ? "0.0.0.0"
						  : "::");
	if (from->gateway.family)
		to->gateway = strdup(net_show_addr(text, &from->gateway, false));
	if (from->src.family)
		to->source = strdup(net_show_addr(text, &from->src, true));
	if (link)
		to->device = strdup(link->name);
	return to;
}

int net_routes_list(struct netlink *nl, Grpc__Routes *out, struct err *err)
{
	struct net_route *routes = NULL;
	struct net_link *links = NULL;
	size_t n = 0, nlinks = 0;
	int r = all_routes(nl, &routes, &n);

	if (!r)
		r = netlink_links(nl, &links, &nlinks);
	if (!r && !(out->routes = calloc(n + 1, sizeof(*out->routes))))
		r = -ENOMEM;
	for (size_t i = 0; !r && i < n; i++) {
		if (routes[i].table != RT_TABLE_MAIN || routes[i].flags & RTM_F_CLONED)
			continue;
		out->routes[out->n_routes] = show_route(&routes[i], links, nlinks);
		if (out->routes[out->n_routes])
			out->n_routes++;
	}
	free(links);
	free(routes);
	return r ? fail(err, r, "list the routes") : 0;
}
