/*
 * A vCPU: its KVM descriptor, its thread, and the way to get it out of the guest.
 *
 * All vCPUs of a machine share one struct vcpu_set: what their threads are to do (park, run, end)
 * and how many are parked. The loop thread changes it with vcpus_pause(), vcpus_run(), vcpus_end();
 * each returns when every thread has obeyed. What an exit means is the business of struct vcpu_ops
 * (vm.c), called in the vCPU's thread.
 *
 * A thread outlives its KVM descriptor: a machine that is reset gets new descriptors (vcpu_close(),
 * vcpu_create()) while its threads are parked, because a confined process can't start threads.
 */
#ifndef SAMPAN_KVM_VCPU_H
#define SAMPAN_KVM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include "core/log.h"
#include "kvm/kvm.h"

struct vcpu;

struct vcpu_ops {
	/* First thing in its thread. Optional. */
	void (*begin)(struct vcpu *v, void *arg);
	/* KVM_RUN returned 0; run->exit_reason says why. False: the vCPU parks until vcpus_run()
	 * (or the end). */
	bool (*exit)(struct vcpu *v, void *arg);
	/* A signal ended KVM_RUN; it is called again. */
	void (*interrupted)(struct vcpu *v, void *arg);
	/* KVM_RUN failed with -code, other than by a signal. The vCPU parks. */
	void (*failed)(struct vcpu *v, int code, void *arg);
};

struct vcpu_set {
	pthread_mutex_t lock; /* guards the four below */
	pthread_cond_t changed;
	enum { VCPUS_PARK, VCPUS_RUN, VCPUS_END } want;
	unsigned running; /* threads that are not parked */
	unsigned runs;	  /* calls of vcpus_run() */
	uint64_t only;	  /* under RUN the others stay parked: a bit for each index */
	const struct vcpu_ops *ops;
	void *arg;
	pid_t pid; /* the process, for signals to its threads */
};

struct vcpu {
	int fd;
	struct kvm_run *run; /* shared with KVM */
	size_t run_size;
	unsigned index; /* = hart id */
	int thread_id;	/* as gettid() gives; 0 before its thread runs */
	bool has_thread;
	pthread_t thread;
	struct vcpu_set *set;
	struct log_limit limit;
};

void vcpu_set_init(struct vcpu_set *set, const struct vcpu_ops *ops, void *arg);
void vcpu_set_fini(struct vcpu_set *set);

/* Of a struct that was all zero and fd -1 at first; a thread that it has stays. */
int vcpu_create(struct vcpu *v, const struct kvm *kvm, unsigned index, struct err *err) MUST_USE;
void vcpu_close(struct vcpu *v); /* its thread is parked or ended; fine when fd is -1 */

/* The register's size comes from its id (KVM_REG_SIZE); value points to that many bytes. 0 or
 * -errno. */
int vcpu_get_reg(const struct vcpu *v, uint64_t id, void *value) MUST_USE;
int vcpu_set_reg(const struct vcpu *v, uint64_t id, const void *value) MUST_USE;

/* The supervisor-external interrupt line of a vCPU, where no interrupt file of KVM drives it. Any
 * thread, also while the vCPU runs. 0 or -errno. */
int vcpu_set_line(const struct vcpu *v, bool level) MUST_USE;

/* Whether the hart is stopped or runs, as by SBI HSM (KVM_SET_MP_STATE). Not while it runs. 0 or
 * -errno. */
int vcpu_set_stopped(const struct vcpu *v, bool stopped) MUST_USE;

/* Whether ebreaks leave the guest (KVM_EXIT_DEBUG). Not while it runs. 0 or -errno. */
int vcpu_guest_debug(const struct vcpu *v, const struct kvm_guest_debug *debug) MUST_USE;

/* Starts the thread, parked, unless it has one. */
int vcpu_start_thread(struct vcpu *v, struct vcpu_set *set, struct err *err) MUST_USE;

#define VCPUS_ALL UINT64_MAX
/* For all threads of the set; called by one other thread at a time. only: those that run, a bit
 * each. */
void vcpus_run(struct vcpu_set *set, uint64_t only);
/* Makes each thread leave the guest and enter it anew; returns at once. */
void vcpus_nudge(struct vcpu *vcpus, unsigned n);
void vcpus_pause(struct vcpu_set *set, struct vcpu *vcpus, unsigned n);
void vcpus_end(struct vcpu_set *set, struct vcpu *vcpus, unsigned n);

#endif
