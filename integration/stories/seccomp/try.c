/*
 * seccomp-try KIND [EVERY] | ring DIRECTORY: tries what the sandbox forbids, on the kernel it runs
 * on.
 *
 * KIND: a child for each system call number (or every EVERYth) puts on the list of that kind of
 * thread and makes the call; so for ioctl requests, and for mappings that can be executed. What is
 * not on the list must kill it by SIGSYS before the call returns, what is on it must not. ring: a
 * disk's io_uring must refuse what a disk does not need, and do what it does. One line for each
 * fault, then a summary; status 1 if there was any.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "block/backend.h"
#include "jail/jail.h"
#include "jail/policy.h"

#define NUMBERS 512   /* more than any kernel has; then some that are far out */
#define RANDOM	64    /* ioctl requests */
#define SEED	12345 /* of them */

struct rule {
	const char *kind;
	long number;
	uint64_t need;
	bool any;
};

enum { any = 0, noexec = 0, self = 0 };

static const struct rule rules[] = {
#define POLICY(kind, call, need, file, why)                                                        \
	{ #kind, SYS_##call, (uint64_t)(need), #need[0] == 'a' && #need[1] == 'n' },
#include "jail/policy.inc"
#undef POLICY
};

struct call {
	long number;
	uint64_t arg[6];
};

struct trial {
	enum jail_kind kind;
	long every;
	bool *alive; /* shared with the child: the call has returned */
	unsigned killed, passed, faults;
};

/* The child's part. Nothing but the call is asked of the kernel once the list is on. */
static void NORETURN child(const struct trial *t, const struct call *c)
{
	struct rlimit none = { 0 };
	struct err err;

	setrlimit(RLIMIT_CORE, &none);
	alarm(5);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || jail_filter(t->kind, &err))
		_exit(1);
	syscall(c->number, c->arg[0], c->arg[1], c->arg[2], c->arg[3], c->arg[4], c->arg[5]);
	*(volatile bool *)t->alive = true;
	for (;;) /* exit_group() may not be on the list; the parent ends it */
		;
}

/* 0: killed by the list; 1: the call came back; -1: something else. */
static int try(const struct trial *t, const struct call *c)
{
	int status = 0;
	pid_t pid;

	*t->alive = false;
	pid = fork();
	if (!pid)
		child(t, c);
	while (pid > 0 && !waitpid(pid, &status, WNOHANG))
		if (*(volatile bool *)t->alive) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return 1;
		}
	return pid > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? 0 : -1;
}

static void expect(struct trial *t, const struct call *c, bool killed, const char *what)
{
	int got = try(t, c);

	if (got == !killed) {
		t->killed += killed;
		t->passed += !killed;
		return;
	}
	t->faults++;
	printf("%s: call %ld (%s, 0x%llx, 0x%llx, 0x%llx): %s\n", jail_kind_name(t->kind),
		c->number, what, (unsigned long long)c->arg[0], (unsigned long long)c->arg[1],
		(unsigned long long)c->arg[2],
		got < 0 ? "ended otherwise" : (killed ? "was not killed" : "was killed"));
}

static bool mine(const struct trial *t, const struct rule *r)
{
	return !strcmp(r->kind, jail_kind_name(t->kind));
}

static bool listed(const struct trial *t, long number)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (mine(t, &rules[i]) && rules[i].number == number)
			return true;
	return false;
}

static void try_numbers(struct trial *t)
{
	static const long far[] = { 1023, 1024, 4095, 0xffff, 0x40000000, 0x7fffffff, -1 };

	for (long n = 0; n < NUMBERS; n += t->every)
		if (!listed(t, n))
			expect(t, &(struct call){ .number = n }, true, "not listed");
	for (size_t i = 0; i < ARRAY_SIZE(far); i++)
		expect(t, &(struct call){ .number = far[i] }, true, "not listed");
}

/* With arguments that make sense to none of them, so that nothing is done. */
static void try_listed(struct trial *t)
{
	const struct call wild = { .arg = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
					   UINT64_MAX, UINT64_MAX } };

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct call c = wild;

		c.number = rules[i].number;
		if (mine(t, &rules[i]) && rules[i].any && c.number != SYS_exit &&
			c.number != SYS_exit_group && c.number != SYS_rt_sigreturn)
			expect(t, &c, false, "listed");
	}
}

static bool request_listed(const struct trial *t, long number, uint64_t request)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (mine(t, &rules[i]) && rules[i].number == number && rules[i].need == request)
			return true;
	return false;
}

static void try_request(struct trial *t, long number, uint64_t request)
{
	struct call c = { .number = number, .arg = { UINT64_MAX, request } };
	bool good = request_listed(t, number, request);

	if (listed(t, number))
		expect(t, &c, !good, "a request");
}

static void try_requests(struct trial *t)
{
	static const uint64_t wicked[] = { TIOCSTI, TIOCLINUX, TIOCSCTTY, TIOCSPTLCK, TCSETS,
		FIONREAD, FIOCLEX, FS_IOC_SETFLAGS, FITRIM, BLKDISCARD, BLKZEROOUT, BLKROSET,
		TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNATTACHFILTER, VHOST_SET_LOG_BASE,
		VHOST_SET_LOG_FD, VHOST_SET_BACKEND_FEATURES, KVM_RUN, KVM_CREATE_VM,
		KVM_CREATE_VCPU, KVM_SET_USER_MEMORY_REGION, KVM_CREATE_DEVICE, KVM_SET_ONE_REG,
		KVM_SET_SIGNAL_MASK, KVM_GET_DIRTY_LOG, KVM_ENABLE_CAP, KVM_MEMORY_ENCRYPT_OP, 0,
		UINT32_MAX, UINT64_MAX };
	uint64_t random = SEED;

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (rules[i].number == SYS_ioctl) {
			try_request(t, SYS_ioctl, rules[i].need);
			try_request(t, SYS_ioctl, rules[i].need ^ 1);
			try_request(t, SYS_ioctl, rules[i].need | UINT64_C(1) << 32);
		}
	for (size_t i = 0; i < ARRAY_SIZE(wicked); i++)
		try_request(t, SYS_ioctl, wicked[i]);
	for (unsigned i = 0; i < RANDOM / t->every; i++) {
		random = random * UINT64_C(6364136223846793005) + 1;
		try_request(t, SYS_ioctl, random >> 32);
	}
	for (uint64_t n = 0; n < 48; n++)
		try_request(t, SYS_io_uring_register, n);
	for (uint64_t n = 0; n < 1100; n = n == 64 ? 1024 : n + 1)
		try_request(t, SYS_fcntl, n);
}

static void try_rest(struct trial *t)
{
	struct call map = { .number = SYS_mmap,
		.arg = { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
			UINT64_MAX } };
	struct call signal = { .number = SYS_tgkill, .arg = { 1, 1, 0 } };

	expect(t, &map, true, "executable");
	map.arg[2] = PROT_READ | PROT_WRITE | PROT_EXEC;
	expect(t, &map, true, "executable");
	map.arg[2] = PROT_READ | PROT_WRITE;
	expect(t, &map, !listed(t, SYS_mmap), "not executable");
	expect(t, &signal, true, "another process");
}

static int try_kind(enum jail_kind kind, long every)
{
	struct trial t = { .kind = kind, .every = every > 0 ? every : 1 };

	t.alive = mmap(NULL, sizeof(*t.alive), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (t.alive == MAP_FAILED)
		return 1;
	try_numbers(&t);
	try_listed(&t);
	try_requests(&t);
	try_rest(&t);
	printf("%s: %u killed, %u allowed, %u faults\n", jail_kind_name(kind), t.killed, t.passed,
		t.faults);
	return t.faults ? 1 : 0;
}

/* the ring */

static int submit(struct io_uring *ring, unsigned char op, int fd, unsigned flags, void *addr,
	unsigned len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	struct io_uring_cqe *cqe;
	int res = -EIO;

	if (!sqe)
		return res;
	io_uring_prep_rw(op, sqe, fd, addr, len, 0);
	if (op == IORING_OP_FALLOCATE)
		sqe->addr = 4096; /* its length */
	sqe->flags = (uint8_t)flags;
	if (io_uring_submit_and_wait(ring, 1) >= 0 && !io_uring_peek_cqe(ring, &cqe)) {
		res = cqe->res;
		io_uring_cqe_seen(ring, cqe);
	}
	return res;
}

static unsigned told(const char *what, bool ok, int res)
{
	printf("ring: %s: %s (%d)\n", what, ok ? "ok" : "FAULT", res);
	return !ok;
}

static unsigned refusals(struct io_uring *ring, int fd, const char *path)
{
	unsigned faults = 0, bad = 0;
	int res;

	res = submit(ring, IORING_OP_OPENAT, AT_FDCWD, 0, (void *)(uintptr_t)path, 0);
	faults += told("OPENAT is refused", res == -EACCES, res);
	res = submit(ring, IORING_OP_SOCKET, AF_UNIX, 0, NULL, SOCK_STREAM);
	faults += told("SOCKET is refused", res == -EACCES, res);
	res = submit(ring, IORING_OP_CONNECT, fd, 0, (void *)(uintptr_t)path, 0);
	faults += told("CONNECT is refused", res == -EACCES, res);
	res = submit(ring, IORING_OP_CONNECT, 0, IOSQE_FIXED_FILE, (void *)(uintptr_t)path, 0);
	faults += told("CONNECT of the registered file is refused", res == -EACCES, res);
	res = submit(ring, IORING_OP_READV, fd, 0, NULL, 0);
	faults += told("a file that is not registered is refused", res == -EACCES, res);
	for (unsigned op = 0; op < IORING_OP_LAST; op++) {
		bool disk = op == IORING_OP_READV || op == IORING_OP_WRITEV ||
			op == IORING_OP_WRITE || op == IORING_OP_FSYNC || op == IORING_OP_FALLOCATE;

		if (!disk &&
			submit(ring, (unsigned char)op, 0, IOSQE_FIXED_FILE, NULL, 0) != -EACCES)
			bad++;
	}
	faults += told("every other operation is refused", !bad, (int)bad);
	res = io_uring_register_eventfd(ring, fd);
	faults += told("another registration is refused", res == -EACCES, res);
	return faults;
}

static int try_ring(const char *dir)
{
	char text[] = "written", back[sizeof(text)] = "";
	struct iovec out = { text, sizeof(text) }, in = { back, sizeof(back) };
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), none = -1, res;
	struct io_uring ring;
	unsigned faults = 0;

	res = fd < 0 ? -errno : io_uring_queue_init(8, &ring, IORING_SETUP_R_DISABLED);
	if (!res)
		res = io_uring_register_files(&ring, &none, 1);
	if (!res)
		res = block_uring_narrow(&ring);
	faults += told("narrowed", !res, res);
	if (res)
		return 1;
	res = io_uring_register_files_update(&ring, 0, &fd, 1);
	faults += told("a file comes", res == 1, res);
	res = submit(&ring, IORING_OP_WRITEV, 0, IOSQE_FIXED_FILE, &out, 1);
	faults += told("WRITEV", res == sizeof(text), res);
	res = submit(&ring, IORING_OP_READV, 0, IOSQE_FIXED_FILE, &in, 1);
	faults += told("READV", res == sizeof(text) && !strcmp(text, back), res);
	res = submit(&ring, IORING_OP_FSYNC, 0, IOSQE_FIXED_FILE, NULL, 0);
	faults += told("FSYNC", !res, res);
	res = submit(&ring, IORING_OP_FALLOCATE, 0, IOSQE_FIXED_FILE, NULL, 0);
	faults += told("FALLOCATE", !res, res);
	faults += refusals(&ring, fd, dir);
	io_uring_queue_exit(&ring);
	return faults ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "ring"))
		return try_ring(argv[2]);
	for (enum jail_kind kind = 0; (argc == 2 || argc == 3) && kind < JAIL_KINDS; kind++)
		if (!strcmp(argv[1], jail_kind_name(kind)))
			return try_kind(kind, argc == 3 ? strtol(argv[2], NULL, 10) : 1);
	fprintf(stderr,
		"usage: seccomp-try loop|vcpu|worker|opener [EVERY], seccomp-try ring DIRECTORY\n");
	return 2;
}
