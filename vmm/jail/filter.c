/*
 * The lists of system calls, and loading one; see jail.h. The programs were made at build time
 * (make_filters.c); all that is left to do is to put our process number in.
 *
 * syscall(setup): getpid, seccomp: loading one
 *
 * What has no call in our sources, because the C library or the kernel makes it:
 * syscall(loop): brk: malloc() and free()
 * syscall(loop): mmap(noexec): malloc()
 * syscall(loop): munmap: free()
 * syscall(loop): mremap: realloc()
 * syscall(loop): futex: locks, the ends of threads
 * syscall(loop): rt_sigreturn: after a signal's handler (the terminal's size changed)
 * syscall(loop): restart_syscall: a wait with a deadline that was stopped and goes on
 * syscall(loop): exit_group: the end
 */
#define _GNU_SOURCE
#include "jail/jail.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/syscall.h>

#include "jail/policy.h"
#include "jail/filters.inc"

#define MAX_LENGTH 512

struct entry {
	const char *kind, *call, *need, *file, *why;
};

static const struct entry entries[] = {
#define POLICY(kind, call, need, file, why) { #kind, #call, #need, file, why },
#include "jail/policy.inc"
#undef POLICY
};

static const struct {
	const char *name;
	const struct sock_filter *filter;
	unsigned short length;
} kinds[JAIL_KINDS] = {
#define KIND(index, name) [index] = { #name, filter_##name, ARRAY_SIZE(filter_##name) }
	KIND(JAIL_LOOP, loop),
	KIND(JAIL_VCPU, vcpu),
	KIND(JAIL_WORKER, worker),
	KIND(JAIL_OPENER, opener),
#undef KIND
};

#define KIND(name) _Static_assert(ARRAY_SIZE(filter_##name) <= MAX_LENGTH, "a list fits");
POLICY_KINDS(KIND)
#undef KIND

const char *jail_kind_name(enum jail_kind kind)
{
	return kinds[kind].name;
}

int jail_filter(enum jail_kind kind, struct err *err)
{
	struct sock_filter filter[MAX_LENGTH];
	struct sock_fprog program = { .len = kinds[kind].length, .filter = filter };
	uint32_t self = (uint32_t)getpid();

	memcpy(filter, kinds[kind].filter, program.len * sizeof(filter[0]));
	for (unsigned i = 0; i < program.len; i++)
		if (filter[i].k == POLICY_SELF_MARK)
			filter[i].k = self;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program))
		return fail(err, -errno, "limit the system calls of a thread (%s)",
			kinds[kind].name);
	return 0;
}

/* printing */

static bool same(const struct entry *a, const struct entry *b)
{
	return !strcmp(a->kind, b->kind) && !strcmp(a->call, b->call) && !strcmp(a->need, b->need);
}

/* The first of several places that need one call. */
static bool is_first(const struct entry *e)
{
	for (const struct entry *o = entries; o < e; o++)
		if (same(o, e))
			return false;
	return true;
}

static unsigned calls_of(const char *kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		bool counted = strcmp(entries[i].kind, kind) != 0;

		for (size_t o = 0; o < i && !counted; o++)
			counted = !strcmp(entries[o].kind, kind) &&
				!strcmp(entries[o].call, entries[i].call);
		n += !counted;
	}
	return n;
}

static void print_entry(FILE *to, const struct entry *e)
{
	char what[64];

	if (strcmp(e->need, "any") != 0)
		snprintf(what, sizeof(what), "%s(%s)", e->call, e->need);
	else
		snprintf(what, sizeof(what), "%s", e->call);
	for (const struct entry *o = e; o < entries + ARRAY_SIZE(entries); o++)
		if (same(o, e)) {
			fprintf(to, "  %-40s %s (%s)\n", what, o->why, o->file);
			*what = 0;
		}
}

void jail_print_policy(FILE *to)
{
	for (enum jail_kind kind = 0; kind < JAIL_KINDS; kind++) {
		const char *name = kinds[kind].name;

		fprintf(to, "%s: %u system calls; any other kills the process\n", name,
			calls_of(name));
		for (const struct entry *e = entries; e < entries + ARRAY_SIZE(entries); e++)
			if (!strcmp(e->kind, name) && is_first(e))
				print_entry(to, e);
	}
}
