# The tests. Unit tests live in test/ beside the code, fuzz targets in fuzz/, each with a corpus that is replayed as a test
# (X_EXTRA: what target X needs besides the neutral sources).
CHECKS := integration/checks
FUZZ_SOURCES := $(wildcard */*/fuzz/fuzz_*.c)
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# $(call replay,NAME,SOURCES): $(O)/native/NAME, the target as a test; $(O)/fuzz/NAME, the target with libFuzzer
define replay
$(O)/native/$(1): $(2:%.c=$(O)/native/%.o) $(O)/native/$(CHECKS)/replay.o
	$$(if $$(Q),@echo "  LD   $$@")
	$$(Q)$$(NATIVE_CC) -fsanitize=$$(SAN) -pthread -o $$@ $$^ $$(NEUTRAL_LIBS)
$(O)/fuzz/$(1): $(2:%.c=$(O)/native/%.o)
	$$(if $$(Q),@echo "  LD   $$@")
	@mkdir -p $$(@D)
	$$(Q)$$(NATIVE_CC) -fsanitize=fuzzer,$$(SAN) -pthread -o $$@ $$^ $$(NEUTRAL_LIBS)
REPLAYS += $(O)/native/$(1)
FUZZ_PROGRAMS += $(O)/fuzz/$(1)
endef
$(foreach f,$(FUZZ_SOURCES),$(eval $(call replay,$(f:%.c=%),$(f) $(NEUTRAL_SOURCES) $($(f)_EXTRA))))

unit-programs: $(UNIT_TESTS) $(REPLAYS)

# A test that does not build is a failed test (what an earlier build left of it goes); the others run.
unit:
	@$(MAKE) $(PARALLEL) -k --no-print-directory unit-programs || \
		for test in $(UNIT_TESTS) $(REPLAYS); do $(MAKE) -q $$test 2>/dev/null || rm -f $$test; done
	@IN_TOOLS='$(IN_TOOLS)' $(CHECKS)/unit $(O) $(UNIT_TESTS) $(REPLAYS)
#: make unit       the native tests and the fuzzers' corpora

# The same under ThreadSanitizer, in a build of its own.
tsan:
	@TSAN_OPTIONS='suppressions=$(CURDIR)/$(CHECKS)/tsan.supp' $(MAKE) --no-print-directory O=$(O)/tsan SAN=thread unit
#: make tsan       the native tests under ThreadSanitizer

corpora: $(REPLAYS)
	@IN_TOOLS='$(IN_TOOLS)' $(CHECKS)/unit $(O) $(REPLAYS)

# The hostile tests' worth: each check that they are about, switched off. EVERY=N takes each N-th, M="WORD..." those of that name.
HOSTILE_TESTS := $(wildcard vmm/*/test/test_*_hostile.c)
comma := ,
empty :=
space := $(empty) $(empty)
mutants: export CC = $(filter-out $(IN_TOOLS),$(NATIVE_CC)) $(filter-out -MMD -MP -Werror,$(NATIVE_CFLAGS))
mutants: export LINK = $(filter-out $(IN_TOOLS),$(NATIVE_CC)) -fsanitize=$(SAN) -pthread
mutants: export LIBS = $(NEUTRAL_LIBS)
mutants: export EVERY ?=
mutants: export TESTS = $(foreach t,$(HOSTILE_TESTS),$(t:$(dir $(t))test_%_hostile.c=%)=$(subst $(space),$(comma),$(strip $(t) $(NEUTRAL_SOURCES) $($(t)_EXTRA))))
mutants: $(HOSTILE_TESTS:%.c=$(O)/native/%)
	@$(IN_TOOLS) python3 $(CHECKS)/mutants $(O) $(M)
#: make mutants    the hostile cases, counted; and that each check they are about is missed when it is switched off

check:
	@$(CHECKS)/sum '$(MAKE) --no-print-directory unit' 'FUZZ_SEED=1 $(MAKE) --no-print-directory fuzz S=5' '$(MAKE) --no-print-directory check-image' \
		'$(MAKE) --no-print-directory check-hardened' \
		'$(MAKE) $(PARALLEL) --no-print-directory programs image >&2 && integration/run'

check-image: image
	@$(CHECKS)/image $(IMAGE_DIR) $(O)/riscv64/sampan-agent

# What is installed, or runs in the guest.
HARDENED := $(patsubst %,$(O)/riscv64/%,$(FRONTS) $(CONTAINERD_SHIM) sampan-agent)
check-hardened:
	@$(MAKE) $(PARALLEL) --no-print-directory $(HARDENED) >&2
	@$(IN_TOOLS) $(CHECKS)/hardened $(HARDENED)

# What it finds lies in $(O)/fuzz; what is new in coverage in $(O)/fuzz/corpus, beside the corpus of the tree. Without T=, all of them.
S ?= 60
FUZZED := $(if $(T),$(filter %/fuzz_$(T),$(FUZZ_PROGRAMS)),$(FUZZ_PROGRAMS))
fuzz:
	$(if $(FUZZED),,$(error make fuzz [T=NAME] S=SECONDS, where NAME is one of: \
		$(sort $(patsubst fuzz_%,%,$(notdir $(FUZZ_PROGRAMS))))))
	@$(MAKE) $(PARALLEL) --no-print-directory $(FUZZED)
	@IN_TOOLS='$(IN_TOOLS)' $(CHECKS)/fuzz $(O) $(S) $(FUZZED)
#: make fuzz       every fuzz target for S (60) seconds, or the one that T= names

# P=NAME proves one only.
PROVE_SOURCES := $(wildcard */*/prove/prove_*.c)
prove: $(PREPARED) $(PROTO_READY)
	@IN_TOOLS='$(IN_TOOLS)' PROVE='$(P)' PROVE_CFLAGS='$(filter -std=% -I% -D%,$(BASE_CFLAGS))' $(CHECKS)/prove $(O) $(PROVE_SOURCES)
#: make prove      CBMC over what a guest or a peer reaches first; P=NAME for one proof

include integration/lint.mk
.PHONY: mutants tsan unit unit-programs corpora check check-image check-hardened fuzz prove
