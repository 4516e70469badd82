/*
 * The socket and the readers; see netlink.h. libmnl walks messages and attributes; what it leaves
 * to its caller is here: that a message is long enough for its fixed part, that an attribute has
 * the length of what is read from it, that an answer comes from the kernel (port 0).
 */
#define _GNU_SOURCE
#include "netlink/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define ANSWER_MAX     32768 /* the kernel's datagrams of a dump are no longer */
#define DUMP_TRIES     10    /* a table that changes all the time is not read for ever */
#define ANSWER_SECONDS 5

int netlink_open(struct netlink *nl, uint32_t groups, struct err *err)
{
	struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = groups };
	socklen_t len = sizeof(sa);
	AUTO_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) ||
		getsockname(fd, (struct sockaddr *)&sa, &len) ||
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return fail(err, -errno, "open a netlink socket");
	*nl = (struct netlink){ .port = sa.nl_pid };
	nl->fd = take_fd(&fd);
	return 0;
}

void netlink_close(struct netlink *nl)
{
	close(nl->fd);
	nl->fd = -1;
}

struct nlmsghdr *netlink_request(void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh;

	memset(buf, 0, NETLINK_REQUEST);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return nlh;
}

static int transmit(struct netlink *nl, struct nlmsghdr *request)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	request->nlmsg_seq = ++nl->seq;
	if (sendto(nl->fd, request, request->nlmsg_len, 0, (struct sockaddr *)&kernel,
		    sizeof(kernel)) < 0)
		return -errno;
	return 0;
}

/* One datagram of the kernel's; others are not listened to. Its length or -errno. */
static ssize_t receive(struct netlink *nl, void *buf, int flags)
{
	for (;;) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { buf, ANSWER_MAX };
		struct msghdr msg = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
		};
		ssize_t n = recvmsg(nl->fd, &msg, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (msg.msg_namelen < sizeof(from) || from.nl_pid != 0)
			continue;
		if (msg.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		return n;
	}
}

static int error_of(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e) || e->error > 0 || e->error < -4095)
		return -EBADMSG;
	return e->error;
}

/* libmnl compares lengths as ints, and would walk in place on one close to 4 GiB; and it looks for
 * attributes up to the aligned end. */
static bool whole(const struct nlmsghdr *nlh, int left)
{
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (uint32_t)left &&
		MNL_ALIGN(nlh->nlmsg_len) <= (uint32_t)left;
}

int netlink_answer(const void *data, size_t len, const struct netlink *nl,
	int (*each)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	const struct nlmsghdr *nlh = data;
	int left = (int)MIN(len, (size_t)ANSWER_MAX), r;
	bool changed = false;

	for (; whole(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq != nl->seq || nlh->nlmsg_pid != nl->port)
			continue; /* an event, or the rest of an answer that was given up */
		changed |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return error_of(nlh);
		if (nlh->nlmsg_type == NLMSG_OVERRUN)
			return -EINTR;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return changed ? -EINTR : 0;
		if (nlh->nlmsg_type < NLMSG_MIN_TYPE)
			continue;
		r = each ? each(nlh, arg) : 0;
		if (r)
			return r;
	}
	return changed ? -EINTR : 1;
}

/* Reads datagrams until the answer to the last request is complete. */
static int answers(struct netlink *nl, int (*each)(const struct nlmsghdr *nlh, void *arg),
	void *arg)
{
	AUTO_FREE char *buf = malloc(ANSWER_MAX);
	int r = 1;

	if (!buf)
		return -ENOMEM;
	while (r > 0) {
		ssize_t n = receive(nl, buf, 0);

		r = n < 0 ? (int)n : netlink_answer(buf, (size_t)n, nl, each, arg);
		if (r == -ENOBUFS) /* events were lost, answers are not */
			r = 1;
	}
	return r;
}

int netlink_do(struct netlink *nl, struct nlmsghdr *request)
{
	int r;

	request->nlmsg_flags |= NLM_F_ACK;
	r = transmit(nl, request);
	return r ? r : answers(nl, NULL, NULL);
}

int netlink_link_change(struct netlink *nl, int index, const struct net_link_change *c)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_NEWLINK, 0);
	struct ifinfomsg *i = mnl_nlmsg_put_extra_header(nlh, sizeof(*i));

	i->ifi_family = AF_UNSPEC;
	i->ifi_index = index;
	i->ifi_flags = c->flags;
	i->ifi_change = c->mask;
	if (c->name)
		mnl_attr_put_strz(nlh, IFLA_IFNAME, c->name);
	if (c->mtu)
		mnl_attr_put_u32(nlh, IFLA_MTU, c->mtu);
	return netlink_do(nl, nlh);
}

int netlink_dump(struct netlink *nl, struct nlmsghdr *request,
	int (*each)(const struct nlmsghdr *nlh, void *arg), void *arg)
{
	int r;

	request->nlmsg_flags |= NLM_F_DUMP;
	r = transmit(nl, request);
	return r ? r : answers(nl, each, arg);
}

int netlink_wait(struct netlink *nl, int timeout_ms)
{
	struct pollfd p = { .fd = nl->fd, .events = POLLIN };
	AUTO_FREE char *buf = malloc(ANSWER_MAX);
	int n;

	if (!buf)
		return -ENOMEM;
	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : -ETIMEDOUT;
	for (int i = 0; i < 64 && receive(nl, buf, MSG_DONTWAIT) >= 0; i++)
		;
	return 0;
}

/* --- lists ------------------------------------------------------------------------------------ */

struct list {
	char *items;
	size_t n, room, size;
	bool (*convert)(const struct nlmsghdr *nlh, void *item);
};

static int collect(const struct nlmsghdr *nlh, void *arg)
{
	struct list *l = arg;

	if (l->n == l->room) {
		size_t room = l->room * 2;
		char *more;

		if (room > NETLINK_ITEMS_MAX)
			return -E2BIG;
		more = reallocarray(l->items, room, l->size);
		if (!more)
			return -ENOMEM;
		l->items = more;
		l->room = room;
	}
	if (l->convert(nlh, l->items + l->n * l->size))
		l->n++;
	return 0;
}

static int list(struct netlink *nl, uint16_t type, int family, size_t fixed, struct list *l)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	int r = -EINTR;

	l->room = 16;
	l->items = calloc(l->room, l->size);
	if (!l->items)
		return -ENOMEM;
	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++) {
		struct nlmsghdr *nlh = netlink_request(buf, type, 0);

		/* The family is the first byte of each of the fixed parts. */
		*(uint8_t *)mnl_nlmsg_put_extra_header(nlh, fixed) = (uint8_t)family;
		l->n = 0;
		r = netlink_dump(nl, nlh, collect, l);
	}
	return r;
}

static bool take_link(const struct nlmsghdr *nlh, void *item)
{
	return netlink_read_link(nlh, item);
}

static bool take_addr(const struct nlmsghdr *nlh, void *item)
{
	return netlink_read_addr(nlh, item);
}

static bool take_route(const struct nlmsghdr *nlh, void *item)
{
	return netlink_read_route(nlh, item);
}

static bool take_neigh(const struct nlmsghdr *nlh, void *item)
{
	return netlink_read_neigh(nlh, item);
}

int netlink_links(struct netlink *nl, struct net_link **out, size_t *n)
{
	struct list l = { .size = sizeof(**out), .convert = take_link };
	int r = list(nl, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), &l);

	*out = (struct net_link *)(void *)l.items;
	*n = l.n;
	return r;
}

int netlink_addrs(struct netlink *nl, struct net_ifaddr **out, size_t *n)
{
	struct list l = { .size = sizeof(**out), .convert = take_addr };
	int r = list(nl, RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg), &l);

	*out = (struct net_ifaddr *)(void *)l.items;
	*n = l.n;
	return r;
}

int netlink_routes(struct netlink *nl, int family, struct net_route **out, size_t *n)
{
	struct list l = { .size = sizeof(**out), .convert = take_route };
	int r = list(nl, RTM_GETROUTE, family, sizeof(struct rtmsg), &l);

	*out = (struct net_route *)(void *)l.items;
	*n = l.n;
	return r;
}

int netlink_neighs(struct netlink *nl, struct net_neigh **out, size_t *n)
{
	struct list l = { .size = sizeof(**out), .convert = take_neigh };
	int r = list(nl, RTM_GETNEIGH, AF_UNSPEC, sizeof(struct ndmsg), &l);

	*out = (struct net_neigh *)(void *)l.items;
	*n = l.n;
	return r;
}

/* --- readers ---------------------------------------------------------------------------------- */

/* The message's fixed part, or NULL when it is of another type or too short. */
static const void *fixed_part(const struct nlmsghdr *nlh, uint16_t type, size_t len)
{
	if (nlh->nlmsg_type != type || nlh->nlmsg_len < mnl_nlmsg_size(len))
		return NULL;
	return mnl_nlmsg_get_payload(nlh);
}

static uint32_t u32_of(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) >= 4 ? mnl_attr_get_u32(attr) : 0;
}

/* An address whose length is not its family's is left out. */
static void addr_of(const struct nlattr *attr, uint8_t family, uint8_t prefix, struct net_addr *out)
{
	size_t len = family == AF_INET ? 4 : 16;

	if (mnl_attr_get_payload_len(attr) != len || prefix > len * 8)
		return;
	out->family = family;
	out->prefix = prefix;
	memcpy(out->bytes, mnl_attr_get_payload(attr), len);
}

bool netlink_read_link(const struct nlmsghdr *nlh, struct net_link *link)
{
	const struct ifinfomsg *i = fixed_part(nlh, RTM_NEWLINK, sizeof(*i));
	struct nlattr *attr;

	if (!i || i->ifi_index <= 0)
		return false;
	*link = (struct net_link){
		.index = i->ifi_index,
		.type = i->ifi_type,
		.flags = i->ifi_flags,
	};
	mnl_attr_for_each(attr, nlh, sizeof(*i))
	{
		size_t len = mnl_attr_get_payload_len(attr);

		switch (mnl_attr_get_type(attr)) {
		case IFLA_IFNAME:
			len = MIN(len, sizeof(link->name) - 1);
			memcpy(link->name, mnl_attr_get_payload(attr), len);
			link->name[len] = 0;
			break;
		case IFLA_ADDRESS:
			link->mac_len = MIN(len, sizeof(link->mac));
			memcpy(link->mac, mnl_attr_get_payload(attr), link->mac_len);
			break;
		case IFLA_MTU:
			link->mtu = u32_of(attr);
			break;
		}
	}
	return link->name[0] != 0;
}

bool netlink_read_addr(const struct nlmsghdr *nlh, struct net_ifaddr *addr)
{
	const struct ifaddrmsg *i = fixed_part(nlh, RTM_NEWADDR, sizeof(*i));
	struct nlattr *attr;
	struct net_addr local = { 0 };

	if (!i || (i->ifa_family != AF_INET && i->ifa_family != AF_INET6))
		return false;
	*addr = (struct net_ifaddr){ .index = (int)i->ifa_index, .scope = i->ifa_scope };
	mnl_attr_for_each(attr, nlh, sizeof(*i))
	{
		if (mnl_attr_get_type(attr) == IFA_ADDRESS)
			addr_of(attr, i->ifa_family, i->ifa_prefixlen, &addr->addr);
		else if (mnl_attr_get_type(attr) == IFA_LOCAL)
			addr_of(attr, i->ifa_family, i->ifa_prefixlen, &local);
	}
	if (local.family) /* IFA_ADDRESS is the other end of a point-to-point link */
		addr->addr = local;
	return addr->addr.family != AF_UNSPEC;
}

static uint32_t mtu_of(const struct nlattr *metrics)
{
	struct nlattr *attr;

	mnl_attr_for_each_nested(attr, metrics)
	{
		if (mnl_attr_get_type(attr) == RTAX_MTU)
			return u32_of(attr);
	}
	return 0;
}

bool netlink_read_route(const struct nlmsghdr *nlh, struct net_route *route)
{
	const struct rtmsg *m = fixed_part(nlh, RTM_NEWROUTE, sizeof(*m));
	struct nlattr *attr;

	if (!m || (m->rtm_family != AF_INET && m->rtm_family != AF_INET6))
		return false;
	*route = (struct net_route){
		.family = m->rtm_family,
		.table = m->rtm_table,
		.protocol = m->rtm_protocol,
		.scope = m->rtm_scope,
		.type = m->rtm_type,
		.flags = m->rtm_flags,
	};
	mnl_attr_for_each(attr, nlh, sizeof(*m))
	{
		uint8_t whole = m->rtm_family == AF_INET ? 32 : 128;

		switch (mnl_attr_get_type(attr)) {
		case RTA_DST:
			addr_of(attr, m->rtm_family, m->rtm_dst_len, &route->dst);
			break;
		case RTA_SRC:
			addr_of(attr, m->rtm_family, m->rtm_src_len, &route->src);
			break;
		case RTA_PREFSRC:
			addr_of(attr, m->rtm_family, whole, &route->prefsrc);
			break;
		case RTA_GATEWAY:
			addr_of(attr, m->rtm_family, whole, &route->gateway);
			break;
		case RTA_OIF:
			route->oif = (int)u32_of(attr);
			break;
		case RTA_PRIORITY:
			route->priority = u32_of(attr);
			break;
		case RTA_METRICS:
			route->mtu = mtu_of(attr);
			break;
		}
	}
	return true;
}

bool netlink_read_neigh(const struct nlmsghdr *nlh, struct net_neigh *neigh)
{
	const struct ndmsg *m = fixed_part(nlh, RTM_NEWNEIGH, sizeof(*m));
	struct nlattr *attr;

	if (!m || m->ndm_ifindex <= 0 || (m->ndm_family != AF_INET && m->ndm_family != AF_INET6))
		return false;
	*neigh = (struct net_neigh){
		.index = m->ndm_ifindex,
		.state = m->ndm_state,
		.flags = m->ndm_flags,
	};
	mnl_attr_for_each(attr, nlh, sizeof(*m))
	{
		size_t len = mnl_attr_get_payload_len(attr);

		if (mnl_attr_get_type(attr) == NDA_DST) {
			addr_of(attr, m->ndm_family, m->ndm_family == AF_INET ? 32 : 128,
				&neigh->addr);
		} else if (mnl_attr_get_type(attr) == NDA_LLADDR) {
			neigh->mac_len = MIN(len, sizeof(neigh->mac));
			memcpy(neigh->mac, mnl_attr_get_payload(attr), neigh->mac_len);
		}
	}
	return neigh->addr.family != AF_UNSPEC;
}
