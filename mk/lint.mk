# SPDX-License-Identifier: BSD-2-Clause
#
# What can be told of the sources without running them: gcc's analyzer, clang-tidy (its checks are
# in .clang-tidy) and cppcheck, on every C file of the hypervisor. A file is looked at again when it, a header of it, or a tool's settings have changed.

lint     := $(BUILD)/lint
lint_c   := $(HYP_C) $(PLATFORM_C) firmware/offsets.c
lint_oks := $(lint_c:%.c=$(lint)/%.ok)

lint_analyzer := -fanalyzer
# gstage_descend() fills path[] from the root's level down to the one that it returns, which is the
# one that its callers look at; the analyzer does not relate the loop's counter to the result.
$(lint)/hyp/mem/gstage.ok $(lint)/hyp/mem/gstage_change.ok: lint_analyzer += -Wno-analyzer-use-of-uninitialized-value

# gcc 13 and later follow each call of a formatting function with a format that could be any; that
# the arguments are those that the format asks for is -Wformat's to check.
$(lint)/hyp/config/bundle_report.ok: lint_analyzer += -Wno-analyzer-va-list-exhausted
# It takes a loop to the end of a string for one without an end.
$(lint)/platform/isalist.ok: lint_analyzer += -Wno-analyzer-infinite-loop

# All that cppcheck knows, but for its guesses ("inconclusive") and notes on what it left out.
lint_cppcheck := -D__cppcheck__ --quiet --error-exitcode=1 --std=c11 --language=c --inline-suppr \
	--enable=warning,style,performance,portability --suppressions-list=tests/cppcheck.txt \
	--template='{file}:{line}: {severity}: {message} [cppcheck {id}]'

# What kind of code a file is: preprocessor flags that all three understand, and the rest of the
# compiler's. picolibc's headers stand where its specs would put them.
picolibc_h = $(shell $(CC) --specs=picolibc.specs -E -v -x c /dev/null 2>&1 | \
	awk '/picolibc.*include$$/ { print $$1; exit }')
$(lint)/%.ok: lint_cc = $(CC) $(filter-out -flto,$(CFLAGS))
$(lint)/%.ok: lint_tidy = --target=riscv64-unknown-elf -march=rv64imac -mabi=lp64 \
	-isystem $(picolibc_h)
$(lint)/%.ok: lint_cpp = -I. -I$(BUILD)/target/include

$(lint)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC_VERSION) $(CFLAGS) $(lint_analyzer)' | cmp -s - $@ || \
		echo '$(CC_VERSION) $(CFLAGS) $(lint_analyzer)' >$@

$(lint)/%.ok: %.c $(lint)/flags .clang-tidy tests/cppcheck.txt mk/lint.mk $(libfdt_h)
	@mkdir -p $(@D)
	@echo "  LINT $<"
	$(Q)$(lint_cc) $(lint_cpp) $(lint_analyzer) -MMD -MP -MF $(@:.ok=.d) -MT $@ -S $< -o /dev/null
	$(Q)clang-tidy --quiet --warnings-as-errors='*' $< -- $(lint_tidy) $(lint_cpp) -std=gnu11 \
		-Wno-unknown-warning-option 2>$(@:.ok=.tidy) || { cat $(@:.ok=.tidy); exit 1; }
	$(Q)cppcheck $(lint_cppcheck) $(lint_cpp) $<
	@touch $@

-include $(shell find $(lint) -name '*.d' 2>/dev/null)

.PHONY: lint
lint: $(lint_oks)
	@echo '$(words $(lint_c)) files: gcc -fanalyzer, clang-tidy and cppcheck have nothing to say'
