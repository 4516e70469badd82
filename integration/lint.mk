# make lint: both compilers with all warnings over everything, clang's analyser, and what integration/checks/lint looks at. A file that was
# found clean is looked at again when it, or a header it includes, changes. make format lays out the C.
LINT_RV := $(filter-out $(GENERATED),$(sort $(foreach p,$(PROGRAM_NAMES),$($(p)_SOURCES))))
LINT_NATIVE := $(filter-out $(GENERATED),$(sort $(NEUTRAL_SOURCES) $(TEST_SOURCES) $(foreach t,$(TEST_SOURCES),$($(t)_EXTRA)) \
	$(FUZZ_SOURCES) $(CHECKS)/replay.c))
LINT_TIDY := $(filter-out vmm/core/err.c,$(LINT_RV)) # it defines what analyser.h redefines
TIDY := $(IN_TOOLS) clang-tidy-19
TIDY_FLAGS := $(filter-out -MMD -MP -Werror -g,$(BASE_CFLAGS)) -D_GNU_SOURCE= -include $(CHECKS)/analyser.h
ifneq ($(MACHINE),riscv64)
  GCC_RV := $(IN_TOOLS) riscv64-linux-gnu-gcc --sysroot=$(CACHE)/sysroot/current
  TIDY_FLAGS += --target=riscv64-linux-gnu --sysroot=$(CACHE)/sysroot/current
else
  GCC_RV := gcc
endif
GCC_NATIVE := $(IN_TOOLS) gcc
LINT_CFLAGS := $(BASE_CFLAGS) -O2 $(HARDEN)

# $(call lint_rule,KIND,COMMAND): $(O)/lint/KIND/X.ok means that COMMAND found nothing in X.c
define lint_rule
$(O)/lint/$(1)/%.ok: %.c | $(PREPARED) $(PROTO_READY) $(SHIM_PROTO_READY)
	$(if $(Q),@echo "  $(1) $$<")
	@mkdir -p $$(@D)
	$$(Q)$(2)
	@touch $$@
endef
$(eval $(call lint_rule,gcc,$$(GCC_NATIVE) $$(LINT_CFLAGS) $$(NATIVE_UAPI) -MF $$(@:.ok=.d) -MT $$@ -c -o /dev/null $$<))
$(eval $(call lint_rule,gcc-riscv64,$$(GCC_RV) $$(LINT_CFLAGS) -MF $$(@:.ok=.d) -MT $$@ -c -o /dev/null $$<))
$(eval $(call lint_rule,clang,$$(NATIVE_CC) $$(LINT_CFLAGS) $$(NATIVE_UAPI) -Wnoderef -Wcomma -Wconditional-uninitialized \
	-Wunreachable-code -Wno-unknown-warning-option -MF $$(@:.ok=.d) -MT $$@ -c -o /dev/null $$<))
$(eval $(call lint_rule,tidy,$$(TIDY) --quiet $$< -- $$(TIDY_FLAGS) 2>$$(@:.ok=.log) || { cat $$(@:.ok=.log); false; }))

$(O)/lint/tidy/%.ok: .clang-tidy $(CHECKS)/analyser.h

lint-sources: $(LINT_NATIVE:%.c=$(O)/lint/gcc/%.ok) $(LINT_NATIVE:%.c=$(O)/lint/clang/%.ok) \
	$(LINT_RV:%.c=$(O)/lint/gcc-riscv64/%.ok) $(LINT_TIDY:%.c=$(O)/lint/tidy/%.ok)

lint: export IN_TOOLS := $(IN_TOOLS)
lint: export HEADER_CC := $(RV_CC) $(filter-out -MMD -MP,$(BASE_CFLAGS))
lint: $(O)/native/vmm/riscv/test/test_fdt
	@failed=; $(MAKE) $(PARALLEL) -k --no-print-directory lint-sources || failed=1; \
		$(CHECKS)/lint $(O) || failed=1; [ -z "$$failed" ] || { echo "lint: failed"; exit 1; }; echo "lint: clean"
#: make lint       compilers, analysers, layout, scripts, man pages, device trees

format:
	$(Q)git ls-files '*.c' '*.h' | xargs $(IN_TOOLS) clang-format-19 -i
#: make format     lays out the C as lint wants it

.PHONY: lint lint-sources format
