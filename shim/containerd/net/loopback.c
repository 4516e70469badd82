/*
 * See loopback.h; struct bpf_sk_lookup in linux/bpf.h. Steering looks at neither the listener's
 * address nor its port, only at what it can take: one of IPv6 that is bound to ::ffff:127.0.0.1
 * takes both families (one bound to ::1 would take IPv6 only). Where there is no IPv6 it is of
 * IPv4. Its port is any free one.
 */
#define _GNU_SOURCE
#include "shim/containerd/net/loopback.h"

#include <linux/bpf.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "netlink/netlink.h"
#include "shim/containerd/net/netns.h"

#define BACKLOG 128

/* --- the listener, in the namespace ----------------------------------------------------------- */

static int lo_up(struct err *err)
{
	struct net_link_change up = { .flags = IFF_UP, .mask = IFF_UP };
	struct netlink nl;
	int r = netlink_open(&nl, 0, err);

	if (r)
		return r;
	r = netlink_link_change(&nl, (int)if_nametoindex("lo"), &up);
	netlink_close(&nl);
	return r ? fail(err, r, "set the loopback interface up") : 0;
}

static int listen_at(const struct sockaddr *sa, socklen_t len)
{
	AUTO_FD fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int off = 0;

	if (fd < 0 ||
		(sa->sa_family == AF_INET6 &&
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off))) ||
		bind(fd, sa, len) || listen(fd, BACKLOG))
		return -errno;
	return take_fd(&fd);
}

static int work_listen(void *arg, struct err *err)
{
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6,
		.sin6_addr.s6_addr = { [10] = 0xff, 0xff, 127, 0, 0, 1 },
	};
	struct sockaddr_in v4 = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct loopback *l = arg;
	int r = lo_up(err);

	if (r)
		return r;
	l->listener = listen_at((struct sockaddr *)&v6, sizeof(v6));
	if (l->listener < 0)
		l->listener = listen_at((struct sockaddr *)&v4, sizeof(v4));
	return l->listener < 0 ? fail(err, l->listener, "listen on the loopback interface") : 0;
}

/* --- the program ------------------------------------------------------------------------------ */

/* The kernel looks at all of the union, an initialiser need not fill more than the member it names:
 * it is cleared first. */
static int bpf(int cmd, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

static int make_map(int listener)
{
	uint32_t key = 0;
	uint64_t value = (uint64_t)listener;
	union bpf_attr attr;
	AUTO_FD map = -1;
	int r;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_SOCKMAP;
	attr.key_size = sizeof(key);
	attr.value_size = sizeof(value);
	attr.max_entries = 1;
	map = bpf(BPF_MAP_CREATE, &attr);
	if (map < 0)
		return map;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (uint32_t)map;
	attr.key = (uint64_t)(uintptr_t)&key;
	attr.value = (uint64_t)(uintptr_t)&value;
	r = bpf(BPF_MAP_UPDATE_ELEM, &attr);
	return r < 0 ? r : take_fd(&map);
}

#define OP(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }
#define LOAD(d, f)	  OP(BPF_LDX | BPF_MEM | BPF_W, d, 6, offsetof(struct bpf_sk_lookup, f), 0)
#define MOVE(d, s)	  OP(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define SET(d, i)	  OP(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD(d, i)	  OP(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define AND(d, i)	  OP(BPF_ALU64 | BPF_AND | BPF_K, d, 0, 0, i)
#define GOTO(to)	  OP(BPF_JMP | BPF_JA, 0, 0, to, 0)
#define IF_EQ(d, i, to)	  OP(BPF_JMP | BPF_JEQ | BPF_K, d, 0, to, i)
#define IF_NE(d, i, to)	  OP(BPF_JMP | BPF_JNE | BPF_K, d, 0, to, i)
#define CALL(f)		  OP(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_##f)

enum { V6 = 10, STEER = 18, PASS = 32 }; /* labels */
#define FROM(at, label) ((label) - (at) - 1)

/*
 * if (protocol is TCP and the local address is 127.x.x.x or ::1)
 *	sk_assign(map[0]);
 * return SK_PASS;
 *
 * Register 6 is the context, 7 the socket. Addresses are as in the packet.
 */
static int make_prog(int map)
{
	const struct bpf_insn code[] = {
		[0] = MOVE(6, 1),
		[1] = LOAD(0, protocol),
		[2] = IF_NE(0, IPPROTO_TCP, FROM(2, PASS)),
		[3] = LOAD(0, family),
		[4] = IF_EQ(0, AF_INET6, FROM(4, V6)),
		[5] = IF_NE(0, AF_INET, FROM(5, PASS)),
		[6] = LOAD(0, local_ip4),
		[7] = AND(0, 0xff),
		[8] = IF_NE(0, 127, FROM(8, PASS)),
		[9] = GOTO(FROM(9, STEER)),
		[V6] = LOAD(0, local_ip6[0]),
		[11] = IF_NE(0, 0, FROM(11, PASS)),
		[12] = LOAD(0, local_ip6[1]),
		[13] = IF_NE(0, 0, FROM(13, PASS)),
		[14] = LOAD(0, local_ip6[2]),
		[15] = IF_NE(0, 0, FROM(15, PASS)),
		[16] = LOAD(0, local_ip6[3]),
		[17] = IF_NE(0, 1 << 24, FROM(17, PASS)),
		[STEER] = OP(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0), /* the key */
		[19] = OP(BPF_LD | BPF_IMM | BPF_DW, 1, BPF_PSEUDO_MAP_FD, 0, map),
		[21] = MOVE(2, 10),
		[22] = ADD(2, -4),
		[23] = CALL(map_lookup_elem),
		[24] = IF_EQ(0, 0, FROM(24, PASS)),
		[25] = MOVE(7, 0),
		[26] = MOVE(1, 6),
		[27] = MOVE(2, 7),
		[28] = SET(3, 0),
		[29] = CALL(sk_assign),
		[30] = MOVE(1, 7),
		[31] = CALL(sk_release),
		[PASS] = SET(0, SK_PASS),
		[33] = OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SK_LOOKUP;
	attr.expected_attach_type = BPF_SK_LOOKUP;
	attr.insn_cnt = ARRAY_SIZE(code);
	attr.insns = (uint64_t)(uintptr_t)code;
	attr.license = (uint64_t)(uintptr_t)"Apache-2.0";
	strcpy(attr.prog_name, "sampan_relay");
	return bpf(BPF_PROG_LOAD, &attr);
}

static int make_link(int prog, int netns)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)prog;
	attr.link_create.target_fd = (uint32_t)netns;
	attr.link_create.attach_type = BPF_SK_LOOKUP;
	return bpf(BPF_LINK_CREATE, &attr);
}

static int steer(struct loopback *l, int netns)
{
	l->map = make_map(l->listener);
	if (l->map < 0)
		return l->map;
	l->prog = make_prog(l->map);
	if (l->prog < 0)
		return l->prog;
	l->link = make_link(l->prog, netns);
	return l->link < 0 ? l->link : 0;
}

int loopback_open(struct loopback *l, int netns, struct err *err)
{
	int r;

	*l = (struct loopback){ -1, -1, -1, -1 };
	r = netns_run(netns, work_listen, l, err);
	if (!r) {
		r = steer(l, netns);
		if (r)
			fail(err, r, "steer connections by a socket lookup program");
	}
	if (r)
		loopback_close(l);
	return r;
}

void loopback_close(struct loopback *l)
{
	auto_fd_close(&l->link);
	auto_fd_close(&l->prog);
	auto_fd_close(&l->map);
	auto_fd_close(&l->listener);
	*l = (struct loopback){ -1, -1, -1, -1 };
}
