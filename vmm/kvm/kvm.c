/* KVM's system and machine ioctls (Documentation/virt/kvm/api.rst §4); see kvm.h.
 * syscall(setup): openat, ioctl(KVM_GET_API_VERSION), ioctl(KVM_GET_VCPU_MMAP_SIZE): KVM is opened
 */
#include "kvm/kvm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

const struct kvm_cap kvm_caps[] = {
	{ KVM_CAP_USER_MEMORY, "user-memory", true },
	{ KVM_CAP_ONE_REG, "one-reg", true },
	{ KVM_CAP_MP_STATE, "mp-state", true },
	{ KVM_CAP_IOEVENTFD, "ioeventfd", true },
	{ KVM_CAP_DEVICE_CTRL, "device-control", false },
	{ KVM_CAP_IRQCHIP, "irqchip", false },
	{ KVM_CAP_IRQFD, "irqfd", false },
	{ KVM_CAP_IRQ_ROUTING, "irq-routing", false },
	{ KVM_CAP_SIGNAL_MSI, "signal-msi", false },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate-exit", true },
	{ KVM_CAP_READONLY_MEM, "readonly-memory", false },
	{ KVM_CAP_VM_GPA_BITS, "guest-address-bits", false },
	{ 0, NULL, false },
};

static int version(struct kvm *kvm, struct err *err)
{
	kvm->api_version = ioctl(kvm->sys, KVM_GET_API_VERSION, 0);
	if (kvm->api_version < 0)
		return fail(err, -errno, "ask /dev/kvm for its version (KVM_GET_API_VERSION)");
	if (kvm->api_version != KVM_API_VERSION)
		return failx(err, -ENOTSUP, "/dev/kvm speaks API version %d, %d is needed",
			kvm->api_version, KVM_API_VERSION);
	return 0;
}

int kvm_open(struct kvm *kvm, struct err *err)
{
	int size, rc;

	*kvm = (struct kvm){ .sys = -1, .vm = -1 };
	kvm->sys = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm->sys < 0 && errno == ENOENT)
		return fail(err, -ENOENT,
			"open /dev/kvm (the kvm module must be loaded, on a CPU with the hypervisor extension H)");
	if (kvm->sys < 0)
		return fail(err, -errno, "open /dev/kvm");
	rc = version(kvm, err);
	size = ioctl(kvm->sys, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (!rc && size <= 0)
		rc = fail(err, -errno, "KVM_GET_VCPU_MMAP_SIZE");
	kvm->run_size = (size_t)size;
	if (rc)
		kvm_close(kvm);
	return rc;
}

int kvm_create_vm(struct kvm *kvm, struct err *err)
{
	/* syscall(loop): ioctl(KVM_CREATE_VM): a reset makes the machine anew */
	kvm->vm = ioctl(kvm->sys, KVM_CREATE_VM, 0);
	if (kvm->vm < 0)
		return fail(err, -errno, "KVM_CREATE_VM");
	for (const struct kvm_cap *c = kvm_caps; c->name; c++)
		if (c->needed && kvm_has(kvm, c->cap) <= 0) {
			kvm_close_vm(kvm);
			return failx(err, -ENOTSUP, "this kernel's KVM lacks the capability %s",
				c->name);
		}
	kvm->max_vcpus = (unsigned)kvm_has(kvm, KVM_CAP_MAX_VCPUS);
	kvm->recommended_vcpus = (unsigned)kvm_has(kvm, KVM_CAP_NR_VCPUS);
	kvm->gpa_bits = (unsigned)kvm_has(kvm, KVM_CAP_VM_GPA_BITS);
	kvm->max_vcpus = MAX(kvm->max_vcpus, 1U);
	kvm->recommended_vcpus = MAX(kvm->recommended_vcpus, 1U);
	return 0;
}

void kvm_close_vm(struct kvm *kvm)
{
	/* syscall(loop): close: the old machine, clients that leave */
	if (kvm->vm >= 0)
		close(kvm->vm);
	kvm->vm = -1;
}

void kvm_close(struct kvm *kvm)
{
	kvm_close_vm(kvm);
	if (kvm->sys >= 0)
		close(kvm->sys);
	kvm->sys = -1;
}

int kvm_has(const struct kvm *kvm, int cap)
{
	/* syscall(loop): ioctl(KVM_CHECK_EXTENSION): what a new machine can do */
	int v = ioctl(kvm->vm >= 0 ? kvm->vm : kvm->sys, KVM_CHECK_EXTENSION, (unsigned long)cap);

	return v < 0 ? 0 : v;
}

int kvm_set_memory(const struct kvm *kvm, const struct mem *mem, struct err *err)
{
	for (unsigned i = 0; i < mem->nregions; i++) {
		const struct mem_region *r = &mem->region[i];
		struct kvm_userspace_memory_region slot = {
			.slot = i,
			.guest_phys_addr = r->gpa,
			.memory_size = r->size,
			.userspace_addr = (uintptr_t)r->hva,
		};

		/* syscall(loop): ioctl(KVM_SET_USER_MEMORY_REGION): the RAM of a new machine */
		if (ioctl(kvm->vm, KVM_SET_USER_MEMORY_REGION, &slot))
			return fail(err, -errno, "KVM_SET_USER_MEMORY_REGION of %llu MiB at 0x%llx",
				(unsigned long long)(r->size / MiB), (unsigned long long)r->gpa);
	}
	return 0;
}

int kvm_ioeventfd(const struct kvm *kvm, uint64_t gpa, uint32_t value, int fd, bool on)
{
	struct kvm_ioeventfd io = {
		.addr = gpa,
		.len = 4,
		.datamatch = value,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH | (on ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	/* syscall(loop,vcpu): ioctl(KVM_IOEVENTFD): a device's queues start or stop */
	return ioctl(kvm->vm, KVM_IOEVENTFD, &io) ? -errno : 0;
}

int kvm_irqfd(const struct kvm *kvm, uint32_t gsi, int fd, bool on)
{
	struct kvm_irqfd irq = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = on ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	/* syscall(loop): ioctl(KVM_IRQFD): the interrupts of a new machine */
	return ioctl(kvm->vm, KVM_IRQFD, &irq) ? -errno : 0;
}

int kvm_irq_line(const struct kvm *kvm, uint32_t gsi, bool level)
{
	struct kvm_irq_level irq = { .irq = gsi, .level = level };

	/* syscall(loop,vcpu): ioctl(KVM_IRQ_LINE): a wired interrupt rises or falls */
	return ioctl(kvm->vm, KVM_IRQ_LINE, &irq) ? -errno : 0;
}

int kvm_signal_msi(const struct kvm *kvm, uint64_t gpa, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = (uint32_t)gpa,
		.address_hi = (uint32_t)(gpa >> 32),
		.data = data,
	};

	/* syscall(loop,vcpu): ioctl(KVM_SIGNAL_MSI): an interrupt by our own APLIC */
	return ioctl(kvm->vm, KVM_SIGNAL_MSI, &msi) < 0 ? -errno : 0;
}

int kvm_create_device(const struct kvm *kvm, uint32_t type, int *fd)
{
	struct kvm_create_device dev = { .type = type };

	/* syscall(loop): ioctl(KVM_CREATE_DEVICE): the interrupt controller of a new machine */
	if (ioctl(kvm->vm, KVM_CREATE_DEVICE, &dev))
		return -errno;
	*fd = (int)dev.fd;
	return 0;
}

int kvm_device_get(int fd, uint32_t group, uint64_t attr, void *value)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)value };

	/* syscall(loop): ioctl(KVM_GET_DEVICE_ATTR): the interrupt controller of a new machine */
	return ioctl(fd, KVM_GET_DEVICE_ATTR, &a) ? -errno : 0;
}

int kvm_device_set(int fd, uint32_t group, uint64_t attr, const void *value)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uintptr_t)value };

	/* syscall(loop): ioctl(KVM_SET_DEVICE_ATTR): the interrupt controller of a new machine */
	return ioctl(fd, KVM_SET_DEVICE_ATTR, &a) ? -errno : 0;
}
