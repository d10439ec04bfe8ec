/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RAM, and the parts of it that belong to others: memory nodes, /reserved-memory, and the
 * reservation block in the tree's header (Devicetree Specification, "/memory node",
 * "/reserved-memory Node", "Memory Reservation Block").
 */
#include "platform/discover.h"

#include <libfdt.h>
#include <string.h>

#include "hyp/log.h"
#include "platform/tree.h"

/* Page tables and bookkeeping grow with RAM: what a tree claims beyond this would take longer to
 * set up than anybody waits. */
#define RAM_MAX GIB(16384)

/* A set of REGION_SET_MAX regions did not suffice. Reserved memory that cannot be remembered cannot
 * be respected either. */
static enum status too_many(const char *what)
{
	log_error("device tree: more than %u regions of %s", REGION_SET_MAX, what);
	return STATUS_NO_MEMORY;
}

static enum status add_memory_node(const void *fdt, int node, struct region_set *memory)
{
	unsigned count;
	u64 base, size;

	if (tree_reg_count(fdt, node, &count) != STATUS_OK)
		count = 0;
	for (unsigned i = 0; i < count; i++) {
		if (tree_reg(fdt, node, i, &base, &size) != STATUS_OK) {
			count = 0;
			break;
		}
		region_clip(&base, &size);
		if (region_add(memory, base, size) != STATUS_OK)
			return too_many("RAM");
	}
	if (count == 0 && tree_may_complain())
		log_error("device tree: %s: reg makes no sense; this RAM is not used",
			  tree_path(fdt, node));
	return STATUS_OK;
}

/* Whole pages: who owns a byte of a page has all of it. */
static enum status reserve(struct region_set *set, u64 base, u64 size)
{
	region_clip(&base, &size);
	if (size == 0)
		return STATUS_OK;
	size = align_up(base + size, PAGE_SIZE) - align_down(base, PAGE_SIZE);
	if (region_add(set, align_down(base, PAGE_SIZE), size) != STATUS_OK)
		return too_many("reserved memory");
	return STATUS_OK;
}

/* Only RAM is mapped by itself; what else may lie in such a region, a device that we drive too, is
 * none of its business. */
static enum status add_no_map(struct discovered *out, u64 base, u64 size)
{
	region_clip(&base, &size);
	for (unsigned i = 0; i < out->memory.count; i++) {
		u64 start = base, length = size;
		enum status status;

		if (!region_overlap(&out->memory, i, &start, &length))
			continue;
		status = reserve(&out->no_map, start, length);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status reserve_node(const void *fdt, int node, struct discovered *out)
{
	bool no_map = fdt_getprop(fdt, node, "no-map", NULL) != NULL;
	enum status status;
	unsigned count;
	u64 base, size;

	if (fdt_getprop(fdt, node, "reg", NULL) == NULL) {
		if (tree_may_complain())
			log_info("device tree: %s: has no address and is ignored",
				 tree_path(fdt, node));
		return STATUS_OK;
	}
	status = tree_reg_count(fdt, node, &count);
	for (unsigned i = 0; status == STATUS_OK && i < count; i++) {
		status = tree_reg(fdt, node, i, &base, &size);
		if (status == STATUS_OK)
			status = reserve(&out->reserved, base, size);
		if (status == STATUS_OK && no_map)
			status = add_no_map(out, base, size);
	}
	if (status != STATUS_OK)
		log_error("device tree: %s: cannot tell which memory is reserved",
			  tree_path(fdt, node));
	return status;
}

static enum status reserve_nodes(const void *fdt, struct discovered *out)
{
	int parent = fdt_path_offset(fdt, "/reserved-memory");
	int node;

	if (parent < 0)
		return STATUS_OK;
	fdt_for_each_subnode(node, fdt, parent)
	{
		enum status status;

		if (!tree_is_okay(fdt, node))
			continue;
		tree_note_child(fdt, parent, node);
		status = reserve_node(fdt, node, out);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status reserve_block(const void *fdt, struct region_set *reserved)
{
	int count = fdt_num_mem_rsv(fdt);

	for (int i = 0; i < count; i++) {
		uint64_t base, size;
		enum status status;

		if (fdt_get_mem_rsv(fdt, i, &base, &size) != 0)
			return STATUS_INVALID;
		status = reserve(reserved, base, size);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

enum status discover_memory(const void *fdt, struct discovered *out)
{
	enum status status = STATUS_OK;
	u64 dropped;
	int node;

	fdt_for_each_subnode(node, fdt, 0)
	{
		if (!tree_has_string(fdt, node, "device_type", "memory") ||
		    !tree_is_okay(fdt, node))
			continue;
		tree_note_child(fdt, 0, node);
		status = add_memory_node(fdt, node, &out->memory);
		if (status != STATUS_OK)
			return status;
	}
	region_trim_to_pages(&out->memory);
	dropped = region_truncate(&out->memory, RAM_MAX);
	if (dropped != 0)
		log_info("device tree: %llu GiB of RAM stay unused: more than %llu GiB are claimed",
			 (unsigned long long)(dropped >> 30), (unsigned long long)(RAM_MAX >> 30));
	if (out->memory.count == 0) {
		log_error("device tree: there is no usable memory node");
		return STATUS_NOT_FOUND;
	}
	status = reserve_nodes(fdt, out);
	if (status == STATUS_OK)
		status = reserve_block(fdt, &out->reserved);
	return status;
}
