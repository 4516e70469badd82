/*
 * A pod's network namespace as CNI leaves it, taken over and given back: what is read of it, frames
 * that pass between the far end of its veth and the tap, and nothing left. The pod is configured by
 * the agent's own RPCs, which are then told what was read, in a third namespace: the guest's.
 */
#define _GNU_SOURCE
#include "shim/containerd/net/pod_net.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/agent.h"
#include "agent/rpc.h"
#include "client/json.h"
#include "core/test/check.h"
#include "netlink/net_text.h"
#include "shim/containerd/net/test/pod_bed.h"

#define VNET_HEADER 10 /* of a tap until its user asks for another */
#define FRAME_TYPE  0x88b5
#define WAIT_MS	    200
#define TRIES	    50

static struct agent agent;

struct fix {
	struct pod_bed pod;
	int wire; /* packet socket at the far end of eth0 */
	struct pod_net net;
	struct err err;
};

/* --- a pod as CNI leaves it ------------------------------------------------------------------- */

/* The agent's network RPCs, in the calling thread's namespace. */
struct call {
	rpc_blocking *rpc;
	const ProtobufCMessageDescriptor *asks, *answers;
};

static const struct call interface_call = { rpc_update_interface,
	&grpc__update_interface_request__descriptor, &types__interface__descriptor };
static const struct call routes_call = { rpc_update_routes,
	&grpc__update_routes_request__descriptor, &grpc__routes__descriptor };
static const struct call neighbours_call = { rpc_add_arp_neighbors,
	&grpc__add_arpneighbors_request__descriptor, &google__protobuf__empty__descriptor };

static int call(const struct call *c, const void *request, struct err *err)
{
	ProtobufCMessage *answer = malloc(c->answers->sizeof_message);
	int r;

	protobuf_c_message_init(c->answers, answer);
	r = c->rpc(&agent, request, answer, err);
	protobuf_c_message_free_unpacked(answer, NULL);
	return r > 0 ? -EIO : r;
}

static int tell(const struct call *c, const char *text, struct err *err)
{
	json_t *json = json_loads(text, 0, NULL);
	ProtobufCMessage *request = NULL;
	int r = json_to_message(&request, c->asks, json, err);

	json_decref(json);
	if (!r)
		r = call(c, request, err);
	if (request)
		protobuf_c_message_free_unpacked(request, NULL);
	return r;
}

static int give_addresses(const char *mac, const char *name, struct err *err)
{
	char text[512];

	snprintf(text, sizeof(text),
		"{\"interface\": {\"name\": \"%s\", \"hwAddr\": \"%s\", \"mtu\": 1400, "
		"\"IPAddresses\": [{\"address\": \"10.88.0.2\", \"mask\": \"16\"}, "
		"{\"family\": \"v6\", \"address\": \"fd00:88::2\", \"mask\": \"64\"}]}}",
		name, mac);
	return tell(&interface_call, text, err);
}

/* What calico and bridge leave, and more. */
static const char pod_routes[] =
	"{\"routes\": {\"Routes\": ["
	"{\"dest\": \"0.0.0.0/0\", \"gateway\": \"169.254.1.1\", \"device\": \"eth0\", \"flags\": 4},"
	"{\"dest\": \"::/0\", \"gateway\": \"fd00:88::1\", \"device\": \"eth0\", \"family\": \"v6\"},"
	"{\"dest\": \"192.168.0.0/24\", \"gateway\": \"10.88.0.9\", \"device\": \"eth0\","
	" \"source\": \"10.88.0.2\", \"mtu\": 1300},"
	"{\"dest\": \"169.254.1.1/32\", \"device\": \"eth0\", \"scope\": 253}]}}";

static const char pod_neighbours[] =
	"{\"neighbors\": {\"ARPNeighbors\": ["
	"{\"toIPAddress\": {\"address\": \"169.254.1.1\"}, \"device\": \"eth0\","
	" \"lladdr\": \"ee:ee:ee:ee:ee:ee\", \"state\": 128},"
	"{\"toIPAddress\": {\"address\": \"10.88.0.8\"}, \"device\": \"eth0\","
	" \"lladdr\": \"ee:ee:ee:ee:ee:08\", \"state\": 4}]}}";

/* A worse route to where one goes already, and one of another table. */
static int add_route(uint32_t table, uint32_t priority, const char *gateway)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_NEWROUTE, NLM_F_CREATE);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	struct net_addr to;
	struct netlink nl;
	int r;

	if (!net_text_addr(gateway, &to))
		return -EINVAL;
	m->rtm_family = AF_INET;
	m->rtm_table = (uint8_t)table;
	m->rtm_protocol = RTPROT_STATIC;
	m->rtm_type = RTN_UNICAST;
	mnl_attr_put(nlh, RTA_GATEWAY, 4, to.bytes);
	mnl_attr_put_u32(nlh, RTA_PRIORITY, priority);
	r = netlink_open(&nl, 0, NULL);
	if (!r)
		r = netlink_do(&nl, nlh);
	netlink_close(&nl);
	return r;
}

static int work_configure(void *arg, struct err *err)
{
	int r = net_bed_up("lo");

	(void)arg;
	if (!r)
		r = give_addresses("02:00:00:00:00:07", "eth0", err);
	if (!r)
		r = tell(&routes_call, pod_routes, err);
	if (!r)
		r = tell(&neighbours_call, pod_neighbours, err);
	if (!r)
		r = add_route(RT_TABLE_MAIN, 500, "10.88.0.77");
	return r ? r : add_route(100, 0, "10.88.0.78");
}

static int open_wire(const char *name)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(FRAME_TYPE),
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	return fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) ? -1 : fd;
}

static int setup(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	*state = f;
	if (pod_bed_new(&f->pod) || net_bed_pair("veth0", 7) || pod_bed_move(&f->pod, "veth0") ||
		net_bed_up("veth0p"))
		return -1;
	f->wire = open_wire("veth0p");
	if (netns_run(f->pod.netns, work_configure, NULL, &f->err)) {
		print_error("# the pod: %s\n", f->err.msg);
		return -1;
	}
	return f->wire < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	pod_net_free(&f->net);
	close(f->wire);
	net_bed_remove("veth0p"); /* and its peer: the namespace goes later */
	pod_bed_free(&f->pod);
	free(f);
	return 0;
}

static void open_net(struct fix *f, unsigned queues)
{
	if (pod_net_open(&f->net, f->pod.path, queues, &f->err))
		fail_msg("%s", f->err.msg);
}

static void clean(struct fix *f)
{
	if (pod_net_clean(f->pod.path, &f->err))
		fail_msg("%s", f->err.msg);
}

/* --- what is left ----------------------------------------------------------------------------- */

struct count {
	size_t links, qdiscs;
};

static int count_qdisc(const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *tc = mnl_nlmsg_get_payload(nlh);

	((struct count *)arg)->qdiscs += tc->tcm_parent == TC_H_INGRESS;
	return 0;
}

static int work_count(void *arg, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_GETQDISC, 0);
	struct count *c = arg;
	struct net_link *links = NULL;
	struct netlink nl;
	int r = netlink_open(&nl, 0, err);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct tcmsg));
	*c = (struct count){ 0 };
	if (!r)
		r = netlink_links(&nl, &links, &c->links);
	if (!r)
		r = netlink_dump(&nl, nlh, count_qdisc, c);
	free(links);
	netlink_close(&nl);
	return r;
}

/* Taps, and interfaces with an ingress discipline; lo and eth0 are always there. */
static void must_have(struct fix *f, size_t taps, size_t qdiscs)
{
	struct count c;

	assert_int_equal(netns_run(f->pod.netns, work_count, &c, &f->err), 0);
	assert_int_equal(c.links, 2 + taps);
	assert_int_equal(c.qdiscs, qdiscs);
}

/* --- frames ----------------------------------------------------------------------------------- */

struct frame {
	char header[VNET_HEADER];
	struct frame_body {
		struct ethhdr eth;
		char payload[1000];
	} __attribute__((packed)) body;
} __attribute__((packed));

static struct frame frame_of(const char *words)
{
	struct frame f = { 0 };

	memset(f.body.eth.h_dest, 0xff, sizeof(f.body.eth.h_dest));
	f.body.eth.h_source[0] = 2;
	f.body.eth.h_proto = htons(FRAME_TYPE);
	snprintf(f.body.payload, sizeof(f.body.payload), "%s", words);
	return f;
}

/* The first frame of ours that comes at one of the descriptors. */
static bool comes(const int *fds, unsigned n, size_t header, const char *words)
{
	struct pollfd p[VM_MAX_NET_QUEUES];
	char got[2048];

	for (unsigned i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	while (poll(p, n, WAIT_MS) > 0) {
		for (unsigned i = 0; i < n; i++) {
			ssize_t len = p[i].revents & POLLIN ? read(fds[i], got, sizeof(got)) : -1;
			const struct ethhdr *eth = (void *)(got + header);

			if (len < (ssize_t)(header + sizeof(*eth)) ||
				eth->h_proto != htons(FRAME_TYPE))
				continue;
			assert_int_equal(len, header + sizeof(struct frame_body));
			return !strcmp((const char *)(eth + 1), words);
		}
	}
	return false;
}

/* Sent until one comes: a link that has just come up may have no queue yet. */
static bool passes(int from, const void *frame, size_t len, const int *to, unsigned n,
	size_t header, const char *words)
{
	for (int i = 0; i < TRIES; i++) {
		assert_int_equal(write(from, frame, len), len);
		if (comes(to, n, header, words))
			return true;
	}
	return false;
}

static void frames_pass(struct fix *f)
{
	const struct pod_link *link = f->net.links;
	struct frame in = frame_of("to the guest"), out = frame_of("from the guest");

	while (strcmp(link->name, "eth0") != 0)
		assert_true(++link < f->net.links + f->net.nlinks);
	assert_true(passes(f->wire, &in.body, sizeof(in.body), link->tap, link->queues, VNET_HEADER,
		"to the guest"));
	for (unsigned q = 0; q < link->queues; q++)
		assert_true(
			passes(link->tap[q], &out, sizeof(out), &f->wire, 1, 0, "from the guest"));
}

static void frames_pass_both_ways(void **state)
{
	struct fix *f = *state;

	open_net(f, 1);
	must_have(f, 1, 2);
	frames_pass(f);
}

static void frames_pass_with_several_queues(void **state)
{
	struct fix *f = *state;

	open_net(f, 4);
	assert_int_equal(f->net.links[0].queues, 4);
	frames_pass(f);
	pod_net_free(&f->net);
	must_have(f, 0, 1);
	clean(f);
	must_have(f, 0, 0);
}

/* --- what is read ----------------------------------------------------------------------------- */

static void links_are_read(void **state)
{
	struct fix *f = *state;
	const struct pod_link *link = &f->net.links[0];
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };

	open_net(f, 1);
	assert_int_equal(f->net.nlinks, 1);
	assert_string_equal(link->name, "eth0");
	assert_memory_equal(link->mac, mac, 6);
	assert_int_equal(link->mtu, 1400);
	assert_true(link->tap[0] >= 0);
	assert_int_equal(link->tap[1], -1);
	assert_int_equal(f->net.nneighs, 1);
	assert_int_equal(f->net.nroutes, 4);
	assert_int_equal(f->net.naddrs, 3); /* and a link-local one */
}

/* What the kernel has, in words. */
static int work_show(void *arg, struct err *err)
{
	char *to = arg, a[NET_TEXT_ADDR], b[NET_TEXT_ADDR], c[NET_TEXT_ADDR], mac[NET_TEXT_MAC];
	struct pod_net have = { .links = { { .index = (int)if_nametoindex("eth0") } },
		.nlinks = 1 };
	struct netlink nl;
	size_t n;
	int r = netlink_open(&nl, 0, err);

	if (!r)
		r = netlink_addrs(&nl, &have.addrs, &have.naddrs);
	for (n = 0; !r && n < have.naddrs; n++)
		if (have.addrs[n].index == have.links[0].index)
			to += sprintf(to, "addr %s\n", net_show_addr(a, &have.addrs[n].addr, true));
	for (int family = 0; !r && family < 2; family++) {
		free(take(&have.routes));
		r = netlink_routes(&nl, family ? AF_INET6 : AF_INET, &have.routes, &have.nroutes);
		for (n = 0; !r && n < have.nroutes; n++) {
			const struct net_route *rt = &have.routes[n];

			if (rt->table == RT_TABLE_MAIN && rt->type == RTN_UNICAST &&
				rt->priority != 500)
				to += sprintf(to, "route %s via %s from %s scope %u mtu %u%s\n",
					net_show_addr(a, &rt->dst, true),
					net_show_addr(b, &rt->gateway, false),
					net_show_addr(c, &rt->prefsrc, false), rt->scope, rt->mtu,
					rt->flags & RTNH_F_ONLINK ? " onlink" : "");
		}
	}
	if (!r)
		r = netlink_neighs(&nl, &have.neighs, &have.nneighs);
	for (n = 0; !r && n < have.nneighs; n++)
		if (have.neighs[n].state == NUD_PERMANENT &&
			have.neighs[n].index == have.links[0].index)
			to += sprintf(to, "neigh %s %s\n",
				net_show_addr(a, &have.neighs[n].addr, false),
				net_show_mac(mac, have.neighs[n].mac, have.neighs[n].mac_len));
	pod_net_free(&have);
	netlink_close(&nl);
	return r;
}

/* In the guest's namespace, where the card has another name. */
static int work_tell(void *arg, struct err *err)
{
	const struct pod_net *net = arg;
	Grpc__UpdateInterfaceRequest *interface = pod_net_interface(net, 0);
	Grpc__UpdateRoutesRequest *routes = pod_net_routes(net);
	Grpc__AddARPNeighborsRequest *neighbours = pod_net_neighbours(net);
	int r = interface && routes && neighbours ? net_bed_up("lo") : -ENOMEM;

	if (!r)
		r = call(&interface_call, interface, err);
	if (!r)
		r = call(&routes_call, routes, err);
	if (!r)
		r = call(&neighbours_call, neighbours, err);
	grpc__update_interface_request__free_unpacked(interface, NULL);
	grpc__update_routes_request__free_unpacked(routes, NULL);
	grpc__add_arpneighbors_request__free_unpacked(neighbours, NULL);
	return r;
}

static void guest_gets_what_the_pod_had(void **state)
{
	struct fix *f = *state;
	char pod[4096] = "", guest[4096] = "";
	struct pod_bed g;

	assert_int_equal(pod_bed_new(&g), 0);
	assert_int_equal(net_bed_pair("card0", 7), 0);
	assert_int_equal(pod_bed_move(&g, "card0"), 0);
	assert_int_equal(net_bed_up("card0p"), 0);
	open_net(f, 1);
	if (netns_run(g.netns, work_tell, &f->net, &f->err))
		fail_msg("%s", f->err.msg);
	assert_int_equal(netns_run(f->pod.netns, work_show, pod, &f->err), 0);
	assert_int_equal(netns_run(g.netns, work_show, guest, &f->err), 0);
	assert_non_null(strstr(pod, "addr 10.88.0.2/16\n"));
	assert_non_null(strstr(pod, "route  via 169.254.1.1 from  scope 0 mtu 0 onlink\n"));
	assert_non_null(strstr(pod, "route 192.168.0.0/24 via 10.88.0.9 from 10.88.0.2 "));
	assert_non_null(strstr(pod, "mtu 1300"));
	assert_non_null(strstr(pod, "neigh 169.254.1.1 ee:ee:ee:ee:ee:ee\n"));
	assert_string_equal(guest, pod);
	net_bed_remove("card0p");
	pod_bed_free(&g);
}

/* --- life ------------------------------------------------------------------------------------- */

static void second_user_is_refused(void **state)
{
	struct fix *f = *state;
	struct pod_net other;
	char sentence[512];

	open_net(f, 1);
	assert_int_equal(pod_net_open(&other, f->pod.path, 2, &f->err), -EBUSY);
	snprintf(sentence, sizeof(sentence),
		"the pod's network in %s: make tap sampan%d: there is one, in use", f->pod.path,
		f->net.links[0].index);
	assert_string_equal(f->err.msg, sentence);
	must_have(f, 1, 2);
	frames_pass(f);
}

static void nothing_is_left(void **state)
{
	struct fix *f = *state;

	clean(f);
	open_net(f, 1);
	pod_net_free(&f->net);
	must_have(f, 0, 1);
	open_net(f, 2); /* over what is left */
	frames_pass(f);
	pod_net_free(&f->net);
	pod_net_free(&f->net);
	clean(f);
	must_have(f, 0, 0);
	clean(f);
}

/* A user that is killed, some time while it opens or afterwards. */
static void killed_user_leaves_nothing(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (!pid) {
			open_net(f, 1);
			pause();
		}
		usleep((useconds_t)(i * 500));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (i % 2) {
			clean(f);
			must_have(f, 0, 0);
		} else {
			open_net(f, 1);
			frames_pass(f);
			pod_net_free(&f->net);
		}
	}
}

/* Somebody else's discipline, of the kind that has filters both ways, stays; ours goes. */
static int work_clsact(void *arg, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
	struct netlink nl;
	int r = netlink_open(&nl, 0, err);

	(void)arg;
	tc->tcm_ifindex = (int)if_nametoindex("eth0");
	tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	tc->tcm_parent = TC_H_CLSACT;
	mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
	if (!r)
		r = netlink_do(&nl, nlh);
	netlink_close(&nl);
	return r;
}

static void others_disciplines_stay(void **state)
{
	struct fix *f = *state;

	assert_int_equal(netns_run(f->pod.netns, work_clsact, NULL, &f->err), 0);
	open_net(f, 1);
	frames_pass(f);
	pod_net_free(&f->net);
	clean(f);
	must_have(f, 0, 1);
	open_net(f, 1); /* its filter has gone */
	frames_pass(f);
}

/* One more than may be, of which some have an address. */
static int work_many(void *arg, struct err *err)
{
	for (unsigned i = 0; i <= POD_NET_LINKS; i++) {
		char name[IFNAMSIZ], mac[18];
		int r;

		snprintf(name, sizeof(name), "many%u", i);
		snprintf(mac, sizeof(mac), "02:00:00:00:00:%02x", 0x40 + i);
		r = net_bed_pair(name, (uint8_t)(0x40 + i));
		if (!r && i < *(unsigned *)arg)
			r = give_addresses(mac, name, err);
		if (r)
			return r;
	}
	return 0;
}

static void interfaces_are_bounded(void **state)
{
	struct fix *f = *state;
	unsigned some = POD_NET_LINKS - 1, all = POD_NET_LINKS + 1;
	struct pod_bed pod;
	struct count c;

	assert_int_equal(netns_run(f->pod.netns, work_many, &some, &f->err), 0);
	open_net(f, 1);
	assert_int_equal(f->net.nlinks, POD_NET_LINKS);
	frames_pass(f);
	pod_net_free(&f->net);
	assert_int_equal(netns_run(f->pod.netns, work_count, &c, &f->err), 0);
	assert_int_equal(c.qdiscs, POD_NET_LINKS);
	clean(f);
	must_have(f, 2 * (POD_NET_LINKS + 1), 0);

	assert_int_equal(pod_bed_new(&pod), 0);
	assert_int_equal(netns_run(pod.netns, work_many, &all, &f->err), 0);
	assert_int_equal(pod_net_open(&f->net, pod.path, 1, &f->err), -E2BIG);
	assert_non_null(strstr(f->err.msg, "the pod has more than 8 network interfaces"));
	assert_int_equal(netns_run(pod.netns, work_count, &c, &f->err), 0);
	assert_int_equal(c.qdiscs, 0);
	pod_bed_free(&pod);
}

static void paths_that_are_none(void **state)
{
	struct fix *f = *state;
	char file[] = "/tmp/sampan-test-pod-net-XXXXXX";
	int fd = mkstemp(file);

	assert_int_equal(pod_net_open(&f->net, NULL, 1, &f->err), 0);
	assert_int_equal(pod_net_open(&f->net, "", 1, &f->err), 0);
	assert_int_equal(f->net.nlinks, 0);
	assert_int_equal(pod_net_open(&f->net, "/nowhere/netns", 1, &f->err), -ENOENT);
	assert_string_equal(f->err.msg,
		"the pod's network in /nowhere/netns: open network namespace /nowhere/netns: "
		"No such file or directory");
	assert_int_equal(pod_net_open(&f->net, file, 1, &f->err), -EINVAL);
	assert_int_equal(pod_net_clean("/nowhere/netns", &f->err), 0);
	assert_int_equal(pod_net_clean(file, &f->err), 0);
	assert_int_equal(pod_net_clean(NULL, &f->err), 0);
	assert_int_equal(pod_net_open(&f->net, f->pod.path, VM_MAX_NET_QUEUES + 1, &f->err),
		-EINVAL);
	assert_int_equal(pod_net_open(&f->net, f->pod.path, 0, &f->err), -EINVAL);
	close(fd);
	unlink(file);
}

static void own_namespace_stays(void **state)
{
	struct fix *f = *state;
	struct stat before, after;

	assert_int_equal(stat("/proc/thread-self/ns/net", &before), 0);
	open_net(f, 1);
	assert_int_equal(stat("/proc/thread-self/ns/net", &after), 0);
	assert_true(before.st_ino == after.st_ino);
	assert_int_equal(if_nametoindex("eth0"), 0);
}

static void no_namespace(void **state UNUSED)
{
	print_message("# no network namespace of one's own can be made here\n");
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(links_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(guest_gets_what_the_pod_had, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_pass_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(frames_pass_with_several_queues, setup, teardown),
		cmocka_unit_test_setup_teardown(second_user_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_user_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(others_disciplines_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(interfaces_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(paths_that_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(own_namespace_stays, setup, teardown),
	};

	const struct CMUnitTest elsewhere[] = { cmocka_unit_test(no_namespace) };

	if (!pod_bed_enter())
		return cmocka_run_group_tests(elsewhere, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
