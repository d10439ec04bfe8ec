# SPDX-License-Identifier: BSD-2-Clause
#
# The proofs: each tests/proof/prove_NAME.c includes sources of hyp/ and states what holds for all
# inputs; cbmc, a bounded model checker, proves it for the target's compiler and types, or shows the
# input for which it does not hold. tests/proof/prove.py runs it and reads its verdicts.

prove       := $(BUILD)/prove
prove_names := $(sort $(patsubst tests/proof/prove_%.c,%,$(wildcard tests/proof/prove_*.c)))
prove_flags := $(ARCH) -std=gnu11 -I. --specs=picolibc.specs

$(CACHE)/cbmc.list: firmware/image/fetch-cbmc | $(BUILD)/tools.mk
	@GOAL='$(firstword $(MAKECMDGOALS))' MIRROR='$(MIRROR)' firmware/image/fetch-cbmc $(CACHE)

# Debian 13's programs and libraries under Debian 13's loader: the same on Debian 12 and 13.
$(prove)/cbmc: $(CACHE)/cbmc.list mk/prove.mk
	@rm -rf $(prove)/root && mkdir -p $(prove)/root
	@while read -r package file; do \
		dpkg-deb -x "$(CACHE)/debs/$$file" $(prove)/root || exit 1; done <$<
	@loader=$$(find $(prove)/root/usr/lib/*-linux-gnu* -name 'ld-linux*.so.*' | head -n 1); \
	for tool in cadical cbmc; do \
		{ echo '#!/bin/sh'; echo 'root=$$(dirname "$$0")/root'; \
		echo "loader=\$$root/$${loader#$(prove)/root/}"; \
		echo 'exec "$$loader" --library-path "$$(dirname "$$loader"):$$root/usr/lib" \'; \
		echo "	\"\$$root/usr/bin/$$tool\" \"\$$@\""; } >$(prove)/$$tool.new; \
		chmod +x $(prove)/$$tool.new && $(prove)/$$tool.new --version >/dev/null && \
		mv $(prove)/$$tool.new $(prove)/$$tool || exit 1; done

$(prove)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CC_VERSION) $(prove_flags)' | cmp -s - $@ || \
		echo '$(CC) $(CC_VERSION) $(prove_flags)' >$@

$(prove)/%.i: tests/proof/prove_%.c $(prove)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(prove_flags) -MMD -MP -MF $(prove)/$*.d -MT $@ -E $< -o $@

$(prove)/%.proved: $(prove)/%.i $(prove)/cbmc tests/proof/prove.py
	@echo "  PROVE tests/proof/prove_$*.c"
	$(Q)$(PYTHON) -B tests/proof/prove.py --cbmc $(prove)/cbmc --out $@ \
		tests/proof/prove_$*.c $(prove)/$*.i

-include $(wildcard $(prove)/*.d)

# make prove P=decode: one file of them.
.PHONY: prove prove-planted
.PRECIOUS: $(prove)/%.i
prove: $(foreach name,$(or $(P),$(prove_names)),$(prove)/$(name).proved)
	@cat $^ | awk '{ print; checks += $$(NF - 3); seconds += $$(NF - 1); count++ } \
		END { printf "%d proofs hold, %d checks, %d s\n", count, checks, seconds }'

# Each proof is shown a mistake in the sources that it has to find.
prove-planted: $(prove)/cbmc $(prove)/flags
	@$(PYTHON) -B tests/proof/planted.py --cbmc $(prove)/cbmc --out $(prove)/planted \
		--preprocess '$(CC) $(prove_flags) -E'
