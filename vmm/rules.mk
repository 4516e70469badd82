# libvmm. What compiles and is tested on any machine, and what needs riscv64's headers.
NEUTRAL_SOURCES := $(wildcard vmm/core/*.c vmm/mem/*.c vmm/virtio/*.c vmm/block/*.c vmm/dev/*.c) \
	vmm/riscv/image.c vmm/riscv/fdt.c
VMM_SOURCES := $(sort $(NEUTRAL_SOURCES) $(wildcard vmm/kvm/*.c vmm/riscv/*.c vmm/jail/*.c) vmm/vm.c)
VMM_LIBS := -lfdt -luring -lz -lzstd
TEST_SOURCES += $(wildcard vmm/*/test/test_*.c)
