/*
 * Port forwarding from a pod's namespace to the agent's relay, both ends of ours in one loop. The
 * "guest" is the test's own namespace, and the way there a unix socket; clients are sockets made in
 * the pod's. Without the right to load programs into the kernel only the agent's end is tested.
 */
#define _GNU_SOURCE
#include "shim/containerd/net/relay.h"

#include <dirent.h>
#include <linux/if_addr.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "agent/relay_port.h"
#include "core/test/check.h"
#include "core/twoway.h"
#include "shim/containerd/net/test/pod_bed.h"

#define SECONDS 20

struct fix {
	struct loop *loop;
	struct timer tick;
	struct pod_bed pod;
	struct relay *relay;
	struct relay_port *port;
	struct sockaddr_un where; /* of the agent's relay: no path, the kernel names it */
	struct address agent;
	int server;
	uint16_t number; /* the server's port */
	struct err err;
};

static void tick(struct timer *t)
{
	loop_quit(container_of(t, struct fix, tick)->loop);
}

static void serve(struct fix *f, unsigned ms)
{
	timer_set(&f->tick, ms * UINT64_C(1000000), 0);
	loop_run(f->loop);
}

/* --- the guest -------------------------------------------------------------------------------- */

static int tcp_listen(int family, uint16_t *number)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	struct sockaddr_storage got;
	socklen_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, family == AF_INET ? (void *)&v4 : (void *)&v6, len), 0);
	assert_int_equal(listen(fd, 512), 0);
	len = sizeof(got);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&got, &len), 0);
	*number = ntohs(((struct sockaddr_in *)&got)->sin_port); /* the same place in both */
	return fd;
}

static void make_agent(struct fix *f)
{
	char path[] = "/tmp/sampan-test-relay-XXXXXX";
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_non_null(mkdtemp(path));
	rmdir(path);
	f->where.sun_family = AF_UNIX;
	snprintf(f->where.sun_path, sizeof(f->where.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&f->where, sizeof(f->where)), 0);
	assert_int_equal(listen(fd, 512), 0);
	f->agent = (struct address){ .kind = ADDRESS_UNIX };
	memcpy(f->agent.path, path, sizeof(path));
	assert_int_equal(relay_port_new(&f->port, f->loop, fd, &f->err), 0);
}

static int setup_agent(void **state)
{
	struct fix *f = calloc(1, sizeof(*f));

	*state = f;
	if (loop_new(&f->loop, &f->err) || timer_init(f->loop, &f->tick, tick) ||
		pod_bed_new(&f->pod) || net_bed_up("lo"))
		return -1;
	make_agent(f);
	f->server = tcp_listen(AF_INET, &f->number);
	return 0;
}

static int setup(void **state)
{
	struct fix *f;

	if (setup_agent(state))
		return -1;
	f = *state;
	if (relay_new(&f->relay, f->loop, f->pod.path, &f->agent, &f->err)) {
		print_error("# %s\n", f->err.msg);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	struct fix *f = *state;

	relay_free(f->relay);
	relay_port_free(f->port);
	unlink(f->where.sun_path);
	close(f->server);
	pod_bed_free(&f->pod);
	timer_fini(f->loop, &f->tick);
	loop_free(f->loop);
	free(f);
	return 0;
}

/* --- clients ---------------------------------------------------------------------------------- */

struct client {
	int family, fd;
	uint16_t number;
	uint32_t to; /* of AF_INET */
};

static int work_connect(void *arg, struct err *err)
{
	struct client *c = arg;
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
		.sin6_port = htons(c->number),
	};
	struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = c->to,
		.sin_port = htons(c->number),
	};
	int r;

	(void)err;
	c->fd = socket(c->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	r = c->family == AF_INET ? connect(c->fd, (struct sockaddr *)&v4, sizeof(v4))
				 : connect(c->fd, (struct sockaddr *)&v6, sizeof(v6));
	if (r) {
		r = -errno;
		close(c->fd);
		c->fd = -1;
	}
	return r;
}

/* A connection from the pod's namespace; -errno when it is refused. */
static int connect_pod(struct fix *f, int family, uint16_t number)
{
	struct client c = { .family = family, .number = number, .to = htonl(0x7f000001) };
	int r = netns_run(f->pod.netns, work_connect, &c, &f->err);

	if (!r)
		fcntl(c.fd, F_SETFL, O_NONBLOCK);
	return r ? r : c.fd;
}

static int accepted(struct fix *f)
{
	time_t end = time(NULL) + SECONDS;
	int fd;

	while ((fd = accept4(f->server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0) {
		assert_true(time(NULL) < end);
		serve(f, 5);
	}
	return fd;
}

/* What comes next: bytes of it, 0 at the end, or -errno. */
static ssize_t next(struct fix *f, int fd, void *buf, size_t len)
{
	time_t end = time(NULL) + SECONDS;
	ssize_t n;

	while ((n = read(fd, buf, len)) < 0 && errno == EAGAIN) {
		assert_true(time(NULL) < end);
		serve(f, 5);
	}
	return n < 0 ? -errno : n;
}

static void say(int fd, const char *words)
{
	assert_int_equal(write(fd, words, strlen(words)), strlen(words));
}

static void must_hear(struct fix *f, int fd, const char *words)
{
	char got[256];
	ssize_t n = next(f, fd, got, sizeof(got) - 1);

	assert_true(n >= 0);
	got[n] = 0;
	assert_string_equal(got, words);
}

static void must_reset(struct fix *f, int fd)
{
	char c;

	assert_int_equal(next(f, fd, &c, 1), -ECONNRESET);
	close(fd);
}

static unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* --- forwarding ------------------------------------------------------------------------------- */

static void talk(struct fix *f, int family)
{
	int client = connect_pod(f, family, f->number), server;

	assert_true(client >= 0);
	say(client, "early"); /* before anybody has dialed */
	server = accepted(f);
	must_hear(f, server, "early");
	say(server, "late");
	must_hear(f, client, "late");
	shutdown(client, SHUT_WR);
	must_hear(f, server, "");
	say(server, "last words");
	close(server);
	must_hear(f, client, "last words");
	must_hear(f, client, "");
	close(client);
}

static void both_families_reach_the_guest(void **state)
{
	struct fix *f = *state;

	talk(f, AF_INET);
	talk(f, AF_INET6);
	close(f->server);
	f->server = tcp_listen(AF_INET6, &f->number); /* a guest's that listens on ::1 only */
	talk(f, AF_INET);
	talk(f, AF_INET6);
}

static void nobody_listens(void **state)
{
	struct fix *f = *state;
	unsigned before = descriptors();

	close(f->server);
	must_reset(f, connect_pod(f, AF_INET, f->number));
	must_reset(f, connect_pod(f, AF_INET6, f->number));
	must_reset(f, connect_pod(f, AF_INET, 1));
	serve(f, 50);
	assert_int_equal(descriptors(), before - 1);
	f->server = -1;
}

static void agent_without_a_relay(void **state)
{
	struct fix *f = *state;
	int fd, agent = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	relay_port_free(take(&f->port));
	must_reset(f, connect_pod(f, AF_INET, f->number)); /* refused */
	unlink(f->where.sun_path);
	must_reset(f, connect_pod(f, AF_INET, f->number)); /* not there */

	assert_int_equal(bind(agent, (struct sockaddr *)&f->where, sizeof(f->where)), 0);
	assert_int_equal(listen(agent, 8), 0);
	for (int i = 0; i < 3; i++) {
		static const char *const answers[] = { "", "no\n",
			"OK aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" };
		int client = connect_pod(f, AF_INET, f->number);

		serve(f, 50);
		fd = accept4(agent, NULL, NULL, SOCK_CLOEXEC);
		assert_true(fd >= 0);
		say(fd, answers[i]);
		if (!*answers[i])
			close(fd);
		must_reset(f, client);
		if (*answers[i])
			close(fd);
	}
	close(agent);
}

/* A port is the one that was asked for. */
static void ports_are_told_apart(void **state)
{
	struct fix *f = *state;
	uint16_t number;
	int other = tcp_listen(AF_INET, &number), client = connect_pod(f, AF_INET, number), fd;
	int first = connect_pod(f, AF_INET, f->number), server = accepted(f);

	say(client, "other");
	say(first, "first");
	must_hear(f, server, "first");
	fd = accept4(other, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(fd >= 0);
	must_hear(f, fd, "other");
	close(fd);
	close(client);
	close(first);
	close(server);
	close(other);
}

static void guest_resets(void **state)
{
	struct fix *f = *state;
	int client = connect_pod(f, AF_INET, f->number), server = accepted(f);

	say(client, "x");
	must_hear(f, server, "x");
	twoway_reset(server);
	must_reset(f, client);

	client = connect_pod(f, AF_INET, f->number);
	server = accepted(f);
	twoway_reset(client);
	must_reset(f, server);
}

/* A reader that does not read stops the writer, for good; then all arrives. */
static void slow_reader(void **state)
{
	struct fix *f = *state;
	static unsigned char block[65536], got[65536];
	int client = connect_pod(f, AF_INET, f->number), server = accepted(f);
	size_t sent = 0, have = 0, quiet = 0;
	ssize_t n;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (unsigned char)(i * 7 + i / 251);
	while (quiet < 50) {
		size_t at = sent % sizeof(block);

		n = send(client, block + at, sizeof(block) - at, MSG_NOSIGNAL);
		quiet = n > 0 ? 0 : quiet + 1;
		sent += n > 0 ? (size_t)n : 0;
		serve(f, 2);
		assert_true(sent < 64 << 20);
	}
	shutdown(client, SHUT_WR);
	while (have < sent) {
		size_t at = have % sizeof(block);

		n = next(f, server, got, MIN(sizeof(block) - at, sent - have));
		assert_true(n > 0);
		assert_memory_equal(got, block + at, n);
		have += (size_t)n;
	}
	must_hear(f, server, "");
	close(server);
	must_hear(f, client, "");
	close(client);
}

static void connections_are_bounded(void **state)
{
	struct fix *f = *state;
	static int client[RELAY_CONNECTIONS], server[RELAY_CONNECTIONS];
	unsigned before = descriptors();

	for (int i = 0; i < RELAY_CONNECTIONS; i++) {
		client[i] = connect_pod(f, AF_INET, f->number);
		assert_true(client[i] >= 0);
		if (i % 16 == 0)
			serve(f, 2);
	}
	for (int i = 0; i < RELAY_CONNECTIONS; i++)
		server[i] = accepted(f);
	must_reset(f, connect_pod(f, AF_INET, f->number)); /* one more */
	for (int i = 0; i < RELAY_CONNECTIONS; i++) {
		char got;

		say(server[i], "x");
		assert_int_equal(next(f, client[i], &got, 1), 1);
		close(client[i]);
		close(server[i]);
	}
	serve(f, 100);
	assert_int_equal(descriptors(), before);
	talk(f, AF_INET); /* there is room again */
}

static void end_resets_and_leaves_nothing(void **state)
{
	struct fix *f = *state;
	int open, fresh, server;
	unsigned before;

	relay_free(take(&f->relay));
	before = descriptors();
	assert_int_equal(connect_pod(f, AF_INET, f->number), -ECONNREFUSED);
	assert_int_equal(relay_new(&f->relay, f->loop, f->pod.path, &f->agent, &f->err), 0);
	open = connect_pod(f, AF_INET, f->number);
	server = accepted(f);
	fresh = connect_pod(f, AF_INET, f->number); /* not dialed yet */
	relay_free(take(&f->relay));
	must_reset(f, open);
	must_reset(f, fresh);
	must_reset(f, server);
	serve(f, 50);
	assert_int_equal(connect_pod(f, AF_INET, f->number), -ECONNREFUSED);
	assert_int_equal(descriptors(), before);
}

static int work_other_address(void *arg, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[NETLINK_REQUEST];
	struct nlmsghdr *nlh = netlink_request(buf, RTM_NEWADDR, NLM_F_CREATE);
	struct ifaddrmsg *i = mnl_nlmsg_put_extra_header(nlh, sizeof(*i));
	struct netlink nl;
	int r = netlink_open(&nl, 0, err);

	i->ifa_family = AF_INET;
	i->ifa_prefixlen = 32;
	i->ifa_index = if_nametoindex("lo");
	mnl_attr_put(nlh, IFA_LOCAL, 4, arg);
	if (!r)
		r = netlink_do(&nl, nlh);
	netlink_close(&nl);
	return r;
}

/* What is not loopback is looked up as ever, and other namespaces have nothing to do with it. */
static void others_are_left_alone(void **state)
{
	struct fix *f = *state;
	struct client own = { .family = AF_INET, .number = 1, .to = htonl(0x7f000001) };
	struct client other = { .family = AF_INET, .number = f->number, .to = htonl(0x0a090909) };

	assert_int_equal(work_connect(&own, &f->err), -ECONNREFUSED);
	assert_int_equal(netns_run(f->pod.netns, work_other_address, &other.to, &f->err), 0);
	assert_int_equal(netns_run(f->pod.netns, work_connect, &other, &f->err), -ECONNREFUSED);
	other.to = htonl(0x7f010203); /* all of 127.0.0.0/8 is */
	assert_int_equal(netns_run(f->pod.netns, work_connect, &other, &f->err), 0);
	close(other.fd);
}

static void namespace_that_is_none(void **state)
{
	struct fix *f = *state;
	struct relay *r = NULL;

	assert_int_equal(relay_new(&r, f->loop, "/nowhere/netns", &f->agent, &f->err), -ENOENT);
	assert_string_equal(f->err.msg,
		"port forwarding in /nowhere/netns: open network namespace /nowhere/netns: "
		"No such file or directory");
	assert_null(r);
	relay_free(NULL);
}

/* --- the agent's end alone -------------------------------------------------------------------- */

static int connect_agent(struct fix *f)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&f->where, sizeof(f->where)), 0);
	return fd;
}

static void agent_dials(void **state)
{
	struct fix *f = *state;
	char line[32];
	int fd = connect_agent(f), server;

	snprintf(line, sizeof(line), "CONNECT %u\n", f->number);
	for (const char *p = line; *p; p++) { /* in pieces */
		assert_int_equal(write(fd, p, 1), 1);
		serve(f, 1);
	}
	server = accepted(f);
	snprintf(line, sizeof(line), "OK %u\n", f->number);
	must_hear(f, fd, line);
	say(server, "words");
	must_hear(f, fd, "words");
	close(fd);
	must_reset(f, server); /* its other way had not ended */
}

static void agent_is_asked_nonsense(void **state)
{
	struct fix *f = *state;
	static const char *const lines[] = { "\n", "CONNECT\n", "CONNECT \n", "CONNECT 0\n",
		"CONNECT 65536\n", "CONNECT 99999999999999999999\n", "CONNECT -1\n",
		"CONNECT 80 \n", "CONNECT 8O\n", "connect 80\n", "GET / HTTP/1.1\r\n",
		"CONNECT 4294967376\n", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "CONNECT 1\n" };
	unsigned before = descriptors();

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		int fd = connect_agent(f);
		char c;
		ssize_t n;

		say(fd, lines[i]);
		n = next(f, fd, &c, 1);
		assert_true(n == 0 || n == -ECONNRESET);
		close(fd);
	}
	serve(f, 20);
	assert_int_equal(descriptors(), before);
}

static void agent_is_bounded(void **state)
{
	struct fix *f = *state;
	static int fds[RELAY_PORT_CONNECTIONS];
	unsigned before = descriptors();

	for (int i = 0; i < RELAY_PORT_CONNECTIONS; i++) {
		fds[i] = connect_agent(f);
		serve(f, 1);
	}
	{
		int one = connect_agent(f);

		must_hear(f, one, "");
		close(one);
	}
	for (int i = 0; i < RELAY_PORT_CONNECTIONS; i++)
		close(fds[i]);
	serve(f, 100);
	assert_int_equal(descriptors(), before);
}

/* One that asks for nothing does not stay. */
static void agent_waits_five_seconds(void **state)
{
	struct fix *f = *state;
	time_t began = time(NULL);
	int fd = connect_agent(f);

	say(fd, "CONNECT");
	must_hear(f, fd, "");
	assert_true(time(NULL) - began >= 4);
	close(fd);
}

static void no_right_to_load(void **state UNUSED)
{
	print_message("# no right to make namespaces, or to load a program into the kernel\n");
	skip();
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define A(f) cmocka_unit_test_setup_teardown(f, setup_agent, teardown)
	const struct CMUnitTest tests[] = {
		T(both_families_reach_the_guest),
		T(nobody_listens),
		T(agent_without_a_relay),
		T(ports_are_told_apart),
		T(guest_resets),
		T(slow_reader),
		T(connections_are_bounded),
		T(end_resets_and_leaves_nothing),
		T(others_are_left_alone),
		T(namespace_that_is_none),
	};
	const struct CMUnitTest agent[] = {
		A(agent_dials),
		A(agent_is_asked_nonsense),
		A(agent_is_bounded),
		A(agent_waits_five_seconds),
	};
	const struct CMUnitTest elsewhere[] = { cmocka_unit_test(no_right_to_load) };
	bool root = !unshare(CLONE_NEWNET | CLONE_NEWNS);
	int failed;

	if (!root && !pod_bed_enter())
		return cmocka_run_group_tests(elsewhere, NULL, NULL);
	failed = cmocka_run_group_tests(agent, NULL, NULL);
	return root ? failed + cmocka_run_group_tests(tests, NULL, NULL)
		    : failed + cmocka_run_group_tests(elsewhere, NULL, NULL);
}
