/*
 * /dev/kvm and one virtual machine of it: capabilities, memory slots, ioeventfds, irqfds, device
 * attributes. Every ioctl that fails is named in the sentence. No RISC-V in here beyond what
 * <linux/kvm.h> defines; the vCPUs are in vcpu.h.
 *
 * Owner: struct vm. The descriptor calls may be made from any thread (KVM serialises them).
 */
#ifndef SAMPAN_KVM_KVM_H
#define SAMPAN_KVM_KVM_H

#include "mem/mem.h"

struct kvm {
	int sys; /* /dev/kvm; -1 when closed */
	int vm;	 /* -1 when there is no machine */
	int api_version;
	unsigned max_vcpus;	    /* KVM_CAP_MAX_VCPUS */
	unsigned recommended_vcpus; /* KVM_CAP_NR_VCPUS */
	unsigned gpa_bits; /* of guest-physical addresses; 0 when this kernel doesn't tell */
	size_t run_size;   /* of a vCPU's shared struct kvm_run, bytes */
};

/* One capability, for messages and `sampan check`. */
struct kvm_cap {
	int cap;
	const char *name;
	bool needed;
};

/* Terminated by a NULL name. */
extern const struct kvm_cap kvm_caps[];

/* Opens /dev/kvm and creates a machine; kvm_close() undoes either half. */
int kvm_open(struct kvm *kvm, struct err *err) MUST_USE;
int kvm_create_vm(struct kvm *kvm, struct err *err) MUST_USE;
void kvm_close_vm(struct kvm *kvm);
void kvm_close(struct kvm *kvm);

/* Value of a capability: of the machine when there is one. 0: absent. */
int kvm_has(const struct kvm *kvm, int cap);

/* All of guest RAM as memory slots, one a region. */
int kvm_set_memory(const struct kvm *kvm, const struct mem *mem, struct err *err) MUST_USE;

int kvm_ioeventfd(const struct kvm *kvm, uint64_t gpa, uint32_t value, int fd, bool on)
	MUST_USE; /* 4 bytes; 0 or -errno */
int kvm_irqfd(const struct kvm *kvm, uint32_t gsi, int fd, bool on) MUST_USE;
int kvm_irq_line(const struct kvm *kvm, uint32_t gsi, bool level) MUST_USE;
/* As a device's write of data to gpa, the page of an in-kernel interrupt file. */
int kvm_signal_msi(const struct kvm *kvm, uint64_t gpa, uint32_t data) MUST_USE;

/* In-kernel devices. */
int kvm_create_device(const struct kvm *kvm, uint32_t type, int *fd) MUST_USE;
int kvm_device_get(int fd, uint32_t group, uint64_t attr, void *value) MUST_USE;
int kvm_device_set(int fd, uint32_t group, uint64_t attr, const void *value) MUST_USE;

#endif
