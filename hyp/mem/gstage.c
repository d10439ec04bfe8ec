/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G-stage tables: their geometry, life, and reading. Changing them is gstage_change.c. The lock of
 * the guest memory that they belong to guards them; the caller holds it.
 *
 * No table but the root is ever empty, so a pointer entry means that something is mapped there.
 */
#include "hyp/mem/gstage.h"

#include "hyp/check.h"
#include "hyp/csr.h"
#include "hyp/mem/gstage_table.h"
#include "hyp/mem/page.h"

/* "Guest Physical Address Translation": the root has two index bits more than the other tables,
 * so it is four pages long and aligned to its length. */
#define ROOT_INDEX_BITS (GSTAGE_INDEX_BITS + 2)
#define ROOT_ORDER	2

#define VMID_COUNT_MAX (1u << 14)

/* How many levels each mode has; everything else about a mode follows. */
static unsigned level_count(enum hw_gstage_mode mode)
{
	switch (mode) {
	case HW_GSTAGE_SV39X4:
		return 3;
	case HW_GSTAGE_SV48X4:
		return 4;
	case HW_GSTAGE_SV57X4:
		return 5;
	case HW_GSTAGE_BARE:
		break;
	}
	return 0;
}

u64 gstage_space_size(enum hw_gstage_mode mode)
{
	unsigned levels = level_count(mode);

	if (levels == 0)
		return 0;
	return gstage_entry_size(levels - 1) << ROOT_INDEX_BITS;
}

unsigned gstage_root_level(const struct gstage *gs)
{
	return level_count(gs->mode) - 1;
}

enum status gstage_create(struct gstage *gs, enum hw_gstage_mode mode)
{
	enum status status;

	if (level_count(mode) == 0)
		return STATUS_UNSUPPORTED;
	status = page_alloc_zeroed(ROOT_ORDER, &gs->root);
	if (status != STATUS_OK)
		return status;
	gs->mode = mode;
	gs->table_count = 1u << ROOT_ORDER;
	return STATUS_OK;
}

void gstage_destroy(struct gstage *gs)
{
	hpa_t freed_tables = GSTAGE_NO_TABLES;
	/* Without a leaf to split, nothing can fail. */
	enum status status = gstage_unmap(gs, gpa(0), gstage_space_size(gs->mode), &freed_tables);

	CHECK(status == STATUS_OK);
	gstage_free_tables(gs, freed_tables);
	CHECK(gs->table_count == 1u << ROOT_ORDER);
	page_free(gs->root, ROOT_ORDER);
	gs->table_count = 0;
}

void gstage_free_tables(struct gstage *gs, hpa_t freed_tables)
{
	while (freed_tables.value != GSTAGE_NO_TABLES.value) {
		hpa_t table = freed_tables;

		freed_tables = hpa(*(const u64 *)hw_ram(table));
		CHECK(gs->table_count > 1u << ROOT_ORDER);
		gs->table_count--;
		page_free(table, PAGE_ORDER_4K);
	}
}

u64 *gstage_entry_at(const struct gstage *gs, hpa_t table, unsigned level, u64 address)
{
	unsigned bits = level == gstage_root_level(gs) ? ROOT_INDEX_BITS : GSTAGE_INDEX_BITS;
	u64 index = address >> gstage_entry_shift(level) & (BIT(bits) - 1);

	return (u64 *)hw_ram(table) + index;
}

/* Only the root has more index bits, so all below it is alike. */
unsigned gstage_descend(const struct gstage *gs, u64 address, unsigned lowest,
			u64 *path[GSTAGE_LEVELS_MAX])
{
	unsigned level = gstage_root_level(gs);
	unsigned shift = gstage_entry_shift(level);

	path[level] = gstage_entry_at(gs, gs->root, level, address);
	for (;;) {
		u64 entry = gstage_entry_read(path[level]);

		if (level == lowest || !gstage_entry_is_valid(entry) || gstage_entry_is_leaf(entry))
			return level;
		level--;
		shift -= GSTAGE_INDEX_BITS;
		path[level] = (u64 *)hw_ram(gstage_entry_address(entry)) +
			      (address >> shift & (GSTAGE_ENTRY_COUNT - 1));
	}
}

static void describe_leaf(u64 entry, unsigned level, u64 offset, struct gstage_leaf *leaf)
{
	_Static_assert(PROT_READ == PTE_R >> 1 && PROT_WRITE == PTE_W >> 1 &&
			       PROT_EXEC == PTE_X >> 1,
		       "prot and the entry's permissions are the same bits, one place apart");

	leaf->address = hpa(gstage_entry_address(entry).value + offset);
	leaf->size = gstage_entry_size(level);
	leaf->prot = (enum prot)(entry >> 1 & PROT_RWX);
}

enum status gstage_walk(const struct gstage *gs, gpa_t address, struct gstage_leaf *leaf)
{
	u64 *path[GSTAGE_LEVELS_MAX];

	leaf->size = 0;
	if (address.value >= gstage_space_size(gs->mode))
		return STATUS_NOT_FOUND;

	unsigned level = gstage_descend(gs, address.value, 0, path);
	u64 entry = gstage_entry_read(path[level]);

	if (!gstage_entry_is_valid(entry)) {
		leaf->size = gstage_entry_size(level);
		return STATUS_NOT_FOUND;
	}
	describe_leaf(entry, level, address.value & (gstage_entry_size(level) - 1), leaf);
	return STATUS_OK;
}

enum status gstage_find(const struct gstage *gs, gpa_t from, gpa_t end, gpa_t *start,
			struct gstage_leaf *leaf)
{
	u64 *path[GSTAGE_LEVELS_MAX];
	u64 position = from.value;
	u64 limit = min_u64(end.value, gstage_space_size(gs->mode));

	while (position < limit) {
		unsigned level = gstage_descend(gs, position, 0, path);
		u64 entry = gstage_entry_read(path[level]);

		position = align_down(position, gstage_entry_size(level));
		if (gstage_entry_is_valid(entry)) {
			describe_leaf(entry, level, 0, leaf);
			*start = gpa(position);
			return STATUS_OK;
		}
		position += gstage_entry_size(level);
	}
	return STATUS_NOT_FOUND;
}

void gstage_visit(const struct gstage *gs,
		  void (*visit)(void *context, gpa_t address, const struct gstage_leaf *leaf),
		  void *context)
{
	struct gstage_leaf leaf;
	gpa_t start = gpa(0);
	gpa_t end = gpa(gstage_space_size(gs->mode));

	while (gstage_find(gs, start, end, &start, &leaf) == STATUS_OK) {
		visit(context, start, &leaf);
		start.value += leaf.size;
	}
}

u64 gstage_hgatp(const struct gstage *gs, unsigned vmid)
{
	CHECK(vmid < VMID_COUNT_MAX);
	return (u64)gs->mode << HGATP_MODE_SHIFT | (u64)vmid << HGATP_VMID_SHIFT |
	       gs->root.value >> PAGE_SHIFT;
}
