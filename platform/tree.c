/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a flattened device tree. The boot hart alone does this, before any other runs. Free of
 * anything that only the target has: the host tests run it too.
 */
#include "platform/tree.h"

#include <libfdt.h>
#include <string.h>

#include "hyp/log.h"

#define CELLS_MAX 4 /* of an address or a size; PCI has 3 */
#define DEPTH_MAX 16

/* More than any board has: who asks for one after the other would be at it for hours. */
#define ENTRIES_MAX    1024 /* of a "reg" or "ranges" */
#define COMPLAINTS_MAX 32   /* lines about nodes of one tree */

/* What a node's children use for addresses and sizes. */
struct format {
	unsigned address;
	unsigned size;
};

/* The path to the node asked for last: offsets from the root down. libfdt finds a node's parent by
 * walking the tree from its beginning, twice; here one walk answers for all that is above a node.
 * The same goes for the cells, which are at the end of however many properties.
 */
static struct {
	struct {
		int node;
		bool has_format;
		enum status status;
		struct format format;
	} levels[DEPTH_MAX];
	int depth; /* of the last one; -1 before the first walk */
} path_cache = {.depth = -1};

static unsigned complaint_count;

void tree_begin(void)
{
	path_cache.depth = -1;
	complaint_count = 0;
}

static void set_level(int depth, int node)
{
	path_cache.levels[depth].node = node;
	path_cache.levels[depth].has_format = false;
}

static bool walk_to(const void *fdt, int wanted)
{
	int depth = 0;

	path_cache.depth = -1;
	for (int node = 0; node >= 0 && node <= wanted && depth >= 0 && depth < DEPTH_MAX;
	     node = fdt_next_node(fdt, node, &depth)) {
		set_level(depth, node);
		if (node == wanted) {
			path_cache.depth = depth;
			return true;
		}
	}
	return false;
}

/* Where in the cached path the node is, after a walk to it if need be; negative if it is deeper
 * than in any sensible tree. */
static int depth_of(const void *fdt, int node)
{
	for (int depth = path_cache.depth; depth >= 0; depth--) {
		if (path_cache.levels[depth].node == node)
			return depth;
	}
	return walk_to(fdt, node) ? path_cache.depth : -1;
}

/* Negative for the root. */
static int parent_of(const void *fdt, int node)
{
	int depth = depth_of(fdt, node);

	return depth > 0 ? path_cache.levels[depth - 1].node : -1;
}

void tree_note_child(const void *fdt, int parent, int node)
{
	int depth = depth_of(fdt, parent);

	if (depth < 0 || depth + 1 >= DEPTH_MAX)
		return;
	set_level(depth + 1, node);
	path_cache.depth = depth + 1;
}

const char *tree_path(const void *fdt, int node)
{
	static char path[96];

	if (fdt_get_path(fdt, node, path, sizeof(path)) != 0)
		return "(a node)";
	return path;
}

bool tree_may_complain(void)
{
	if (complaint_count < COMPLAINTS_MAX) {
		complaint_count++;
		return true;
	}
	if (complaint_count++ == COMPLAINTS_MAX)
		log_error("device tree: there is more that is not as it should be");
	return false;
}

static u32 read_cell(const void *cells, unsigned index)
{
	return fdt32_ld((const fdt32_t *)cells + index);
}

/* False if the number has more than 64 bits. */
static bool read_cells(const void *cells, unsigned count, u64 *value)
{
	u64 result = 0;

	for (unsigned i = 0; i < count; i++) {
		if ((result >> 32) != 0)
			return false;
		result = result << 32 | read_cell(cells, i);
	}
	*value = result;
	return true;
}

bool tree_u32(const void *fdt, int node, const char *name, u32 *value)
{
	int length;
	const void *cells = fdt_getprop(fdt, node, name, &length);

	if (cells == NULL || length != 4)
		return false;
	*value = read_cell(cells, 0);
	return true;
}

bool tree_number(const void *fdt, int node, const char *name, u64 *value)
{
	int length;
	const void *cells = fdt_getprop(fdt, node, name, &length);

	if (cells == NULL || (length != 4 && length != 8))
		return false;
	return read_cells(cells, (unsigned)length / 4, value);
}

bool tree_is_okay(const void *fdt, int node)
{
	return fdt_getprop(fdt, node, "status", NULL) == NULL ||
	       tree_has_string(fdt, node, "status", "okay") ||
	       tree_has_string(fdt, node, "status", "ok");
}

bool tree_has_string(const void *fdt, int node, const char *name, const char *value)
{
	return fdt_stringlist_search(fdt, node, name, value) >= 0;
}

/* #address-cells or #size-cells of a node, for its children. */
static enum status cell_count(const void *fdt, int node, const char *name, unsigned missing,
			      unsigned *count)
{
	u32 value = missing;

	if (fdt_getprop(fdt, node, name, NULL) != NULL && !tree_u32(fdt, node, name, &value))
		return STATUS_INVALID;
	if (value > CELLS_MAX)
		return STATUS_INVALID;
	*count = value;
	return STATUS_OK;
}

static enum status read_format(const void *fdt, int node, struct format *format)
{
	enum status status = cell_count(fdt, node, "#address-cells", 2, &format->address);

	if (status != STATUS_OK)
		return status;
	return cell_count(fdt, node, "#size-cells", 1, &format->size);
}

static enum status child_format(const void *fdt, int node, struct format *format)
{
	int depth = depth_of(fdt, node);

	if (depth < 0)
		return STATUS_INVALID;
	if (!path_cache.levels[depth].has_format) {
		path_cache.levels[depth].status =
			read_format(fdt, node, &path_cache.levels[depth].format);
		path_cache.levels[depth].has_format = true;
	}
	*format = path_cache.levels[depth].format;
	return path_cache.levels[depth].status;
}

/* The property "reg" and the format and length of its entries. */
static enum status find_reg(const void *fdt, int node, struct format *format, const void **reg,
			    unsigned *count)
{
	int length;
	int parent = parent_of(fdt, node);
	enum status status;

	*count = 0;
	*reg = fdt_getprop(fdt, node, "reg", &length);
	if (*reg == NULL || parent < 0)
		return STATUS_NOT_FOUND;
	status = child_format(fdt, parent, format);
	if (status != STATUS_OK)
		return status;

	unsigned entry = 4 * (format->address + format->size);

	if (format->address == 0 || (unsigned)length % entry != 0 ||
	    (unsigned)length / entry > ENTRIES_MAX)
		return STATUS_INVALID;
	*count = (unsigned)length / entry;
	return STATUS_OK;
}

enum status tree_reg_count(const void *fdt, int node, unsigned *count)
{
	struct format format;
	const void *reg;
	enum status status = find_reg(fdt, node, &format, &reg, count);

	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* Finds the address among the entries of the bus's "ranges": child address, parent address, size.
 * Entries that a 64-bit number cannot express (PCI's have flags in their first cell) are others'.
 */
static enum status translate_in_ranges(const void *ranges, unsigned length, struct format child,
				       unsigned parent_cells, u64 size, u64 *address)
{
	unsigned entry = child.address + parent_cells + child.size;

	if (entry == 0 || length % (4 * entry) != 0 || length / (4 * entry) > ENTRIES_MAX)
		return STATUS_INVALID;
	for (unsigned at = 0; at < length / 4; at += entry) {
		const fdt32_t *cells = (const fdt32_t *)ranges + at;
		u64 from, to, extent;

		if (!read_cells(cells, child.address, &from) ||
		    !read_cells(cells + child.address, parent_cells, &to) ||
		    !read_cells(cells + child.address + parent_cells, child.size, &extent))
			continue;
		if (range_contains(from, extent, *address, size)) {
			*address = to + (*address - from);
			return STATUS_OK;
		}
	}
	return STATUS_NOT_FOUND;
}

/* From the addresses that the bus's children use to the CPU's. */
static enum status translate(const void *fdt, int bus, u64 size, u64 *address)
{
	for (int parent = parent_of(fdt, bus); parent >= 0;
	     bus = parent, parent = parent_of(fdt, bus)) {
		int length;
		const void *ranges = fdt_getprop(fdt, bus, "ranges", &length);
		struct format child, outer;
		enum status status;

		if (ranges == NULL)
			return STATUS_NOT_FOUND;
		if (length == 0)
			continue;
		status = child_format(fdt, bus, &child);
		if (status == STATUS_OK)
			status = child_format(fdt, parent, &outer);
		if (status == STATUS_OK)
			status = translate_in_ranges(ranges, (unsigned)length, child, outer.address,
						     size, address);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

enum status tree_reg(const void *fdt, int node, unsigned index, u64 *base, u64 *size)
{
	struct format format;
	const void *reg;
	unsigned count;
	enum status status = find_reg(fdt, node, &format, &reg, &count);

	if (status != STATUS_OK)
		return status;
	if (index >= count)
		return STATUS_NOT_FOUND;

	const fdt32_t *cells =
		(const fdt32_t *)reg + (size_t)index * (format.address + format.size);

	if (!read_cells(cells, format.address, base) ||
	    !read_cells(cells + format.address, format.size, size))
		return STATUS_INVALID;
	/* Without sizes these are no addresses of the CPU's but numbers: hart ids, say. */
	if (format.size == 0)
		return STATUS_OK;
	return translate(fdt, parent_of(fdt, node), *size, base);
}

/* The interrupt parent is the nearest one that the node or something above it names. */
static int inherited_controller(const void *fdt, int node)
{
	u32 phandle;

	for (; node >= 0; node = parent_of(fdt, node)) {
		if (tree_u32(fdt, node, "interrupt-parent", &phandle))
			return fdt_node_offset_by_phandle(fdt, phandle);
	}
	return -1;
}

enum status tree_interrupt(const void *fdt, int node, int *controller, u32 *number)
{
	int length;
	const void *cells = fdt_getprop(fdt, node, "interrupts-extended", &length);
	u32 width;

	if (cells != NULL) {
		if (length < 8)
			return STATUS_INVALID;
		*controller = fdt_node_offset_by_phandle(fdt, read_cell(cells, 0));
		*number = read_cell(cells, 1);
	} else {
		cells = fdt_getprop(fdt, node, "interrupts", &length);
		if (cells == NULL)
			return STATUS_NOT_FOUND;
		if (length < 4)
			return STATUS_INVALID;
		*controller = inherited_controller(fdt, node);
		*number = read_cell(cells, 0);
	}
	if (*controller < 0 || !tree_u32(fdt, *controller, "#interrupt-cells", &width) ||
	    width == 0)
		return STATUS_INVALID;
	return STATUS_OK;
}
