/*
 * The life of a machine: made, started, paused, reset, stopped, freed; see vm.h. Everything here
 * runs in the loop thread; vCPU threads speak to it through vm_post().
 */
#include "vm_internal.h"

#include <malloc.h>
#include <string.h>

#define OWN_PAGES (16 * 1024) /* bytes of an allocation that is given pages of its own */

void vm_tell(struct vm *vm, int e, const char *detail)
{
	if (vm->on_event)
		vm->on_event(vm->arg, e, detail);
}

/* Nothing of the guest runs any more; disks are drained, sockets and taps let go. */
static void halt(struct vm *vm, enum vm_end end)
{
	vcpus_end(&vm->vcpus, vm->vcpu, vm->max_cpus);
	vm_devices_pause(vm);
	vm_devices_reset(vm);
	vm->state = VM_STOPPED;
	vm->end = end;
	vm_gdb_ended(vm);
}

static void on_reboot(struct vm *vm)
{
	struct err err;

	if (!vm->reset_on_reboot) {
		halt(vm, VM_END_REBOOT);
		vm_tell(vm, VM_EVENT_RESET, NULL);
	} else if (vm_reset(vm, &err)) {
		halt(vm, VM_END_FAILED);
		vm_tell(vm, VM_EVENT_FAILED, err.msg);
	}
}

/* A machine that is paused just then wakes with its vm_resume(). */
static void on_suspend(struct vm *vm)
{
	struct err err;

	if (vm->state != VM_RUNNING || !vm_suspend(vm, &err))
		return;
	halt(vm, VM_END_FAILED);
	vm_tell(vm, VM_EVENT_FAILED, err.msg);
}

/* What vCPU threads posted. The gravest wins: after a failure or a panic nothing else matters. */
static void posted(struct deferred *d)
{
	struct vm *vm = container_of(d, struct vm, deferred);
	uint32_t bits = __atomic_exchange_n(&vm->posted, 0, __ATOMIC_SEQ_CST);

	if (!vm_alive(vm))
		return;
	if (bits & POST_FAILED) {
		halt(vm, VM_END_FAILED);
		vm_tell(vm, VM_EVENT_FAILED, vm->failure);
		return;
	}
	if (bits & POST_PANIC) {
		if (!vm->reset_on_reboot) /* else the guest's own panic= setting decides whether it
					     reboots */
			halt(vm, VM_END_PANIC);
		vm_tell(vm, VM_EVENT_PANIC, NULL);
		if (!vm->reset_on_reboot)
			return;
	}
	if (bits & POST_DEBUG)
		vm_gdb_hit(vm);
	if (bits & POST_SUSPEND)
		on_suspend(vm);
	if (bits & POST_POWEROFF) {
		halt(vm, VM_END_POWEROFF);
		vm_tell(vm, VM_EVENT_SHUTDOWN, NULL);
	} else if (bits & POST_REBOOT) {
		on_reboot(vm);
	}
}

static int copy_str(char **out, const char *s, struct err *err)
{
	*out = strdup(s ? s : "");
	return *out ? 0 : fail(err, -ENOMEM, "create the VM");
}

static int check_config(const struct vm_config *cfg, struct err *err)
{
	unsigned max = cfg->max_cpus ? cfg->max_cpus : cfg->cpus;

	if (!cfg->cpus || max > VM_MAX_CPUS || cfg->cpus > max)
		return failx(err, -EINVAL, "%u vCPUs of at most %u: 1 to %d are possible",
			cfg->cpus, max, VM_MAX_CPUS);
	if (cfg->mem_size < 32 * MiB || cfg->mem_size % (2 * MiB))
		return failx(err, -EINVAL,
			"%llu bytes of memory: it takes a multiple of 2 MiB, at least 32 MiB",
			(unsigned long long)cfg->mem_size);
	if (max % (MAX(cfg->cpu_sockets, 1U) * MAX(cfg->cpu_threads, 1U)))
		return failx(err, -EINVAL,
			"%u vCPUs can't be shared out to %u sockets of cores of %u threads", max,
			MAX(cfg->cpu_sockets, 1U), MAX(cfg->cpu_threads, 1U));
	if (!cfg->kernel)
		return failx(err, -EINVAL, "no kernel is given");
	return 0;
}

static int take_config(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	int rc = copy_str(&vm->name, cfg->name ? cfg->name : "sampan", err);

	if (!rc)
		rc = copy_str(&vm->kernel, cfg->kernel, err);
	if (!rc)
		rc = copy_str(&vm->initrd, cfg->initrd, err);
	if (!rc)
		rc = copy_str(&vm->append, cfg->append, err);
	vm->cpus = cfg->cpus;
	vm->max_cpus = cfg->max_cpus ? cfg->max_cpus : cfg->cpus;
	vm->mem_size = cfg->mem_size;
	vm->want_irqchip = cfg->irqchip;
	vm->sockets = MAX(cfg->cpu_sockets, 1U);
	vm->threads = MAX(cfg->cpu_threads, 1U);
	if (!rc)
		rc = cpu_model_parse(&vm->cpu_model, cfg->cpu, err);
	if (!rc)
		rc = sbi_switches_parse(&vm->sbi_switches, cfg->sbi, err);
	vm->reset_on_reboot = cfg->reset_on_reboot;
	vm->no_sbi_console = cfg->no_sbi_console;
	if (vm->no_sbi_console && !(vm->sbi_switches.on & 1U << SBI_DBCN))
		vm->sbi_switches.off |= 1U << SBI_DBCN;
	vm->on_event = cfg->on_event;
	vm->on_escape = cfg->on_escape;
	vm->arg = cfg->arg;
	return rc;
}

static int add_memory(struct vm *vm, const struct vm_config *cfg, struct err *err)
{
	struct mem_opts opts = cfg->mem;

	opts.shared |= cfg->nfilesystems > 0;
	return mem_add(&vm->mem, MAP_RAM, vm->mem_size, &opts, err);
}

int vm_new(struct vm **out, const struct vm_config *cfg, struct loop *loop, struct err *err)
{
	struct vm *vm;
	int rc = check_config(cfg, err);

	if (rc)
		return rc;
	mallopt(M_MMAP_THRESHOLD, OWN_PAGES); /* devices' buffers are zero without being written:
						 what is not used takes neither time nor memory */
	mallopt(M_ARENA_MAX, 1); /* a thread's own arena is a mapping, which a confined vCPU may not
				    make, should the C library ever allocate there */
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return fail(err, -ENOMEM, "create the VM");
	vm->loop = loop;
	vm->kernel_fd = vm->initrd_fd = vm->kvm.sys = vm->kvm.vm = vm->opener.fd = -1;
	vm->deferred.fn = posted;
	for (unsigned i = 0; i < VM_MAX_CPUS; i++)
		vm->vcpu[i].fd = -1;
	vcpu_set_init(&vm->vcpus, &vm_vcpu_ops, vm);
	rc = take_config(vm, cfg, err);
	if (!rc)
		rc = vm_jail_prepare(vm, cfg, err);
	if (!rc)
		rc = image_open(&vm->kernel_fd, vm->kernel, "kernel", err);
	if (!rc && cfg->initrd)
		rc = image_open(&vm->initrd_fd, vm->initrd, "initrd", err);
	if (!rc)
		rc = kvm_open(&vm->kvm, err);
	if (!rc)
		rc = vm_machine_new(vm, err);
	if (!rc)
		rc = add_memory(vm, cfg, err);
	if (!rc)
		rc = vm_devices_new(vm, cfg, err);
	if (!rc)
		rc = vm_wakeups_new(vm, err);
	if (!rc)
		rc = vm_suspend_new(vm, err);
	if (!rc)
		rc = vm_machine_up(vm, err);
	if (!rc)
		rc = vm_gdb_new(vm, cfg->gdb, cfg->gdb_wait, err);
	if (!rc)
		rc = vm_machine_boot(vm, err);
	if (rc) {
		vm_free(vm);
		return rc;
	}
	*out = vm;
	return 0;
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	vcpus_end(&vm->vcpus, vm->vcpu, vm->max_cpus);
	vm_suspend_free(vm);
	vm_wakeups_free(vm);
	vm_gdb_free(vm);
	vm_devices_free(vm);
	vm_machine_down(vm);
	loop_undefer(vm->loop, &vm->deferred);
	kvm_close(&vm->kvm);
	mem_fini(&vm->mem);
	vcpu_set_fini(&vm->vcpus);
	if (vm->kernel_fd >= 0)
		close(vm->kernel_fd);
	if (vm->initrd_fd >= 0)
		close(vm->initrd_fd);
	free(vm->name);
	free(vm->kernel);
	free(vm->initrd);
	free(vm->append);
	vm_jail_end(vm);
	free(vm);
}

static int need_state(const struct vm *vm, enum vm_state state, const char *what, struct err *err)
{
	static const char *const names[] = { "not started", "running", "paused", "stopped",
		"suspended" };

	return vm->state == state ? 0
				  : failx(err, -EBUSY, "%s: the VM is %s", what, names[vm->state]);
}

int vm_start(struct vm *vm, struct err *err)
{
	int rc = need_state(vm, VM_CREATED, "start", err);

	if (!rc)
		rc = vm_jail_threads(vm, err);
	if (!rc)
		rc = vm_machine_threads(vm, err);
	if (!rc)
		rc = vm_jail_close(vm, err);
	if (rc)
		return rc;
	vm->state = vm_gdb_waits(vm) ? VM_PAUSED : VM_RUNNING;
	if (vm->state == VM_RUNNING)
		vcpus_run(&vm->vcpus, VCPUS_ALL);
	return 0;
}

int vm_pause(struct vm *vm, struct err *err)
{
	int rc = need_state(vm, VM_RUNNING, "pause", err);

	if (rc)
		return rc;
	vcpus_pause(&vm->vcpus, vm->vcpu, vm->max_cpus);
	vm_devices_pause(vm);
	vm->state = VM_PAUSED;
	vm_tell(vm, VM_EVENT_PAUSED, NULL);
	return 0;
}

int vm_resume(struct vm *vm, struct err *err)
{
	return vm_resume_only(vm, VCPUS_ALL, err);
}

int vm_resume_only(struct vm *vm, uint64_t only, struct err *err)
{
	int rc;

	if (vm->state == VM_SUSPENDED) {
		vm_wake(vm);
		return 0;
	}
	rc = need_state(vm, VM_PAUSED, "resume", err);
	if (rc)
		return rc;
	vm->state = VM_RUNNING;
	vm_devices_resume(vm);
	vcpus_run(&vm->vcpus, only);
	vm_tell(vm, VM_EVENT_RESUMED, NULL);
	return 0;
}

/* The devices go back to power-on; the machine is a new one around them, the same threads and the
 * same RAM. */
int vm_reset(struct vm *vm, struct err *err)
{
	bool paused = vm->state == VM_PAUSED;
	int rc;

	if (!vm_alive(vm))
		return need_state(vm, VM_RUNNING, "reset", err);
	vcpus_pause(&vm->vcpus, vm->vcpu, vm->max_cpus);
	if (paused)
		vm_devices_resume(vm);
	vm_devices_reset(vm);
	vm_machine_down(vm);
	__atomic_store_n(&vm->posted, 0, __ATOMIC_SEQ_CST);
	rc = vm_machine_up(vm, err);
	if (!rc)
		rc = vm_machine_boot(vm, err);
	if (rc)
		return rc;
	vm->state = VM_RUNNING;
	vm_tell(vm, VM_EVENT_RESET, NULL);
	vcpus_run(&vm->vcpus, VCPUS_ALL);
	return 0;
}

void vm_stop(struct vm *vm)
{
	if (vm->state == VM_STOPPED)
		return;
	halt(vm, VM_END_HOST);
	vm_tell(vm, VM_EVENT_SHUTDOWN, NULL);
}

const char *vm_end_text(enum vm_end end)
{
	static const char *const ends[] = {
		[VM_END_NONE] = "stopped",
		[VM_END_POWEROFF] = "powered off",
		[VM_END_REBOOT] = "rebooted",
		[VM_END_PANIC] = "had a kernel panic",
		[VM_END_HOST] = "was stopped",
		[VM_END_FAILED] = "could not go on",
	};

	return ends[end];
}

void vm_query(const struct vm *vm, struct vm_info *info)
{
	*info = (struct vm_info){
		.state = vm->state,
		.end = vm->end,
		.name = vm->name,
		.cpus = vm->cpus,
		.max_cpus = vm->max_cpus,
		.ndevices = vm->ndevices,
		.mem_size = vm->mem_size,
		.irqchip = vm->irqchip ? vm->irqchip->name : "none",
	};
}

int vm_query_cpu(const struct vm *vm, unsigned index, struct vm_cpu_info *info)
{
	if (index >= vm->cpus)
		return -ENOENT;
	info->index = index;
	info->thread_id = __atomic_load_n(&vm->vcpu[index].thread_id, __ATOMIC_ACQUIRE);
	return 0;
}

int vm_query_device(const struct vm *vm, unsigned index, struct vm_device_info *info)
{
	const struct vm_device *d = &vm->device[index];

	if (index >= vm->ndevices)
		return -ENOENT;
	*info = (struct vm_device_info){ .id = d->id,
		.kind = d->kind,
		.gpa = d->gpa,
		.irq = d->irq };
	return 0;
}
