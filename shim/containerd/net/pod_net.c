/*
 * See pod_net.h. Here: which interfaces are the pod's, their taps, and the way back. What is read
 * of addresses, routes and neighbours is in pod_net_read.c.
 */
#define _GNU_SOURCE
#include "shim/containerd/net/pod_net.h"

#include <linux/if_arp.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "shim/containerd/net/netns.h"
#include "shim/containerd/net/pod_net_read.h"
#include "shim/containerd/net/redirect.h"
#include "shim/containerd/net/tap_make.h"

struct opening {
	struct pod_net *net;
	unsigned queues; /* pairs a link */
};

static bool is_tap_of_ours(const struct net_link *link)
{
	char name[IFNAMSIZ];
	int of;

	if (sscanf(link->name, POD_NET_TAP, &of) != 1)
		return false;
	snprintf(name, sizeof(name), POD_NET_TAP, of);
	return !strcmp(name, link->name);
}

/* What a guest's card can stand in for. */
static bool is_ethernet(const struct net_link *link)
{
	return link->type == ARPHRD_ETHER && link->mac_len == 6 && !(link->flags & IFF_LOOPBACK) &&
		!is_tap_of_ours(link);
}

static int choose_link(struct pod_net *net, const struct net_link *link, struct err *err)
{
	struct pod_link *to = &net->links[net->nlinks];

	if (net->nlinks == POD_NET_LINKS)
		return failx(err, -E2BIG, "the pod has more than %d network interfaces",
			POD_NET_LINKS);
	to->index = link->index;
	memcpy(to->name, link->name, sizeof(to->name));
	memcpy(to->mac, link->mac, sizeof(to->mac));
	to->mtu = link->mtu;
	to->flags = link->flags;
	net->nlinks++;
	return 0;
}

/* Interfaces without an address are some plugin's tools, or the kernel's (gretap0). */
static int choose_links(struct pod_net *net, struct netlink *nl, struct err *err)
{
	struct net_link *links = NULL;
	size_t n = 0;
	int r = netlink_links(nl, &links, &n);

	if (r)
		fail(err, r, "list the pod's network interfaces");
	for (size_t i = 0; !r && i < n; i++)
		if (is_ethernet(&links[i]) && pod_net_has_address(net, links[i].index))
			r = choose_link(net, &links[i], err);
	free(links);
	return r;
}

/* --- taps ------------------------------------------------------------------------------------- */

/* A tap that is there means that another monitor serves the pod: then nothing is touched. What
 * redirects without one is left from an earlier run. */
static int join(struct netlink *nl, struct pod_link *link, unsigned queues, struct err *err)
{
	char name[IFNAMSIZ];
	int tap, r;

	snprintf(name, sizeof(name), POD_NET_TAP, link->index);
	link->queues = queues;
	r = tap_make(nl, name, link->queues, link->mtu, link->tap, &tap, err);
	if (r)
		return r;
	r = redirect_remove(nl, link->index);
	if (!r)
		r = redirect_add(nl, tap, link->index);
	if (!r)
		r = redirect_add(nl, link->index, tap);
	return r ? fail(err, r, "join interface %s with tap %s", link->name, name) : 0;
}

/* Without its tap a redirection loses all that arrives. */
static void part(struct netlink *nl, const struct pod_link *link)
{
	if (redirect_remove(nl, link->index))
		log_warn("interface %s keeps a redirection", link->name);
}

static int open_links(struct pod_net *net, struct netlink *nl, unsigned queues, struct err *err)
{
	int r = pod_net_read_addrs(net, nl, err);
	size_t joined = 0;

	if (!r)
		r = choose_links(net, nl, err);
	if (!r)
		r = pod_net_read(net, nl, err);
	while (!r && joined < net->nlinks) {
		r = join(nl, &net->links[joined], queues, err);
		if (!r)
			joined++;
	}
	while (r && joined > 0)
		part(nl, &net->links[--joined]);
	return r;
}

static int work_open(void *arg, struct err *err)
{
	struct opening *o = arg;
	struct netlink nl;
	int r = netlink_open(&nl, 0, err);

	if (r)
		return r;
	r = open_links(o->net, &nl, o->queues, err);
	netlink_close(&nl);
	return r;
}

int pod_net_open(struct pod_net *net, const char *netns, unsigned queues, struct err *err)
{
	struct opening o = { .net = net, .queues = queues };
	AUTO_FD fd = -1;
	int r;

	*net = (struct pod_net){ 0 };
	for (size_t i = 0; i < POD_NET_LINKS; i++)
		for (unsigned q = 0; q < VM_MAX_NET_QUEUES; q++)
			net->links[i].tap[q] = -1;
	if (!netns || !*netns)
		return 0;
	if (!queues || queues > VM_MAX_NET_QUEUES)
		return failx(err, -EINVAL, "%u network queues: 1 to %d are possible", queues,
			VM_MAX_NET_QUEUES);
	r = netns_open(&fd, netns, err);
	if (!r)
		r = netns_run(fd, work_open, &o, err);
	if (r)
		pod_net_free(net);
	return r ? err_prefix(err, r, "the pod's network in %s", netns) : 0;
}

void pod_net_free(struct pod_net *net)
{
	for (size_t i = 0; i < net->nlinks; i++)
		for (unsigned q = 0; q < net->links[i].queues; q++)
			auto_fd_close(&net->links[i].tap[q]);
	free(net->addrs);
	free(net->routes);
	free(net->neighs);
	*net = (struct pod_net){ 0 };
}

/* --- cleaning --------------------------------------------------------------------------------- */

static int clean_links(struct netlink *nl, struct err *err)
{
	struct net_link *links = NULL;
	size_t n = 0;
	int r = netlink_links(nl, &links, &n);

	if (r)
		fail(err, r, "list the pod's network interfaces");
	for (size_t i = 0; !r && i < n; i++) {
		if (!is_ethernet(&links[i]))
			continue;
		r = redirect_remove(nl, links[i].index);
		if (r)
			fail(err, r, "remove the redirection of interface %s", links[i].name);
	}
	free(links);
	return r;
}

static int work_clean(void *arg, struct err *err)
{
	struct netlink nl;
	int r = netlink_open(&nl, 0, err);

	(void)arg;
	if (r)
		return r;
	r = clean_links(&nl, err);
	netlink_close(&nl);
	return r;
}

int pod_net_clean(const char *netns, struct err *err)
{
	AUTO_FD fd = -1;
	int r;

	if (!netns || !*netns)
		return 0;
	r = netns_open(&fd, netns, err);
	if (r == -ENOENT)
		return 0;
	if (!r)
		r = netns_run(fd, work_clean, NULL, err);
	/* A path that nothing is bound to any more. */
	if (r == -EINVAL)
		return 0;
	return r ? err_prefix(err, r, "the pod's network in %s", netns) : 0;
}
