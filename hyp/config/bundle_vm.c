/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM's node in the bundle. Owns the table of its properties, from which both the parser and the
 * manual take what they know: a new property is a line there and a member of struct bundle_vm.
 */
#include "hyp/config/bundle_internal.h"

#include "hyp/config/guest_fdt.h"
#include "hyp/mem/page.h"

#include <libfdt.h>
#include <string.h>

_Static_assert(BUNDLE_CPU_MAX <= GUEST_FDT_CPU_MAX, "no device tree for so many cpus");

static bool check_cpus(struct bundle_parser *parser, const struct bundle_property *property,
		       struct bundle_vm *vm)
{
	if (vm->cpus == 0 || vm->cpus > BUNDLE_CPU_MAX)
		return bundle_fail(parser, "%s = %lu is not between 1 and %lu", property->name,
				   (unsigned long)vm->cpus, (unsigned long)BUNDLE_CPU_MAX);
	return true;
}

/* What the VMs that have been accepted so far leave of the machine's memory. */
static u64 memory_left(const struct bundle_parser *parser)
{
	u64 left = parser->options->memory_max;

	for (unsigned i = 0; i < parser->bundle->vm_count; i++)
		left -= min_u64(left, parser->bundle->vms[i].memory);
	return left;
}

static bool check_memory(struct bundle_parser *parser, const struct bundle_property *property,
			 struct bundle_vm *vm)
{
	u64 most = parser->options ? parser->options->memory_max : 0;

	if (vm->memory == 0)
		return bundle_fail(parser, "%s is 0", property->name);
	if (!is_aligned(vm->memory, PAGE_SIZE))
		return bundle_fail(parser, "%s = 0x%lx is no multiple of %lu", property->name,
				   vm->memory, (unsigned long)PAGE_SIZE);
	if (most && vm->memory > most)
		return bundle_fail(parser, "%s = 0x%lx is more than this machine has, 0x%lx",
				   property->name, vm->memory, most);
	if (most && vm->memory > memory_left(parser))
		return bundle_fail(parser, "%s = 0x%lx is more than the VMs before leave, 0x%lx",
				   property->name, vm->memory, memory_left(parser));
	return true;
}

static bool check_bootargs(struct bundle_parser *parser, const struct bundle_property *property,
			   struct bundle_vm *vm)
{
	if (strlen(vm->bootargs) >= GUEST_FDT_BOOTARGS_MAX)
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
			 struct bundle_vm *vm)
{
	return check_image(parser, property, vm->kernel, BUNDLE_KERNEL, "kernel");
}

static bool check_ramdisk(struct bundle_parser *parser, const struct bundle_property *property,
			  struct bundle_vm *vm)
{
	return check_image(parser, property, vm->ramdisk, BUNDLE_RAMDISK, "ramdisk");
}

static bool check_fdt(struct bundle_parser *parser, const struct bundle_property *property,
		      struct bundle_vm *vm)
{
	return check_image(parser, property, vm->fdt, BUNDLE_FLAT_DT, "flat_dt");
}

#define TO(member) offsetof(struct bundle_vm, member)

static const struct bundle_property vm_properties[] = {
	{"cpus", BUNDLE_TYPE_U32, TO(cpus), 1, check_cpus, "1", "Number of vCPUs, 1 to 32."},
	{"memory", BUNDLE_TYPE_U64, TO(memory), 0, check_memory, NULL,
	 "Size of the RAM in bytes, a multiple of 4096. It starts at guest-physical 0x80000000."},
	{"kernel", BUNDLE_TYPE_IMAGE, TO(kernel), 0, check_kernel, NULL,
	 "What to boot: a Linux Image, an ELF64 executable, or a raw binary, which goes to "
	 "0x80200000 unless its image has a load property."},
	{"ramdisk", BUNDLE_TYPE_IMAGE, TO(ramdisk), 0, check_ramdisk, "none",
	 "An initramfs or initrd. /chosen tells the guest where it is."},
	{"fdt", BUNDLE_TYPE_IMAGE, TO(fdt), 0, check_fdt, "one made from the other properties",
	 "A device tree to use as it is, except that bootargs and the place of the ramdisk are put "
	 "into its /chosen."},
	{"bootargs", BUNDLE_TYPE_STRING, TO(bootargs), 0, check_bootargs, "none",
	 "The kernel's command line."},
	{"memory-pinned", BUNDLE_TYPE_BOOL, TO(memory_pinned), 0, NULL, "not given",
	 "All RAM is taken before the VM starts, in leaves of up to 1 GiB, instead of page by page "
	 "on first touch. Needed for DMA."},
};

#undef TO

const struct bundle_property *bundle_vm_properties(size_t *count)
{
	*count = ARRAY_SIZE(vm_properties);
	return vm_properties;
}

/* Every node may have these. */
static const char *const general_names[] = {"description", "phandle", "linux,phandle"};

static const char *property_name_at(size_t index)
{
	if (index < ARRAY_SIZE(vm_properties))
		return vm_properties[index].name;
	index -= ARRAY_SIZE(vm_properties);
	return index < ARRAY_SIZE(general_names) ? general_names[index] : NULL;
}

static size_t find_name(const char *name)
{
	size_t i;

	for (i = 0; property_name_at(i); i++)
		if (strcmp(property_name_at(i), name) == 0)
			break;
	return i;
}

static bool read_image(struct bundle_parser *parser, const struct bundle_value *value,
		       const struct bundle_image **result)
{
	const char *name;

	if (!bundle_read_string(parser, value, &name))
		return false;
	*result = bundle_find_image(parser->bundle, name);
	if (!*result)
		return bundle_fail(parser, "%s = \"%s\": there is no such node in /images",
				   value->name, name);
	return true;
}

static bool read_value(struct bundle_parser *parser, const struct bundle_property *property,
		       const struct bundle_value *value, struct bundle_vm *vm)
{
	void *member = (char *)vm + property->offset;

	switch (property->type) {
	case BUNDLE_TYPE_U32:
		return bundle_read_u32(parser, value, member);
	case BUNDLE_TYPE_U64:
		return bundle_read_u64(parser, value, member);
	case BUNDLE_TYPE_STRING:
		return bundle_read_string(parser, value, member);
	case BUNDLE_TYPE_BOOL:
		return bundle_read_flag(parser, value, member);
	case BUNDLE_TYPE_IMAGE:
		return read_image(parser, value, member);
	}
	return false;
}

static void set_defaults(struct bundle_vm *vm)
{
	size_t i;

	memset(vm, 0, sizeof(*vm));
	for (i = 0; i < ARRAY_SIZE(vm_properties); i++) {
		const struct bundle_property *property = &vm_properties[i];
		void *member = (char *)vm + property->offset;

		if (property->type == BUNDLE_TYPE_U32)
			*(u32 *)member = (u32)property->initial;
		else if (property->type == BUNDLE_TYPE_U64)
			*(u64 *)member = property->initial;
	}
}

/* Errors are counted in parser->failed, so that all of a node's are told at once. */
static void read_properties(struct bundle_parser *parser, int node, struct bundle_vm *vm)
{
	u64 seen = 0;
	int offset;
	size_t i;

	fdt_for_each_property_offset(offset, parser->blob, node)
	{
		struct bundle_value value;

		value.data =
			fdt_getprop_by_offset(parser->blob, offset, &value.name, &value.length);
		if (!value.data) {
			(void)bundle_fail(parser, "unreadable property");
			return;
		}
		i = find_name(value.name);
		if (!property_name_at(i)) {
			bundle_report_unknown(parser, "property", value.name, property_name_at);
			continue;
		}
		if (seen & BIT(i))
			(void)bundle_fail(parser, "%s is given twice", value.name);
		seen |= BIT(i);
		if (i < ARRAY_SIZE(vm_properties) &&
		    read_value(parser, &vm_properties[i], &value, vm) && vm_properties[i].check)
			(void)vm_properties[i].check(parser, &vm_properties[i], vm);
	}
	for (i = 0; i < ARRAY_SIZE(vm_properties); i++)
		if (!vm_properties[i].fallback && !(seen & BIT(i)))
			(void)bundle_fail(parser, "%s is missing", vm_properties[i].name);
	fdt_for_each_subnode(offset, parser->blob, node)
		bundle_report(parser, BUNDLE_WARNING, "node \"%s\" is ignored",
			      fdt_get_name(parser->blob, offset, NULL));
}

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

	machine.has_rng_seed = hw_random(machine.rng_seed, sizeof(machine.rng_seed));
	if (vm->fdt)
		return guest_fdt_adopt(vm->fdt->file.data, vm->fdt->file.size, &machine, buffer,
				       size, length);
	return guest_fdt_build(hw_machine(), &machine, buffer, size, length);
}

/* Tries a device tree of the bundle's own on a spare block of pages: it has to be checked, and to
 * have room for what /chosen gets. */
static bool check_own_fdt(struct bundle_parser *parser, const struct bundle_vm *vm)
{
	enum status status;
	hpa_t pages;
	u64 length;

	status = page_alloc(GUEST_FDT_PAGE_ORDER, &pages);
	if (status != STATUS_OK)
		return bundle_fail(parser, "fdt = \"%s\": no memory to check it", vm->fdt->name);
	status = bundle_make_fdt(vm, NULL, NULL, hw_ram(pages), vm->plan.fdt_size, &length);
	page_free(pages, GUEST_FDT_PAGE_ORDER);
	if (status != STATUS_OK)
		return bundle_fail(parser, "fdt = \"%s\": it is no valid device tree",
				   vm->fdt->name);
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

bool bundle_parse_vm(struct bundle_parser *parser, int node, struct bundle_vm *vm)
{
	parser->failed = false;
	set_defaults(vm);
	vm->name = parser->node;
	if (!bundle_check_name(parser, vm->name))
		return false;
	read_properties(parser, node, vm);
	return !parser->failed && make_plan(parser, vm);
}
