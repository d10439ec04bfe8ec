/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping and unmapping in G-stage tables, under the lock of the guest memory that they belong to.
 *
 * Both work in the same order: look at everything and count the tables needed, get those tables,
 * then change entries, which can no longer fail. Fences are the caller's: see gstage.h.
 */
#include "hyp/mem/gstage.h"

#include "hyp/check.h"
#include "hyp/mem/gstage_table.h"
#include "hyp/mem/page.h"

/* Physical addresses that an entry can hold: 44 bits of page number. */
#define TARGET_SPACE_SIZE (1ULL << 56)

static void push_table(hpa_t *list, hpa_t table)
{
	/* A walker that still holds an old pointer to this table reads the link as an entry; that
	 * entry is invalid, as V is 0 in a page's address and in GSTAGE_NO_TABLES. */
	gstage_entry_write(hw_ram(table), list->value);
	*list = table;
}

static hpa_t pop_table(hpa_t *list)
{
	hpa_t table = *list;

	CHECK(table.value != GSTAGE_NO_TABLES.value);
	u64 *link = hw_ram(table);

	*list = hpa(*link);
	*link = 0;
	return table;
}

static enum status reserve_tables(struct gstage *gs, u64 count, hpa_t *list)
{
	*list = GSTAGE_NO_TABLES;
	for (u64 i = 0; i < count; i++) {
		hpa_t table;
		enum status status = page_alloc_zeroed(PAGE_ORDER_4K, &table);

		if (status != STATUS_OK) {
			gstage_free_tables(gs, *list);
			return status;
		}
		push_table(list, table);
		gs->table_count++;
	}
	return STATUS_OK;
}

static bool is_valid_range(const struct gstage *gs, gpa_t address, u64 length)
{
	return is_aligned(address.value, PAGE_SIZE) && is_aligned(length, PAGE_SIZE) &&
	       length > 0 && range_contains(0, gstage_space_size(gs->mode), address.value, length);
}

/* ------------------------------------------------------------------------------------------------
 * Mapping.
 */

struct mapping {
	u64 start; /* guest-physical */
	u64 end;
	u64 target; /* host-physical, of start */
	u64 max_leaf;
};

/* Level of the largest leaf that can map the address and fits in what is left. */
static unsigned leaf_level_at(const struct mapping *mapping, u64 address)
{
	u64 target = mapping->target + (address - mapping->start);
	unsigned level = GSTAGE_LEAF_LEVEL_MAX;

	for (; level > 0; level--) {
		u64 size = gstage_entry_size(level);

		/* "Sv39": a leaf is aligned to its size in both spaces. */
		if (size <= mapping->max_leaf && is_aligned(address | target, size) &&
		    size <= mapping->end - address)
			break;
	}
	return level;
}

/* How many tables the mapping needs. STATUS_EXISTS if it meets anything. */
static enum status plan_mapping(const struct gstage *gs, const struct mapping *mapping,
				u64 *table_count)
{
	u64 *path[GSTAGE_LEVELS_MAX];
	u64 address = mapping->start;

	*table_count = 0;
	while (address < mapping->end) {
		unsigned leaf_level = leaf_level_at(mapping, address);
		unsigned level = gstage_descend(gs, address, leaf_level, path);

		/* A leaf, or at leaf_level a pointer: no table is empty. */
		if (gstage_entry_is_valid(gstage_entry_read(path[level])))
			return STATUS_EXISTS;

		/* Tables are missing for the levels below this one. Each is counted once: by the
		 * first leaf of the mapping that lies in what the table spans. */
		for (unsigned i = leaf_level; i < level; i++) {
			if (address == mapping->start ||
			    is_aligned(address, gstage_entry_size(i + 1)))
				(*table_count)++;
		}
		address += gstage_entry_size(leaf_level);
	}
	return STATUS_OK;
}

static void map_leaf(struct gstage *gs, u64 address, unsigned leaf_level, u64 entry, hpa_t *tables)
{
	u64 *path[GSTAGE_LEVELS_MAX];
	unsigned level = gstage_descend(gs, address, leaf_level, path);

	while (level > leaf_level) {
		hpa_t table = pop_table(tables);

		gstage_entry_write(path[level], gstage_make_entry(table, 0));
		level--;
		path[level] = gstage_entry_at(gs, table, level, address);
	}
	gstage_entry_write(path[level], entry);
}

enum status gstage_map(struct gstage *gs, gpa_t address, hpa_t target, u64 length, enum prot prot,
		       u64 max_leaf)
{
	if (!is_valid_range(gs, address, length) || !is_aligned(target.value, PAGE_SIZE) ||
	    !range_contains(0, TARGET_SPACE_SIZE, target.value, length) ||
	    (prot & PROT_READ) == 0 || (prot & ~PROT_RWX) != 0 || max_leaf < PAGE_SIZE)
		return STATUS_INVALID;

	struct mapping mapping = {
		.start = address.value,
		.end = address.value + length,
		.target = target.value,
		.max_leaf = max_leaf,
	};
	u64 table_count;
	hpa_t tables;
	enum status status = plan_mapping(gs, &mapping, &table_count);

	if (status == STATUS_OK)
		status = reserve_tables(gs, table_count, &tables);
	if (status != STATUS_OK)
		return status;

	/* G-stage treats every access as user-mode, so without U all of them would fault, and G is
	 * kept clear for forward compatibility (Privileged ISA, "Guest Physical Address
	 * Translation"). With A and D set no hart needs to update or to fault. */
	u64 flags = (u64)prot << 1 | PTE_U | PTE_A | PTE_D;
	u64 position = mapping.start;

	while (position < mapping.end) {
		unsigned level = leaf_level_at(&mapping, position);
		hpa_t leaf = hpa(mapping.target + (position - mapping.start));

		map_leaf(gs, position, level, gstage_make_entry(leaf, flags), &tables);
		position += gstage_entry_size(level);
	}
	CHECK(tables.value == GSTAGE_NO_TABLES.value);
	return STATUS_OK;
}

/* ------------------------------------------------------------------------------------------------
 * Unmapping.
 */

/* A leaf that an edge of the range cuts: it needs a table at each level from lowest up to, not
 * including, leaf_level. Nothing is cut when both are equal. */
struct cut {
	u64 address;
	unsigned lowest;
	unsigned leaf_level;
};

static struct cut find_cut(const struct gstage *gs, u64 address)
{
	u64 *path[GSTAGE_LEVELS_MAX];
	struct cut cut = {.address = address};

	/* The end of the range may be the end of the space. */
	if (address == gstage_space_size(gs->mode))
		return cut;

	unsigned level = gstage_descend(gs, address, 0, path);

	if (!gstage_entry_is_valid(gstage_entry_read(path[level])))
		return cut;
	cut.leaf_level = level;
	while (cut.lowest < level && is_aligned(address, gstage_entry_size(cut.lowest + 1)))
		cut.lowest++;
	return cut;
}

static u64 count_cut_tables(const struct cut *start, const struct cut *end)
{
	u64 count = start->leaf_level - start->lowest;

	for (unsigned level = end->lowest; level < end->leaf_level; level++) {
		/* At most the root's, which no analyzer knows. */
		unsigned span_shift = gstage_entry_shift(level + 1);
		/* NOLINTNEXTLINE(clang-analyzer-core.BitwiseShift) */
		bool is_apart = start->address >> span_shift != end->address >> span_shift;

		/* Where both edges lie in what a table spans, they lie in one leaf, and the table
		 * is made once. */
		if (level < start->lowest || is_apart)
			count++;
	}
	return count;
}

/* Replaces leaves by tables that say the same until a leaf begins at the address. Old leaf and new
 * table may both be in use until the fence, and translate alike ("Supervisor Memory-Management
 * Fence Instruction": the behaviour is well defined). */
static void split_at(struct gstage *gs, u64 address, hpa_t *tables)
{
	struct cut cut = find_cut(gs, address);
	u64 *path[GSTAGE_LEVELS_MAX];

	for (unsigned level = cut.leaf_level; level > cut.lowest; level--) {
		hpa_t table = pop_table(tables);
		u64 *entries = hw_ram(table);

		gstage_descend(gs, address, level, path);
		u64 leaf = gstage_entry_read(path[level]);
		u64 step = gstage_entry_size(level - 1) >> PAGE_SHIFT << PTE_PPN_SHIFT;

		for (unsigned i = 0; i < GSTAGE_ENTRY_COUNT; i++)
			entries[i] = leaf + i * step;
		gstage_entry_write(path[level], gstage_make_entry(table, 0));
	}
}

static bool is_empty(hpa_t table)
{
	const u64 *entries = hw_ram(table);

	for (unsigned i = 0; i < GSTAGE_ENTRY_COUNT; i++) {
		if (gstage_entry_is_valid(gstage_entry_read(&entries[i])))
			return false;
	}
	return true;
}

/* Takes out the tables on the path that are empty and whose part of the range ends at next. */
static void prune(const struct gstage *gs, u64 *path[GSTAGE_LEVELS_MAX], unsigned level, u64 next,
		  u64 end, hpa_t *freed_tables)
{
	for (; level < gstage_root_level(gs); level++) {
		hpa_t table = gstage_entry_address(gstage_entry_read(path[level + 1]));

		if (next < end && !is_aligned(next, gstage_entry_size(level + 1)))
			return;
		if (!is_empty(table))
			return;
		gstage_entry_write(path[level + 1], 0);
		push_table(freed_tables, table);
	}
}

enum status gstage_unmap(struct gstage *gs, gpa_t address, u64 length, hpa_t *freed_tables)
{
	if (!is_valid_range(gs, address, length))
		return STATUS_INVALID;

	u64 position = address.value;
	u64 end = position + length;
	struct cut start_cut = find_cut(gs, position);
	struct cut end_cut = find_cut(gs, end);
	u64 *path[GSTAGE_LEVELS_MAX];
	hpa_t tables;
	enum status status = reserve_tables(gs, count_cut_tables(&start_cut, &end_cut), &tables);

	if (status != STATUS_OK)
		return status;
	split_at(gs, position, &tables);
	split_at(gs, end, &tables);
	CHECK(tables.value == GSTAGE_NO_TABLES.value);

	while (position < end) {
		unsigned level = gstage_descend(gs, position, 0, path);
		u64 size = gstage_entry_size(level);
		u64 next = align_down(position, size) + size;

		if (gstage_entry_is_valid(gstage_entry_read(path[level])))
			gstage_entry_write(path[level], 0);
		prune(gs, path, level, next, end, freed_tables);
		position = next;
	}
	return STATUS_OK;
}
