/*
 * What a vCPU's exit from the guest means (KVM api.rst §5, kvm_run). Runs in the vCPU's thread. No
 * exit ends the VM unless KVM says that it can't go on; what concerns the whole machine is posted
 * to the loop.
 */
#include "vm_internal.h"

#include <stdio.h>

void vm_post(struct vm *vm, uint32_t bit)
{
	__atomic_fetch_or(&vm->posted, bit, __ATOMIC_SEQ_CST);
	loop_defer(vm->loop, &vm->deferred);
}

/* The first failure is the one that is told. */
static void PRINTF(2, 3) post_failure(struct vm *vm, const char *fmt, ...)
{
	va_list ap;

	if (__atomic_exchange_n(&vm->failed, true, __ATOMIC_SEQ_CST))
		return;
	va_start(ap, fmt);
	vsnprintf(vm->failure, sizeof(vm->failure), fmt, ap);
	va_end(ap);
	vm_post(vm, POST_FAILED);
}

static void mmio_exit(struct vm *vm, struct kvm_run *run)
{
	if (run->mmio.len > sizeof(run->mmio.data))
		return;
	if (!irqchip_access(vm->irqchip, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
		    run->mmio.is_write) &&
		!bus_access(&vm->bus, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
			run->mmio.is_write))
		log_limited(&vm->limit, "the guest %s 0x%llx, where no device is",
			run->mmio.is_write ? "wrote to" : "read from",
			(unsigned long long)run->mmio.phys_addr);
}

static bool system_event(struct vm *vm, const struct kvm_run *run)
{
	switch (run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_post(vm, POST_POWEROFF);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		vm_post(vm, POST_REBOOT);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		vm_post(vm, POST_PANIC);
		break;
	default:
		log_limited(&vm->limit, "KVM told of system event %u, which is unknown; ignored",
			run->system_event.type);
		return true;
	}
	return false;
}

/* KVM has checked the call and starts the hart anew when it goes on. */
static bool suspend_call(struct vcpu *v, struct vm *vm)
{
	v->run->riscv_sbi.ret[0] = v->run->riscv_sbi.ret[1] = 0;
	vm->suspend.hart = v->index;
	vm->suspend.address = v->run->riscv_sbi.args[1];
	vm_post(vm, POST_SUSPEND);
	return false;
}

static bool handle_exit(struct vcpu *v, void *arg)
{
	struct vm *vm = arg;
	struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		mmio_exit(vm, run);
		return true;
	case KVM_EXIT_RISCV_SBI:
		if (run->riscv_sbi.extension_id == SBI_SUSPEND)
			return suspend_call(v, vm);
		sbi_call(&vm->sbi, run->riscv_sbi.extension_id, run->riscv_sbi.function_id,
			run->riscv_sbi.args, run->riscv_sbi.ret);
		return true;
	case KVM_EXIT_RISCV_CSR:
		run->riscv_csr.ret_value = csr_read(run->riscv_csr.csr_num);
		return true;
	case KVM_EXIT_SYSTEM_EVENT:
		return system_event(vm, run);
	case KVM_EXIT_DEBUG:
		__atomic_fetch_or(&vm->gdb_hit, UINT64_C(1) << v->index, __ATOMIC_SEQ_CST);
		vm_post(vm, POST_DEBUG);
		return false;
	case KVM_EXIT_INTR:
		return true;
	case KVM_EXIT_FAIL_ENTRY:
		post_failure(vm, "vCPU %u can't enter the guest: hardware reason 0x%llx", v->index,
			(unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		return false;
	case KVM_EXIT_INTERNAL_ERROR:
		post_failure(vm, "KVM gave up on vCPU %u: internal error %u", v->index,
			run->internal.suberror);
		return false;
	default:
		post_failure(vm, "KVM stopped vCPU %u for reason %u, which is unknown", v->index,
			run->exit_reason);
		return false;
	}
}

static void handle_failure(struct vcpu *v, int code, void *arg)
{
	struct err err;

	fail(&err, code, "KVM_RUN of vCPU %u", v->index);
	post_failure(arg, "%s", err.msg);
}

static void interrupted(struct vcpu *v, void *arg)
{
	vm_wakeups_heal(arg, v);
}

const struct vcpu_ops vm_vcpu_ops = { .begin = vm_jail_vcpu,
	.exit = handle_exit,
	.interrupted = interrupted,
	.failed = handle_failure };
