/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate before libfdt. libfdt never leaves a blob that fdt_check_full() has passed, but a blob
 * can still be made to cost hours: a million properties, each with a name that takes megabytes to
 * find the end of. So the structure is walked and counted first. Owns nothing, leaves what the
 * nodes mean to bundle.c and guest_fdt.c.
 */
#include "hyp/config/tree_check.h"

#include <libfdt.h>
#include <string.h>

/* Device trees of whole boards have some thousand nodes and properties, a bundle of thousands of
 * VMs some twenty of them for each; names have at most 31 characters (Devicetree Specification,
 * "Node Names" and "Property Names"). */
#define TREE_TAG_MAX   262144
#define TREE_DEPTH_MAX 16
#define TREE_NAME_MAX  255
#define TREE_RSV_MAX   256

/* fdt_next_tag() looks for the end of a node's name however far it is. */
static bool node_name_is_short(const void *blob, int offset)
{
	const char *name = NULL;
	int length;

	for (length = 0; length <= TREE_NAME_MAX; length++) {
		name = fdt_offset_ptr(blob,
				      (int)((unsigned)offset + FDT_TAGSIZE + (unsigned)length), 1);
		if (!name)
			return false;
		if (!*name)
			return true;
	}
	return false;
}

/* So do all functions that return a property's name. */
static bool property_name_is_short(const void *blob, int offset)
{
	const struct fdt_property *property = fdt_offset_ptr(blob, offset, sizeof(*property));
	u64 size = fdt_size_dt_strings(blob), start;
	const char *strings = (const char *)blob + fdt_off_dt_strings(blob);

	if (!property)
		return false;
	start = fdt32_ld(&property->nameoff);
	return start < size &&
	       memchr(strings + start, '\0', min_u64(size - start, TREE_NAME_MAX + 1));
}

static const char *check_structure(const void *blob)
{
	int offset = 0, next, depth = 0;
	unsigned tag_count;

	for (tag_count = 0; tag_count < TREE_TAG_MAX; tag_count++) {
		const fdt32_t *tag = fdt_offset_ptr(blob, offset, FDT_TAGSIZE);

		if (!tag)
			return "is truncated: its structure has no end";
		switch (fdt32_ld(tag)) {
		case FDT_BEGIN_NODE:
			if (!node_name_is_short(blob, offset))
				return "is broken: a node's name has no end";
			if (++depth > TREE_DEPTH_MAX)
				return "is nested too deeply";
			break;
		case FDT_END_NODE:
			if (--depth < 0)
				return "is broken: its nodes do not nest";
			break;
		case FDT_PROP:
			if (!property_name_is_short(blob, offset))
				return "is broken: a property's name has no end";
			break;
		case FDT_NOP:
			break;
		case FDT_END:
			return depth == 0 ? NULL : "is broken: its nodes do not nest";
		default:
			return "is broken: unknown token in its structure";
		}
		fdt_next_tag(blob, offset, &next);
		if (next < 0)
			return "is truncated: its structure has no end";
		offset = next;
	}
	return "has too many nodes or properties";
}

/* fdt_check_full() counts the entries of the reservation block, to the end of the blob if need be.
 */
static bool reservations_are_few(const void *blob)
{
	int count;

	for (count = 0; count <= TREE_RSV_MAX; count++) {
		u64 address, size;

		if (fdt_get_mem_rsv(blob, count, &address, &size) || size == 0)
			return true;
	}
	return false;
}

const char *tree_check(const void *blob, u64 size)
{
	const char *problem;

	if (!is_aligned((uintptr_t)blob, 8))
		return "does not start at a multiple of 8";
	if (size < sizeof(struct fdt_header))
		return "is too short to be a device tree";
	if (fdt_magic(blob) != FDT_MAGIC)
		return "is not a flattened device tree";
	if (fdt_check_header(blob) != 0)
		return "is broken: its header makes no sense";
	if (fdt_totalsize(blob) > size)
		return "is truncated: its header promises more bytes than there are";
	/* Without it the structure block would have no size of its own. */
	if (fdt_version(blob) < 17)
		return "has a format version before 17";
	/* libfdt reads both blocks in aligned words, and a hart may trap on others. */
	if (!is_aligned(fdt_off_dt_struct(blob), 4) || !is_aligned(fdt_off_mem_rsvmap(blob), 8))
		return "is broken: misaligned blocks";
	if (!reservations_are_few(blob))
		return "has too many memory reservations";
	problem = check_structure(blob);
	if (problem)
		return problem;
	return fdt_check_full(blob, size) ? "is broken: its structure makes no sense" : NULL;
}
