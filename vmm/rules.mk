# libvmm. What compiles and is tested on any machine, and what needs riscv64's headers.
NEUTRAL_SOURCES := $(wildcard vmm/core/*.c vmm/mem/*.c vmm/virtio/*.c vmm/block/*.c vmm/dev/*.c) \
	vmm/riscv/image.c vmm/riscv/image_elf.c vmm/riscv/image_packed.c vmm/riscv/fdt.c vmm/riscv/sbi.c \
	vmm/riscv/aplic.c vmm/riscv/plic.c vmm/riscv/cpu_model.c vmm/riscv/sbi_switch.c vmm/riscv/walk.c vmm/riscv/step.c vmm/riscv/wakeups.c \
	$(wildcard vmm/gdb/*.c) vmm/bus.c
VMM_SOURCES := $(sort $(NEUTRAL_SOURCES) $(wildcard vmm/kvm/*.c vmm/riscv/*.c vmm/jail/*.c vmm/*.c))
VMM_LIBS := -lfdt -luring -lz -lzstd
TEST_SOURCES += $(wildcard vmm/*/test/test_*.c)
# The virtio tests share a guest driver.
$(foreach t,$(wildcard vmm/virtio/test/test_*.c),$(eval $(t)_EXTRA := vmm/virtio/test/driver.c))
