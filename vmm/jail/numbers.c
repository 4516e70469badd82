/*
 * Never linked: compiled to assembly for the host that sampan is for, whose constants (ioctl
 * numbers hold the sizes of its structs) the build machine does not have. Each becomes a line
 * "#->NAME NUMBER", from which filters.c's table is made.
 */
#define _GNU_SOURCE
#include "jail/policy.h"

enum { any = policy_any, noexec = policy_noexec, self = policy_self };

void policy_numbers(void);

void policy_numbers(void)
{
#define POLICY(kind, call, need, file, why)                                                        \
	__asm__ volatile("\n#->" #need " %0" ::"i"((unsigned long)(need)));
#include "jail/policy.inc"
#undef POLICY
}
