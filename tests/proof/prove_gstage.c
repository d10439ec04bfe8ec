/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G-stage tables: indexes, sizes, entries and the cutting of ranges, for any address, length and
 * mode; and walks of tables that hold anything at all.
 *
 * A walk or a search goes on from where it stands as if it had begun there, so what is proved of
 * its first steps holds for all.
 */
#include "tests/proof/proof.h"

#include "hyp/mem/gstage_table.h"

/* What a table holds is anything, at each look: another hart may have written it. */
static u64 any_entry(const u64 *entry);
#define gstage_entry_read any_entry

#include "hyp/mem/gstage.c"
#include "hyp/mem/gstage_change.c"

#define ROOT_ENTRY_COUNT (4 * GSTAGE_ENTRY_COUNT)
#define ROOT_ADDRESS	 0x80000000

static u64 root_table[ROOT_ENTRY_COUNT], table[GSTAGE_ENTRY_COUNT];
static unsigned walk_count, walk_max;

/* The root, or some other table: always the same one, as nobody looks into it. */
void *hw_ram(hpa_t address)
{
	PROVE(is_aligned(address.value, PAGE_SIZE) && address.value < TARGET_SPACE_SIZE);
	if (address.value != ROOT_ADDRESS)
		return table;
	ASSUME(walk_count++ < walk_max);
	return root_table;
}

static u64 any_entry(const u64 *entry)
{
	u64 value = nondet_u64();

	PROVE(__CPROVER_r_ok(entry, sizeof(*entry)));
	/* No table leads back to the root: pointers are made by map_leaf() and split_at(). */
	ASSUME(gstage_entry_address(value).value != ROOT_ADDRESS);
	return value;
}

enum status page_alloc_zeroed(unsigned order, hpa_t *block)
{
	*block = hpa(nondet_u64() & PTE_PPN_MASK);
	return order <= PAGE_ORDER_MAX && nondet_bool() ? STATUS_OK : STATUS_NO_MEMORY;
}

void page_free(hpa_t block, unsigned order)
{
	(void)block, (void)order;
}

static struct gstage any_gstage(void)
{
	static const enum hw_gstage_mode modes[] = {HW_GSTAGE_SV39X4, HW_GSTAGE_SV48X4,
						    HW_GSTAGE_SV57X4};

	return (struct gstage){.mode = modes[nondet_u8() % 3], .root = {ROOT_ADDRESS}};
}

/* ---- Geometry ---- */

/* "Guest Physical Address Translation": 9 index bits a level, 11 in the root, over 12 of offset. */
void prove_modes_have_the_sizes_of_the_specification(void)
{
	struct gstage gs = any_gstage();
	unsigned root = gstage_root_level(&gs);
	u64 space = gstage_space_size(gs.mode);

	PROVE(space == (gs.mode == HW_GSTAGE_SV39X4   ? 1ULL << 41
			: gs.mode == HW_GSTAGE_SV48X4 ? 1ULL << 50
						      : 1ULL << 59));
	PROVE(root < GSTAGE_LEVELS_MAX);
	PROVE(space == gstage_entry_size(root) * ROOT_ENTRY_COUNT);
	PROVE(gstage_space_size(HW_GSTAGE_BARE) == 0);
	PROVE(gstage_entry_size(0) == KIB(4) && gstage_entry_size(1) == MIB(2) &&
	      gstage_entry_size(2) == GIB(1) && gstage_entry_size(3) == GIB(512) &&
	      gstage_entry_size(4) == GIB(512) * 512);
	REACH(root == 4);
}

void prove_index_lies_within_the_table(void)
{
	struct gstage gs = any_gstage();
	unsigned level = nondet_u8();
	u64 address = nondet_u64();

	walk_max = 1;
	ASSUME(level <= gstage_root_level(&gs));
	bool root = level == gstage_root_level(&gs);
	u64 *entry = gstage_entry_at(&gs, root ? gs.root : hpa(PAGE_SIZE), level, address);
	u64 index = (u64)(entry - (root ? root_table : table));

	PROVE(index < (root ? ROOT_ENTRY_COUNT : GSTAGE_ENTRY_COUNT));
	/* And no address of the space shares the entry of another part of it. */
	PROVE(index == (address >> gstage_entry_shift(level)) % (root ? 2048 : 512));
	PROVE(!root || address >= gstage_space_size(gs.mode) ||
	      index == address / gstage_entry_size(level));
	REACH(root && index == 2047);
	REACH(!root && index == 511 && level == 3);
}

void prove_entry_gives_back_what_was_put_in(void)
{
	u64 address = nondet_u64(), flags = nondet_u64();

	ASSUME(is_aligned(address, PAGE_SIZE) && address < TARGET_SPACE_SIZE &&
	       flags < 1 << PTE_PPN_SHIFT);
	u64 entry = gstage_make_entry(hpa(address), flags);

	PROVE(gstage_entry_address(entry).value == address);
	PROVE((entry & ((1 << PTE_PPN_SHIFT) - 1)) == (flags | PTE_V));
	PROVE(entry >> 54 == 0); /* reserved, N and PBMT */
	PROVE(gstage_entry_is_valid(entry));
	PROVE(gstage_entry_is_leaf(entry) == ((flags & (PTE_R | PTE_X)) != 0));
	REACH(address == TARGET_SPACE_SIZE - PAGE_SIZE);
}

void prove_hgatp_has_its_fields_in_place(void)
{
	struct gstage gs = any_gstage();
	unsigned vmid = nondet_unsigned();

	gs.root = hpa(nondet_u64());
	ASSUME(vmid < VMID_COUNT_MAX && is_aligned(gs.root.value, KIB(16)) &&
	       gs.root.value < TARGET_SPACE_SIZE);
	u64 hgatp = gstage_hgatp(&gs, vmid);

	PROVE(hgatp >> 60 == gs.mode && (hgatp >> 44 & 0x3fff) == vmid);
	PROVE((hgatp >> 58 & 3) == 0 && (hgatp & (BIT(44) - 1)) << 12 == gs.root.value);
	REACH(vmid == VMID_COUNT_MAX - 1);
}

/* ---- Ranges ---- */

void prove_range_is_accepted_just_inside_the_space(void)
{
	struct gstage gs = any_gstage();
	u64 address = nondet_u64(), length = nondet_u64(), space = gstage_space_size(gs.mode);
	bool inside = address < space && length <= space - address && length != 0;

	PROVE(is_valid_range(&gs, gpa(address), length) ==
	      (inside && address % PAGE_SIZE == 0 && length % PAGE_SIZE == 0));
	REACH(is_valid_range(&gs, gpa(address), length) && address + length == space);
	REACH(!inside && address + length < address);
}

/* A mapping that gstage_map() would begin with, and an address that it has got to. */
static struct mapping any_mapping(u64 *address)
{
	struct gstage gs = any_gstage();
	u64 length = nondet_u64();
	struct mapping mapping = {
		.start = nondet_u64(),
		.target = nondet_u64(),
		.max_leaf = nondet_u64(),
	};

	*address = nondet_u64();
	mapping.end = mapping.start + length;
	ASSUME(is_valid_range(&gs, gpa(mapping.start), length));
	ASSUME(is_aligned(mapping.target, PAGE_SIZE) &&
	       range_contains(0, TARGET_SPACE_SIZE, mapping.target, length));
	ASSUME(mapping.max_leaf >= PAGE_SIZE);
	ASSUME(*address >= mapping.start && *address < mapping.end &&
	       is_aligned(*address, PAGE_SIZE));
	return mapping;
}

/* cbmc: --unwind 4 */
void prove_leaves_fit_what_is_left_and_are_aligned_in_both_spaces(void)
{
	u64 address;
	struct mapping mapping = any_mapping(&address);
	unsigned level = leaf_level_at(&mapping, address);
	u64 size = gstage_entry_size(level);
	u64 target = mapping.target + (address - mapping.start);

	PROVE(level <= GSTAGE_LEAF_LEVEL_MAX);
	PROVE(size <= mapping.max_leaf && is_aligned(address, size) && is_aligned(target, size));
	/* The next step begins at or before the end: the loop ends just there. */
	PROVE(address + size > address && address + size <= mapping.end);
	PROVE(target < TARGET_SPACE_SIZE);
	/* No larger one would have fitted. */
	if (level < GSTAGE_LEAF_LEVEL_MAX) {
		u64 larger = gstage_entry_size(level + 1);

		PROVE(larger > mapping.max_leaf || !is_aligned(address, larger) ||
		      !is_aligned(target, larger) || larger > mapping.end - address);
	}
	REACH(level == 2 && address + size == mapping.end && address != mapping.start);
	REACH(level == 0 && mapping.max_leaf > GIB(1));
}

/* ---- Walks ---- */

/* cbmc: --unwind 6 */
void prove_walk_of_any_tables_ends_in_bounds(void)
{
	struct gstage gs = any_gstage();
	u64 address = nondet_u64();
	struct gstage_leaf leaf;

	walk_max = 1;
	if (gstage_walk(&gs, gpa(address), &leaf) != STATUS_OK)
		return;
	PROVE(address < gstage_space_size(gs.mode));
	PROVE(leaf.size == KIB(4) || leaf.size == MIB(2) || leaf.size == GIB(1) ||
	      leaf.size == GIB(512) || leaf.size == GIB(512) * 512);
	PROVE((leaf.prot & ~PROT_RWX) == 0);
	REACH(leaf.size == KIB(4) && gs.mode == HW_GSTAGE_SV57X4);
	REACH(leaf.size == GIB(1));
}

/* One step of a search, from anywhere; where it does not end, the next begins further on.
 *
 * cbmc: --unwind 6 */
void prove_search_goes_forward_and_never_beyond_the_end(void)
{
	struct gstage gs = any_gstage();
	u64 from = nondet_u64(), end = nondet_u64();
	struct gstage_leaf leaf;
	gpa_t start;

	walk_max = 1;
	if (gstage_find(&gs, gpa(from), gpa(end), &start, &leaf) != STATUS_OK) {
		REACH(from < end);
		return;
	}
	PROVE(from < end && start.value < end);
	PROVE(is_aligned(start.value, leaf.size));
	/* The leaf has a byte at or behind from: gstage_visit() and its like get on. */
	PROVE(start.value + leaf.size > from);
	PROVE(start.value + leaf.size <= gstage_space_size(gs.mode));
	REACH(start.value < from);
	REACH(start.value == from && leaf.size == GIB(1));
}

/* Where ranges cut leaves: no more tables are asked for than levels there are, at either end. */
/* cbmc: --unwind 6 */
void prove_cut_of_any_leaf_needs_a_table_a_level(void)
{
	struct gstage gs = any_gstage();
	u64 address = nondet_u64();

	walk_max = 1;
	ASSUME(is_aligned(address, PAGE_SIZE) && address <= gstage_space_size(gs.mode));
	struct cut cut = find_cut(&gs, address);

	PROVE(cut.lowest <= cut.leaf_level && cut.leaf_level <= gstage_root_level(&gs));
	PROVE(is_aligned(address, gstage_entry_size(cut.lowest)));
	/* Either nothing is cut, or a leaf of the lowest level that is made begins there. */
	PROVE(cut.lowest == cut.leaf_level ||
	      !is_aligned(address, gstage_entry_size(cut.lowest + 1)));
	REACH(cut.leaf_level - cut.lowest == 2);
	REACH(address == gstage_space_size(gs.mode));
}
