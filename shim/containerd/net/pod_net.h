/*
 * A pod's network: what CNI has put into its network namespace, and how a guest takes it over.
 *
 * Each Ethernet interface there that has an address gets a tap beside it; all that arrives at the
 * one leaves by the other (an ingress queueing discipline on both, with one filter that redirects),
 * so that the guest's card stands in for the interface: it has its hardware address, and the agent
 * gives it the addresses, routes and neighbours that are read here.
 *
 * A tap lives as long as its descriptors, so that it goes with whoever holds them, however that
 * ends; what is left on the interface then is one filter, which pod_net_clean() removes.
 *
 * All calls but the last three work in the namespace by a thread of their own that ends before they
 * return; the caller's namespace stays. They block for some milliseconds. A struct pod_net belongs
 * to one thread; several namespaces may be worked on at once.
 */
#ifndef SAMPAN_CONTAINERD_NET_POD_NET_H
#define SAMPAN_CONTAINERD_NET_POD_NET_H

#include "agent.pb-c.h"
#include "netlink/netlink.h"
#include "vm.h"

#define POD_NET_LINKS 8 /* interfaces of a pod; more are refused */

struct pod_link {
	int index; /* of the interface; POD_NET_TAP with it is the tap's name */
	char name[IFNAMSIZ];
	uint8_t mac[6];
	uint32_t mtu, flags; /* IFF_ */
	unsigned queues;
	int tap[VM_MAX_NET_QUEUES]; /* one a queue pair, for struct vm_net; -1: handed on */
};

struct pod_net {
	struct pod_link links[POD_NET_LINKS];
	size_t nlinks;
	struct net_ifaddr *addrs; /* of these links only, as what follows */
	struct net_route *routes; /* main table, without those that an address brings by itself */
	struct net_neigh *neighs; /* permanent ones */
	size_t naddrs, nroutes, nneighs;
};

#define POD_NET_TAP "sampan%d"

/*
 * netns is the path of the namespace; NULL or "" for a pod on the host's network, or without any:
 * then there are no links. queues: pairs a link, 1 to VM_MAX_NET_QUEUES. What an earlier run left
 * is removed first; a pod that another monitor still serves is refused (-EBUSY). When it fails,
 * nothing is left.
 */
int pod_net_open(struct pod_net *net, const char *netns, unsigned queues, struct err *err) MUST_USE;

/* Closes the descriptors that are still ours and frees the lists; fine twice, and on {0}. The
 * filters stay: pod_net_clean(). */
void pod_net_free(struct pod_net *net);

/*
 * Removes our filters from all interfaces of the namespace, and queueing disciplines that have no
 * other. Taps go when their last descriptor is closed, which the monitor may hold. A namespace that
 * is not there any more is clean. For `delete`, which knows the path only; fine twice.
 */
int pod_net_clean(const char *netns, struct err *err) MUST_USE;

/*
 * What the agent is told, in this order: UpdateInterface for each link, UpdateRoutes,
 * AddARPNeighbors (NULL when there is none to add). NULL, too, when memory is short. The caller
 * frees them with grpc__..._request__free_unpacked(m, NULL).
 */
Grpc__UpdateInterfaceRequest *pod_net_interface(const struct pod_net *net, size_t link);
Grpc__UpdateRoutesRequest *pod_net_routes(const struct pod_net *net);
Grpc__AddARPNeighborsRequest *pod_net_neighbours(const struct pod_net *net);

#endif
