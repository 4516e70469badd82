/*
 * vCPU threads. KVM_RUN is left by a signal whose handler does nothing; immediate_exit closes the
 * gap between the look at want and the ioctl.
 * syscall(setup): rt_sigaction, rt_sigprocmask, clone, getpid, gettid, prctl: threads start
 */
#define _GNU_SOURCE
#include "kvm/vcpu.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define STACK_SIZE (128 * KiB)

static int kick_signal(void)
{
	return SIGRTMIN;
}

static void kicked(int sig UNUSED)
{
}

void vcpu_set_init(struct vcpu_set *set, const struct vcpu_ops *ops, void *arg)
{
	struct sigaction sa = { .sa_handler = kicked, .sa_flags = SA_RESTART };

	*set = (struct vcpu_set){ .ops = ops, .arg = arg, .pid = getpid() };
	pthread_mutex_init(&set->lock, NULL);
	pthread_cond_init(&set->changed, NULL);
	sigaction(kick_signal(), &sa, NULL);
}

void vcpu_set_fini(struct vcpu_set *set)
{
	pthread_mutex_destroy(&set->lock);
	pthread_cond_destroy(&set->changed);
}

int vcpu_create(struct vcpu *v, const struct kvm *kvm, unsigned index, struct err *err)
{
	void *p;

	v->index = index;
	/* syscall(loop): ioctl(KVM_CREATE_VCPU): a reset makes the machine anew */
	v->fd = ioctl(kvm->vm, KVM_CREATE_VCPU, (unsigned long)index);
	if (v->fd < 0)
		return fail(err, -errno, "KVM_CREATE_VCPU of vCPU %u", index);
	/* syscall(loop): mmap(noexec): a vCPU's run area, a disk's buffers */
	p = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (p == MAP_FAILED) {
		int rc = fail(err, -errno, "map the run area of vCPU %u", index);

		vcpu_close(v);
		return rc;
	}
	v->run = p;
	v->run_size = kvm->run_size;
	return 0;
}

void vcpu_close(struct vcpu *v)
{
	/* syscall(loop): munmap: a vCPU's run area goes with it */
	if (v->run)
		munmap(v->run, v->run_size);
	if (v->fd >= 0)
		close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

int vcpu_get_reg(const struct vcpu *v, uint64_t id, void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	/* syscall(loop): ioctl(KVM_GET_ONE_REG): registers at boot, and for the debugger */
	/* syscall(vcpu): ioctl(KVM_GET_ONE_REG): whether KVM forgot the guest's timer */
	return ioctl(v->fd, KVM_GET_ONE_REG, &reg) ? -errno : 0;
}

int vcpu_set_reg(const struct vcpu *v, uint64_t id, const void *value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)value };

	/* syscall(loop): ioctl(KVM_SET_ONE_REG): registers at boot, and for the debugger */
	/* syscall(vcpu): ioctl(KVM_SET_ONE_REG): the guest's timer is set again */
	return ioctl(v->fd, KVM_SET_ONE_REG, &reg) ? -errno : 0;
}

int vcpu_set_line(const struct vcpu *v, bool level)
{
	struct kvm_interrupt irq = { .irq = level ? KVM_INTERRUPT_SET : KVM_INTERRUPT_UNSET };

	/* syscall(loop,vcpu): ioctl(KVM_INTERRUPT): a hart's external interrupt, from our own PLIC
	 * or APLIC */
	return ioctl(v->fd, KVM_INTERRUPT, &irq) ? -errno : 0;
}

int vcpu_set_stopped(const struct vcpu *v, bool stopped)
{
	struct kvm_mp_state state = { stopped ? KVM_MP_STATE_STOPPED : KVM_MP_STATE_RUNNABLE };

	/* syscall(loop): ioctl(KVM_SET_MP_STATE): a hart's reset in the guest's sleep */
	return ioctl(v->fd, KVM_SET_MP_STATE, &state) ? -errno : 0;
}

int vcpu_guest_debug(const struct vcpu *v, const struct kvm_guest_debug *debug)
{
	/* syscall(loop): ioctl(KVM_SET_GUEST_DEBUG): the debugger's breakpoints */
	return ioctl(v->fd, KVM_SET_GUEST_DEBUG, debug) ? -errno : 0;
}

static bool may_run(const struct vcpu *v)
{
	const struct vcpu_set *set = v->set;

	return set->want == VCPUS_RUN && (set->only >> v->index & 1);
}

/* Returns false when the thread is to end. */
static bool parked(struct vcpu *v, bool stay)
{
	struct vcpu_set *set = v->set;
	bool run;

	pthread_mutex_lock(&set->lock);
	if (stay || !may_run(v)) {
		set->running--;
		pthread_cond_broadcast(&set->changed);
		/* Only a later vcpus_run() lets it go on, which may follow a pause at once. */
		for (unsigned seen = set->runs;
			stay && set->runs == seen && set->want != VCPUS_END;)
			pthread_cond_wait(&set->changed, &set->lock);
		while (set->want != VCPUS_END && !may_run(v))
			pthread_cond_wait(&set->changed, &set->lock);
		set->running++;
	}
	run = set->want == VCPUS_RUN;
	pthread_mutex_unlock(&set->lock);
	return run;
}

/*
 * What its thread makes beside its calls, by the C library or the kernel:
 * syscall(vcpu): futex: locks
 * syscall(vcpu): rt_sigreturn: it was kicked out of the guest
 */
static void begin(struct vcpu *v)
{
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", v->index);
	prctl(PR_SET_NAME, name);
	__atomic_store_n(&v->thread_id, gettid(), __ATOMIC_RELEASE);
	if (v->set->ops->begin)
		v->set->ops->begin(v, v->set->arg);
}

static void *vcpu_main(void *arg)
{
	struct vcpu *v = arg;
	struct vcpu_set *set = v->set;
	bool stay = false;

	begin(v);
	while (parked(v, stay)) {
		stay = false;
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(&set->want, __ATOMIC_SEQ_CST) != VCPUS_RUN)
			continue;
		while (__atomic_load_n(&set->want, __ATOMIC_RELAXED) == VCPUS_RUN && !stay) {
			/* syscall(vcpu): ioctl(KVM_RUN): the guest runs */
			if (!ioctl(v->fd, KVM_RUN, 0)) {
				stay = !set->ops->exit(v, set->arg);
			} else if (errno == EINTR || errno == EAGAIN) {
				set->ops->interrupted(v, set->arg);
			} else {
				set->ops->failed(v, -errno, set->arg);
				stay = true;
			}
		}
	}
	pthread_mutex_lock(&set->lock);
	set->running--;
	pthread_cond_broadcast(&set->changed);
	pthread_mutex_unlock(&set->lock);
	/* syscall(vcpu): exit: its end, at once: the C library's way out takes two more calls */
	syscall(SYS_exit, 0);
	return NULL;
}

int vcpu_start_thread(struct vcpu *v, struct vcpu_set *set, struct err *err)
{
	sigset_t all, kick, old;
	pthread_attr_t attr;
	int rc;

	if (v->has_thread)
		return 0;
	v->set = set;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	sigdelset(&all, kick_signal());
	sigemptyset(&kick);
	sigaddset(&kick, kick_signal());
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
	pthread_mutex_lock(&set->lock); /* those started before are parking */
	set->running++;
	pthread_mutex_unlock(&set->lock);
	rc = pthread_create(&v->thread, &attr, vcpu_main, v);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (rc) {
		pthread_mutex_lock(&set->lock);
		set->running--;
		pthread_mutex_unlock(&set->lock);
		return fail(err, -rc, "start the thread of vCPU %u", v->index);
	}
	v->has_thread = true;
	return 0;
}

/* One that has yet to begin looks at what is wanted first. */
static void signal_thread(struct vcpu *v)
{
	int tid = __atomic_load_n(&v->thread_id, __ATOMIC_ACQUIRE);

	if (v->has_thread && tid) /* syscall(loop): tgkill(self): gets a vCPU out of the guest */
		syscall(SYS_tgkill, v->set->pid, tid, kick_signal());
}

static void kick(struct vcpu *v)
{
	if (!v->has_thread || !v->run)
		return;
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	signal_thread(v);
}

/* Tells every thread and waits until none runs. */
static void stop_all(struct vcpu_set *set, struct vcpu *vcpus, unsigned n, int want)
{
	pthread_mutex_lock(&set->lock);
	__atomic_store_n(&set->want, want, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&set->changed);
	for (unsigned i = 0; i < n; i++)
		kick(&vcpus[i]);
	while (set->running)
		pthread_cond_wait(&set->changed, &set->lock);
	pthread_mutex_unlock(&set->lock);
}

void vcpus_run(struct vcpu_set *set, uint64_t only)
{
	pthread_mutex_lock(&set->lock);
	set->only = only;
	set->runs++;
	__atomic_store_n(&set->want, VCPUS_RUN, __ATOMIC_SEQ_CST);
	pthread_cond_broadcast(&set->changed);
	pthread_mutex_unlock(&set->lock);
}

void vcpus_nudge(struct vcpu *vcpus, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		signal_thread(&vcpus[i]);
}

void vcpus_pause(struct vcpu_set *set, struct vcpu *vcpus, unsigned n)
{
	stop_all(set, vcpus, n, VCPUS_PARK);
}

void vcpus_end(struct vcpu_set *set, struct vcpu *vcpus, unsigned n)
{
	stop_all(set, vcpus, n, VCPUS_END);
	for (unsigned i = 0; i < n; i++)
		if (vcpus[i].has_thread) {
			pthread_join(vcpus[i].thread, NULL);
			vcpus[i].has_thread = false;
			vcpus[i].thread_id = 0;
		}
}
