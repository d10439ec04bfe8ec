# SPDX-License-Identifier: BSD-2-Clause
#
# A guest that does its worst, beside others who must not notice (tests/hostile/hostile.py):
# make hostile SEED=1 MINUTES=10. A seed is a machine; without MINUTES it is one of them.

SEED   ?=
ICOUNT ?=

.PHONY: hostile
hostile: $(OUT)/hartwood.bin $(guest_bins) $(guest)/Image $(guest)/initrd.gz
	@$(test_env) $(PYTHON) -B tests/hostile/hostile.py $(if $(SEED),--seed $(SEED)) \
		--minutes $(if $(filter file,$(origin MINUTES)),0,$(MINUTES)) \
		$(if $(filter-out rv64,$(CPU)),--cpu '$(CPU)') \
		$(if $(filter no 0,$(ICOUNT)),--no-icount) $(HOSTILE)
