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

# The paths in the archive, and where each comes from.
linux_programs := memcheck work
initramfs_files := init=guests/linux/init bin/busybox=$(guest)/busybox \
	$(foreach program,$(linux_programs),bin/$(program)=$(guest)/$(program)) \
	$(foreach file,$(wildcard guests/linux/bin/*),bin/$(notdir $(file))=$(file))

$(guest)/initrd.gz: $(foreach file,$(initramfs_files),$(lastword $(subst =, ,$(file)))) \
		firmware/image/initramfs mk/guests.mk
	@echo "  GUEST $@"
	@firmware/image/initramfs $@ $(initramfs_files)

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
guest_flags := $(ARCH) -std=gnu11 -O2 -g -I. -Iguests -Iguests/lib --specs=picolibc.specs \
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

# Programs for the Linux guest, without a C library. The flags are the bare guests': compiled for no
# F and D, C code leaves their registers alone, and assembly may keep values in them meanwhile.
linux_objects = $(patsubst %,$(guest_obj)/%.o,$(sort $(wildcard guests/linux/$(1)/*.[cS])) \
	$(wildcard guests/linux/lib/*.[cS]) guests/lib/format.c guests/lib/mem.c)
define linux_rule
$(guest)/$(1): $(call linux_objects,$(1)) $(2)
	@mkdir -p $$(@D)
	@echo "  LD  $$@"
	$$(Q)$$(CC) $$(ARCH) -nostdlib -nostartfiles -static -s \
		-Wl,--gc-sections,--no-relax,--build-id=none,-z,max-page-size=4096 -o $$@ \
		$$^ -Wl,--start-group $$(LIBC) $$(LIBGCC) -Wl,--end-group
endef
$(eval $(call linux_rule,memcheck,$(guest_obj)/guests/fpu/unit.S.o))
$(eval $(call linux_rule,work))

.PHONY: guests
guests: $(guest_bins) $(guest)/Image $(guest)/initrd.gz $(guest)/u-boot.bin

-include $(shell find $(guest_obj) -name '*.d' 2>/dev/null)

# ---- bundles ---------------------------------------------------------------------------------

# Sources name their images relative to the build directory, /incbin/("guest/Image"), to
# themselves, or by absolute path. The time stamp is what makes a blob a FIT in dumpimage's eyes.
quoted = $(shell sed -n 's:.*/$(1)/[^"]*"\([^"]*\)".*:\1:p' $(2) 2>/dev/null)
beside = $(wildcard $(dir $(1))$(2))
find_image = $(if $(filter /%,$(2)),$(2),$(or $(call beside,$(1),$(2)),$(BUILD)/$(2)))
incbins = $(foreach image,$(call quoted,incbin,$(1)),$(call find_image,$(1),$(image)))
includes = $(foreach file,$(call quoted,include,$(1)),\
	$(if $(filter /%,$(file)),$(file),$(dir $(1))$(file)))

# A bundle from elsewhere keeps its whole path, so that it is nobody's namesake.
bundle_path = $(if $(filter $(CURDIR)/dts/,$(dir $(abspath $(1)))),\
	$(notdir $(1)),bundle$(abspath $(1)))
bundle_dtb = $(BUILD)/$(basename $(strip $(call bundle_path,$(1)))).dtb
BUNDLE_DTB := $(call bundle_dtb,$(BUNDLE))
bundles := $(foreach source,$(wildcard dts/*.dts),$(call bundle_dtb,$(source)))

# Images of included files count too, one level down; the files themselves dtc lists, for the next
# time.
define bundle_rule
$(call bundle_dtb,$(1)): $(1) $(call incbins,$(1)) \
		$(foreach file,$(call includes,$(1)),$(call incbins,$(file)))
	@echo "  DTC $$@"
	@mkdir -p $$(@D)
	@dtc -q -I dts -O dtb -i $(BUILD) -d $$@.d.new -o $$@.new $$<
	@sed 's,^[^:]*:,$$@:,' $$@.d.new >$$@.d && rm $$@.d.new
	@sed 's,^[^:]*: *,,; s, ,\n,g' $$@.d | sed '/./s,$$$$,:,' >>$$@.d
	@fdtput -t u $$@.new / timestamp $$$$(date -r $$< +%s)
	@mv $$@.new $$@
-include $(call bundle_dtb,$(1)).d
endef
bundle_sources := $(wildcard dts/*.dts)
ifeq ($(filter $(BUNDLE_DTB),$(bundles)),)
bundle_sources += $(BUNDLE)
endif
$(foreach source,$(bundle_sources),$(eval $(call bundle_rule,$(source))))

.PHONY: bundle
bundle: $(BUNDLE_DTB)
