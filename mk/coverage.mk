# SPDX-License-Identifier: BSD-2-Clause
#
# How much of hyp/ the host tests and the fuzzers' committed seeds reach: clang's source-based
# coverage. hyp/ and the fake machine are one shared library, so that all programs count into one
# profile; only hyp/ is instrumented. tests/coverage/coverage.py runs them, prints the tables and
# holds the floor.

COVER_CC := $(FUZZ_CC)
cover    := $(BUILD)/coverage

cover_flags := -std=gnu11 -O1 -g -fPIC -DHW_TEST=1 -DHW_DEBUG=1 -I. -Itests -fno-common \
	-Wno-unknown-attributes
cover_count := -fprofile-instr-generate -fcoverage-mapping
cover_tests := $(patsubst tests/unit/%.c,$(cover)/%,$(unit_c))
cover_fuzz  := $(fuzz_names:%=$(cover)/fuzz_%)
cover_bins  := $(cover_tests) $(cover_fuzz)

$(cover)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COVER_CC) $(cover_flags) $(cover_count)' | cmp -s - $@ || \
		echo '$(COVER_CC) $(cover_flags) $(cover_count)' >$@

$(cover)/obj/hyp/%.o: cover_flags += $(cover_count)
$(cover)/obj/%.o: %.c $(cover)/flags
	@mkdir -p $(@D)
	@echo "  COVCC $<"
	$(Q)$(COVER_CC) $(cover_flags) -MMD -MP -c $< -o $@

$(cover)/libhyp.so: $(patsubst %.c,$(cover)/obj/%.o,$(HYP_C) $(fake_c)) $(host)/objects
	@echo "  COVLD $@"
	$(Q)$(COVER_CC) $(cover_count) -shared -o $@ $(filter %.o,$^) -lcmocka -lfdt

cover_link = $(COVER_CC) -o $@ $(filter %.o,$^) -L$(cover) -lhyp '-Wl,-rpath,$$ORIGIN' -lcmocka -lfdt
$(cover)/test_%: $(cover)/obj/tests/unit/test_%.o $(cover)/libhyp.so
	@echo "  COVLD $@"
	$(Q)$(cover_link)

$(cover)/fuzz_%: $(cover)/obj/tests/fuzz/fuzz_%.o $(patsubst %.c,$(cover)/obj/%.o,$(fuzz_lib)) \
		$(cover)/obj/tests/coverage/replay.o $(cover)/libhyp.so
	@echo "  COVLD $@"
	$(Q)$(cover_link)

.PRECIOUS: $(cover)/obj/%.o
-include $(shell find $(cover)/obj -name '*.d' 2>/dev/null)

.PHONY: coverage
coverage: $(cover_bins)
	@CC='$(COVER_CC)' $(PYTHON) -B tests/coverage/coverage.py --build $(cover) \
		--floor tests/coverage/floor $(notdir $(cover_bins))
