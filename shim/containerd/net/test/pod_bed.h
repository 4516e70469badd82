/*
 * For the tests: a "host" network namespace of the test's own, and pods' namespaces beside it,
 * named by a path as CNI would. Where none can be made pod_bed_enter() says false; rights that root
 * would have and that are not there are a reason to skip, nothing else is.
 */
#ifndef SAMPAN_CONTAINERD_NET_TEST_POD_BED_H
#define SAMPAN_CONTAINERD_NET_TEST_POD_BED_H

#include "netlink/test/net_bed.h"
#include "shim/containerd/net/netns.h"

struct pod_bed {
	int netns;
	char path[32]; /* of netns */
};

/* Root keeps its rights over the kernel (BPF); others become root of a namespace of their own. */
static inline bool pod_bed_enter(void)
{
	return !unshare(CLONE_NEWNET | CLONE_NEWNS) ||
		!unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS);
}

static inline int pod_bed_own(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* A new, empty namespace. 0 or -errno. */
static inline int pod_bed_new(struct pod_bed *bed)
{
	AUTO_FD own = pod_bed_own();

	bed->netns = -1;
	if (own < 0 || unshare(CLONE_NEWNET))
		return -errno;
	bed->netns = pod_bed_own();
	if (setns(own, CLONE_NEWNET) || bed->netns < 0)
		return -errno;
	snprintf(bed->path, sizeof(bed->path), "/proc/self/fd/%d", bed->netns);
	return 0;
}

static inline void pod_bed_free(struct pod_bed *bed)
{
	close(bed->netns);
}

/* Moves a link of this namespace into the pod's. */
static inline int pod_bed_move(const struct pod_bed *bed, const char *name)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_NEWLINK, 0);
	struct netlink nl;
	int r = netlink_open(&nl, 0, NULL);

	if (r)
		return r;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)bed->netns);
	r = netlink_do(&nl, nlh);
	netlink_close(&nl);
	return r;
}

#endif
