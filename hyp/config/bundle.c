/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bundle as a whole: checks the blob, then /images, then each node of /vms, then what the VMs
 * want of each other. Owns struct bundle until bundle_parse() returns; images are bundle_image.c's,
 * a VM's properties bundle_vm.c's, the wording bundle_report.c's. No lock: it runs once, on the
 * boot hart.
 *
 * Time is n log n in the bytes of the blob, whatever it holds: nodes are looked up in sorted
 * tables, and nothing goes through all VMs for each VM. Memory is at most BUNDLE_VM_MAX and
 * BUNDLE_IMAGE_MAX elements of the tables here, some 5 MB.
 */
#include "hyp/config/bundle_internal.h"

#include "hyp/config/tree_check.h"

#include <libfdt.h>
#include <string.h>

/* Reads each VM by itself. Those with errors keep their places until all have been looked at. */
static void read_vms(struct bundle_parser *parser)
{
	const struct name_index *names = &parser->vm_names;

	for (u32 i = 0; i < names->count; i++) {
		struct bundle_vm *vm = &parser->bundle->vms[i];
		struct bundle_record *record = &parser->records[i];
		u32 first = 0;

		vm->name = parser->node = names->entries[i].name;
		if (name_index_find(names, vm->name, &first) && first == i)
			record->usable = bundle_parse_vm(parser, names->entries[i].node, vm,
							 &record->depends);
		else
			(void)bundle_fail(parser, "there is a VM of this name already");
	}
	parser->node = NULL;
}

/* What the VMs want of each other. A VM that is left out takes those with it that need it; nobody
 * who was refused for its sake comes back. */
static void settle_vms(struct bundle_parser *parser)
{
	bundle_resolve_depends(parser);
	bundle_settle_depends(parser);
	bundle_share_harts(parser);
	bundle_settle_depends(parser);
}

/* Moves the VMs that stay together. What they depend on stays too. */
static void drop_left_out(struct bundle_parser *parser)
{
	struct bundle *bundle = parser->bundle;
	u32 i;

	for (i = 0; i < parser->vm_names.count; i++)
		if (parser->records[i].usable)
			parser->records[i].final = bundle->vm_count++;
	for (i = 0; i < parser->vm_names.count; i++) {
		struct bundle_vm *vm = &bundle->vms[parser->records[i].final];

		if (!parser->records[i].usable)
			continue;
		if (vm != &bundle->vms[i])
			*vm = bundle->vms[i];
		for (unsigned j = 0; j < vm->depends_count; j++)
			vm->depends[j] = parser->records[vm->depends[j]].final;
	}
	store_trim(&bundle->vm_store, bundle->vm_count * sizeof(*bundle->vms));
}

static enum status parse_vms(struct bundle_parser *parser, int vms)
{
	struct bundle *bundle = parser->bundle;
	enum status status;
	u64 count;

	parser->parent = "/vms";
	status = name_index_make(&parser->vm_names, parser->blob, vms, BUNDLE_VM_MAX);
	count = parser->vm_names.count;
	if (status == STATUS_OK)
		status = store_alloc(&bundle->vm_store, count * sizeof(*bundle->vms));
	if (status == STATUS_OK)
		status = store_alloc(&parser->record_store, count * sizeof(*parser->records));
	if (status != STATUS_OK) {
		(void)bundle_fail(parser, "there is no memory for a table of its VMs");
		return status;
	}
	if (parser->vm_names.more)
		(void)bundle_fail(parser, "there are more than %lu VMs, the rest is left out",
				  (unsigned long)BUNDLE_VM_MAX);
	bundle->vms = bundle->vm_store.data;
	parser->records = parser->record_store.data;
	read_vms(parser);
	settle_vms(parser);
	drop_left_out(parser);
	if (bundle->vm_count == 0) {
		(void)bundle_fail(parser, "no VM can start");
		return STATUS_NOT_FOUND;
	}
	return STATUS_OK;
}

/* The nodes below the root; /configurations is for other readers of the format. */
enum root_node {
	ROOT_IMAGES,
	ROOT_VMS,
	ROOT_CONSOLE,
	ROOT_SCHEDULER,
	ROOT_CONFIGURATIONS,
	ROOT_NODE_COUNT,
};

static const char *const root_names[] = {
	[ROOT_IMAGES] = "images",
	[ROOT_VMS] = "vms",
	[ROOT_CONSOLE] = "console",
	[ROOT_SCHEDULER] = "scheduler",
	[ROOT_CONFIGURATIONS] = "configurations",
};

static const char *root_name_at(const void *list, size_t index)
{
	(void)list;
	return index < ARRAY_SIZE(root_names) ? root_names[index] : NULL;
}

/* By exact name: libfdt's own search also takes "vms@0" for "vms". */
static void find_root_nodes(struct bundle_parser *parser, int offsets[ROOT_NODE_COUNT])
{
	int node;
	size_t i;

	for (i = 0; i < ROOT_NODE_COUNT; i++)
		offsets[i] = -FDT_ERR_NOTFOUND;
	parser->parent = "/";
	fdt_for_each_subnode(node, parser->blob, 0)
	{
		const char *name = fdt_get_name(parser->blob, node, NULL);

		for (i = 0; i < ROOT_NODE_COUNT; i++)
			if (strcmp(name, root_names[i]) == 0)
				break;
		if (i == ROOT_NODE_COUNT)
			bundle_report_unknown(parser, "node", name, root_name_at, NULL);
		else if (offsets[i] >= 0)
			(void)bundle_fail(parser,
					  "node \"%s\" is given twice, the first one counts", name);
		else
			offsets[i] = node;
	}
}

static enum status parse_root(struct bundle_parser *parser)
{
	enum status status = STATUS_OK;
	int nodes[ROOT_NODE_COUNT];

	find_root_nodes(parser, nodes);
	if (nodes[ROOT_CONSOLE] >= 0)
		bundle_parse_console(parser, nodes[ROOT_CONSOLE]);
	if (nodes[ROOT_SCHEDULER] >= 0)
		bundle_parse_scheduler(parser, nodes[ROOT_SCHEDULER]);
	if (nodes[ROOT_IMAGES] >= 0)
		status = bundle_parse_images(parser, nodes[ROOT_IMAGES]);
	if (status != STATUS_OK)
		return status;
	if (nodes[ROOT_VMS] < 0) {
		parser->parent = "/";
		(void)bundle_fail(parser, "node \"vms\" is missing");
		return STATUS_NOT_FOUND;
	}
	return parse_vms(parser, nodes[ROOT_VMS]);
}

enum status bundle_parse(const void *blob, u64 size, const struct bundle_options *options,
			 struct bundle *bundle)
{
	struct bundle_parser parser = {
		.blob = blob, .size = size, .bundle = bundle, .options = options};
	const char *problem;
	enum status status;

	*bundle = (struct bundle){.escape_key = BUNDLE_ESCAPE_KEY};
	if (!blob || size == 0) {
		(void)bundle_fail(&parser, "there is none; pass one as the initial ramdisk");
		return STATUS_INVALID;
	}
	problem = tree_check(blob, size);
	if (problem) {
		(void)bundle_fail(&parser, "the blob %s", problem);
		return STATUS_INVALID;
	}
	status = parse_root(&parser);
	name_index_drop(&parser.image_names);
	name_index_drop(&parser.vm_names);
	store_free(&parser.record_store);
	if (status != STATUS_OK)
		bundle_free(bundle);
	return status;
}

void bundle_free(struct bundle *bundle)
{
	store_free(&bundle->vm_store);
	store_free(&bundle->image_store);
	bundle->vms = NULL;
	bundle->vm_count = 0;
	bundle->images = NULL;
	bundle->image_count = 0;
}
