/*
 * A KVM that is not there: the linker sends open() and ioctl() of a test here (-Wl,--wrap), and
 * they answer for /dev/kvm, its machine and its vCPUs as Linux on a RISC-V host with the AIA does.
 * So a whole machine starts, runs and ends on any build machine, under the sanitizers.
 *
 * What a vCPU's KVM_RUN does is the test's: a function that fills struct kvm_run as an exit does.
 */
#ifndef SAMPAN_TEST_FAKE_KVM_H
#define SAMPAN_TEST_FAKE_KVM_H

#include <linux/kvm.h>
#include <stdbool.h>

struct fake_kvm {
	/* The vCPU's turn, in its thread; N: how often it has had one. false: it waits for an
	 * interrupt, which never comes, until it is fetched. */
	bool (*run)(struct kvm_run *run, unsigned vcpu, unsigned n);
	/* When >= 0, the ioctl of that number (as they are counted here) fails once, with error.
	 * Runs don't count. */
	int fail_at, error;
	int calls;	      /* ioctls so far */
	unsigned long failed; /* the one that did */
};

extern struct fake_kvm fake_kvm; /* reset by the test before each machine */

#endif
