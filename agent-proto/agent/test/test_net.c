/*
 * The network RPCs in a namespace of the test's own: what the runtime was recorded to ask and what
 * it must be answered, what the kernel then has, and requests that make no sense.
 */
#define _GNU_SOURCE
#include "agent/agent.h"
#include "agent/net.h"
#include "netlink/net_text.h"
#include "agent/rpc.h"
#include "netlink/test/net_bed.h"

#include <pthread.h>
#include <time.h>

#include "core/test/check.h"

static struct agent agent = { .config.hotplug_timeout_ms = 3000 };

static const char V6[] = "fe80::ff:fe00:7";

/* --- help --------------------------------------------------------------------------------------
 */

static int setup(void **state)
{
	(void)state;
	if (net_bed_pair("tapa", 7) || net_bed_pair("tapb", 8))
		return -1;
	return net_bed_up("tapap") || net_bed_up("tapbp") || net_bed_up("lo");
}

static int teardown(void **state)
{
	struct netlink nl;
	struct net_link *links = NULL;
	size_t n = 0;

	(void)state;
	if (netlink_open(&nl, 0, NULL) || netlink_links(&nl, &links, &n))
		return -1;
	netlink_close(&nl);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(links[i].name);

		if (links[i].index != 1 && links[i].name[len - 1] != 'p')
			net_bed_remove(links[i].name);
	}
	free(links);
	return 0;
}

/* One interface with up to two addresses, as a request. */
struct ask {
	Types__IPAddress addr[2], *addrs[2];
	Types__Interface interface;
	Grpc__UpdateInterfaceRequest request;
};

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static struct ask *ask(struct ask *a, const char *mac, const char *name, const char *v4,
	const char *v6)
{
	*a = (struct ask){ 0 };
	types__interface__init(&a->interface);
	grpc__update_interface_request__init(&a->request);
	a->request.interface = &a->interface;
	a->interface.ipaddresses = a->addrs;
	a->interface.hwaddr = text(mac);
	a->interface.device = a->interface.name = text(name);
	a->interface.mtu = 1500;
	a->interface.type = text("virtual");
	for (int i = 0; i < 2; i++) {
		const char *s = i ? v6 : v4;

		if (!s)
			continue;
		types__ipaddress__init(&a->addr[i]);
		a->addr[i].family = i ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
		a->addr[i].address = text(s);
		a->addr[i].mask = text(i ? "64" : "16");
		a->addrs[a->interface.n_ipaddresses++] = &a->addr[i];
	}
	return a;
}

static Types__Interface *update(const struct ask *a, int expect, struct err *err)
{
	Types__Interface *response = malloc(sizeof(*response));

	*err = (struct err){ 0 };
	types__interface__init(response);
	if (rpc_update_interface(&agent, &a->request, response, err) != expect)
		fail_msg("%s", err->msg);
	return response;
}

static void updated(const struct ask *a)
{
	struct err err;

	types__interface__free_unpacked(update(a, 0, &err), NULL);
}

static void refused(const struct ask *a, int code, const char *sentence)
{
	struct err err;

	types__interface__free_unpacked(update(a, code, &err), NULL);
	assert_string_equal(err.msg, sentence);
}

static Grpc__Interfaces *interfaces(void)
{
	Grpc__Interfaces *list = malloc(sizeof(*list));
	struct err err = { 0 };

	grpc__interfaces__init(list);
	if (rpc_list_interfaces(&agent, NULL, list, &err))
		fail_msg("%s", err.msg);
	return list;
}

static const Types__Interface *interface_named(const Grpc__Interfaces *list, const char *name)
{
	for (size_t i = 0; i < list->n_interfaces; i++)
		if (!strcmp(list->interfaces[i]->name, name))
			return list->interfaces[i];
	return NULL;
}

/* "10.1.2.3/16 fe80::1/64 " */
static void addresses(const char *name, char buf[256])
{
	Grpc__Interfaces *list = interfaces();
	const Types__Interface *i = interface_named(list, name);
	char *p = buf;

	assert_non_null(i);
	*p = 0;
	for (size_t n = 0; n < i->n_ipaddresses; n++)
		p += sprintf(p, "%s/%s ", i->ipaddresses[n]->address, i->ipaddresses[n]->mask);
	grpc__interfaces__free_unpacked(list, NULL);
}

static bool link_has(const char *name, uint32_t flags)
{
	struct netlink nl;
	struct net_link *links;
	const struct net_link *l;
	size_t n;
	bool has;

	assert_int_equal(netlink_open(&nl, 0, NULL), 0);
	assert_int_equal(netlink_links(&nl, &links, &n), 0);
	netlink_close(&nl);
	l = net_link_by_name(links, n, name);
	has = l && (l->flags & flags) == flags;
	free(links);
	return has;
}

/* --- UpdateInterface --------------------------------------------------------------------------
 */

static void interface_gets_what_was_recorded(void **state UNUSED)
{
	struct ask a;
	struct err err;
	char have[256];
	Types__Interface *r;

	r = update(ask(&a, "02:00:00:00:00:07", "eth0", "10.88.0.15", V6), 0, &err);
	assert_string_equal(r->device, "eth0");
	assert_string_equal(r->name, "eth0");
	assert_string_equal(r->hwaddr, "02:00:00:00:00:07");
	assert_string_equal(r->type, "virtual");
	assert_int_equal(r->mtu, 1500);
	assert_int_equal(r->n_ipaddresses, 2);
	assert_string_equal(r->ipaddresses[1]->address, V6);
	assert_string_equal(r->ipaddresses[1]->mask, "64");
	assert_int_equal(r->ipaddresses[1]->family, TYPES__IPFAMILY__v6);
	types__interface__free_unpacked(r, NULL);

	addresses("eth0", have);
	assert_string_equal(have, "10.88.0.15/16 fe80::ff:fe00:7/64 ");
	assert_true(link_has("eth0", IFF_UP));
	assert_false(link_has("eth0", IFF_NOARP));
	assert_false(link_has("tapa", 0));
}

static void addresses_are_replaced(void **state UNUSED)
{
	struct ask a;
	char have[256];

	updated(ask(&a, "02:00:00:00:00:07", "eth0", "10.88.0.15", V6));
	a.interface.mtu = 1400;
	a.interface.raw_flags = IFF_NOARP;
	a.addr[0].address = text("192.168.7.1");
	a.addr[0].mask = text("24");
	a.interface.n_ipaddresses = 1;
	updated(&a);
	addresses("eth0", have);
	assert_non_null(strstr(have, "192.168.7.1/24 "));
	assert_null(strstr(have, "10.88"));
	assert_true(link_has("eth0", IFF_UP | IFF_NOARP));

	a.interface.mtu = 0; /* as it is */
	a.interface.raw_flags = 0;
	updated(&a);
	assert_false(link_has("eth0", IFF_NOARP));
	{
		Grpc__Interfaces *list = interfaces();

		assert_int_equal(interface_named(list, "eth0")->mtu, 1400);
		assert_string_equal(interface_named(list, "lo")->hwaddr, "00:00:00:00:00:00");
		grpc__interfaces__free_unpacked(list, NULL);
	}
}

static void names_are_swapped(void **state UNUSED)
{
	struct ask a;

	updated(ask(&a, "02:00:00:00:00:07", "eth0", "10.88.0.15", NULL));
	updated(ask(&a, "02:00:00:00:00:08", "eth0", "10.89.0.15", NULL));
	{
		Grpc__Interfaces *list = interfaces();

		assert_string_equal(interface_named(list, "eth0")->hwaddr, "02:00:00:00:00:08");
		assert_string_equal(interface_named(list, "tapb")->hwaddr, "02:00:00:00:00:07");
		assert_int_equal(list->n_interfaces, 5);
		grpc__interfaces__free_unpacked(list, NULL);
	}
	assert_true(link_has("tapb", IFF_UP)); /* what was up stays so */
}

static void link_that_is_not_there(void **state UNUSED)
{
	struct ask a;

	refused(ask(&a, "02:00:00:00:00:99", "eth0", NULL, NULL), TTRPC_INTERNAL,
		"Link not found (Address: 02:00:00:00:00:99)");
}

static void *plug_later(void *arg)
{
	struct timespec later = { .tv_nsec = 200000000 };

	(void)arg;
	nanosleep(&later, NULL);
	return net_bed_pair("late", 0x55) ? NULL : arg;
}

static void link_that_comes_later(void **state UNUSED)
{
	struct ask a;
	pthread_t thread;
	void *made;

	assert_int_equal(pthread_create(&thread, NULL, plug_later, &a), 0);
	ask(&a, "02:00:00:00:00:55", "eth5", "10.5.0.1", NULL);
	a.interface.devicepath = text("02/01");
	updated(&a);
	pthread_join(thread, &made);
	assert_non_null(made);
	assert_true(link_has("eth5", IFF_UP));
}

static void requests_that_make_no_sense(void **state UNUSED)
{
	struct ask a;
	Grpc__UpdateInterfaceRequest empty = GRPC__UPDATE_INTERFACE_REQUEST__INIT;
	struct err err = { 0 };

	assert_int_equal(rpc_update_interface(&agent, &empty, NULL, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "the request names no interface");
	refused(ask(&a, "", "eth0", NULL, NULL), TTRPC_INVALID_ARGUMENT, " is no hardware address");
	refused(ask(&a, "02:00:00:00:00:07", "a/b", NULL, NULL), TTRPC_INVALID_ARGUMENT,
		"a/b is no name for an interface");
	refused(ask(&a, "02:00:00:00:00:07", "eth0", "10.88.0.300", NULL), TTRPC_INVALID_ARGUMENT,
		"10.88.0.300 is no IP address");
	ask(&a, "02:00:00:00:00:07", "eth0", "10.88.0.3", NULL)->addr[0].mask = text("33");
	refused(&a, TTRPC_INVALID_ARGUMENT, "33 is no prefix length for 10.88.0.3");
	ask(&a, "02:00:00:00:00:07", "eth0", NULL, NULL)->interface.mtu = UINT64_C(1) << 40;
	refused(&a, TTRPC_INVALID_ARGUMENT, "MTU 1099511627776 is too large");
	assert_true(link_has("tapa", 0)); /* nothing was changed by any of them */
	ask(&a, "02:00:00:00:00:07", "eth0", NULL, NULL)->interface.mtu = 1;
	refused(&a, -EINVAL, "set the MTU of interface eth0 to 1: Invalid argument");
}

/* --- UpdateRoutes, ListRoutes -----------------------------------------------------------------
 */

struct way {
	const char *dest, *gateway, *source;
	unsigned scope, flags, mtu;
	Types__IPFamily family;
};

static int route(const struct way *ways, size_t n, const char *device, Grpc__Routes **out,
	struct err *err)
{
	Grpc__UpdateRoutesRequest request = GRPC__UPDATE_ROUTES_REQUEST__INIT;
	Grpc__Routes list = GRPC__ROUTES__INIT;
	Types__Route routes[8], *pointers[8];
	int r;

	for (size_t i = 0; i < n; i++) {
		types__route__init(&routes[i]);
		routes[i].dest = text(ways[i].dest);
		routes[i].gateway = text(ways[i].gateway ? ways[i].gateway : "");
		routes[i].source = text(ways[i].source ? ways[i].source : "");
		routes[i].device = text(device);
		routes[i].scope = ways[i].scope;
		routes[i].flags = ways[i].flags;
		routes[i].mtu = ways[i].mtu;
		routes[i].family = ways[i].family;
		pointers[i] = &routes[i];
	}
	list.routes = pointers;
	list.n_routes = n;
	request.routes = &list;
	*err = (struct err){ 0 };
	*out = malloc(sizeof(**out));
	grpc__routes__init(*out);
	r = rpc_update_routes(&agent, &request, *out, err);
	return r;
}

/* "dest via gateway dev device scope N\n"..., and frees it */
static const char *shown(Grpc__Routes *list, char buf[1024])
{
	char *p = buf;

	*p = 0;
	for (size_t i = 0; i < list->n_routes; i++)
		p += sprintf(p, "%s via %s dev %s scope %u mtu %u\n", list->routes[i]->dest,
			list->routes[i]->gateway, list->routes[i]->device, list->routes[i]->scope,
			list->routes[i]->mtu);
	grpc__routes__free_unpacked(list, NULL);
	return buf;
}

static const char *routed(const struct way *ways, size_t n, char buf[1024])
{
	struct err err;
	Grpc__Routes *list;

	if (route(ways, n, "eth0", &list, &err))
		fail_msg("%s", err.msg);
	return shown(list, buf);
}

static void routes_as_recorded(void **state UNUSED)
{
	struct way way = { .dest = "0.0.0.0/0", .gateway = "10.88.0.1" };
	Grpc__Routes *list = malloc(sizeof(*list));
	struct ask a;
	char have[1024];

	updated(ask(&a, "02:00:00:00:00:07", "eth0", "10.88.0.15", V6));
	/* The host's ends are up too, and have link-local addresses. */
	assert_non_null(strstr(routed(&way, 1, have),
		"0.0.0.0 via 10.88.0.1 dev eth0 scope 0 mtu 0\n"
		"10.88.0.0/16 via  dev eth0 scope 253 mtu 0\n"));
	assert_non_null(strstr(have, "fe80::/64 via  dev eth0 scope 0 mtu 0\n"));

	grpc__routes__init(list);
	assert_int_equal(rpc_list_routes(&agent, NULL, list, NULL), 0);
	assert_int_equal(list->routes[0]->family, TYPES__IPFAMILY__v4);
	assert_int_equal(list->routes[list->n_routes - 1]->family, TYPES__IPFAMILY__v6);
	assert_non_null(strstr(shown(list, have), "0.0.0.0 via 10.88.0.1 dev eth0"));
}

/* Each line of BEFORE is still in NOW; the kernel may have added link-local ones of its own
 * meanwhile. */
static void all_of(char *before, const char *now)
{
	for (char *line, *rest = before; (line = strtok_r(rest, "\n", &rest));)
		if (!strstr(now, line))
			fail_msg("gone: %s", line);
}

static void gateways_come_last_and_old_routes_stay(void **state UNUSED)
{
	struct way first[] = {
		/* reachable by the second only */
		{ .dest = "10.99.0.0/16", .gateway = "172.16.5.1", .mtu = 1300 },
		{ .dest = "172.16.5.77/24", .scope = 253, .source = "10.88.0.15" },
		{ .dest = "", .gateway = "10.88.0.1" },
		{ .dest = "fd00:1::/32", .family = TYPES__IPFAMILY__v6 },
		{ .dest = "fd00:2::/32", .gateway = "fd00:1::1", .family = TYPES__IPFAMILY__v6 },
		/* by no other */
		{ .dest = "10.77.0.0/16", .gateway = "9.9.9.9", .flags = RTNH_F_ONLINK },
	};
	struct way second = { .dest = "", .gateway = "10.88.0.2" };
	struct ask a;
	char have[1024], before[1024];

	updated(ask(&a, "02:00:00:00:00:07", "eth0", "10.88.0.15", V6));
	routed(first, ARRAY_SIZE(first), have);
	assert_non_null(strstr(have, "10.99.0.0/16 via 172.16.5.1 dev eth0 scope 0 mtu 1300\n"));
	assert_non_null(strstr(have, "172.16.5.0/24 via  dev eth0 scope 253"));
	assert_non_null(strstr(have, "0.0.0.0 via 10.88.0.1 dev eth0"));
	assert_non_null(strstr(have, "fd00:2::/32 via fd00:1::1 dev eth0"));
	assert_non_null(strstr(have, "10.77.0.0/16 via 9.9.9.9 dev eth0"));

	routed(first, ARRAY_SIZE(first), have); /* again: the same */
	routed(&second, 1, have);
	assert_non_null(strstr(have, "0.0.0.0 via 10.88.0.2 dev eth0")); /* in its place */
	assert_null(strstr(have, "via 10.88.0.1"));
	assert_non_null(strstr(have, "10.99.0.0/16 via 172.16.5.1 dev eth0 scope 0 mtu 1300\n"));
	assert_non_null(strstr(have, "172.16.5.0/24 via  dev eth0 scope 253"));
	assert_non_null(strstr(have, "fd00:2::/32 via fd00:1::1 dev eth0"));
	assert_non_null(strstr(have, "10.88.0.0/16 via  dev eth0")); /* the kernel's own */
	assert_non_null(strstr(have, "fe80::/64 via  dev eth0"));
	strcpy(before, have);
	routed(NULL, 0, have);
	all_of(before, have);
}

static void routes_that_make_no_sense(void **state UNUSED)
{
	struct way far = { .dest = "10.1.0.0/16", .gateway = "203.0.113.1" };
	struct way mixed = { .dest = "10.1.0.0/16", .gateway = "fe80::1" };
	struct way junk = { .dest = "10.1.0.0/160" };
	struct way fine = { .dest = "", .gateway = "10.88.0.1" };
	struct err err;
	struct ask a;
	Grpc__Routes *list;

	updated(ask(&a, "02:00:00:00:00:07", "eth0", "10.88.0.15", NULL));
	assert_int_equal(route(&far, 1, "eth0", &list, &err), -ENETUNREACH);
	grpc__routes__free_unpacked(list, NULL);
	assert_string_equal(err.msg,
		"add the route to 10.1.0.0/16 through 203.0.113.1 on "
		"interface eth0: Network is unreachable");
	assert_int_equal(route(&mixed, 1, "eth0", &list, &err), TTRPC_INVALID_ARGUMENT);
	grpc__routes__free_unpacked(list, NULL);
	assert_string_equal(err.msg, "fe80::1 is no address for this route");
	assert_int_equal(route(&junk, 1, "eth0", &list, &err), TTRPC_INVALID_ARGUMENT);
	grpc__routes__free_unpacked(list, NULL);
	assert_int_equal(route(&fine, 1, "eth9", &list, &err), TTRPC_INTERNAL);
	grpc__routes__free_unpacked(list, NULL);
	assert_string_equal(err.msg, "Link not found (Name: eth9)");
}

/* --- AddARPNeighbors --------------------------------------------------------------------------
 */

static int neighbor(const char *ip, const char *mac, const char *device, struct err *err)
{
	Grpc__AddARPNeighborsRequest request = GRPC__ADD_ARPNEIGHBORS_REQUEST__INIT;
	Grpc__ARPNeighbors list = GRPC__ARPNEIGHBORS__INIT;
	Types__ARPNeighbor one, *pointer = &one;
	Types__IPAddress address;

	types__arpneighbor__init(&one);
	types__ipaddress__init(&address);
	address.address = text(ip);
	one.toipaddress = ip ? &address : NULL;
	one.device = text(device);
	one.lladdr = text(mac);
	list.arpneighbors = &pointer;
	list.n_arpneighbors = 1;
	request.neighbors = &list;
	return rpc_add_arp_neighbors(&agent, &request, NULL, err);
}

static void neighbors(void **state UNUSED)
{
	Grpc__AddARPNeighborsRequest none = GRPC__ADD_ARPNEIGHBORS_REQUEST__INIT;
	struct err err = { 0 };
	struct ask a;
	char line[256];
	bool found = false;
	FILE *f;

	updated(ask(&a, "02:00:00:00:00:07", "eth0", "10.88.0.15", NULL));
	assert_int_equal(rpc_add_arp_neighbors(&agent, &none, NULL, &err), 0);
	if (neighbor("10.88.0.1", "0a:0b:0c:0d:0e:0f", "eth0", &err))
		fail_msg("%s", err.msg);
	assert_int_equal(neighbor("10.88.0.1", "0a:0b:0c:0d:0e:10", "eth0", &err), 0);
	assert_int_equal(neighbor("fe80::1", "0a:0b:0c:0d:0e:10", "eth0", &err), 0);
	f = fopen("/proc/thread-self/net/arp", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) /* flags 6: complete and permanent */
		found |= strstr(line, "10.88.0.1 ") && strstr(line, " 0x6 ") &&
			strstr(line, "0a:0b:0c:0d:0e:10");
	fclose(f);
	assert_true(found);
	assert_int_equal(neighbor("10.88.0", "0a:0b:0c:0d:0e:10", "eth0", &err),
		TTRPC_INVALID_ARGUMENT);
	assert_int_equal(neighbor(NULL, "0a:0b:0c:0d:0e:10", "eth0", &err), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(neighbor("10.88.0.1", "0a:0b:", "eth0", &err), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(neighbor("10.88.0.1", "0a:0b:0c:0d:0e:10", "eth9", &err), TTRPC_INTERNAL);
	assert_string_equal(err.msg, "Link not found (Name: eth9)");
}

static void many_links(void **state UNUSED)
{
	struct netlink nl;
	struct net_link *links;
	size_t n;
	char name[IFNAMSIZ];

	for (int i = 0; i < 40; i++) {
		sprintf(name, "many%d", i);
		assert_int_equal(net_bed_pair(name, (uint8_t)(100 + i)), 0);
	}
	assert_int_equal(netlink_open(&nl, 0, NULL), 0);
	assert_int_equal(netlink_links(&nl, &links, &n), 0);
	netlink_close(&nl);
	assert_int_equal(n, 85);
	free(links);
}

static void no_namespace(void **state UNUSED)
{
	skip();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(interface_gets_what_was_recorded),
		T(addresses_are_replaced),
		T(names_are_swapped),
		T(link_that_is_not_there),
		T(link_that_comes_later),
		T(requests_that_make_no_sense),
		T(routes_as_recorded),
		T(gateways_come_last_and_old_routes_stay),
		T(routes_that_make_no_sense),
		T(neighbors),
		T(many_links),
	};
	const struct CMUnitTest elsewhere[] = { cmocka_unit_test(no_namespace) };

	if (!net_bed_enter())
		return cmocka_run_group_tests(elsewhere, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
