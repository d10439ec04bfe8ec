# SPDX-License-Identifier: BSD-2-Clause
#
# What laziness saves: the benchmarks under builds that have less of it (tests/bench/policies.py,
# hyp/vs.h). Each is built into build/policy-NAME.

.PHONY: bench-policies
bench-policies: $(guest_bins) $(guest)/Image $(guest)/initrd.gz
	@$(test_env) $(PYTHON) -B tests/bench/policies.py
