# containerd's shim: messages generated from proto/, the program, its tests. The monitor of a pod is the same program.
SHIM_PROTOS := $(wildcard shim/containerd/proto/*.proto)
SHIM_PROTO_C := $(SHIM_PROTOS:shim/containerd/proto/%.proto=$(PROTO_DIR)/%.pb-c.c)
SHIM_PROTO_READY := $(PROTO_DIR)/ready-containerd
GENERATED += $(SHIM_PROTO_C)

$(SHIM_PROTO_READY): $(SHIM_PROTOS) $(PROTO_READY)
	$(if $(Q),@echo "  GEN  $(PROTO_DIR) (containerd)")
	$(Q)$(IN_TOOLS) protoc --proto_path=shim/containerd/proto --proto_path=agent-proto/proto --c_out=$(PROTO_DIR) $(SHIM_PROTOS)
	@touch $@
$(SHIM_PROTO_C): $(SHIM_PROTO_READY) ;
$(SHIM_PROTO_C:%.c=$(O)/riscv64/%.o): RV_CFLAGS += -w
$(SHIM_PROTO_C:%.c=$(O)/native/%.o) $(SHIM_PROTO_C:%.c=$(O)/fuzz/%.o): NATIVE_CFLAGS += -w

# What is tested natively: all but the monitor's process, which needs libvmm's riscv64 part.
CONTAINERD_SOURCES := $(filter-out %/main.c %/monitor_main.c,$(wildcard shim/containerd/*.c))
CONTAINERD_LINKED := $(CONTAINERD_SOURCES) $(POD_NET_SOURCES) $(TTRPC_SOURCES) $(PROTO_C) $(SHIM_PROTO_C)

CONTAINERD_SHIM := containerd-shim-sampan-v2
PROGRAM_NAMES += $(CONTAINERD_SHIM)
$(CONTAINERD_SHIM)_SOURCES := shim/containerd/main.c shim/containerd/monitor_main.c $(CONTAINERD_LINKED) $(wildcard shim/opts/*.c) $(VMM_SOURCES)
$(CONTAINERD_SHIM)_LIBS := $(VMM_LIBS) -ljansson -lprotobuf-c -lmnl

CONTAINERD_TESTS := $(wildcard shim/containerd/test/test_*.c shim/containerd/fuzz/fuzz_*.c)
$(foreach t,$(CONTAINERD_TESTS),$(eval $(t)_EXTRA := $(CONTAINERD_LINKED)))
# The daemon is tested without a machine.
$(foreach t,$(wildcard shim/containerd/test/test_daemon*.c),$(eval $(t)_EXTRA := $(wildcard shim/containerd/test/fake_*.c) \
	$(filter-out %/share.c %/monitor.c $(wildcard shim/containerd/pod*.c),$(CONTAINERD_LINKED))))

CONTAINERD_NEEDS_PROTO := $(wildcard shim/containerd/test/fake_*.c) $(CONTAINERD_SOURCES) shim/containerd/main.c shim/containerd/monitor_main.c $(CONTAINERD_TESTS)
$(foreach d,riscv64 native fuzz,$(CONTAINERD_NEEDS_PROTO:%.c=$(O)/$(d)/%.o)): | $(SHIM_PROTO_READY)

# --- installing --------------------------------------------------------------------------------------------------------
CONTAINERDDIR := $(PREFIX)/share/sampan/containerd
CONTAINERD_CONFIGS := $(wildcard configs/containerd/*)

install: install-containerd
install-containerd: $(O)/riscv64/$(CONTAINERD_SHIM)
	install -D -t $(DESTDIR)$(PREFIX)/bin $<
	install -D -m 644 -t $(DESTDIR)$(MAN1DIR) configs/man/$(CONTAINERD_SHIM).1
	install -D -m 644 -t $(DESTDIR)$(CONTAINERDDIR) $(CONTAINERD_CONFIGS)

uninstall: uninstall-containerd
uninstall-containerd:
	rm -f $(DESTDIR)$(PREFIX)/bin/$(CONTAINERD_SHIM) $(DESTDIR)$(MAN1DIR)/$(CONTAINERD_SHIM).1
	rm -rf $(DESTDIR)$(CONTAINERDDIR)
.PHONY: install-containerd uninstall-containerd
