/*
 * kvm-bare REGIONS [hugepages]: a machine of nothing but KVM, as a measure of what KVM itself
 * leaves behind. Its guest writes a word to the first page of each of so many regions of 2 MiB, in
 * transparent huge pages or in those of the host's pool, and asks to be shut down.
 */
#define _GNU_SOURCE
#include <asm/kvm.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM    UINT64_C(0x80000000)
#define REGION (UINT64_C(2) << 20)
#define CODE   64 /* bytes into the RAM */

/* The guest's whole program: a0 is where to write next, a1 the end, a2 the step. Then SBI's system
 * reset, shutdown. */
extern const char guest[], guest_end[];
__asm__(".pushsection .rodata\n"
	".balign 4\n"
	"guest:\n"
	"	sd	zero, 0(a0)\n"
	"	add	a0, a0, a2\n"
	"	bltu	a0, a1, guest\n"
	"	li	a7, 0x53525354\n"
	"	li	a6, 0\n"
	"	li	a0, 0\n"
	"	li	a1, 0\n"
	"	ecall\n"
	"	j	.\n"
	"guest_end:\n"
	".popsection\n");

static int set_reg(int vcpu, uint64_t index, uint64_t value)
{
	struct kvm_one_reg reg = { .id = KVM_REG_RISCV | KVM_REG_SIZE_U64 | KVM_REG_RISCV_CORE |
			index,
		.addr = (uintptr_t)&value };

	return ioctl(vcpu, KVM_SET_ONE_REG, &reg);
}

/* The RAM, aligned to its regions; NULL if there is none. */
static char *ram_new(uint64_t size, int huge)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : 0);
	char *p = mmap(NULL, size + REGION, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	p += -(uintptr_t)p % REGION;
	madvise(p, size, MADV_HUGEPAGE);
	memcpy(p + CODE, guest, (size_t)(guest_end - guest));
	return p;
}

static int run(int vcpu, const struct kvm_run *state, uint64_t size)
{
	if (set_reg(vcpu, KVM_REG_RISCV_CORE_REG(regs.pc), RAM + CODE) ||
		set_reg(vcpu, KVM_REG_RISCV_CORE_REG(regs.a0), RAM) ||
		set_reg(vcpu, KVM_REG_RISCV_CORE_REG(regs.a1), RAM + size) ||
		set_reg(vcpu, KVM_REG_RISCV_CORE_REG(regs.a2), REGION))
		return perror("set registers"), 1;
	if (ioctl(vcpu, KVM_RUN, 0))
		return perror("KVM_RUN"), 1;
	return state->exit_reason == KVM_EXIT_SYSTEM_EVENT
		? 0
		: (fprintf(stderr, "exit %u\n", state->exit_reason), 1);
}

int main(int argc, char **argv)
{
	uint64_t size = argc > 1 ? strtoull(argv[1], NULL, 10) * REGION : 0;
	char *ram = size ? ram_new(size, argc > 2) : NULL;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = ioctl(kvm, KVM_CREATE_VM, 0);
	struct kvm_userspace_memory_region slot = { .guest_phys_addr = RAM,
		.memory_size = size,
		.userspace_addr = (uintptr_t)ram };
	int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0), span = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	const struct kvm_run *state = mmap(NULL, (size_t)span, PROT_READ, MAP_SHARED, vcpu, 0);

	if (!ram || vcpu < 0 || state == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot))
		return perror("kvm-bare"), 1;
	return run(vcpu, state, size);
}
