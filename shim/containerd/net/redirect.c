/*
 * See redirect.h. A filter is known as ours by its preference and kind. An interface that has a
 * clsact discipline (made by somebody else) is as good: filters of its ingress side have the same
 * parent, and it is left when ours goes.
 */
#include "shim/containerd/net/redirect.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>

#define PREFERENCE 23501
#define DUMP_TRIES 10
#define PARENT	   TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)

static struct nlmsghdr *qdisc_request(void *buf, uint16_t type, uint16_t flags, int index)
{
	struct nlmsghdr *nlh = netlink_request(buf, type, flags);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	tc->tcm_ifindex = index;
	tc->tcm_handle = TC_H_MAKE(TC_H_INGRESS, 0);
	tc->tcm_parent = TC_H_INGRESS;
	mnl_attr_put_strz(nlh, TCA_KIND, "ingress");
	return nlh;
}

static struct nlmsghdr *filter_request(void *buf, uint16_t type, uint16_t flags, int index)
{
	struct nlmsghdr *nlh = netlink_request(buf, type, flags);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	tc->tcm_ifindex = index;
	tc->tcm_parent = PARENT;
	return nlh;
}

static void our_filter(struct nlmsghdr *nlh)
{
	struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

	tc->tcm_info = TC_H_MAKE((uint32_t)PREFERENCE << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(nlh, TCA_KIND, "u32");
}

/* A selector without keys, which matches every frame, and its one action. */
static void put_options(struct nlmsghdr *nlh, int to)
{
	struct tc_u32_sel everything = { .flags = TC_U32_TERMINAL };
	struct tc_mirred away = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_EGRESS_REDIR,
		.ifindex = (uint32_t)to,
	};
	struct nlattr *options = mnl_attr_nest_start(nlh, TCA_OPTIONS), *actions, *action, *mirred;

	mnl_attr_put(nlh, TCA_U32_SEL, sizeof(everything), &everything);
	actions = mnl_attr_nest_start(nlh, TCA_U32_ACT);
	action = mnl_attr_nest_start(nlh, 1);
	mnl_attr_put_strz(nlh, TCA_ACT_KIND, "mirred");
	mirred = mnl_attr_nest_start(nlh, TCA_ACT_OPTIONS);
	mnl_attr_put(nlh, TCA_MIRRED_PARMS, sizeof(away), &away);
	mnl_attr_nest_end(nlh, mirred);
	mnl_attr_nest_end(nlh, action);
	mnl_attr_nest_end(nlh, actions);
	mnl_attr_nest_end(nlh, options);
}

int redirect_add(struct netlink *nl, int from, int to)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh;
	int r;

	r = netlink_do(nl, qdisc_request(buf, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, from));
	if (r && r != -EEXIST)
		return r;
	nlh = filter_request(buf, RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, from);
	our_filter(nlh);
	put_options(nlh, to);
	return netlink_do(nl, nlh);
}

/* --- removing --------------------------------------------------------------------------------- */

struct found {
	int index;
	bool ingress, filter;
};

static int look_qdisc(const struct nlmsghdr *nlh, void *arg)
{
	struct found *f = arg;
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);
	struct nlattr *attr;

	if (nlh->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(nlh) < sizeof(*tc) ||
		tc->tcm_ifindex != f->index || tc->tcm_parent != TC_H_INGRESS)
		return 0;
	mnl_attr_for_each(attr, nlh, sizeof(*tc))
	{
		if (mnl_attr_get_type(attr) == TCA_KIND &&
			mnl_attr_get_payload_len(attr) == sizeof("ingress") &&
			!memcmp(mnl_attr_get_payload(attr), "ingress", sizeof("ingress")))
			f->ingress = true;
	}
	return 0;
}

static int look_filter(const struct nlmsghdr *nlh, void *arg)
{
	struct found *f = arg;

	f->filter |= nlh->nlmsg_type == RTM_NEWTFILTER;
	return 0;
}

/* Reasons that say the thing is not there: the interface, the discipline, the filter. */
static bool not_there(int r)
{
	return r == -ENODEV || r == -EINVAL || r == -ENOENT;
}

/* A dump, again while the table changes under it. */
static int dump(struct netlink *nl, struct nlmsghdr *request,
	int (*each)(const struct nlmsghdr *nlh, void *arg), struct found *f)
{
	int r = -EINTR;

	for (int i = 0; i < DUMP_TRIES && r == -EINTR; i++)
		r = netlink_dump(nl, request, each, f);
	return r;
}

static int look(struct netlink *nl, struct found *f)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	int r = dump(nl, qdisc_request(buf, RTM_GETQDISC, 0, f->index), look_qdisc, f);

	if (r || !f->ingress)
		return r;
	return dump(nl, filter_request(buf, RTM_GETTFILTER, 0, f->index), look_filter, f);
}

int redirect_remove(struct netlink *nl, int from)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = filter_request(buf, RTM_DELTFILTER, 0, from);
	struct found f = { .index = from };
	int r;

	our_filter(nlh);
	r = netlink_do(nl, nlh);
	if (r && !not_there(r))
		return r;
	r = look(nl, &f);
	if (!r && f.ingress && !f.filter)
		r = netlink_do(nl, qdisc_request(buf, RTM_DELQDISC, 0, from));
	return not_there(r) ? 0 : r;
}
