# sampan: see README.md. `make demo` shows it, `make check` tests it; `make help` lists the rest.
#
# O=DIR       where built files go (build)         V=1   show commands
# SAN=LIST    sanitizers of the native tests       CROSS=PREFIX  a cross compiler of your own (PREFIXgcc)
#
# The compiler is one that integration/bed unpacks into the cache, together with the libraries; on a machine that is not riscv64 it
# cross-builds the programs against a sysroot from there. The unit tests are built natively from the same sources.

O ?= build
SAN ?= address,undefined
PREFIX ?= /usr/local
VERSION := $(shell cat configs/VERSION)
MACHINE := $(shell uname -m)
CACHE := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/sampan
BED := integration/bed
PREPARED := $(O)/prepared
Q := $(if $(V),,@)

IN_TOOLS := $(BED)/in-tools
NATIVE_CC := $(IN_TOOLS) clang-19
ifdef CROSS
  RV_CC := $(CROSS)gcc
else ifeq ($(MACHINE),riscv64)
  RV_CC := $(NATIVE_CC)
  RV_LD := -fuse-ld=lld
else
  RV_CC := $(IN_TOOLS) clang-19 --target=riscv64-linux-gnu --sysroot=$(CACHE)/sysroot/current
  RV_LD := -fuse-ld=lld
endif

WARN := -Wall -Wextra -Wshadow -Wvla -Wformat=2 -Wimplicit-fallthrough -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Werror
HARDEN := -fPIE -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -ftrivial-auto-var-init=zero
BASE_CFLAGS := -std=gnu11 -g -Ivmm -I. -I$(O)/gen -MMD -MP -DSAMPAN_VERSION='"$(VERSION)"' $(WARN)
RV_CFLAGS = $(BASE_CFLAGS) -O2 $(HARDEN) -ffunction-sections -fdata-sections $(CFLAGS)
RV_LDFLAGS := $(RV_LD) -static-pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack,-z,pack-relative-relocs -Wl,--gc-sections $(LDFLAGS)
NATIVE_CFLAGS = $(BASE_CFLAGS) $(NATIVE_UAPI) -O1 -fno-omit-frame-pointer -fsanitize=$(SAN),fuzzer-no-link -fno-sanitize-recover=all

all: programs
.PHONY: all programs help

include vmm/rules.mk shim/rules.mk agent-proto/rules.mk shim/containerd/rules.mk configs/guest-image/rules.mk integration/rules.mk

# --- compiling ---------------------------------------------------------------------------------------------------------
$(O)/riscv64/%.o: %.c | $(PREPARED)
	$(if $(Q),@echo "  CC   $<")
	@mkdir -p $(@D)
	$(Q)$(RV_CC) $(RV_CFLAGS) -c -o $@ $<

$(O)/native/%.o: %.c | $(PREPARED)
	$(if $(Q),@echo "  CC   $< (native)")
	@mkdir -p $(@D)
	$(Q)$(NATIVE_CC) $(NATIVE_CFLAGS) -c -o $@ $<

# $(call program,NAME,SOURCES,LIBS): a riscv64 program $(O)/riscv64/NAME
define program
$(O)/riscv64/$(1): $(2:%.c=$(O)/riscv64/%.o)
	$$(if $$(Q),@echo "  LD   $$@")
	$$(Q)$$(RV_CC) $$(RV_LDFLAGS) -o $$@ $$^ $(3)
PROGRAMS += $(O)/riscv64/$(1)
endef

# $(call native_test,NAME,SOURCES,LIBS): a unit test $(O)/native/NAME
define native_test
$(O)/native/$(1): $(2:%.c=$(O)/native/%.o)
	$$(if $$(Q),@echo "  LD   $$@")
	@mkdir -p $$(@D)
	$$(Q)$$(NATIVE_CC) -fsanitize=$$(SAN) -pthread -o $$@ $$^ $(3)
UNIT_TESTS += $(O)/native/$(1)
endef

# --- what there is to make ---------------------------------------------------------------------------------------------
$(foreach p,$(PROGRAM_NAMES),$(eval $(call program,$(p),$($(p)_SOURCES),$($(p)_LIBS))))
$(foreach t,$(TEST_SOURCES),$(eval $(call native_test,$(t:%.c=%),$(t) $(NEUTRAL_SOURCES) $($(t)_EXTRA),$(NEUTRAL_LIBS) $($(t)_LIBS))))

programs: $(PROGRAMS)

include integration/checks.mk

$(PREPARED): $(BED)/prepare
	@mkdir -p $(O)
	$(Q)$(BED)/prepare packages tools sysroot
	@touch $@

help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)
#: make            the programs, in build/riscv64
#: make demo       boots a microVM and shows what its guest says; a pod through containerd
#: make check      all tests: unit, corpora, stories in the emulated host

clean:
	rm -rf $(O)
.PHONY: clean
#: make clean      removes build/ (the cache is outside the tree and stays)

-include $(shell find $(O) -name '*.d' 2>/dev/null)
