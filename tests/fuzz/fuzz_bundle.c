/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VM bundle: as raw bytes, and as trees made to be odd (bundle_maker.h). Whatever it is, each
 * of its VMs is either refused in a line that names it and what is wrong, or has values within the
 * documented limits, images inside its own RAM, and a device tree that says what it has.
 *
 * Nothing changes the blob meanwhile: the platform takes it out of free RAM (boot.c, free_ram), and
 * guests get pages of free RAM only.
 */
#include "tests/fuzz/bundle_maker.h"

#include <stdio.h>

#include "hyp/config/guest_fdt.h"
#include "hyp/config/loader.h"
#include "hyp/config/tree_check.h"
#include "hyp/mem/page.h"

#define BASE	   GUEST_RAM_BASE
#define MEMORY_MAX GIB(4)

static struct {
	unsigned count, errors;
	char line[BUNDLE_MESSAGE_MAX + 1][BUNDLE_LINE_SIZE];
} messages;

static void keep_message(void *context, enum bundle_severity severity, const char *line)
{
	REQUIRE(context == &messages);
	REQUIRE(strlen(line) < BUNDLE_LINE_SIZE);
	REQUIRE(strncmp(line, "bundle: ", 8) == 0);
	for (const char *c = line; *c; c++)
		REQUIRE(*c >= ' ' && *c <= '~');
	REQUIRE(messages.count < ARRAY_SIZE(messages.line));
	messages.errors += severity == BUNDLE_ERROR;
	strcpy(messages.line[messages.count++], line);
}

/* ------------------------------------------------------------------------------------------------
 * What is accepted.
 */

static void check_limits(const struct bundle *bundle, const struct bundle_vm *vm)
{
	const struct sched_limits *limits = &vm->limits;

	REQUIRE(limits->shares >= 1 && limits->shares <= 10000);
	REQUIRE(limits->quota <= 100 * vm->cpus);
	REQUIRE((limits->harts & ~(BIT(hw_machine()->hart_count) - 1)) == 0);
	if (limits->dedicated)
		REQUIRE((unsigned)__builtin_popcountll(limits->harts) >= vm->cpus);
	REQUIRE(limits->rt_budget <= limits->rt_period);
	REQUIRE((limits->rt_budget == 0) == (limits->rt_period == 0));
	REQUIRE(!limits->rt_budget || !limits->quota);
	REQUIRE(vm->restart <= GUEST_RESTART_ALWAYS);
	REQUIRE(vm->depends_count <= GUEST_DEPENDS_MAX);
	for (unsigned i = 0; i < vm->depends_count; i++)
		REQUIRE(vm->depends[i] < bundle->vm_count && &bundle->vms[vm->depends[i]] != vm);
}

static void check_plan(const struct bundle_vm *vm, const u8 *blob, u64 size)
{
	const struct image_plan *plan = &vm->plan;

	REQUIRE(plan->fdt_size <= GUEST_FDT_SIZE_MAX && plan->fdt.value % 8 == 0);
	REQUIRE(range_contains(BASE, vm->memory, plan->fdt.value, plan->fdt_size));
	REQUIRE(range_contains(BASE, vm->memory, plan->entry.value, 1));
	for (unsigned i = 0; i < plan->piece_count; i++) {
		const struct image_piece *piece = &plan->pieces[i];

		REQUIRE(range_contains(BASE, vm->memory, piece->to.value, piece->size));
		REQUIRE(range_contains((uintptr_t)blob, size, (uintptr_t)piece->from, piece->size));
	}
}

static u64 number_at(const void *tree, int node, const char *name, unsigned index)
{
	int length;
	const fdt64_t *value = fdt_getprop(tree, node, name, &length);

	REQUIRE(value && length >= (int)(8 * (index + 1)));
	return fdt64_ld(value + index);
}

static void check_chosen(const struct bundle_vm *vm, const void *tree)
{
	int chosen = fdt_subnode_offset(tree, 0, "chosen");
	const char *bootargs;

	REQUIRE(chosen >= 0);
	bootargs = fdt_getprop(tree, chosen, "bootargs", NULL);
	if (vm->bootargs)
		REQUIRE(bootargs && strcmp(bootargs, vm->bootargs) == 0);
	if (vm->ramdisk) {
		u64 start = number_at(tree, chosen, "linux,initrd-start", 0);

		REQUIRE(start == vm->plan.ramdisk.value);
		REQUIRE(number_at(tree, chosen, "linux,initrd-end", 0) - start ==
			vm->plan.ramdisk_size);
	}
}

static void check_made_tree(const struct bundle_vm *vm, const void *tree)
{
	int cpus = fdt_path_offset(tree, "/cpus"), memory = fdt_path_offset(tree, "/memory");
	int plic = fdt_path_offset(tree, "/soc/plic"), node, length;
	u32 count = 0;

	REQUIRE(cpus >= 0 && memory >= 0 && plic >= 0);
	REQUIRE(number_at(tree, memory, "reg", 0) == BASE);
	REQUIRE(number_at(tree, memory, "reg", 1) == vm->memory);
	fdt_for_each_subnode(node, tree, cpus)
	{
		int controller = fdt_subnode_offset(tree, node, "interrupt-controller");
		const fdt32_t *reg = fdt_getprop(tree, node, "reg", &length);
		const char *isa = fdt_getprop(tree, node, "riscv,isa", NULL);

		REQUIRE(reg && length == 4 && fdt32_ld(reg) == count++);
		REQUIRE(isa && strncmp(isa, "rv64i", 5) == 0 && !strchr(isa, 'h'));
		REQUIRE(controller >= 0 && fdt_get_phandle(tree, controller) != 0);
		REQUIRE(fdt_node_offset_by_phandle(tree, fdt_get_phandle(tree, controller)) ==
			controller);
	}
	REQUIRE(count == vm->cpus);
	REQUIRE(fdt_getprop(tree, plic, "interrupts-extended", &length));
	REQUIRE(length == (int)(16 * vm->cpus));
	check_chosen(vm, tree);
}

static unsigned count_nodes(const void *tree)
{
	unsigned count = 0;

	for (int node = 0; node >= 0; node = fdt_next_node(tree, node, NULL))
		count++;
	return count;
}

/* The bundle's own tree, which may lie at any address. */
static void check_adopted_tree(const struct bundle_vm *vm, const void *tree)
{
	u8 *own = malloc(vm->fdt->file.size);
	bool has_chosen;

	memcpy(own, vm->fdt->file.data, vm->fdt->file.size);
	REQUIRE(!tree_check(own, vm->fdt->file.size));
	has_chosen = fdt_subnode_offset(own, 0, "chosen") >= 0;
	REQUIRE(count_nodes(tree) == count_nodes(own) + (has_chosen ? 0 : 1));
	check_chosen(vm, tree);
	free(own);
}

static void check_tree(const struct bundle_vm *vm)
{
	u64 length = 0;
	u8 *tree = aligned_alloc(8, align_up(vm->plan.fdt_size, 8));

	REQUIRE(bundle_make_fdt(vm, NULL, NULL, tree, vm->plan.fdt_size, &length) == STATUS_OK);
	REQUIRE(length <= vm->plan.fdt_size);
	REQUIRE(fdt_check_full(tree, length) == 0);
	if (vm->fdt)
		check_adopted_tree(vm, tree);
	else
		check_made_tree(vm, tree);
	free(tree);
}

/* Loads the VM for real: every piece arrives, and memory may run out at any point. */
static void check_loading(const struct bundle_vm *vm)
{
	static u8 arrived[KIB(64)];
	struct guest_loader loader;
	struct guest_memory memory;
	bool done = false;
	enum status status;
	gpa_t entry, fdt;

	if (loader_attach(vm, &loader) != STATUS_OK)
		return;
	if (guest_memory_create(&memory, gpa(BASE), vm->memory, HW_GSTAGE_SV39X4) != STATUS_OK)
		return;
	status = loader.begin(loader.context, &memory);
	while (status == STATUS_OK && !done)
		status = loader.step(loader.context, &done, &entry, &fdt);
	REQUIRE(status == STATUS_OK || status == STATUS_NO_MEMORY);
	for (unsigned i = 0; done && i < vm->plan.piece_count; i++) {
		const struct image_piece *piece = &vm->plan.pieces[i];
		u64 size = min_u64(piece->size, sizeof(arrived));

		REQUIRE(guest_memory_read(&memory, piece->to, arrived, size) == STATUS_OK);
		REQUIRE(memcmp(arrived, piece->from, size) == 0);
	}
	REQUIRE(memory.page_count <= vm->memory >> PAGE_SHIFT);
	loader.cancel(loader.context);
	guest_memory_destroy(&memory);
}

/* ------------------------------------------------------------------------------------------------
 * What is refused.
 */

static bool names_a_property(const char *text)
{
	static const char *const others[] = {
		"it has no name",  "its name has",    "there is a VM of this name already",
		"no hart is left", "depends goes in", "unreadable property"};

	for (size_t i = 0; i < bundle_vm_schema.count; i++)
		if (strstr(text, bundle_vm_schema.properties[i].name))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strstr(text, others[i]))
			return true;
	return false;
}

/* Some line is about that VM and says which of its properties is wrong, or it is in a circle of
 * dependencies, of which a line names as many as fit. */
static bool was_explained(const char *name)
{
	char start[128], *c;

	snprintf(start, sizeof(start), "bundle: /vms/%.64s%s: ", name,
		 strlen(name) > 64 ? "..." : "");
	for (c = start; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	for (unsigned i = 0; i < messages.count; i++) {
		const char *line = messages.line[i];

		if (strncmp(line, start, strlen(start)) == 0 &&
		    names_a_property(line + strlen(start)))
			return true;
		if (strstr(line, "circle") && (strstr(line, name) || strstr(line, "...")))
			return true;
	}
	return messages.count > BUNDLE_MESSAGE_MAX;
}

static unsigned count_accepted(const struct bundle *bundle, const char *name)
{
	unsigned count = 0;

	for (unsigned i = 0; i < bundle->vm_count; i++)
		count += strcmp(bundle->vms[i].name, name) == 0;
	return count;
}

static void check_refused(const struct bundle *bundle, const void *blob)
{
	int vms = -1, node;

	/* By exact name, unlike fdt_subnode_offset(). */
	fdt_for_each_subnode(node, blob, 0)
	{
		if (vms < 0 && strcmp(fdt_get_name(blob, node, NULL), "vms") == 0)
			vms = node;
	}
	if (vms < 0)
		return;
	fdt_for_each_subnode(node, blob, vms)
	{
		const char *name = fdt_get_name(blob, node, NULL);
		unsigned count = count_accepted(bundle, name);

		REQUIRE(count <= 1);
		REQUIRE(count == 1 || was_explained(name));
	}
}

/* ------------------------------------------------------------------------------------------------
 * One run.
 */

static void check_bundle(struct bundle *bundle, enum status status, const u8 *blob, u64 size,
			 u8 loaded)
{
	u64 memory = 0;

	REQUIRE((status == STATUS_OK) == (bundle->vm_count > 0));
	REQUIRE(status == STATUS_OK || messages.errors > 0);
	REQUIRE(bundle->escape_key < 32);
	/* 1,000 to 100,000 microseconds, at 10 MHz. */
	REQUIRE(!bundle->slice || (bundle->slice >= 10000 && bundle->slice <= 1000000));
	for (unsigned i = 0; i < bundle->vm_count; i++) {
		const struct bundle_vm *vm = &bundle->vms[i];

		REQUIRE(strlen(vm->name) >= 1 && strlen(vm->name) <= BUNDLE_NAME_MAX);
		REQUIRE(vm->cpus >= 1 && vm->cpus <= BUNDLE_CPU_MAX);
		REQUIRE(vm->memory && vm->memory % PAGE_SIZE == 0);
		memory += vm->memory;
		REQUIRE(!vm->bootargs || strlen(vm->bootargs) < GUEST_FDT_BOOTARGS_MAX);
		check_limits(bundle, vm);
		check_plan(vm, blob, size);
		check_tree(vm);
	}
	REQUIRE(memory <= MEMORY_MAX);
	if (status == STATUS_OK)
		check_refused(bundle, blob);
	if (bundle->vm_count && loaded & 128)
		check_loading(&bundle->vms[loaded % bundle->vm_count]);
}

static void start_machine(u8 shape)
{
	struct fake_options options = fake_defaults();

	options.hart_count = 1 + shape % 8;
	options.ram_size = MIB(8);
	if (shape & 8)
		options.features &= ~(u32)HW_FEATURE_V;
	fake_start_with_pages(&options);
	loader_forget_all();
	memset(&messages, 0, sizeof(messages.count) + sizeof(messages.errors));
}

/* The first byte says what the rest is; raw blobs, and so files that dtc made, begin with 0xd0. */
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct input input = {bytes, size};
	const struct bundle_options options = {
		.report = keep_message, .context = &messages, .memory_max = MEMORY_MAX};
	struct bundle bundle;
	u64 blob_size = size, free_pages;
	enum status status;
	u8 *blob, loaded = 0;

	if (size && bytes[0] == 0xd0) {
		start_machine(0);
		/* Its own block also sees to the alignment. */
		blob = malloc(size);
		memcpy(blob, bytes, size);
	} else {
		u8 failing;

		start_machine(input_u8(&input));
		failing = input_u8(&input);
		loaded = input_u8(&input);
		make_bundle(&input);
		blob = copy_of_tree(made, input_u8(&input), &blob_size);
		damage_words(&input, blob, blob_size);
		if (input_u8(&input) == 255)
			blob_size -= input_u16(&input) % blob_size;
		if (failing)
			page_fail_after(failing - 1, 1 + loaded % 4);
	}
	free_pages = page_free_count();
	status = bundle_parse(blob, blob_size, &options, &bundle);
	/* That a tree was not tried for want of memory is told, not made up. */
	check_bundle(&bundle, status, blob, blob_size, loaded);
	bundle_free(&bundle);
	/* A page that loader_attach() keeps for the next VMs. */
	REQUIRE(page_free_count() + 1 >= free_pages);
	page_fail_after(0, 0);
	free(blob);
	return 0;
}
