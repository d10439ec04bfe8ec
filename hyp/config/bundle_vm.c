/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's node in the bundle. Owns the table of its properties, from which both the parser and the
 * manual take what they know: a new property is a line there and a member of struct bundle_vm_node.
 * What the scheduler makes of it is bundle_limits.c's, what other VMs have to do with it is
 * bundle_depends.c's.
 */
#include "hyp/config/bundle_internal.h"

#include "hyp/config/guest_fdt.h"
#include "hyp/hw.h"
#include "hyp/lock.h"
#include "hyp/mem/page.h"

#include <libfdt.h>
#include <string.h>

_Static_assert(BUNDLE_CPU_MAX <= GUEST_FDT_CPU_MAX, "no device tree for so many cpus");

static const struct bundle_vm *vm_of(const void *object)
{
	return &((const struct bundle_vm_node *)object)->vm;
}

static bool check_cpus(struct bundle_parser *parser, const struct bundle_property *property,
		       const void *object)
{
	unsigned long cpus = vm_of(object)->cpus;

	if (cpus == 0 || cpus > BUNDLE_CPU_MAX)
		return bundle_fail(parser, "%s = %lu is not between 1 and %lu", property->name,
				   cpus, (unsigned long)BUNDLE_CPU_MAX);
	return true;
}

static bool check_memory(struct bundle_parser *parser, const struct bundle_property *property,
			 const void *object)
{
	u64 memory = vm_of(object)->memory;
	u64 most = parser->options ? parser->options->memory_max : 0;

	if (memory == 0)
		return bundle_fail(parser, "%s is 0", property->name);
	if (!is_aligned(memory, PAGE_SIZE))
		return bundle_fail(parser, "%s = 0x%lx is no multiple of %lu", property->name,
				   memory, (unsigned long)PAGE_SIZE);
	if (most && memory > most)
		return bundle_fail(parser, "%s = 0x%lx is more than this machine has, 0x%lx",
				   property->name, memory, most);
	if (most && memory > most - parser->memory_taken)
		return bundle_fail(parser, "%s = 0x%lx is more than the VMs before leave, 0x%lx",
				   property->name, memory, most - parser->memory_taken);
	return true;
}

static bool check_bootargs(struct bundle_parser *parser, const struct bundle_property *property,
			   const void *object)
{
	if (strlen(vm_of(object)->bootargs) >= GUEST_FDT_BOOTARGS_MAX)
		return bundle_fail(parser, "%s has more than %lu characters", property->name,
				   (unsigned long)GUEST_FDT_BOOTARGS_MAX - 1);
	return true;
}

static bool check_image(struct bundle_parser *parser, const struct bundle_property *property,
			const struct bundle_image *image, enum bundle_image_type type,
			const char *type_name)
{
	if (!image->usable)
		return bundle_fail(parser, "%s = \"%s\": that image has errors", property->name,
				   image->name);
	if (image->type != type)
		return bundle_fail(parser, "%s = \"%s\": that image is not of type %s",
				   property->name, image->name, type_name);
	return true;
}

static bool check_kernel(struct bundle_parser *parser, const struct bundle_property *property,
			 const void *object)
{
	return check_image(parser, property, vm_of(object)->kernel, BUNDLE_KERNEL, "kernel");
}

static bool check_ramdisk(struct bundle_parser *parser, const struct bundle_property *property,
			  const void *object)
{
	return check_image(parser, property, vm_of(object)->ramdisk, BUNDLE_RAMDISK, "ramdisk");
}

static bool check_fdt(struct bundle_parser *parser, const struct bundle_property *property,
		      const void *object)
{
	return check_image(parser, property, vm_of(object)->fdt, BUNDLE_FLAT_DT, "flat_dt");
}

static const char *const autostart_words[] = {"no", "yes", NULL};

static const char *const restart_words[] = {
	[GUEST_RESTART_NEVER] = "never",
	[GUEST_RESTART_ON_FAILURE] = "on-failure",
	[GUEST_RESTART_ALWAYS] = "always",
	NULL,
};

#define TO(member) offsetof(struct bundle_vm_node, member)

static const struct bundle_property vm_properties[] = {
	{"cpus", BUNDLE_TYPE_U32, TO(vm.cpus), 1, NULL, check_cpus, "1",
	 "Number of vCPUs, 1 to 32."},
	{"memory", BUNDLE_TYPE_U64, TO(vm.memory), 0, NULL, check_memory, NULL,
	 "Size of the RAM in bytes, a multiple of 4096. It starts at guest-physical 0x80000000."},
	{"kernel", BUNDLE_TYPE_IMAGE, TO(vm.kernel), 0, NULL, check_kernel, NULL,
	 "What to boot: a Linux `Image`, an ELF64 executable, or a raw binary, which goes to "
	 "0x80200000 unless its image has a `load` property."},
	{"ramdisk", BUNDLE_TYPE_IMAGE, TO(vm.ramdisk), 0, NULL, check_ramdisk, "none",
	 "An initramfs or initrd. `/chosen` tells the guest where it is."},
	{"fdt", BUNDLE_TYPE_IMAGE, TO(vm.fdt), 0, NULL, check_fdt,
	 "one made from the other properties",
	 "A device tree to use as it is, 128 KiB at most, except that bootargs and the place of "
	 "the "
	 "ramdisk are put into its `/chosen`."},
	{"bootargs", BUNDLE_TYPE_STRING, TO(vm.bootargs), 0, NULL, check_bootargs, "none",
	 "The kernel's command line."},
	{"memory-pinned", BUNDLE_TYPE_BOOL, TO(vm.memory_pinned), 0, NULL, NULL, "not given",
	 "All RAM is taken before the VM starts, in leaves of up to 1 GiB, instead of page by page "
	 "on first touch. Needed for DMA."},
	{"autostart", BUNDLE_TYPE_CHOICE, TO(autostart), 1, autostart_words, NULL, "yes",
	 "`yes`: the VM starts when the machine does. `no`: when it is told to, or when a VM that "
	 "depends on it starts."},
	{"restart", BUNDLE_TYPE_CHOICE, TO(restart), GUEST_RESTART_NEVER, restart_words, NULL,
	 "never",
	 "Whether the VM starts again when it has ended by itself: `never`, `on-failure` (not "
	 "after "
	 "a shutdown that the guest asked for) or `always`. A reboot that the guest asks for is no "
	 "end."},
	{"depends", BUNDLE_TYPE_STRINGS, TO(depends), 0, NULL, bundle_check_depends, "none",
	 "Names of up to 8 VMs that must be running before this one starts. Without them it is "
	 "left "
	 "out."},
	{"shares", BUNDLE_TYPE_U32, TO(vm.limits.shares), 100, NULL, bundle_check_shares, "100",
	 "Weight of the VM against others where harts are short, 1 to 10000. Its vCPUs have equal "
	 "parts of it."},
	{"quota", BUNDLE_TYPE_U32, TO(vm.limits.quota), 0, NULL, NULL, "0",
	 "The most that its vCPUs get together, in percent of one hart, up to 100 x `cpus`; 0: no "
	 "cap. Not with `rt-budget`."},
	{"harts", BUNDLE_TYPE_CELLS, TO(harts), 0, NULL, NULL, "all that are not dedicated",
	 "Ids of the harts that the VM may use, as the machine's device tree has them."},
	{"dedicated", BUNDLE_TYPE_BOOL, TO(vm.limits.dedicated), 0, NULL, NULL, "not given",
	 "The `harts`, at least as many as `cpus`, are this VM's alone: each vCPU stays on its "
	 "own, "
	 "and other VMs use none of them."},
	{"rt-budget", BUNDLE_TYPE_U32, TO(rt_budget), 0, NULL, bundle_check_budget, "not given",
	 "Microseconds that each vCPU gets in every `rt-period`, before all VMs without a budget."},
	{"rt-period", BUNDLE_TYPE_U32, TO(rt_period), 0, NULL, bundle_check_period, "not given",
	 "Microseconds, 100 to 10000000, and not less than `rt-budget`. The two come together."},
};

#undef TO

const struct bundle_schema bundle_vm_schema = {"/vms/NAME", vm_properties,
					       ARRAY_SIZE(vm_properties)};

/* VMs are loaded on several harts at a time. */
static struct lock random_lock = LOCK_INIT(LOCK_RANDOM);

enum status bundle_make_fdt(const struct bundle_vm *vm,
			    int (*add_devices)(void *fdt, void *context), void *context,
			    void *buffer, u64 size, u64 *length)
{
	struct guest_machine machine = {
		.ram_base = gpa(GUEST_RAM_BASE),
		.ram_size = vm->memory,
		.cpu_count = vm->cpus,
		.bootargs = vm->bootargs,
		.ramdisk = vm->plan.ramdisk,
		.ramdisk_size = vm->plan.ramdisk_size,
		.add_devices = add_devices,
		.context = context,
	};

	lock_acquire(&random_lock);
	machine.has_rng_seed = hw_random(machine.rng_seed, sizeof(machine.rng_seed));
	lock_release(&random_lock);
	if (vm->fdt)
		return guest_fdt_adopt(vm->fdt->file.data, vm->fdt->file.size, &machine, buffer,
				       size, length);
	return guest_fdt_build(hw_machine(), &machine, buffer, size, length);
}

/* Tries a device tree of the bundle's own on a spare block of pages: it has to be checked, and to
 * have room for what /chosen gets. That depends on what /chosen gets and on no other property, and
 * takes a while, so that thousands of VMs with one tree have it tried but once. */
static bool check_own_fdt(struct bundle_parser *parser, const struct bundle_vm *vm)
{
	struct bundle_image *image = bundle_find_image(parser, vm->fdt->name);
	u8 way = (u8)(1 << ((vm->bootargs ? 1 : 0) + (vm->ramdisk ? 2 : 0)));
	hpa_t pages;
	u64 length;

	if (!(image->tree_tried & way)) {
		if (page_alloc(GUEST_FDT_PAGE_ORDER, &pages) != STATUS_OK)
			return bundle_fail(parser, "fdt = \"%s\": no memory to check it",
					   image->name);
		if (bundle_make_fdt(vm, NULL, NULL, hw_ram(pages), vm->plan.fdt_size, &length) ==
		    STATUS_OK)
			image->tree_good |= way;
		image->tree_tried |= way;
		page_free(pages, GUEST_FDT_PAGE_ORDER);
	}
	if (!(image->tree_good & way))
		return bundle_fail(parser, "fdt = \"%s\": it is no valid device tree", image->name);
	return true;
}

static u64 fdt_size(const struct bundle_vm *vm)
{
	if (vm->fdt)
		return vm->fdt->file.size + guest_fdt_adopt_room(vm->bootargs);
	return guest_fdt_size(hw_machine(), vm->cpus, vm->bootargs);
}

static bool report_problem(struct bundle_parser *parser, const struct bundle_vm *vm,
			   const struct image_problem *problem)
{
	const struct bundle_image *image = vm->kernel;
	const char *property = "kernel";

	if (problem->part == IMAGE_PART_RAMDISK) {
		property = "ramdisk";
		image = vm->ramdisk;
	} else if (problem->part == IMAGE_PART_FDT && vm->fdt) {
		property = "fdt";
		image = vm->fdt;
	} else if (problem->part == IMAGE_PART_FDT) {
		return bundle_fail(parser, "memory = 0x%lx: the device tree %s", vm->memory,
				   problem->text);
	}
	if (problem->address_given)
		return bundle_fail(parser, "%s = \"%s\" %s (at 0x%lx)", property, image->name,
				   problem->text, problem->address);
	return bundle_fail(parser, "%s = \"%s\" %s", property, image->name, problem->text);
}

static bool make_plan(struct bundle_parser *parser, struct bundle_vm *vm)
{
	struct image_request request = {
		.ram_base = gpa(GUEST_RAM_BASE),
		.ram_size = vm->memory,
		.kernel = vm->kernel->file,
		.fdt_size = fdt_size(vm),
	};
	struct image_problem problem;

	if (vm->ramdisk)
		request.ramdisk = vm->ramdisk->file;
	if (vm->fdt) {
		if (request.fdt_size > GUEST_FDT_SIZE_MAX)
			return bundle_fail(parser, "fdt = \"%s\" is larger than %lu bytes",
					   vm->fdt->name, (unsigned long)GUEST_FDT_SIZE_MAX);
		request.fdt_load_given = vm->fdt->file.load_given;
		request.fdt_load = vm->fdt->file.load;
	}
	if (image_plan(&request, &vm->plan, &problem) != STATUS_OK)
		return report_problem(parser, vm, &problem);
	return !vm->fdt || check_own_fdt(parser, vm);
}

bool bundle_parse_vm(struct bundle_parser *parser, int offset, struct bundle_vm *vm,
		     struct bundle_strings *depends)
{
	struct bundle_vm_node node = {0};

	parser->failed = false;
	if (!bundle_check_name(parser, parser->node))
		return false;
	bundle_read_node(parser, offset, &bundle_vm_schema, &node);
	if (parser->failed)
		return false;
	node.vm.name = parser->node;
	node.vm.autostart = node.autostart != 0;
	node.vm.restart = (enum guest_restart)node.restart;
	bundle_set_limits(parser, &node);
	if (parser->failed || !make_plan(parser, &node.vm))
		return false;
	*vm = node.vm;
	*depends = node.depends;
	parser->memory_taken += vm->memory;
	return true;
}
