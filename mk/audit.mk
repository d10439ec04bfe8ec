# SPDX-License-Identifier: BSD-2-Clause
#
# The audit: everything that software may try, in a guest and on the same CPU model alone, compared
# and classed (tests/audit). Ends with "audit: passed" or "audit: failed".

MODELS ?= rv64 max rva23s64

.PHONY: audit
# The efficiency of the report is counted first, into build/audit/efficiency.json.
audit: $(OUT)/hartwood.bin $(BUILD)/guests/audit.bin audit-efficiency
	@$(test_env) $(PYTHON) -B tests/audit/audit.py $(MODELS)
