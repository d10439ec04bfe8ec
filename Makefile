# SPDX-License-Identifier: BSD-2-Clause
#
# Hartwood's build. `make help` lists the targets and variables; mk/ holds the rules: firmware.mk
# the hypervisor, guests.mk what it runs, tests.mk what proves it.

BUILD  ?= build
CACHE  ?= $(BUILD)/cache
CROSS  ?= riscv64-unknown-elf-
PYTHON := /usr/bin/python3
DEBUG  ?=

BUNDLE    ?= dts/linux.dts
MACHINE   ?= virt
CPU       ?= rv64
SMP       ?= 2
MEM       ?= 1G
QEMU      ?= qemu-system-riscv64
QEMU_ARGS ?=
OPENSBI   ?=
MIRROR    ?=

# QEMU -kernel loads an Image here on the virt machine; gdb is told so too.
LOAD_ADDRESS := 0x80200000

OUT := $(if $(DEBUG),$(BUILD)/debug,$(BUILD))

.DEFAULT_GOAL := hartwood
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
# A make that another one started takes its jobs from that one's.
jobs := $(or $(filter -j%,$(MAKEFLAGS)),-j$(shell nproc))
MAKEFLAGS += --no-builtin-rules $(if $(filter-out 0,$(MAKELEVEL)),,$(jobs))
Q := $(if $(V),,@)

# What a goal needs of the host, beyond the compiler.
quiet_goals := help clean distclean format
goals_on_qemu := bench bench-policies test-policies compare trace test check soak hostile audit audit-efficiency
tool_groups := build \
	$(if $(filter run debug $(goals_on_qemu),$(MAKECMDGOALS)),run) \
	$(if $(filter unit format-check coverage fuzz% $(goals_on_qemu),$(MAKECMDGOALS)),test) \
	$(if $(filter coverage,$(MAKECMDGOALS)),cover) \
	$(if $(filter debug,$(MAKECMDGOALS)),debug) \
	$(if $(filter lint,$(MAKECMDGOALS)),lint) \
	$(if $(filter compare compare-vtx test check soak,$(MAKECMDGOALS)),compare)

# Included, so that make puts the tools in place before it looks at anything else. It is checked
# each time, and rewritten only when the compiler's libraries have moved.
ifneq ($(filter-out $(quiet_goals),$(or $(MAKECMDGOALS),hartwood)),)
include $(BUILD)/tools.mk
endif
$(BUILD)/tools.mk: FORCE
	@GOAL='$(firstword $(MAKECMDGOALS))' CROSS='$(CROSS)' QEMU='$(QEMU)' \
		OPENSBI='$(OPENSBI)' MIRROR='$(MIRROR)' CACHE='$(CACHE)' \
		firmware/image/host-tools $(BUILD) $(tool_groups)
Makefile: ;
mk/%.mk: ;
.PHONY: FORCE
FORCE:

include mk/firmware.mk
include mk/guests.mk
include mk/tests.mk
include mk/audit.mk
include mk/fuzz.mk
include mk/count.mk
include mk/coverage.mk
include mk/hostile.mk
include mk/lint.mk
include mk/policy.mk
include mk/prove.mk
include mk/compare.mk

# ---- running ---------------------------------------------------------------------------------

QEMU_COMMAND = $(QEMU) -machine $(MACHINE) -cpu $(CPU) -smp $(SMP) -m $(MEM) -nographic \
	-bios $(or $(OPENSBI),default) -kernel $(OUT)/hartwood.bin -initrd $(BUNDLE_DTB) $(QEMU_ARGS)

.PHONY: run demo debug bench
run: $(OUT)/hartwood.bin $(BUNDLE_DTB)
	@echo "Starting $(BUNDLE) on $(SMP) harts. To leave QEMU, press Ctrl-A and then X."
	@$(QEMU_COMMAND)

# Three VMs on four harts.
demo:
	@echo 'Two Linux VMs and a real-time program. Press Ctrl-] and then n to see one of them alone,'
	@echo 'a for all of them, s for the shell of Hartwood, ? for what else there is.'
	@$(MAKE) --no-print-directory run BUNDLE=dts/three.dts SMP=4

debug: $(OUT)/hartwood.bin $(BUNDLE_DTB)
	@echo "QEMU waits for gdb at :1234. In another terminal:"
	@echo "  gdb-multiarch -ex 'set architecture riscv:rv64' \\"
	@echo "    -ex 'add-symbol-file $(OUT)/hartwood.elf -o $(LOAD_ADDRESS)' -ex 'target remote :1234'"
	@echo "To leave QEMU, press Ctrl-A and then X."
	@$(QEMU_COMMAND) -s -S

bench: $(OUT)/hartwood.bin guests
	@$(test_env) $(PYTHON) -B tests/bench/bench.py

# What a bundle does in its first SECONDS, for the Perfetto UI.
SECONDS := 15
.PHONY: trace
trace: $(OUT)/hartwood.bin $(BUNDLE_DTB)
	@$(test_env) $(PYTHON) -B tests/trace/record.py --bundle $(BUNDLE_DTB) \
		--out $(BUILD)/trace/trace.json --smp $(SMP) --mem $(MEM) --cpu $(CPU) \
		--machine $(MACHINE) --seconds $(SECONDS) -- $(QEMU_ARGS)

# ---- housekeeping ----------------------------------------------------------------------------

.PHONY: help clean distclean format
format:
	clang-format -i $(FORMATTED)

# Nothing is deleted that the sources lie in, as with BUILD=. or an empty one.
.PHONY: check-build
check-build:
	@case "$$(realpath -m .)/" in "$$(realpath -m '$(or $(BUILD),.)' | sed 's:/$$::')/"*) \
		echo 'BUILD=$(BUILD) is where the sources are; nothing is deleted'; exit 1;; esac

# However BUILD and CACHE are spelled: what is, contains, or lies in the cache stays.
clean: check-build
	@cache=$$(realpath -m '$(CACHE)'); [ ! -d '$(BUILD)' ] || \
	find '$(abspath $(BUILD))/' -mindepth 1 -maxdepth 1 | while read -r entry; do \
		entry=$$(realpath -ms "$$entry"); real=$$(realpath -m "$$entry"); \
		case "$$cache/" in "$$real/"*) continue;; esac; \
		case "$$real/" in "$$cache/"*) continue;; esac; \
		rm -rf "$$entry"; \
	done

distclean: check-build
	rm -rf $(BUILD)

help:
	@echo 'Targets'
	@echo '  run           build all, boot BUNDLE on the emulated machine (first run: downloads)'
	@echo '  demo          two Linux VMs and a real-time program side by side on 4 harts'
	@echo '  test          every test; ends with "N passed, N failed"'
	@echo '  test-policies every host and target test under the builds EXIT=full, SWITCH=eager and both'
	@echo '  soak          the tests that take longest, which test leaves out'
	@echo '  hartwood      the hypervisor: $(OUT)/hartwood.bin (what plain make builds)'
	@echo '  guests        what it runs: bare guests, Linux, U-Boot'
	@echo '  bundle        BUNDLE as a blob to boot: $(BUNDLE_DTB)'
	@echo '  debug         like run, stopped and waiting for gdb; prints the gdb line'
	@echo '  bench         what each exit costs, in instructions, beside the targets'
	@echo '  bench-policies  what laziness saves: the benchmarks under the builds EXIT=full, SWITCH=eager and both'
	@echo '  compare       Hartwood beside VT-x, operation by operation, and Linux boots under each policy:'
	@echo '                $(BUILD)/compare/report.html; compare-vtx: the VT-x side alone'
	@echo '  trace         what happens in the first SECONDS=$(SECONDS) of BUNDLE, as a file for the Perfetto UI'
	@echo '  audit         what guests may do and find, against the same CPU without H; ends "audit: passed"'
	@echo '  audit-efficiency  that part alone: the share of its instructions that a Linux guest executes itself'
	@echo '  hostile       a guest that does its worst beside others: SEED= MINUTES= [ICOUNT=no] [CPU=]'
	@echo '  fuzz          one fuzzer, T= one of $(fuzz_names);'
	@echo '                MINUTES=1, or INPUT=file to replay; fuzz-merge: its committed seeds anew'
	@echo '  coverage      what the host tests and the fuzzers'"'"' seeds reach of hyp/; fails below the floor'
	@echo '  lint          gcc -fanalyzer, clang-tidy and cppcheck over the hypervisor'
	@echo '  prove         proofs by a bounded model checker (P=NAME: one file; first run: downloads)'
	@echo '  prove-planted shows the proofs mistakes that they have to find'
	@echo '  unit          the host tests only; layering: the layering rule only'
	@echo '  format        runs clang-format over the sources; format-check only looks'
	@echo '  clean         removes what was built; distclean the downloads too'
	@echo 'Variables'
	@echo '  BUNDLE=$(BUNDLE)    the VM bundle to boot'
	@echo '  SMP=$(SMP) MEM=$(MEM)  harts and memory of the machine'
	@echo '  CPU=$(CPU) MACHINE=$(MACHINE)  QEMU -cpu and -machine'
	@echo '  QEMU_ARGS=           more arguments for QEMU; QEMU= another QEMU'
	@echo '  OPENSBI=             another firmware (QEMU -bios)'
	@echo '  EXIT=full            every exit saves all registers, for comparison'
	@echo '  SWITCH=eager         every exit and entry moves all CSRs of the guest, as with a VMCS; both may be given'
	@echo '  DEBUG=1              -O1, frame pointers and lock checks, in $(BUILD)/debug'
	@echo '  TESTS=               more arguments for pytest, such as TESTS="-k linux"'
	@echo '  MIRROR=              Debian archive to download from (else as in apt sources)'
	@echo '  BUILD=$(BUILD) CACHE=$(CACHE)  where output and downloads go'
	@echo '  V=1                  show commands'
