# The fronts: one program a caller. What calls vm_...() (shim/cli, shim/qmp/*_commands.c) is no part of the neutral sources; tests of
# it bring a vm of their own.
FRONTS := sampan sampan-stratovirt
PROGRAM_NAMES += $(FRONTS)
sampan_SOURCES = $(wildcard shim/cli/*.c shim/qmp/*.c shim/opts/*.c) $(VMM_SOURCES) $(AGENT_CLIENT_SOURCES)
sampan_LIBS := $(VMM_LIBS) -ljansson -lprotobuf-c
NEEDS_PROTO := $(wildcard shim/cli/agent*.c) shim/cli/test/test_agent.c
sampan-stratovirt_SOURCES := $(wildcard shim/stratovirt/*.c shim/qmp/*.c shim/opts/*.c) shim/cli/pidfile.c shim/cli/status.c $(VMM_SOURCES)
sampan-stratovirt_LIBS := $(VMM_LIBS) -ljansson
NEUTRAL_SOURCES += $(filter-out %_commands.c,$(wildcard shim/qmp/*.c)) $(wildcard shim/opts/*.c)
NEUTRAL_LIBS := $(VMM_LIBS) -ljansson -lcmocka
TEST_SOURCES += $(wildcard shim/*/test/test_*.c)

# A pod's network, for the containerd shim; needs -lmnl.
POD_NET_SOURCES = $(wildcard shim/containerd/net/*.c) $(NETLINK_SOURCES)
POD_NET_TESTS := $(wildcard shim/containerd/net/test/test_*.c)
TEST_SOURCES += $(POD_NET_TESTS)
NEEDS_PROTO += $(wildcard shim/containerd/net/*.c) $(POD_NET_TESTS)
# The other end in them is the agent.
$(foreach t,$(POD_NET_TESTS),$(eval $(t)_EXTRA = $$(POD_NET_SOURCES) $$(AGENT_SOURCES) $$(TTRPC_SOURCES) $$(PROTO_C)))

FAKE_VM := shim/qmp/vm_commands.c shim/qmp/block_commands.c shim/qmp/test/fake_vm.c
shim/qmp/test/test_vm_commands.c_EXTRA := $(FAKE_VM)
shim/qmp/test/test_block_commands.c_EXTRA := $(FAKE_VM)
shim/qmp/fuzz/fuzz_qmp.c_EXTRA := $(FAKE_VM)
shim/cli/test/test_agent.c_EXTRA = $(wildcard shim/cli/agent*.c) $(TTRPC_SOURCES) $(PROTO_C)
shim/cli/test/test_client.c_EXTRA := shim/cli/client.c
shim/cli/test/test_ctl_plug.c_EXTRA := shim/cli/ctl_plug.c shim/cli/client.c $(FAKE_VM)
shim/cli/test/test_pidfile.c_EXTRA := shim/cli/pidfile.c
shim/cli/test/test_run_opts.c_EXTRA := shim/cli/run_opts.c
STRATOVIRT_WORDS := shim/stratovirt/options.c shim/stratovirt/config.c
shim/stratovirt/test/test_life.c_EXTRA := shim/stratovirt/life.c
shim/stratovirt/test/test_config.c_EXTRA := $(STRATOVIRT_WORDS)
shim/stratovirt/fuzz/fuzz_stratovirt.c_EXTRA := $(STRATOVIRT_WORDS)

# --- installing --------------------------------------------------------------------------------------------------------
MAN1DIR := $(PREFIX)/share/man/man1
COMPLETIONDIR := $(PREFIX)/share/bash-completion/completions
KATADIR := $(PREFIX)/share/sampan/kata
KATA_CONFIGS := $(addprefix configs/kata/,README.md configuration-stratovirt.toml containerd.toml)

install: $(FRONTS:%=$(O)/riscv64/%)
	install -D -t $(DESTDIR)$(PREFIX)/bin $^
	install -D -m 644 -t $(DESTDIR)$(MAN1DIR) $(FRONTS:%=configs/man/%.1)
	install -D -m 644 -t $(DESTDIR)$(KATADIR) $(KATA_CONFIGS)
	install -D -m 644 configs/completion/sampan.bash $(DESTDIR)$(COMPLETIONDIR)/sampan

uninstall:
	rm -f $(FRONTS:%=$(DESTDIR)$(PREFIX)/bin/%) $(FRONTS:%=$(DESTDIR)$(MAN1DIR)/%.1) $(DESTDIR)$(COMPLETIONDIR)/sampan
	rm -rf $(DESTDIR)$(PREFIX)/share/sampan/kata
.PHONY: install uninstall
#: make install    programs, man pages, completion, Kata's configuration to PREFIX (/usr/local), below DESTDIR if set
#: make uninstall  removes them
