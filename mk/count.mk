# SPDX-License-Identifier: BSD-2-Clause
#
# The plugin for QEMU that counts instructions by who executed them (tests/count), and the part of
# the audit that is made with it.

count_plugin := $(BUILD)/host/count.so
count_flags := -std=gnu11 -O2 -g -fPIC -shared -fvisibility=hidden $(WARNINGS)

# What it calls is in QEMU itself, and in the library that QEMU brings along.
$(count_plugin): $(wildcard tests/count/*.[ch]) mk/count.mk
	@mkdir -p $(@D)
	@echo "  PLUGIN $@"
	$(Q)$(HOST_CC) $(count_flags) -o $@ $(filter %.c,$^)

test check soak: $(count_plugin)

# Shares of the guest, the hypervisor and the firmware, as build/audit/efficiency.json and a table.
.PHONY: audit-efficiency
audit-efficiency: $(OUT)/hartwood.bin $(count_plugin) $(guest)/Image $(guest)/initrd.gz
	@$(test_env) $(PYTHON) -B tests/audit/efficiency.py
