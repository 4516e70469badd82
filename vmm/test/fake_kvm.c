/* See fake_kvm.h. A machine's descriptors are memory files; a vCPU's holds its struct kvm_run. */
#define _GNU_SOURCE
#include "fake_kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/test/no_heap.h"

#define RUN_SIZE  12288
#define NOTE	  (RUN_SIZE - 8) /* in the run area: the vCPU's number, its turns */
#define TURN_MS	  5
#define EXTENSION (KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_ISA_EXT)
#define TYPE_MASK 0xff000000UL

struct fake_kvm fake_kvm;

int __real_open(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

static int file(const char *name, int size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, size)) {
		close(fd);
		return -1;
	}
	return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list ap;
	int mode;

	if (!strcmp(path, "/dev/kvm")) {
		no_heap_watch();
		return file("kvm", 0);
	}
	va_start(ap, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, int) : 0;
	va_end(ap);
	return __real_open(path, flags, mode);
}

static int new_vcpu(unsigned long index)
{
	uint32_t note[2] = { (uint32_t)index, 0 };
	int fd = file("kvm-vcpu", RUN_SIZE);

	if (fd >= 0 && pwrite(fd, note, sizeof(note), NOTE) != sizeof(note))
		errno = EIO;
	return fd;
}

/* Linux's: EINTR when it was fetched. */
static int run_vcpu(int fd)
{
	char *area = mmap(NULL, RUN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct kvm_run *run = (void *)area;
	uint32_t *note = (void *)(area + NOTE);
	bool exit = false;

	if (area == MAP_FAILED)
		return -1;
	while (!__atomic_load_n(&run->immediate_exit, __ATOMIC_SEQ_CST) && !exit) {
		exit = __atomic_load_n(&fake_kvm.run, __ATOMIC_ACQUIRE)(run, note[0], note[1]);
		note[1] += exit;
		if (!exit && poll(NULL, 0, TURN_MS) < 0)
			break;
	}
	munmap(area, RUN_SIZE);
	errno = EINTR;
	return exit ? 0 : -1;
}

static int extension(unsigned long cap)
{
	switch (cap) {
	case KVM_CAP_MAX_VCPUS:
	case KVM_CAP_NR_VCPUS:
		return 8;
	case KVM_CAP_VM_GPA_BITS:
		return 50;
	default:
		return 1;
	}
}

/* Every extension is there and on; the rest reads as 0 where that makes sense. */
static int get_reg(const struct kvm_one_reg *reg)
{
	uint64_t value = 0;

	if ((reg->id & TYPE_MASK) == (EXTENSION & TYPE_MASK))
		value = 1;
	if ((reg->id & TYPE_MASK) == KVM_REG_RISCV_TIMER)
		value = 10000000;
	memcpy((void *)(uintptr_t)reg->addr, &value, 1U << (reg->id >> 52 & 15));
	return 0;
}

static int get_attr(const struct kvm_device_attr *a)
{
	uint32_t value = 255;

	memcpy((void *)(uintptr_t)a->addr, &value, sizeof(value));
	return 0;
}

static int answer(unsigned long request, void *arg)
{
	switch (request) {
	case KVM_GET_API_VERSION:
		return KVM_API_VERSION;
	case KVM_GET_VCPU_MMAP_SIZE:
		return RUN_SIZE;
	case KVM_CREATE_VM:
		return file("kvm-vm", 0);
	case KVM_CHECK_EXTENSION:
		return extension((unsigned long)arg);
	case KVM_CREATE_VCPU:
		return new_vcpu((unsigned long)arg);
	case KVM_GET_ONE_REG:
		return get_reg(arg);
	case KVM_GET_DEVICE_ATTR:
		return get_attr(arg);
	case KVM_CREATE_DEVICE:
		((struct kvm_create_device *)arg)->fd = (uint32_t)file("kvm-device", 0);
		return 0;
	default:
		return 0;
	}
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (_IOC_TYPE(request) != KVMIO)
		return __real_ioctl(fd, request, arg);
	if (request == KVM_RUN) {
		no_heap = true; /* from its first turn to its end */
		return run_vcpu(fd);
	}
	if (__atomic_fetch_add(&fake_kvm.calls, 1, __ATOMIC_SEQ_CST) == fake_kvm.fail_at) {
		fake_kvm.failed = request;
		errno = fake_kvm.error;
		return -1;
	}
	return answer(request, arg);
}

/* A vCPU's thread ends by exit itself, which the sanitizers do not know: here it returns. */
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	return number == SYS_exit ? 0 : __real_syscall(number, a, b, c, d, e, f);
}
