# libvmm. What compiles and is tested on any machine, and what needs riscv64's headers.
NEUTRAL_SOURCES := $(wildcard vmm/core/*.c vmm/mem/*.c vmm/virtio/*.c vmm/block/*.c vmm/dev/*.c) \
	vmm/riscv/image.c vmm/riscv/image_elf.c vmm/riscv/image_packed.c vmm/riscv/fdt.c vmm/riscv/sbi.c \
	vmm/riscv/aplic.c vmm/riscv/plic.c vmm/riscv/cpu_model.c vmm/riscv/sbi_switch.c vmm/riscv/walk.c vmm/riscv/step.c vmm/riscv/wakeups.c \
	$(wildcard vmm/gdb/*.c) vmm/bus.c
VMM_SOURCES := $(sort $(NEUTRAL_SOURCES) $(wildcard vmm/kvm/*.c vmm/riscv/*.c vmm/jail/*.c vmm/*.c))
VMM_LIBS := -lfdt -luring -lz -lzstd -lcap

# The sandbox's lists of system calls: out of the comments beside the calls, by way of libseccomp, here on the build machine.
JAIL := $(O)/gen/jail
JAIL_MARKED = $(filter-out vmm/jail/make_filters.c vmm/jail/numbers.c,$(VMM_SOURCES)) $(wildcard shim/qmp/*.c) shim/cli/run.c \
	shim/stratovirt/front.c shim/containerd/monitor_main.c shim/containerd/pass.c
VMM_SOURCES := $(filter-out vmm/jail/make_filters.c vmm/jail/numbers.c,$(VMM_SOURCES))

$(JAIL)/policy.inc: vmm/jail/policy.awk $(JAIL_MARKED)
	@mkdir -p $(@D)
	$(Q)awk -f $< $(filter %.c,$^) >$@.new && mv $@.new $@

$(JAIL)/numbers.inc: vmm/jail/numbers.c vmm/jail/policy.h $(JAIL)/policy.inc | $(PREPARED)
	$(Q)$(RV_CC) $(filter-out -MMD -MP,$(BASE_CFLAGS)) -S -o $(@:.inc=.s) $<
	$(Q)sed -n 's/.*#->\([A-Za-z_0-9]*\) \(.*\)/{ "\1", (uint64_t)\2 },/p' $(@:.inc=.s) | sort -u >$@

$(JAIL)/make_filters: vmm/jail/make_filters.c $(JAIL)/numbers.inc | $(PREPARED)
	$(Q)$(NATIVE_CC) $(filter-out -MMD -MP,$(BASE_CFLAGS)) -o $@ $< -lseccomp

$(JAIL)/filters.inc: $(JAIL)/make_filters
	$(Q)$(IN_TOOLS) $< >$@.new && mv $@.new $@

$(O)/riscv64/vmm/jail/filter.o $(O)/riscv64/integration/stories/seccomp/try.o $(O)/lint/gcc-riscv64/vmm/jail/filter.ok $(O)/lint/tidy/vmm/jail/filter.ok $(O)/lint/gcc-riscv64/integration/stories/seccomp/try.ok \
	$(O)/lint/tidy/integration/stories/seccomp/try.ok: $(JAIL)/filters.inc
TEST_SOURCES += $(wildcard vmm/*/test/test_*.c) vmm/test/test_vm.c
# Whole machines, on a KVM that is not there: everything of the core, with RISC-V's view of KVM's interface.
vmm/test/test_vm.c_EXTRA := vmm/test/fake_kvm.c $(filter-out $(NEUTRAL_SOURCES),$(VMM_SOURCES))
vmm/test/test_vm.c_LIBS := -lcap -Wl,--wrap=open -Wl,--wrap=ioctl -Wl,--wrap=syscall
VM_TEST_SOURCES := $(vmm/test/test_vm.c_EXTRA) vmm/test/test_vm.c
$(O)/native/vmm/jail/filter.o $(O)/lint/gcc/vmm/jail/filter.ok $(O)/lint/clang/vmm/jail/filter.ok: $(JAIL)/filters.inc
ifneq ($(MACHINE),riscv64)
RISCV_UAPI := $(O)/gen/riscv-uapi
NATIVE_UAPI := -I$(RISCV_UAPI)
$(foreach d,native/%.o lint/gcc/%.ok lint/clang/%.ok,$(VM_TEST_SOURCES:%.c=$(O)/$(d))): | $(RISCV_UAPI)/asm/kvm.h
$(RISCV_UAPI)/asm/kvm.h: | $(PREPARED)
	@mkdir -p $(@D)
	$(Q)cp $(CACHE)/sysroot/current/usr/include/riscv64-linux-gnu/asm/ptrace.h $(@D)/riscv_ptrace.h
	$(Q)sed 's/<asm\/ptrace.h>/"riscv_ptrace.h"/' $(CACHE)/sysroot/current/usr/include/riscv64-linux-gnu/asm/kvm.h >$@
endif
# The virtio tests share a guest driver, the hostile ones what it does to every device.
$(foreach t,$(wildcard vmm/virtio/test/test_*.c),$(eval $(t)_EXTRA := vmm/virtio/test/driver.c))
$(foreach t,$(wildcard vmm/virtio/test/test_*_hostile.c),$(eval $(t)_EXTRA += $(wildcard vmm/virtio/test/hostile*.c)))
