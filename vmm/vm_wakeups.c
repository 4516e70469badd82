/*
 * Where this host's KVM loses wake-ups (riscv/wakeups.h), every vCPU is made to enter the guest
 * anew ten times a second while the machine runs. Elsewhere nothing is done.
 * syscall(setup): uname: which kernel it is
 */
#include "vm_internal.h"

#include <asm/kvm.h>

#define TIMER_REG(name)                                                                            \
	(KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_TIMER | KVM_REG_RISCV_TIMER_REG(name))

static void nudge(struct timer *t)
{
	struct vm *vm = container_of(t, struct vm, nudge);

	if (vm->state == VM_RUNNING)
		vcpus_nudge(vm->vcpu, vm->cpus);
}

int vm_wakeups_new(struct vm *vm, struct err *err)
{
	int rc = timer_init(vm->loop, &vm->nudge, nudge);

	uname(&vm->host);
	return rc ? fail(err, rc, "make a timer") : 0;
}

void vm_wakeups_free(struct vm *vm)
{
	timer_fini(vm->loop, &vm->nudge);
}

void vm_wakeups_up(struct vm *vm)
{
	uint64_t period;

	vm->wakeups_lost = wakeups_lost(vm->host.release, vm->irqchip->guest_files,
		isa_has(&vm->isa.hidden, EXT_SSTC));
	period = vm->wakeups_lost ? UINT64_C(1000000000) / WAKEUPS_PER_SECOND : 0;
	timer_set(&vm->nudge, period, period);
}

void vm_wakeups_heal(struct vm *vm, const struct vcpu *v)
{
	uint64_t time, compare;

	if (!(vm->wakeups_lost & WAKEUPS_TIMER) || vcpu_get_reg(v, TIMER_REG(time), &time) ||
		vcpu_get_reg(v, TIMER_REG(compare), &compare) ||
		!wakeups_timer_suspect(time, compare, vm->isa.dt.timebase))
		return;
	if (vcpu_set_reg(v, TIMER_REG(compare), &time))
		log_limited(&vm->limit, "vCPU %u: its timer can't be set (KVM_SET_ONE_REG)",
			v->index);
}
