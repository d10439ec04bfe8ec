# SPDX-License-Identifier: BSD-2-Clause
#
# What Hartwood runs: bare guests of our own, each a directory of guests/ linked with the shared
# guests/lib; Debian's kernel with a busybox initramfs; U-Boot; and the bundles of dts/.

guest := $(BUILD)/guest

# ---- Debian packages -------------------------------------------------------------------------

$(CACHE)/guests.list: | $(BUILD)/tools.mk
	@GOAL='$(firstword $(MAKECMDGOALS))' MIRROR='$(MIRROR)' firmware/image/fetch-guests $(CACHE)

# $(call extract,PACKAGE,PATTERN,COMMAND): COMMAND gets the one file that matches on its input.
extract = dpkg-deb --fsys-tarfile \
	"$(CACHE)/debs/$$(awk '$$1 ~ /^$(1)/ { print $$2 }' $(CACHE)/guests.list)" | \
	tar -x -O --wildcards '$(2)'

$(guest)/Image: $(CACHE)/guests.list firmware/image/unpack-kernel
	@mkdir -p $(@D)
	@echo "  GUEST $@ (unpacking the Debian kernel)"
	@$(call extract,linux-image,./boot/vmlinu*) >$(guest)/vmlinux
	@firmware/image/unpack-kernel $(guest)/vmlinux $@
	@rm -f $(guest)/vmlinux

$(guest)/busybox: $(CACHE)/guests.list
	@mkdir -p $(@D)
	@$(call extract,busybox-static,./usr/bin/busybox) >$@.new
	@mv $@.new $@

$(guest)/initrd.gz: $(guest)/busybox guests/linux/init firmware/image/initramfs
	@echo "  GUEST $@"
	@firmware/image/initramfs $(guest)/busybox guests/linux/init $@

$(guest)/u-boot.bin: $(CACHE)/guests.list
	@mkdir -p $(@D)
	@echo "  GUEST $@"
	@$(call extract,u-boot-qemu,./usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin) >$@.new
	@mv $@.new $@

# ---- bare guests -----------------------------------------------------------------------------

guest_obj := $(BUILD)/guest-obj
guest_names := $(filter-out lib,$(sort $(patsubst guests/%/,%,\
	$(dir $(wildcard guests/*/*.c guests/*/*.S)))))
guest_bins := $(guest_names:%=$(BUILD)/guests/%.bin)
guest_flags := $(ARCH) -std=gnu11 -O2 -g -I. -Iguests/lib --specs=picolibc.specs \
	-ffreestanding -fno-tree-loop-distribute-patterns -fno-common \
	-ffunction-sections -fdata-sections $(WARNINGS)

guest_objects = $(patsubst %,$(guest_obj)/%.o,$(sort $(wildcard guests/$(1)/*.c guests/$(1)/*.S)))
lib_objects := $(call guest_objects,lib)

$(guest_obj)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC_VERSION) $(guest_flags)' | cmp -s - $@ || echo '$(CC_VERSION) $(guest_flags)' >$@

$(guest_obj)/%.o: % $(guest_obj)/flags
	@mkdir -p $(@D)
	@echo "  CC  $<"
	$(Q)$(CC) $(guest_flags) -MMD -MP -c $< -o $@

define guest_rule
$(BUILD)/guests/$(1).elf: $(call guest_objects,$(1)) $(lib_objects) guests/lib/guest.lds
	@mkdir -p $$(@D)
	@echo "  LD  $$@"
	$$(Q)$$(CC) $$(ARCH) -nostdlib -nostartfiles -static -T guests/lib/guest.lds \
		-Wl,--gc-sections,--build-id=none,--no-warn-rwx-segments -o $$@ \
		$$(filter %.o,$$^) -Wl,--start-group $$(LIBC) $$(LIBGCC) -Wl,--end-group
endef
$(foreach name,$(guest_names),$(eval $(call guest_rule,$(name))))

$(BUILD)/guests/%.bin: $(BUILD)/guests/%.elf
	$(Q)$(OBJCOPY) -O binary $< $@

.PHONY: guests
guests: $(guest_bins) $(guest)/Image $(guest)/initrd.gz $(guest)/u-boot.bin

-include $(shell find $(guest_obj) -name '*.d' 2>/dev/null)

# ---- bundles ---------------------------------------------------------------------------------

# Sources name their images relative to the build directory: /incbin/("guest/Image"). The time stamp
# is what makes a blob a FIT in dumpimage's eyes.
incbins = $(addprefix $(BUILD)/,$(shell sed -n 's:.*/incbin/("\([^"]*\)").*:\1:p' $(1) 2>/dev/null))

BUNDLE_DTB := $(BUILD)/$(basename $(notdir $(BUNDLE))).dtb
bundles := $(patsubst dts/%.dts,$(BUILD)/%.dtb,$(wildcard dts/*.dts))

define bundle_rule
$(BUILD)/$(basename $(notdir $(1))).dtb: $(1) $(call incbins,$(1))
	@echo "  DTC $$@"
	@dtc -q -I dts -O dtb -i $(BUILD) -o $$@.new $$<
	@fdtput -t u $$@.new / timestamp $$$$(date -r $$< +%s)
	@mv $$@.new $$@
endef
$(foreach source,$(sort $(BUNDLE) $(wildcard dts/*.dts)),$(eval $(call bundle_rule,$(source))))

.PHONY: bundle
bundle: $(BUNDLE_DTB)
