# What runs in the emulated host: the demo, the stories, the benchmarks.
PROGRAM_NAMES += bench-launch kvm-bare pod-net
bench-launch_SOURCES := integration/bench/launch.c
kvm-bare_SOURCES := integration/stories/soak-lifecycle/bare.c
# A pod's network without containerd; see the story of the name.
pod-net_SOURCES = integration/stories/pod-net/pod-net.c $(sort $(POD_NET_SOURCES) $(AGENT_CLIENT_SOURCES) $(CORE_SOURCES))
pod-net_LIBS := -lmnl -ljansson -lprotobuf-c
$(O)/riscv64/integration/stories/pod-net/pod-net.o: | $(PROTO_READY)
PROGRAM_NAMES += seccomp-try
seccomp-try_SOURCES := integration/stories/seccomp/try.c vmm/jail/filter.c $(wildcard vmm/core/*.c vmm/block/*.c)
seccomp-try_LIBS := -luring

# The hostile guest: a kernel of its own, beside the programs so that stories find it there.
EVIL := integration/evil-guest
EVIL_CFLAGS := -std=gnu11 -g -O2 -ffreestanding -fno-pic -mcmodel=medany -march=rv64imac -mabi=lp64 -mno-relax -Ivmm -I$(EVIL) $(WARN)
EVIL_OBJECTS := $(patsubst %,$(O)/evil-guest/%.o,$(basename $(notdir $(wildcard $(EVIL)/*.c $(EVIL)/*.S))))
$(O)/evil-guest/%.o: $(EVIL)/%.c $(EVIL)/evil.h vmm/virtio/test/hostile_rows.h | $(PREPARED)
	$(if $(Q),@echo "  CC   $<")
	@mkdir -p $(@D)
	$(Q)$(RV_CC) $(EVIL_CFLAGS) -c -o $@ $<
$(O)/evil-guest/start.o: $(EVIL)/start.S | $(PREPARED)
	@mkdir -p $(@D)
	$(Q)$(RV_CC) $(EVIL_CFLAGS) -c -o $@ $<
$(O)/riscv64/evil-guest: $(EVIL_OBJECTS) $(EVIL)/evil.lds
	$(if $(Q),@echo "  LD   $@")
	@mkdir -p $(@D)
	$(Q)$(IN_TOOLS) ld.lld-19 -T $(EVIL)/evil.lds --oformat=binary -o $@ $(EVIL_OBJECTS) && chmod +x $@
PROGRAMS += $(O)/riscv64/evil-guest

.PHONY: demo bench bench-modes bench-pods soak matrix
demo: programs image
	$(Q)integration/demo/run

bench: programs image
	$(Q)integration/bench/run
#: make bench      boot time, guest entries and own memory beside QEMU's, under -icount: build/bench/result.json

bench-modes: programs
	$(Q)integration/bench/modes
#: make bench-modes  boot time and the price of an interrupt in each interrupt mode, under -icount: build/bench/modes.json

bench-pods: programs image
	$(Q)integration/bench/pods
#: make bench-pods  time and memory of a pod beside runc's and crun's: build/bench/pods.json

matrix: programs
	$(Q)integration/matrix
#: make matrix     every kind of emulated host, interrupt mode and guest kernel (hours): a table in build/matrix

soak: programs $(O)/native/vmm/test/test_vm
	$(Q)$(if $(STORIES),,SOAK=1 $(MAKE) --no-print-directory mutants;) integration/soak $(STORIES)
#: make soak       all stories with their full counts (hours), or STORIES="NAME..."; figures in build/soak/result
