# SPDX-License-Identifier: BSD-2-Clause
#
# The tests: hyp/ on the fake machine of tests/fake/ under the host's sanitizers, and the whole
# image under QEMU. pytest runs both and closes with one line of counts (tests/conftest.py).

HOST_CC ?= gcc
host    := $(BUILD)/host
fake_c  := $(sort $(wildcard tests/fake/*.c))
unit_c  := $(sort $(wildcard tests/unit/test_*.c))

# HW_TEST adds what only tests call; HW_DEBUG the checks of lock ranks.
host_flags := -std=gnu11 -O1 -g -DHW_TEST=1 -DHW_DEBUG=1 -I. -Itests -fno-common $(WARNINGS) \
	$(POLICY) -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
host_objects := $(patsubst %.c,$(host)/obj/%.o,$(HYP_C) $(fake_c))
unit_bins    := $(patsubst tests/unit/%.c,$(host)/%,$(unit_c))

$(host)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(HOST_CC) $(host_flags)' | cmp -s - $@ || echo '$(HOST_CC) $(host_flags)' >$@

$(host)/obj/%.o: %.c $(host)/flags
	@mkdir -p $(@D)
	@echo "  HOSTCC $<"
	$(Q)$(HOST_CC) $(host_flags) -MMD -MP -c $< -o $@

$(host)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(host_objects)' | cmp -s - $@ || echo '$(host_objects)' >$@

$(host)/libhyp.a: $(host_objects) $(host)/objects
	@rm -f $@
	@ar rcs $@ $(host_objects)

$(host)/test_%: $(host)/obj/tests/unit/test_%.o $(host)/libhyp.a
	@echo "  HOSTLD $@"
	$(Q)$(HOST_CC) $(host_flags) -o $@ $< $(host)/libhyp.a -lcmocka -lfdt

-include $(shell find $(host)/obj -name '*.d' 2>/dev/null)

.PRECIOUS: $(host)/obj/%.o

FORMATTED := $(sort $(shell find hyp platform firmware guests tests -name '*.[ch]' 2>/dev/null))

test_env := BUILD=$(BUILD) CACHE='$(CACHE)' OUT=$(OUT) POLICY=$(policy_name) QEMU='$(QEMU)' OPENSBI='$(OPENSBI)' CROSS=$(CROSS)
run_pytest := $(PYTHON) -B -m pytest -q -p no:cacheprovider --rootdir=tests -c /dev/null
pytest := $(test_env) $(run_pytest)

.PHONY: test check soak unit layering format-check
test check: $(OUT)/hartwood.bin $(guest_bins) $(bundles) $(unit_bins)
	@$(pytest) -n 2 --dist loadgroup tests/unit $(wildcard tests/target) $(TESTS)

# What takes too long for every day.
soak: $(OUT)/hartwood.bin $(guest_bins) $(bundles)
	@SOAK=1 $(pytest) -n 2 --dist loadgroup tests/target $(TESTS)

unit: $(unit_bins)
	@$(pytest) -n 2 --dist loadgroup tests/unit $(TESTS)

layering:
	@$(PYTHON) tests/layering.py

format-check:
	@$(pytest) tests/unit/test_format.py
