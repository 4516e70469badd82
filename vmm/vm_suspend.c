/*
 * System suspend (SBI 2.0 §13). KVM hands us the call of the guest's last hart that is not stopped,
 * having checked its arguments, and resets that hart, to start at the address it gave, before it
 * enters the guest again.
 *
 * That reset empties the hart's interrupt file and takes its interrupt line down, and a guest that
 * slept counts on neither. So it is made to happen at once: the hart is declared stopped, its
 * thread runs into KVM, which resets it and waits, and a nudge brings the thread back; then what
 * waited for the hart is given back to it. The machine then sleeps: vCPUs parked, devices alive.
 * The loop looks ten times a second for an interrupt that the hart has enabled; it or
 * vm_resume() wakes the machine.
 */
#include "vm_internal.h"

#include <poll.h>

#include <asm/kvm.h>
#include <time.h>

#define LOOK_NS	    UINT64_C(100000000)
#define RESET_TRIES 1000 /* of a millisecond: a loaded host may take its time */
#define EXTERNAL    (1UL << 9)
#define CSR(name)                                                                                  \
	(KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_CSR | KVM_REG_RISCV_CSR_GENERAL |        \
		KVM_REG_RISCV_CSR_REG(name))
#define PC (KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_CORE | KVM_REG_RISCV_CORE_REG(regs.pc))

static bool interrupt_waits(struct vm *vm, const struct vcpu *v)
{
	uint64_t sip = 0, sie = 0;

	if (vcpu_get_reg(v, CSR(sip), &sip) || vcpu_get_reg(v, CSR(sie), &sie))
		return true; /* better awake than lost */
	return (sip & EXTERNAL) || irqchip_pending(vm->irqchip, v->index);
}

void vm_wake(struct vm *vm)
{
	timer_set(&vm->look, 0, 0);
	vm->state = VM_RUNNING;
	vm_tell(vm, VM_EVENT_WAKEUP, NULL);
	vcpus_run(&vm->vcpus, VCPUS_ALL);
}

static void look(struct timer *t)
{
	struct vm *vm = container_of(t, struct vm, look);

	if (vm->state == VM_SUSPENDED && interrupt_waits(vm, &vm->vcpu[vm->suspend.hart]))
		vm_wake(vm);
}

/* Until its pc is where it is to start. */
static int reset_hart(struct vm *vm, struct vcpu *v)
{
	uint64_t pc = 0;
	int rc = vcpu_set_stopped(v, true);

	for (unsigned i = 0; i < RESET_TRIES && !rc && pc != vm->suspend.address; i++) {
		vcpus_run(&vm->vcpus, UINT64_C(1) << v->index);
		/* syscall(loop): ppoll: gives a hart a moment */
		poll(NULL, 0, 1);
		vcpus_pause(&vm->vcpus, vm->vcpu, vm->max_cpus);
		rc = vcpu_get_reg(v, PC, &pc);
	}
	if (!rc && pc != vm->suspend.address)
		rc = -ETIMEDOUT;
	return rc ? rc : vcpu_set_stopped(v, false);
}

int vm_suspend(struct vm *vm, struct err *err)
{
	struct vcpu *v = &vm->vcpu[vm->suspend.hart];
	int rc;

	vcpus_pause(&vm->vcpus, vm->vcpu, vm->max_cpus);
	vm_devices_pause(vm); /* nothing comes between the two */
	rc = irqchip_hold(vm->irqchip, v->index);
	if (!rc)
		rc = reset_hart(vm, v);
	if (!rc)
		rc = irqchip_restore(vm->irqchip, v->index);
	vm_devices_resume(vm);
	if (rc)
		return fail(err, rc, "suspend vCPU %u", v->index);
	vm->state = VM_SUSPENDED;
	timer_set(&vm->look, LOOK_NS, LOOK_NS);
	vm_tell(vm, VM_EVENT_SUSPENDED, NULL);
	return 0;
}

int vm_suspend_new(struct vm *vm, struct err *err)
{
	int rc = timer_init(vm->loop, &vm->look, look);

	return rc ? fail(err, rc, "make a timer") : 0;
}

void vm_suspend_free(struct vm *vm)
{
	timer_fini(vm->loop, &vm->look);
}
