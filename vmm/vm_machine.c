/*
 * The KVM half of a machine: memory slots, vCPUs, interrupt controller, boot state. It can be torn
 * down and set up again around the same devices and RAM, which is what a reset is.
 */
#include "vm_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static int check_size(const struct vm *vm, struct err *err)
{
	uint64_t end = MAP_RAM + vm->mem_size;

	if (vm->max_cpus > vm->kvm.max_vcpus)
		return failx(err, -EINVAL, "%u vCPUs are more than the %u this host's KVM allows",
			vm->max_cpus, vm->kvm.max_vcpus);
	if (vm->kvm.gpa_bits && vm->kvm.gpa_bits < 64 && end > UINT64_C(1) << vm->kvm.gpa_bits)
		return failx(err, -EINVAL,
			"%llu MiB of memory are more than %u guest address bits can reach",
			(unsigned long long)(vm->mem_size / MiB), vm->kvm.gpa_bits);
	return 0;
}

/* What the guest is not told of and has nevertheless; once, not at each reset. */
static void tell_cpu(const struct vm *vm)
{
	struct isa_set unwanted = { 0 };
	char names[512];

	if (vm->state != VM_CREATED)
		return;
	if (vm->cpu_model.base == CPU_RVA23)
		log_warn("CPU rva23 is without H, which KVM gives to no guest");
	isa_names(&vm->isa.hidden, names, sizeof(names));
	if (*names)
		log_info("hidden from the guest, but KVM can't switch them off: %s", names);
	for (unsigned i = 0; i < ISA_EXT_COUNT; i++)
		isa_put(&unwanted, i,
			isa_has(&vm->isa.hidden, i) && isa_has(&vm->cpu_model.minus, i));
	isa_names(&unwanted, names, sizeof(names));
	if (*names)
		log_warn(
			"CPU extensions that are only hidden from the guest, KVM can't switch them off: %s",
			names);
}

static int vcpus_up(struct vm *vm, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < vm->max_cpus && !rc; i++) {
		rc = vcpu_create(&vm->vcpu[i], &vm->kvm, i, err);
		if (!rc)
			rc = isa_setup_sbi(&vm->vcpu[i], &vm->sbi_switches, err);
	}
	return rc ? rc : isa_setup(&vm->isa, &vm->cpu_model, vm->vcpu, vm->max_cpus, err);
}

static int wire_devices(struct vm *vm, struct err *err)
{
	for (unsigned i = 0; i < vm->ndevices; i++) {
		const struct vm_device *d = &vm->device[i];
		int rc = d->irqfd >= 0 ? irqchip_wire(vm->irqchip, d->irq, d->irqfd, true) : 0;

		if (rc)
			return fail(err, rc, "wire interrupt %u of %s", d->irq, d->id);
	}
	return 0;
}

int vm_machine_new(struct vm *vm, struct err *err)
{
	int rc = kvm_create_vm(&vm->kvm, err);

	return rc ? rc : check_size(vm, err);
}

/* Without threads. */
static void machine_close(struct vm *vm)
{
	for (unsigned i = 0; i < vm->max_cpus; i++)
		vcpu_close(&vm->vcpu[i]);
	irqchip_free(vm->irqchip);
	vm->irqchip = NULL;
	kvm_close_vm(&vm->kvm);
}

void vm_machine_down(struct vm *vm)
{
	machine_close(vm);
}

/* A KVM machine with RAM and vCPUs, as an interrupt controller wants to find it. */
static int machine_base(struct vm *vm, struct err *err)
{
	int rc = vm->kvm.vm < 0 ? vm_machine_new(vm, err) : 0;

	if (!rc)
		rc = kvm_set_memory(&vm->kvm, &vm->mem, err);
	return rc ? rc : vcpus_up(vm, err);
}

/* The best interrupt controller that works here, of those that are wanted. */
static int irqchip_up(struct vm *vm, struct err *err)
{
	struct irqchip_env env = { .kvm = &vm->kvm,
		.vcpu = vm->vcpu,
		.nvcpus = vm->max_cpus,
		.loop = vm->loop };
	enum vm_irqchip mode;
	struct err why = { 0 };
	int rc = -ENOTSUP;

	for (unsigned i = 0; rc && irqchip_candidate(vm->want_irqchip, i, &mode); i++) {
		if (i)
			log_info("%s; trying the next mode", why.msg);
		if (i && env.spoilt) {
			machine_close(vm);
			rc = machine_base(vm, err);
			if (rc)
				return rc;
		}
		rc = irqchip_new(&vm->irqchip, &env, mode, &why);
	}
	if (rc)
		return failx(err, rc, "%s", why.msg);
	log_info("interrupt controller: %s", vm->irqchip->name);
	if (vm->irqchip->dt.kind != FDT_AIA) /* there are no interrupt files to be found */
		isa_hide(&vm->isa, EXT_SSAIA);
	return 0;
}

int vm_machine_up(struct vm *vm, struct err *err)
{
	int rc = machine_base(vm, err);

	if (!rc)
		rc = irqchip_up(vm, err);
	if (rc)
		return rc;
	tell_cpu(vm);
	vm_wakeups_up(vm);
	return wire_devices(vm, err);
}

/* The caller's command line; spare vCPUs are not started by the guest unless it is told to. */
static int bootargs(const struct vm *vm, char *buf, size_t size, struct err *err)
{
	int n = vm->cpus < vm->max_cpus ? snprintf(buf, size, "%s%smaxcpus=%u", vm->append,
						  *vm->append ? " " : "", vm->cpus)
					: snprintf(buf, size, "%s", vm->append);

	if (n < 0 || (size_t)n >= size)
		return failx(err, -E2BIG, "the kernel command line is longer than %zu bytes",
			size - 1);
	return 0;
}

static int write_fdt(struct vm *vm, struct err *err)
{
	struct fdt_device devices[VM_MAX_DEVICES];
	char args[4096];
	struct fdt_machine m = {
		.ncpus = vm->max_cpus,
		.sockets = vm->sockets,
		.threads = vm->threads,
		.isa = vm->isa.dt,
		.irqchip = vm->irqchip->dt,
		.ram = MAP_RAM,
		.ram_size = vm->mem_size,
		.initrd = vm->layout.initrd,
		.initrd_size = vm->layout.initrd_size,
		.bootargs = args,
		.stdout_gpa = MAP_UART,
		.devices = devices,
		.ndevices = vm->ndevices,
	};
	void __guest *p = mem_at(&vm->mem, vm->layout.fdt, IMAGE_FDT_SIZE);
	int rc = bootargs(vm, args, sizeof(args), err);

	if (rc)
		return rc;
	if (!p)
		return failx(err, -ENOMEM, "no room for the device tree in the guest's memory");
	for (unsigned i = 0; i < vm->ndevices; i++)
		devices[i] = (struct fdt_device){ vm->device[i].fdt_kind, vm->device[i].gpa,
			vm->device[i].size, vm->device[i].irq };
	/* syscall(loop): getrandom: a new machine's seeds */
	if (getrandom(m.rng_seed, sizeof(m.rng_seed), 0) != sizeof(m.rng_seed) ||
		getrandom(&m.kaslr_seed, sizeof(m.kaslr_seed), 0) != sizeof(m.kaslr_seed))
		return fail(err, -errno, "get a random seed for the guest");
	return fdt_build(mem_iov(p, IMAGE_FDT_SIZE).iov_base,
		MIN(fdt_size_bound(&m), IMAGE_FDT_SIZE), &m, err);
}

int vm_machine_boot(struct vm *vm, struct err *err)
{
	int rc = image_load(&vm->layout, &vm->mem, MAP_RAM, vm->mem_size, vm->state == VM_CREATED,
		(struct image_file){ vm->kernel_fd, vm->kernel },
		(struct image_file){ vm->initrd_fd, vm->initrd }, err);

	if (!rc)
		rc = write_fdt(vm, err);
	if (!rc)
		rc = vm_gdb_arm(vm, err);
	if (!rc)
		rc = isa_boot_regs(&vm->vcpu[0], vm->layout.entry, vm->layout.fdt, err);
	return rc;
}

/* Spare vCPUs get no thread: the guest can't start them. */
int vm_machine_threads(struct vm *vm, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < vm->cpus && !rc; i++)
		rc = vcpu_start_thread(&vm->vcpu[i], &vm->vcpus, err);
	return rc;
}
