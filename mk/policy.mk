# SPDX-License-Identifier: BSD-2-Clause
#
# The builds that have less laziness than ours, for comparison (hyp/vs.h, hyp/vm/observe.h): each is
# built into build/policy-NAME, and passes the tests that the lazy one passes.

policies       := eager full both
policy_options_eager := SWITCH=eager EXIT=
policy_options_full  := SWITCH= EXIT=full
policy_options_both  := SWITCH=eager EXIT=full

# What laziness saves: the benchmarks under each (tests/bench/policies.py).
.PHONY: bench-policies
bench-policies: $(guest_bins) $(guest)/Image $(guest)/initrd.gz
	@$(test_env) $(PYTHON) -B tests/bench/policies.py

# All host tests and all target tests under each, one after the other, but for those that would say
# the same of every build: these have the mark `once`, with the reason, and count as skipped
# (TESTS=-rs shows them). The target tests' guests are those of the lazy build.
#
# $(call policy_steps,NAME): whatever fails, all is run.
define policy_steps
echo "== policy $(1) =="; log=$(BUILD)/policy-$(1)/tests; mkdir -p $$log; \
$(MAKE) --no-print-directory BUILD=$(BUILD)/policy-$(1) OUT=$(BUILD)/policy-$(1) CACHE='$(CACHE)' \
	$(policy_options_$(1)) hartwood unit | tee $$log/host || failed=1; \
$(test_env) OUT=$(BUILD)/policy-$(1) POLICY=$(1) $(run_pytest) -n 2 --dist loadgroup tests/target $(TESTS) | \
	tee $$log/target || failed=1;
endef
policy_result = echo "$(1): host tests: $$(tail -n 1 $(BUILD)/policy-$(1)/tests/host)"; \
	echo "$(1): target tests: $$(tail -n 1 $(BUILD)/policy-$(1)/tests/target)";

.PHONY: test-policies
test-policies: $(guest_bins) $(guest)/Image $(guest)/initrd.gz $(guest)/u-boot.bin $(bundles) $(count_plugin)
	@failed=; $(foreach policy,$(policies),$(call policy_steps,$(policy))) \
	$(foreach policy,$(policies),$(call policy_result,$(policy))) \
	[ -z "$$failed" ]

# What `make test` has of it beside tests/target/test_policy.py: the host tests of what the policies
# change. Only files of hyp/ that know of them, directly or by these headers, are compiled anew; they
# come before the lazy build's in the link. tests/unit/test_policies.py runs the programs.
policy_tests := exit inject observe requests run sbi switch timer units vcpu_load
policy_hyp_c := $(shell grep -lE 'include "hyp/(vs|vm/switch|vm/observe)\.h"' -r hyp --include='*.c')
policy_bins  := $(foreach policy,eager both,$(policy_tests:%=$(host)/policy-$(policy)/test_%))

define policy_rules
$(host)/policy-$(1)/obj/%.o: %.c $(host)/flags mk/policy.mk
	@mkdir -p $$(@D)
	@echo "  HOSTCC $$< ($(1))"
	$$(Q)$$(HOST_CC) $$(host_flags) $(policy_flags_$(1)) -MMD -MP -c $$< -o $$@

$(host)/policy-$(1)/test_%: $(host)/policy-$(1)/obj/tests/unit/test_%.o \
		$(policy_hyp_c:%.c=$(host)/policy-$(1)/obj/%.o) $(host)/libhyp.a
	@echo "  HOSTLD $$@"
	$$(Q)$$(HOST_CC) $$(host_flags) -o $$@ $$^ -lcmocka -lfdt

.PRECIOUS: $(host)/policy-$(1)/obj/%.o
-include $(shell find $(host)/policy-$(1)/obj -name '*.d' 2>/dev/null)
endef
$(foreach policy,eager both,$(eval $(call policy_rules,$(policy))))

# Not within a policy: all host tests are run then.
ifeq ($(policy_name),)
test check unit: $(policy_bins)
endif
