# Kata's agent protocol: messages generated from proto/, ttrpc, the client library, and the agent, a static program for the guest.
PROTOS := $(wildcard agent-proto/proto/*.proto)
PROTO_DIR := $(O)/proto
PROTO_C := $(PROTOS:agent-proto/proto/%.proto=$(PROTO_DIR)/%.pb-c.c)
PROTO_READY := $(PROTO_DIR)/ready

$(PROTO_READY): $(PROTOS) | $(PREPARED)
	$(if $(Q),@echo "  GEN  $(PROTO_DIR)")
	@mkdir -p $(PROTO_DIR)
	$(Q)$(IN_TOOLS) protoc --proto_path=agent-proto/proto --c_out=$(PROTO_DIR) $(PROTOS)
	@touch $@
$(PROTO_C): $(PROTO_READY) ;
GENERATED := $(PROTO_C)

# The generated files are not ours: no warnings of them. What includes them waits for them.
# (gnu11 makes "linux", a field of the OCI specification, a macro.)
BASE_CFLAGS += -Iagent-proto -isystem $(PROTO_DIR) -Ulinux
$(PROTO_C:%.c=$(O)/riscv64/%.o): RV_CFLAGS += -w
$(PROTO_C:%.c=$(O)/native/%.o) $(PROTO_C:%.c=$(O)/fuzz/%.o): NATIVE_CFLAGS += -w

TTRPC_SOURCES := $(wildcard agent-proto/ttrpc/*.c agent-proto/client/*.c)
NETLINK_SOURCES := $(wildcard agent-proto/netlink/*.c)
# What a program links to call an agent.
AGENT_CLIENT_SOURCES := $(filter-out %/server.c,$(TTRPC_SOURCES)) $(PROTO_C)
AGENT_SOURCES := $(filter-out agent-proto/agent/main.c,$(wildcard agent-proto/agent/*.c))
CORE_SOURCES := $(wildcard vmm/core/*.c)

PROGRAM_NAMES += sampan-agent
sampan-agent_SOURCES := agent-proto/agent/main.c $(AGENT_SOURCES) $(NETLINK_SOURCES) $(filter-out agent-proto/client/%,$(TTRPC_SOURCES)) $(CORE_SOURCES) $(PROTO_C)
sampan-agent_LIBS := -lprotobuf-c -ljansson -lmnl

# Tests and fuzz targets of this folder link all of it.
AGENT_TESTS := $(wildcard agent-proto/*/test/test_*.c agent-proto/*/fuzz/fuzz_*.c)
TEST_SOURCES += $(wildcard agent-proto/*/test/test_*.c)
$(foreach t,$(AGENT_TESTS),$(eval $(t)_EXTRA := $(TTRPC_SOURCES) $(AGENT_SOURCES) $(NETLINK_SOURCES) $(PROTO_C)))
NEUTRAL_LIBS += -lprotobuf-c -lmnl

NEEDS_PROTO += $(TTRPC_SOURCES) $(AGENT_SOURCES) agent-proto/agent/main.c $(AGENT_TESTS)
$(foreach d,riscv64 native fuzz,$(NEEDS_PROTO:%.c=$(O)/$(d)/%.o)): | $(PROTO_READY)
