/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bundle as a whole: checks the blob, then /images, then each node of /vms. Owns struct bundle
 * until bundle_parse() returns; images are bundle_image.c's, a VM's properties bundle_vm.c's, the
 * wording bundle_report.c's. No lock: it runs once, on the boot hart.
 */
#include "hyp/config/bundle_internal.h"

#include "hyp/config/tree_check.h"

#include <libfdt.h>
#include <string.h>

static bool vm_exists(const struct bundle *bundle, const char *name)
{
	unsigned i;

	for (i = 0; i < bundle->vm_count; i++)
		if (strcmp(bundle->vms[i].name, name) == 0)
			return true;
	return false;
}

static void parse_vms(struct bundle_parser *parser, int vms)
{
	struct bundle *bundle = parser->bundle;
	unsigned count = 0;
	int node;

	parser->parent = "/vms";
	fdt_for_each_subnode(node, parser->blob, vms)
	{
		parser->node = fdt_get_name(parser->blob, node, NULL);
		/* Bad ones count too: finding out costs time. */
		if (count++ == BUNDLE_VM_MAX) {
			(void)bundle_fail(parser,
					  "there are more than %lu VMs, the rest is left out",
					  (unsigned long)BUNDLE_VM_MAX);
			break;
		}
		if (vm_exists(bundle, parser->node)) {
			(void)bundle_fail(parser, "there is a VM of this name already");
			continue;
		}
		if (bundle_parse_vm(parser, node, &bundle->vms[bundle->vm_count]))
			bundle->vm_count++;
	}
	parser->node = NULL;
}

/* The nodes below the root; /configurations is for other readers of the format. */
enum root_node {
	ROOT_IMAGES,
	ROOT_VMS,
	ROOT_CONFIGURATIONS,
	ROOT_NODE_COUNT,
};

static const char *const root_names[] = {
	[ROOT_IMAGES] = "images",
	[ROOT_VMS] = "vms",
	[ROOT_CONFIGURATIONS] = "configurations",
};

static const char *root_name_at(size_t index)
{
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
			bundle_report_unknown(parser, "node", name, root_name_at);
		else if (offsets[i] >= 0)
			(void)bundle_fail(parser,
					  "node \"%s\" is given twice, the first one counts", name);
		else
			offsets[i] = node;
	}
}

enum status bundle_parse(const void *blob, u64 size, const struct bundle_options *options,
			 struct bundle *bundle)
{
	struct bundle_parser parser = {
		.blob = blob, .size = size, .bundle = bundle, .options = options};
	const char *problem;
	int nodes[ROOT_NODE_COUNT];

	memset(bundle, 0, sizeof(*bundle));
	if (!blob || size == 0) {
		(void)bundle_fail(&parser, "there is none; pass one as the initial ramdisk");
		return STATUS_INVALID;
	}
	problem = tree_check(blob, size);
	if (problem) {
		(void)bundle_fail(&parser, "the blob %s", problem);
		return STATUS_INVALID;
	}
	find_root_nodes(&parser, nodes);
	if (nodes[ROOT_IMAGES] >= 0)
		bundle_parse_images(&parser, nodes[ROOT_IMAGES]);
	if (nodes[ROOT_VMS] < 0) {
		parser.parent = "/";
		(void)bundle_fail(&parser, "node \"vms\" is missing");
		return STATUS_NOT_FOUND;
	}
	parse_vms(&parser, nodes[ROOT_VMS]);
	if (bundle->vm_count == 0) {
		(void)bundle_fail(&parser, "no VM can start");
		return STATUS_NOT_FOUND;
	}
	return STATUS_OK;
}
