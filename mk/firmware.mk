# SPDX-License-Identifier: BSD-2-Clause
#
# The hypervisor image: hyp/, platform/ and firmware/ in one link-time-optimised, self-relocating
# ELF, and the flat binary of it that boot loaders take.

CC      := $(CROSS)gcc
OBJCOPY := $(CROSS)objcopy
OBJ     := $(OUT)/obj

HYP_C      := $(sort $(shell find hyp -name '*.c' 2>/dev/null))
PLATFORM_C := $(sort $(shell find platform -name '*.c' 2>/dev/null))
FIRMWARE_C := $(filter-out firmware/offsets.c,$(sort $(wildcard firmware/*.c)))
FIRMWARE_S := $(sort $(wildcard firmware/*.S))

hw_objects := $(patsubst %,$(OBJ)/%.o,$(basename $(HYP_C) $(PLATFORM_C) $(FIRMWARE_C)))
asm_objects := $(patsubst %,$(OBJ)/%.S.o,$(basename $(FIRMWARE_S)))

# gp and tp hold the guest's values while the hypervisor runs. The compiler leaves both alone
# in code without thread-local data, and the linker has no use for gp as long as the linker
# script defines no __global_pointer$ (tests/layering.py looks at the result).
ARCH := -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany
OPTIMISE := $(if $(DEBUG),-O1 -fno-omit-frame-pointer -DHW_DEBUG=1,-O2)
# How a build with less laziness than ours does: hyp/vs.h, hyp/vm/observe.h.
$(foreach policy,$(filter-out full,$(EXIT)),$(error EXIT=$(policy): only EXIT=full means anything))
$(foreach policy,$(filter-out eager,$(SWITCH)),$(error SWITCH=$(policy): only SWITCH=eager means anything))
policy_flags_full  := -DHW_FULL_EXITS=1
policy_flags_eager := -DHW_SWITCH_EAGER=1
policy_flags_both  := $(policy_flags_full) $(policy_flags_eager)
policy_name := $(if $(EXIT),$(if $(SWITCH),both,full),$(if $(SWITCH),eager))
POLICY := $(policy_flags_$(policy_name))
WARNINGS := -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
COMMON := $(ARCH) -std=gnu11 $(OPTIMISE) $(POLICY) -g -I. -I$(OUT)/include -I$(BUILD)/target/include \
	--specs=picolibc.specs -fno-pie -fvisibility=hidden -fno-common \
	-ffunction-sections -fdata-sections -fstack-protector-strong -fno-builtin-printf \
	-ffile-prefix-map=$(CURDIR)/=
CFLAGS := $(COMMON) $(WARNINGS)

# hyp/ keeps machine code beside the link-time representation, for the layering check to read.
LTO := -flto
$(OBJ)/hyp/%.o: LTO := -flto -ffat-lto-objects

# Linked at 0, with the relocations kept for firmware/image/add-relocations: they tell which words
# depend on where the image is loaded. Code is relative to pc in the medany model.
LDFLAGS := $(ARCH) $(OPTIMISE) -g -std=gnu11 -fno-pie -Werror -flto -flto-partition=one \
	-fstack-protector-strong -ffunction-sections -fdata-sections \
	-nostdlib -nostartfiles -static -T firmware/hartwood.lds \
	-Wl,--defsym=vfprintf=__i_vfprintf -Wl,--emit-relocs,-z,max-page-size=4096,--gc-sections,--build-id=none,--fatal-warnings

.PHONY: hartwood
hartwood: $(OUT)/hartwood.bin

# Anything built with other flags or another compiler is built anew.
flags_now := $(CC) $(CC_VERSION) $(CFLAGS) $(LDFLAGS) $(LIBC) $(LIBGCC)
$(OBJ)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(flags_now)' | cmp -s - $@ || echo '$(flags_now)' >$@

libfdt_h := $(BUILD)/target/include/libfdt.h
$(OBJ)/%.o: %.c $(OBJ)/flags $(libfdt_h)
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(CC) $(CFLAGS) $(LTO) -MMD -MP -c $< -o $@

$(OBJ)/%.S.o: %.S $(OBJ)/flags $(OUT)/include/offsets.h
	@mkdir -p $(@D)
	@echo "  AS  $<"
	$(Q)$(CC) $(COMMON) -MMD -MP -c $< -o $@

# firmware/offsets.c leaves lines "->NAME value" in its assembly: C's view of the structures that
# the assembly code reads and writes.
$(OBJ)/firmware/offsets.s: firmware/offsets.c $(OBJ)/flags $(libfdt_h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -fno-lto -MMD -MP -MT $@ -S $< -o $@

$(OUT)/include/offsets.h: $(OBJ)/firmware/offsets.s
	@mkdir -p $(@D)
	@echo "  GEN $@"
	@echo '/* Generated from firmware/offsets.c. */' >$@.new
	@sed -n 's/^[[:space:]]*->\([A-Za-z0-9_]*\)[[:space:]]*\(-\{0,1\}[0-9]*\).*/#define \1 \2/p' \
		$< >>$@.new
	@mv $@.new $@

# The list of objects counts too: a source file that goes away must leave the image.
$(OBJ)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(hw_objects) $(asm_objects)' | cmp -s - $@ || \
		echo '$(hw_objects) $(asm_objects)' >$@

libfdt := $(BUILD)/target/libfdt.a
$(OUT)/hartwood.elf: $(hw_objects) $(asm_objects) $(OBJ)/objects $(libfdt) firmware/hartwood.lds
	@echo "  LD  $@"
	$(Q)$(CC) $(LDFLAGS) -Wl,-Map=$(OUT)/hartwood.map -o $@.new $(asm_objects) $(hw_objects) \
		-Wl,--start-group $(libfdt) $(LIBC) $(LIBGCC) -Wl,--end-group
	$(Q)$(PYTHON) tests/layering.py --cross $(CROSS) --objects $(OBJ)/hyp \
		--image $@.new --assembly '$(asm_objects)'
	@mv $@.new $@

$(OUT)/hartwood.bin: $(OUT)/hartwood.elf firmware/image/add-relocations
	$(Q)$(OBJCOPY) -O binary $< $@.new
	$(Q)firmware/image/add-relocations $< $@.new
	@mv $@.new $@
	@$(CROSS)size $< | awk 'NR == 2 { print "  BIN $@: text " $$1 ", data " $$2 ", bss " $$3 }'

# libfdt for the target is Debian's, relabelled for the integer calling convention.
$(libfdt) $(libfdt_h) &: $(CACHE)/guests.list firmware/image/soft-float-libfdt
	@mkdir -p $(BUILD)/target/include $(BUILD)/target/deb
	@dpkg-deb -x "$(CACHE)/debs/$$(awk '$$1 == "libfdt-dev" { print $$2 }' $<)" $(BUILD)/target/deb
	@firmware/image/soft-float-libfdt $(CROSS) \
		$(BUILD)/target/deb/usr/lib/riscv64-linux-gnu/libfdt.a $(libfdt)
	@cp $(BUILD)/target/deb/usr/include/*fdt*.h $(BUILD)/target/include/
	@touch $(libfdt_h)

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
