# SPDX-License-Identifier: BSD-2-Clause
#
# Hartwood beside VT-x, operation by operation (tests/compare). The other side (tests/compare/vtx) is
# a small hypervisor for x86-64 and its guest, as a disk that the emulator Bochs boots. It is built by
# the host's compiler, which must be one for x86-64.

vtx      := $(BUILD)/compare/vtx
vtx_dir  := tests/compare/vtx
vtx_c    := $(filter-out $(vtx_dir)/offsets.c,$(sort $(wildcard $(vtx_dir)/*.c)))
vtx_h    := $(wildcard $(vtx_dir)/*.h $(vtx_dir)/*.inc $(vtx_dir)/guest/*.h)
vtx_o    := $(vtx_c:$(vtx_dir)/%.c=$(vtx)/%.o) $(vtx)/boot.S.o $(vtx)/exit.S.o $(vtx)/entry.S.o
vtx_guest_o := $(vtx)/guest/loops.S.o \
	$(patsubst $(vtx_dir)/guest/%.c,$(vtx)/guest/%.o,$(sort $(wildcard $(vtx_dir)/guest/*.c)))

# As for the firmware: -O2, and linked as one. The compiler keeps off the vector registers, which are
# the guest's while the hypervisor runs.
vtx_flags := -std=gnu11 -O2 -g -m64 -ffreestanding -fno-pic -mcmodel=small -mno-red-zone \
	-mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
	-fno-strict-aliasing -I$(vtx) $(WARNINGS)
vtx_link  := -nostdlib -static -no-pie -Wl,--build-id=none,-z,max-page-size=4096,-z,noexecstack,--no-warn-rwx-segments

$(vtx)/flags: FORCE
	@mkdir -p $(@D)/guest
	@echo '$(HOST_CC) $(vtx_flags) $(vtx_o)' | cmp -s - $@ || \
		echo '$(HOST_CC) $(vtx_flags) $(vtx_o)' >$@

$(vtx)/offsets.s: $(vtx_dir)/offsets.c $(vtx_h) $(vtx)/flags
	$(Q)$(HOST_CC) $(vtx_flags) -S $< -o $@

$(vtx)/offsets.h: $(vtx)/offsets.s
	@sed -n 's/^[[:space:]]*->\([A-Z0-9_]*\) \$$\{0,1\}\(-\{0,1\}[0-9]*\).*/#define \1 \2/p' $< >$@.new
	@mv $@.new $@

$(vtx)/%.o: $(vtx_dir)/%.c $(vtx_h) $(vtx)/flags
	@echo "  X86CC $<"
	$(Q)$(HOST_CC) $(vtx_flags) $(if $(filter guest/% mem,$*),,-flto) -c $< -o $@

$(vtx)/%.S.o: $(vtx_dir)/%.S $(vtx_h) $(vtx)/offsets.h $(vtx)/guest.bin $(vtx)/flags
	@echo "  X86AS $<"
	$(Q)$(HOST_CC) $(vtx_flags) -DGUEST_BINARY='"$(vtx)/guest.bin"' -c $< -o $@

$(vtx)/guest/%.S.o: $(vtx_dir)/guest/%.S $(vtx_h) $(vtx)/flags
	@echo "  X86AS $<"
	$(Q)$(HOST_CC) $(vtx_flags) -c $< -o $@

$(vtx)/guest.elf: $(vtx_guest_o) $(vtx_dir)/guest/guest.lds
	$(Q)$(HOST_CC) $(vtx_flags) $(vtx_link) -T $(vtx_dir)/guest/guest.lds $(vtx_guest_o) -o $@

$(vtx)/guest.bin: $(vtx)/guest.elf
	@objcopy -O binary $< $@

$(vtx)/vtx.elf: $(vtx_o) $(vtx_dir)/vtx.lds
	@echo "  X86LD $@"
	$(Q)$(HOST_CC) $(vtx_flags) -flto $(vtx_link) -T $(vtx_dir)/vtx.lds $(vtx_o) -o $@

$(vtx)/vtx.bin: $(vtx)/vtx.elf
	@objcopy -O binary $< $@

# The decoder alone, for the host: hexadecimal bytes in, one line of what they mean out.
$(BUILD)/host/vtx_decode: tests/compare/decode_main.c $(vtx_dir)/decode.c $(vtx_h) mk/compare.mk
	@mkdir -p $(@D)
	@echo "  HOSTCC $@"
	$(Q)$(HOST_CC) -std=gnu11 -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all \
		$(WARNINGS) -I$(vtx_dir) -o $@ $(filter %.c,$^)

# Hosts that are not x86-64 build nothing of it: the driver says so, and the tests skip.
ifeq ($(shell uname -m),x86_64)
vtx_image := $(vtx)/vtx.bin
test check soak unit: $(BUILD)/host/vtx_decode
test check soak: $(vtx_image)
endif

# Boots it and measures: build/compare/vtx.log and vtx.json.
.PHONY: compare-vtx vtx
vtx: $(vtx_image)
compare-vtx: $(vtx_image)
	@$(PYTHON) -B tests/compare/vtx.py --build $(BUILD)

# Both sides and the report: build/compare/report.txt, report.html. Builds of ours that move state as a
# VMCS would (mk/policy.mk) are measured too; their options are in compare_NAME. Each is in a directory of
# its own, which tests/policy.py uses as well: hence the lock. The first build has fetched what all need.
compare_builds := full eager both
compare_full   := EXIT=full
compare_eager  := SWITCH=eager
compare_both   := EXIT=full SWITCH=eager
ifneq ($(and $(filter compare,$(MAKECMDGOALS)),$(EXIT)$(SWITCH)),)
$(error compare makes builds with EXIT and SWITCH of its own)
endif
compare_images := $(compare_builds:%=$(BUILD)/policy-%/hartwood.bin)

$(compare_images): $(BUILD)/policy-%/hartwood.bin: FORCE | $(OUT)/hartwood.bin
	@echo "  BUILD $(@D): $(compare_$*)"
	@mkdir -p $(@D)
	@flock $(@D).lock $(MAKE) -s --no-print-directory BUILD=$(@D) OUT=$(@D) CACHE='$(CACHE)' \
		EXIT= SWITCH= $(compare_$*) hartwood >/dev/null

.PHONY: compare
compare: $(OUT)/hartwood.bin $(BUILD)/guests/compare.bin $(count_plugin) $(vtx_image) \
		$(guest)/Image $(guest)/initrd.gz $(compare_images)
	@$(test_env) $(PYTHON) -B tests/compare/compare.py --build $(BUILD) --jobs $(or $(jobs:-j%=%),2) \
		default=$(OUT) $(foreach name,$(compare_builds),$(name)=$(BUILD)/policy-$(name))
