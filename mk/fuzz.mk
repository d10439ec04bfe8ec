# SPDX-License-Identifier: BSD-2-Clause
#
# The fuzzers: hyp/ on the fake machine once more, under libFuzzer, ASan and UBSan. Each
# tests/fuzz/fuzz_NAME.c is a target, with its seeds in tests/fuzz/corpus/NAME; the corpus that
# grows while it runs, and inputs that broke something, are in build/fuzz.

FUZZ_CC  ?= clang
fuzz     := $(BUILD)/fuzz
fuzz_lib := $(sort $(filter-out tests/fuzz/fuzz_%,$(wildcard tests/fuzz/*.c)))
fuzz_names := $(sort $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)))
fuzz_bins  := $(fuzz_names:%=$(fuzz)/fuzz_%)

fuzz_flags := -std=gnu11 -O1 -g -DHW_TEST=1 -DHW_DEBUG=1 -I. -Itests -fno-common $(WARNINGS) \
	$(POLICY) -Wno-unknown-attributes -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# hyp/ alone is what coverage shall lead into. What it reads may race: tests/fuzz/race.h. hyp/mem/ is
# most of the time of short inputs, for a VM's end looks at every entry of its tables: there loads
# and comparisons are not told (guest memory it reads by memcpy() alone).
fuzz_race  := -DRACE_MEMCPY -include tests/fuzz/race.h
fuzz_cover := -fsanitize=fuzzer-no-link -fsanitize-coverage=trace-loads $(fuzz_race)
fuzz_cover_mem := -O2 -fsanitize-coverage=inline-8bit-counters,pc-table $(fuzz_race)
fuzz_cover_of = $(if $(filter hyp/mem/%,$<),$(fuzz_cover_mem),$(if $(filter hyp/%,$<),$(fuzz_cover)))
fuzz_objects := $(patsubst %.c,$(fuzz)/obj/%.o,$(HYP_C) $(fake_c) $(fuzz_lib))

$(fuzz)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FUZZ_CC) $(fuzz_flags) $(fuzz_cover) $(fuzz_cover_mem)' | cmp -s - $@ || \
		echo '$(FUZZ_CC) $(fuzz_flags) $(fuzz_cover) $(fuzz_cover_mem)' >$@

$(fuzz)/obj/%.o: %.c $(fuzz)/flags
	@mkdir -p $(@D)
	@echo "  FUZZCC $<"
	$(Q)$(FUZZ_CC) $(fuzz_flags) $(fuzz_cover_of) -MMD -MP -c $< -o $@

# Discovery is platform/'s, of which the host's library has nothing: its target compiles it itself
# (tests/unit/discover_sources.h).
$(fuzz)/obj/tests/fuzz/fuzz_discover.o: fuzz_cover_of = $(fuzz_cover)

$(fuzz)/libhyp.a: $(fuzz_objects)
	@rm -f $@
	@ar rcs $@ $(fuzz_objects)

$(fuzz)/fuzz_%: $(fuzz)/obj/tests/fuzz/fuzz_%.o $(fuzz)/libhyp.a
	@echo "  FUZZLD $@"
	$(Q)$(FUZZ_CC) $(fuzz_flags) -fsanitize=fuzzer -o $@ $< $(fuzz)/libhyp.a -lcmocka -lfdt

.PRECIOUS: $(fuzz)/obj/%.o
-include $(shell find $(fuzz)/obj -name '*.d' 2>/dev/null)

# make fuzz T=decode MINUTES=10; make fuzz T=decode INPUT=build/fuzz/broken/decode-... replays one.
MINUTES ?= 1
INPUT   ?=
fuzz_seeds = tests/fuzz/corpus/$(T)
# Inputs are sequences: they may grow long soon (by default libFuzzer holds them short for long).
FUZZ_LEN_CONTROL ?= 10
fuzz_run = ASAN_OPTIONS=detect_leaks=0 $(fuzz)/fuzz_$(T) -timeout=20 -len_control=$(FUZZ_LEN_CONTROL)

.PHONY: fuzz fuzz-merge fuzz-corpora fuzz-targets fuzz-which
fuzz-which:
	@[ -n '$(filter $(T),$(fuzz_names))' ] || \
		{ echo 'Say which: make $(MAKECMDGOALS) T=NAME, of $(fuzz_names)'; exit 1; }

fuzz: fuzz-which $(T:%=$(fuzz)/fuzz_%)
	@mkdir -p $(fuzz)/corpus/$(T) $(fuzz)/broken $(fuzz_seeds)
	@$(if $(INPUT),$(fuzz_run) '$(INPUT)',$(fuzz_run) -max_total_time=$$(awk 'BEGIN { print int(60 * $(MINUTES)) }') \
		-print_final_stats=1 -artifact_prefix=$(fuzz)/broken/$(T)- \
		$(fuzz)/corpus/$(T) $(fuzz_seeds))

# The committed seeds anew: the fewest of all inputs known that reach as much as all of them. Those
# with names were written for a case, and stay.
FUZZ_SEED_MAX ?= 2048
fuzz-merge: fuzz-which $(T:%=$(fuzz)/fuzz_%)
	@rm -rf $(fuzz)/merged/$(T) && mkdir -p $(fuzz)/merged/$(T) $(fuzz)/corpus/$(T) $(fuzz_seeds)
	@find $(fuzz_seeds) -type f -regextype egrep ! -regex '.*/[0-9a-f]{40}' \
		-exec cp -t $(fuzz)/merged/$(T) {} +
	@$(fuzz_run) -set_cover_merge=1 -max_len=$(FUZZ_SEED_MAX) -use_counters=0 -use_cmp=0 \
		$(fuzz)/merged/$(T) $(fuzz_seeds) $(fuzz)/corpus/$(T)
	@rm -rf $(fuzz_seeds) && cp -r $(fuzz)/merged/$(T) $(fuzz_seeds)
	@echo "$$(ls $(fuzz_seeds) | wc -l) seeds of $(T), $$(cat $(fuzz_seeds)/* | wc -c) bytes"

fuzz-targets: $(fuzz_bins)
test check unit: $(fuzz_bins)
