# SPDX-License-Identifier: BSD-2-Clause
#
# A guest that does its worst, beside others who must not notice (tests/hostile/hostile.py):
# make hostile SEED=1 MINUTES=10. A seed is a machine; without MINUTES it is one of them. Without CPU=
# the seed chooses the model too. HOSTILE= has more words for the driver: --no-linux, --kinds, --lines.

SEED    ?=
ICOUNT  ?=
HOSTILE ?=

.PHONY: hostile
hostile: $(OUT)/hartwood.bin $(guest_bins) $(guest)/Image $(guest)/initrd.gz
	@$(test_env) $(PYTHON) -B tests/hostile/hostile.py $(if $(SEED),--seed $(SEED)) \
		--minutes $(if $(filter file,$(origin MINUTES)),0,$(MINUTES)) \
		$(if $(filter file,$(origin CPU)),,--cpu '$(CPU)') \
		$(if $(filter no 0,$(ICOUNT)),--no-icount) $(HOSTILE)
