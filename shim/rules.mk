# The fronts: one program a caller. What calls vm_...() (shim/cli, shim/qmp/vm_commands.c) is no part of the neutral sources; tests of
# it bring a vm of their own.
FRONTS := sampan
PROGRAM_NAMES += $(FRONTS)
sampan_SOURCES := $(wildcard shim/cli/*.c shim/qmp/*.c shim/opts/*.c) $(VMM_SOURCES)
sampan_LIBS := $(VMM_LIBS) -ljansson
NEUTRAL_SOURCES += $(filter-out shim/qmp/vm_commands.c,$(wildcard shim/qmp/*.c)) $(wildcard shim/opts/*.c)
NEUTRAL_LIBS := $(VMM_LIBS) -ljansson -lcmocka
TEST_SOURCES += $(wildcard shim/*/test/test_*.c)

FAKE_VM := shim/qmp/vm_commands.c shim/qmp/test/fake_vm.c
shim/qmp/test/test_vm_commands.c_EXTRA := $(FAKE_VM)
shim/qmp/fuzz/fuzz_qmp.c_EXTRA := $(FAKE_VM)
shim/cli/test/test_client.c_EXTRA := shim/cli/client.c
shim/cli/test/test_pidfile.c_EXTRA := shim/cli/pidfile.c
shim/cli/test/test_run_opts.c_EXTRA := shim/cli/run_opts.c

# --- installing --------------------------------------------------------------------------------------------------------
MAN1DIR := $(PREFIX)/share/man/man1
COMPLETIONDIR := $(PREFIX)/share/bash-completion/completions

install: $(FRONTS:%=$(O)/riscv64/%)
	install -D -t $(DESTDIR)$(PREFIX)/bin $^
	install -D -m 644 -t $(DESTDIR)$(MAN1DIR) configs/man/sampan.1
	install -D -m 644 configs/completion/sampan.bash $(DESTDIR)$(COMPLETIONDIR)/sampan

uninstall:
	rm -f $(FRONTS:%=$(DESTDIR)$(PREFIX)/bin/%) $(DESTDIR)$(MAN1DIR)/sampan.1 $(DESTDIR)$(COMPLETIONDIR)/sampan
.PHONY: install uninstall
#: make install    programs, man page, completion to PREFIX (/usr/local), below DESTDIR if set
#: make uninstall  removes them
