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
	-Wno-unknown-attributes -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
# hyp/ alone is what coverage shall lead into. Its loads are seen too: tests/fuzz/race.c.
fuzz_cover := -fsanitize=fuzzer-no-link -fsanitize-coverage=trace-loads
fuzz_objects := $(patsubst %.c,$(fuzz)/obj/%.o,$(HYP_C) $(fake_c) $(fuzz_lib))

$(fuzz)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FUZZ_CC) $(fuzz_flags) $(fuzz_cover)' | cmp -s - $@ || \
		echo '$(FUZZ_CC) $(fuzz_flags) $(fuzz_cover)' >$@

$(fuzz)/obj/hyp/%.o: fuzz_flags += $(fuzz_cover)
$(fuzz)/obj/%.o: %.c $(fuzz)/flags
	@mkdir -p $(@D)
	@echo "  FUZZCC $<"
	$(Q)$(FUZZ_CC) $(fuzz_flags) -MMD -MP -c $< -o $@

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
.PHONY: fuzz
fuzz: $(if $(T),$(fuzz)/fuzz_$(T),$(fuzz_bins))
	@[ -n '$(T)' ] || { echo 'Say which: make fuzz T=NAME MINUTES=N, of $(fuzz_names)'; exit 1; }
	@mkdir -p $(fuzz)/corpus/$(T) $(fuzz)/broken
	@$(if $(INPUT),$(fuzz)/fuzz_$(T) '$(INPUT)',$(fuzz)/fuzz_$(T) \
		-max_total_time=$$(($(MINUTES) * 60)) -timeout=20 -print_final_stats=1 \
		-artifact_prefix=$(fuzz)/broken/$(T)- $(fuzz)/corpus/$(T) \
		$(wildcard tests/fuzz/corpus/$(T)))
