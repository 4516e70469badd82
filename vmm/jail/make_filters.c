/*
 * Runs on the build machine: makes jail/filters.inc, one seccomp program for each kind of thread,
 * of the table of allowed calls. libseccomp would take milliseconds for it at each start; what
 * seccomp_export_bpf() gives is the same program.
 *
 * Whatever is not in the table kills the process, whatever architecture it comes from.
 */
#define _GNU_SOURCE
#include <err.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "jail/policy.h"

enum kind { loop, vcpu, worker, opener, KINDS };

static const char *const kind_names[KINDS] = { "loop", "vcpu", "worker", "opener" };

/* Numbers of what the calls may be asked for; made of the assembly of numbers.c. */
static const struct {
	const char *name;
	uint64_t value;
} numbers[] = {
#include "jail/numbers.inc"
};

struct row {
	enum kind kind;
	const char *call, *need;
};

static const struct row rows[] = {
#define POLICY(kind, call, need, file, why) { kind, #call, #need },
#include "jail/policy.inc"
#undef POLICY
};

/* The argument that decides. */
static const struct {
	const char *call;
	unsigned arg;
} deciding[] = {
	{ "ioctl", 1 },
	{ "fcntl", 1 },
	{ "io_uring_register", 1 },
	{ "madvise", 2 },
	{ "socket", 0 },
	{ "tgkill", 0 },
	{ "mmap", 2 },
};

static uint64_t number(const char *name)
{
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!strcmp(numbers[i].name, name))
			return numbers[i].value;
	errx(1, "%s has no number", name);
}

static unsigned argument(const char *call)
{
	for (size_t i = 0; i < sizeof(deciding) / sizeof(deciding[0]); i++)
		if (!strcmp(deciding[i].call, call))
			return deciding[i].arg;
	errx(1, "%s has no argument that decides", call);
}

/* Two places may name one call. */
static int seen(const struct row *r)
{
	for (const struct row *o = rows; o < r; o++)
		if (o->kind == r->kind && !strcmp(o->call, r->call) && !strcmp(o->need, r->need))
			return 1;
	return 0;
}

static int allow(scmp_filter_ctx f, const struct row *r)
{
	/* A rule goes by the build machine's number; the library translates. */
	int nr = seccomp_syscall_resolve_name(r->call);
	uint64_t need = number(r->need);
	unsigned arg;

	if (nr == __NR_SCMP_ERROR ||
		seccomp_syscall_resolve_name_arch(SCMP_ARCH_RISCV64, r->call) < 0)
		errx(1, "%s is no system call of riscv64", r->call);
	if (need == policy_any)
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 0);
	arg = argument(r->call);
	if (need == policy_noexec)
		return seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1,
			SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (need == policy_self)
		need = POLICY_SELF_MARK;
	return seccomp_rule_add(f, SCMP_ACT_ALLOW, nr, 1, SCMP_CMP64(arg, SCMP_CMP_EQ, need, 0));
}

static void print(scmp_filter_ctx f, enum kind kind)
{
	int fd = memfd_create("filter", 0), rc = seccomp_export_bpf(f, fd);
	struct sock_filter insn;

	if (fd < 0 || rc || lseek(fd, 0, SEEK_SET))
		errx(1, "export the filter of %s: %s", kind_names[kind], strerror(-rc));
	printf("static const struct sock_filter filter_%s[] = {\n", kind_names[kind]);
	while (read(fd, &insn, sizeof(insn)) == sizeof(insn))
		printf("\t{ 0x%x, %u, %u, 0x%x },\n", insn.code, insn.jt, insn.jf, insn.k);
	printf("};\n");
	close(fd);
}

static void make(enum kind kind)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = f ? 0 : -1;

	if (!rc && seccomp_arch_native() != SCMP_ARCH_RISCV64)
		rc = seccomp_arch_remove(f, SCMP_ARCH_NATIVE);
	if (!rc && seccomp_arch_exist(f, SCMP_ARCH_RISCV64))
		rc = seccomp_arch_add(f, SCMP_ARCH_RISCV64);
	if (!rc)
		rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!rc)
		rc = seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
	for (const struct row *r = rows; !rc && r < rows + sizeof(rows) / sizeof(rows[0]); r++)
		if (r->kind == kind && !seen(r)) {
			rc = allow(f, r);
			if (rc)
				warnx("%s(%s)", r->call, r->need);
		}
	if (rc)
		errx(1, "make the filter of %s: %s", kind_names[kind], strerror(-rc));
	print(f, kind);
	seccomp_release(f);
}

int main(void)
{
	for (enum kind kind = loop; kind < KINDS; kind++)
		make(kind);
	return 0;
}
