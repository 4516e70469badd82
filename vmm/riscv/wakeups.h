/*
 * Wake-ups that a host's KVM loses for good, so that a guest sleeps on with an interrupt pending.
 *
 * Guest interrupt files (before Linux 6.18): a hart that goes to sleep while its thread moves to
 * another CPU waits for the interrupt line of the CPU that it left (Linux commit 873f10cf8e4d has
 * the cure). Whoever enters the guest anew sees the file itself.
 *
 * Sstc that the guest is not told of (all kernels so far): KVM writes the guest's next timer event
 * (SBI TIME) to vstimecmp and not to its copy of it; a thread that is preempted before it enters
 * the guest again then finds the copy, an older value, put back.
 *
 * Both are healed from outside by making each vCPU enter the guest anew now and then, with an early
 * timer interrupt in the second case: a guest's kernel looks at its clock, finds nothing due and
 * sets its timer again. Pure.
 */
#ifndef SAMPAN_RISCV_WAKEUPS_H
#define SAMPAN_RISCV_WAKEUPS_H

#include <stdbool.h>
#include <stdint.h>

enum { WAKEUPS_FILES = 1, WAKEUPS_TIMER = 2 };

#define WAKEUPS_PER_SECOND 10

/* What is lost here. release is uname()'s; guest_files: interrupt files are the hardware's. */
unsigned wakeups_lost(const char *release, bool guest_files, bool sstc_hidden);

/* Whether a timer that is set to compare at time may be one that was lost: it would not come before
 * the next look at it. All in ticks of the time base. */
bool wakeups_timer_suspect(uint64_t time, uint64_t compare, uint32_t timebase);

#endif
