# The tests. Unit tests live in test/ beside the code, fuzz targets in fuzz/, each with a corpus that is replayed as a test
# (X_EXTRA: what target X needs besides the neutral sources).
CHECKS := integration/checks
FUZZ_SOURCES := $(wildcard */*/fuzz/fuzz_*.c)
FUZZ_CC := $(NATIVE_CC)
FUZZ_CFLAGS = $(NATIVE_CFLAGS) -fsanitize=fuzzer-no-link
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# $(call replay,NAME,SOURCES): $(O)/native/NAME, the target as a test; $(O)/fuzz/NAME, the target with libFuzzer
define replay
$(O)/native/$(1): $(2:%.c=$(O)/native/%.o) $(O)/native/$(CHECKS)/replay.o
	$$(if $$(Q),@echo "  LD   $$@")
	$$(Q)$$(NATIVE_CC) -fsanitize=$$(SAN) -pthread -o $$@ $$^ $$(NEUTRAL_LIBS)
$(O)/fuzz/$(1): $(2:%.c=$(O)/fuzz/%.o)
	$$(if $$(Q),@echo "  LD   $$@")
	$$(Q)$$(FUZZ_CC) -fsanitize=fuzzer,$$(SAN) -pthread -o $$@ $$^ $$(NEUTRAL_LIBS)
REPLAYS += $(O)/native/$(1)
FUZZ_PROGRAMS += $(O)/fuzz/$(1)
endef
$(foreach f,$(FUZZ_SOURCES),$(eval $(call replay,$(f:%.c=%),$(f) $(NEUTRAL_SOURCES) $($(f)_EXTRA))))

$(O)/fuzz/%.o: %.c | $(PREPARED)
	$(if $(Q),@echo "  CC   $< (fuzz)")
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) -c -o $@ $<

unit-programs: $(UNIT_TESTS) $(REPLAYS)

# A test that does not build is a failed test (what an earlier build left of it goes); the others run.
unit:
	@$(MAKE) $(PARALLEL) -k --no-print-directory unit-programs || \
		for test in $(UNIT_TESTS) $(REPLAYS); do $(MAKE) -q $$test 2>/dev/null || rm -f $$test; done
	@IN_TOOLS='$(IN_TOOLS)' $(CHECKS)/unit $(O) $(UNIT_TESTS) $(REPLAYS)
#: make unit       the native tests and the fuzzers' corpora

corpora: $(REPLAYS)
	@IN_TOOLS='$(IN_TOOLS)' $(CHECKS)/unit $(O) $(REPLAYS)

check:
	@$(CHECKS)/sum '$(MAKE) --no-print-directory unit' '$(MAKE) --no-print-directory check-image' \
		'$(MAKE) $(PARALLEL) --no-print-directory programs image >&2 && integration/run'

check-image: image
	@$(CHECKS)/image $(IMAGE_DIR) $(O)/riscv64/sampan-agent

# What it finds lies in $(O)/fuzz; what is new in coverage in $(O)/fuzz/corpus, beside the corpus of the tree.
S ?= 60
fuzz: $(filter %/fuzz_$(T),$(FUZZ_PROGRAMS))
	$(if $<,,$(error make fuzz T=NAME S=SECONDS, where NAME is one of: \
		$(sort $(patsubst fuzz_%,%,$(notdir $(FUZZ_PROGRAMS))))))
	@mkdir -p $(O)/fuzz/corpus/$(T)
	$(Q)$(IN_TOOLS) $< -max_total_time=$(S) -print_final_stats=1 -artifact_prefix=$(O)/fuzz/$(T)- \
		$(O)/fuzz/corpus/$(T) $(patsubst $(O)/fuzz/%/fuzz_$(T),%/corpus/$(T),$<)
#: make fuzz T= S= one fuzz target for S seconds

# P=NAME proves one only.
PROVE_SOURCES := $(wildcard */*/prove/prove_*.c)
prove: $(PREPARED) $(PROTO_READY)
	@IN_TOOLS='$(IN_TOOLS)' PROVE='$(P)' PROVE_CFLAGS='$(filter -std=% -I% -D%,$(BASE_CFLAGS))' $(CHECKS)/prove $(O) $(PROVE_SOURCES)
#: make prove      CBMC over what a guest or a peer reaches first; P=NAME for one proof

include integration/lint.mk
.PHONY: unit unit-programs corpora check check-image fuzz prove
