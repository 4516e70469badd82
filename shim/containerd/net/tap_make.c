/*
 * See tap_make.h. The kernel's side is drivers/net/tun.c: the first queue makes the interface and
 * must be the one to (IFF_TUN_EXCL), the others join it.
 */
#include "shim/containerd/net/tap_make.h"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/ioctl.h>

static int make_queue(const char *name, unsigned queues, bool first, int *out, struct err *err)
{
	int flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (queues > 1 ? IFF_MULTI_QUEUE : 0) |
		(first ? IFF_TUN_EXCL : 0);
	struct ifreq req = { .ifr_flags = (short)flags };
	AUTO_FD fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	*out = -1;
	if (fd < 0)
		return fail(err, -errno, "open /dev/net/tun");
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &req))
		return errno == EBUSY
			? failx(err, -EBUSY, "make tap %s: there is one, in use", name)
			: fail(err, -errno, "make tap %s", name);
	*out = take_fd(&fd);
	return 0;
}

/* Without an address of its own the host has nothing to say to the guest. A kernel without IPv6
 * takes no such thing. */
static int no_ipv6(struct netlink *nl, int index)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_NEWLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(nlh, sizeof(*i));
	struct nlattr *spec, *inet6;
	int r;

	i->ifi_index = index;
	spec = mnl_attr_nest_start(nlh, IFLA_AF_SPEC);
	inet6 = mnl_attr_nest_start(nlh, AF_INET6);
	mnl_attr_put_u8(nlh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(nlh, inet6);
	mnl_attr_nest_end(nlh, spec);
	r = netlink_do(nl, nlh);
	return r == -EAFNOSUPPORT || r == -EOPNOTSUPP ? 0 : r;
}

int tap_make(struct netlink *nl, const char *name, unsigned queues, uint32_t mtu, int *fds,
	int *index, struct err *err)
{
	struct net_link_change up = { .flags = IFF_UP, .mask = IFF_UP, .mtu = mtu };
	unsigned n = 0;
	int r = 0;

	for (; !r && n < queues; n++)
		r = make_queue(name, queues, n == 0, &fds[n], err);
	if (!r) {
		*index = (int)if_nametoindex(name);
		r = *index ? no_ipv6(nl, *index) : -errno;
		if (!r)
			r = netlink_link_change(nl, *index, &up);
		if (!r)
			return 0;
		fail(err, r, "set tap %s up with MTU %u", name, mtu);
	}
	for (unsigned i = 0; i < n; i++) {
		auto_fd_close(&fds[i]);
		fds[i] = -1;
	}
	return r;
}
