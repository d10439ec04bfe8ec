/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G-stage tables beside a model of them that is quick to begin with: a list of runs, each so many
 * pages in a row that are mapped to so many others with one protection. tests/fake/gstage_model.h
 * has the same with an array of all pages, which takes a millisecond to clear.
 */
#pragma once

#include "hyp/mem/page.h"
#include "tests/fake/fake_walk.h"
#include "tests/fake/gstage_model.h"
#include "tests/fuzz/odd_number.h"
#include "tests/fuzz/require.h"

#define RUN_MAX 128

struct run {
	u64 first, count; /* pages, from the window's start on */
	u64 target;	  /* host-physical, of the first */
	enum prot prot;
};

static struct {
	struct gstage gs;
	u64 window; /* guest-physical address of page 0 */
	struct run runs[RUN_MAX];
	unsigned count;
	hpa_t freed; /* tables that wait for their fence */
	u64 free_pages;
} tables;

static inline const struct run *run_at(u64 page)
{
	for (unsigned i = 0; i < tables.count; i++)
		if (page - tables.runs[i].first < tables.runs[i].count)
			return &tables.runs[i];
	return NULL;
}

static inline bool runs_meet(u64 first, u64 count)
{
	for (unsigned i = 0; i < tables.count; i++)
		if (tables.runs[i].first < first + count &&
		    first < tables.runs[i].first + tables.runs[i].count)
			return true;
	return false;
}

static inline void run_add(u64 first, u64 count, u64 target, enum prot prot)
{
	REQUIRE(tables.count < RUN_MAX);
	tables.runs[tables.count++] = (struct run){first, count, target, prot};
}

static inline void runs_cut(u64 first, u64 end)
{
	unsigned count = tables.count;
	struct run old[RUN_MAX];

	memcpy(old, tables.runs, count * sizeof(*old));
	tables.count = 0;
	for (unsigned i = 0; i < count; i++) {
		u64 its_end = old[i].first + old[i].count;

		if (old[i].first < first)
			run_add(old[i].first, min_u64(its_end, first) - old[i].first, old[i].target,
				old[i].prot);
		if (its_end > end) {
			u64 from = max_u64(old[i].first, end);

			run_add(from, its_end - from,
				old[i].target + (from - old[i].first) * PAGE_SIZE, old[i].prot);
		}
	}
}

/* The hypervisor's walker and a hart's agree with the model. */
static inline void check_page(u64 page)
{
	const struct run *run = run_at(page);
	u64 address = tables.window + page * PAGE_SIZE + 0x123;
	struct fake_translation seen;
	struct gstage_leaf leaf;
	enum fake_walk walk = fake_walk_gstage(gstage_hgatp(&tables.gs, 0), address, &seen);
	enum status status = gstage_walk(&tables.gs, gpa(address), &leaf);

	if (!run) {
		REQUIRE(walk == FAKE_WALK_NOT_MAPPED && status == STATUS_NOT_FOUND);
		return;
	}
	u64 target = run->target + (page - run->first) * PAGE_SIZE + 0x123;

	REQUIRE(walk == FAKE_WALK_OK && status == STATUS_OK);
	REQUIRE(seen.address.value == target && leaf.address.value == target);
	REQUIRE(seen.size == leaf.size && seen.accessed && seen.dirty && leaf.prot == run->prot);
	REQUIRE(seen.readable == !!(run->prot & PROT_READ));
	REQUIRE(seen.writable == !!(run->prot & PROT_WRITE));
	REQUIRE(seen.executable == !!(run->prot & PROT_EXEC));
}

static inline void check_edges(u64 first, u64 count)
{
	static const s64 offsets[] = {-512, -1, 0, 1};

	for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
		if (first + (u64)offsets[i] < WINDOW_PAGES)
			check_page(first + (u64)offsets[i]);
		if (first + count + (u64)offsets[i] < WINDOW_PAGES)
			check_page(first + count + (u64)offsets[i]);
	}
	check_page(first + count / 2);
}

static inline void check_leaf(u64 address, const struct gstage_leaf *leaf)
{
	u64 page = (address - tables.window) / PAGE_SIZE;
	const struct run *run = run_at(page);

	REQUIRE(run && leaf->prot == run->prot);
	REQUIRE(page - run->first + leaf->size / PAGE_SIZE <= run->count);
	REQUIRE(leaf->address.value == run->target + (page - run->first) * PAGE_SIZE);
}

/* gstage_visit() would go through all of the space, which takes longer than everything else here
 * together. */
static inline u64 check_leaves(void)
{
	gpa_t start = gpa(tables.window), end = gpa(tables.window + WINDOW_SIZE);
	u64 next = tables.window, count = 0;
	struct gstage_leaf leaf;

	while (gstage_find(&tables.gs, start, end, &start, &leaf) == STATUS_OK) {
		REQUIRE(start.value >= next);
		check_leaf(start.value, &leaf);
		count += leaf.size / PAGE_SIZE;
		start.value = next = start.value + leaf.size;
	}
	return count;
}

/* A hart may go on walking the tables that were taken out until it fences: what it finds there
 * leads nowhere. */
static inline u64 check_freed_tables(void)
{
	u64 count = 0;

	for (hpa_t table = tables.freed; table.value != GSTAGE_NO_TABLES.value;
	     table = hpa(*(const u64 *)hw_ram(table))) {
		const u64 *entries = hw_ram(table);

		for (unsigned i = 0; i < 512; i++)
			REQUIRE((entries[i] & 1) == 0);
		count++;
	}
	return count;
}

static inline void check_tables(void)
{
	u64 empty_count, mapped = 0;
	u64 table_count = fake_count_tables(gstage_hgatp(&tables.gs, 0), &empty_count);

	for (unsigned i = 0; i < tables.count; i++)
		mapped += tables.runs[i].count;
	REQUIRE(check_leaves() == mapped);
	REQUIRE(empty_count == 0);
	REQUIRE(tables.gs.table_count == table_count + check_freed_tables());
	REQUIRE(tables.free_pages - page_free_count() == tables.gs.table_count);
}

/* ------------------------------------------------------------------------------------------------
 * Operations.
 */

static inline bool draw_failure(struct input *input)
{
	u8 form = input_u8(input);

	if (form < 192)
		return false;
	page_fail_after(form % 8, form & 8 ? 1 : UINT64_MAX);
	return true;
}

/* A range of the window, aligned often, so that large leaves come up. Not more small leaves than
 * can be looked at in no time. */
static inline void draw_range(struct input *input, u64 *first, u64 *count)
{
	static const u64 units[] = {1, 1, 512, 512 * 512};
	u8 form = input_u8(input);
	u64 unit = units[form % 4];

	*first = align_down(input_u32(input) % WINDOW_PAGES, unit);
	*count = 1 + input_u16(input) % 2048;
	if (form & 4)
		*count = unit * (1 + *count % 4);
	if (form & 8)
		*first += input_u8(input);
	*first = min_u64(*first, WINDOW_PAGES - 1);
	*count = min_u64(*count, WINDOW_PAGES - *first);
}

static inline void map_some(struct input *input)
{
	static const enum prot prots[] = {PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC,
					  PROT_RWX};
	static const u64 leaves[] = {PAGE_SIZE, MIB(2), MIB(3), GIB(1), GIB(512), UINT64_MAX};
	static const u64 alignments[] = {PAGE_SIZE, MIB(2), GIB(1)};
	u64 first, count, free_pages = page_free_count(), tables_before = tables.gs.table_count;

	draw_range(input, &first, &count);
	u8 form = input_u8(input);
	enum prot prot = prots[form % 4];
	u64 max_leaf = leaves[form / 4 % ARRAY_SIZE(leaves)];
	u64 address = tables.window + first * PAGE_SIZE;
	u64 target = align_down(input_u64(input) % BIT(50), alignments[form / 32 % 3]);

	if (count > 2048) { /* in large leaves alone */
		max_leaf = max_u64(max_leaf, MIB(2));
		target = align_down(target, GIB(1));
	}
	target += address % GIB(1);
	bool failing = draw_failure(input);
	enum status status = gstage_map(&tables.gs, gpa(address), hpa(target), count * PAGE_SIZE,
					prot, max_leaf);

	page_fail_after(0, 0);
	if (runs_meet(first, count))
		REQUIRE(status == STATUS_EXISTS);
	else
		REQUIRE(status == STATUS_OK || (failing && status == STATUS_NO_MEMORY));
	if (status == STATUS_OK)
		run_add(first, count, target, prot);
	else
		REQUIRE(free_pages == page_free_count() && tables_before == tables.gs.table_count);
	check_edges(first, count);
}

static inline void unmap_some(struct input *input)
{
	u64 first, count, free_pages = page_free_count(), tables_before = tables.gs.table_count;

	draw_range(input, &first, &count);
	bool failing = draw_failure(input);
	enum status status = gstage_unmap(&tables.gs, gpa(tables.window + first * PAGE_SIZE),
					  count * PAGE_SIZE, &tables.freed);

	page_fail_after(0, 0);
	REQUIRE(status == STATUS_OK || (failing && status == STATUS_NO_MEMORY));
	if (status == STATUS_OK)
		runs_cut(first, first + count);
	else
		REQUIRE(free_pages == page_free_count() && tables_before == tables.gs.table_count);
	check_edges(first, count);
}

/* Arguments out of bounds are refused, and change nothing. */
static inline void refuse_some(struct input *input)
{
	u64 space = gstage_space_size(tables.gs.mode);
	u64 address = input_odd_number(input), length = input_odd_number(input);
	u64 target = input_odd_number(input), max_leaf = input_odd_number(input);
	enum prot prot = (enum prot)(input_u8(input) % 16);
	bool bad = address % PAGE_SIZE || length % PAGE_SIZE || !length || address >= space ||
		   length > space - address;
	struct gstage_leaf leaf;

	if (bad)
		REQUIRE(gstage_unmap(&tables.gs, gpa(address), length, &tables.freed) ==
			STATUS_INVALID);
	bad |= target % PAGE_SIZE || target >= BIT(56) || length > BIT(56) - target ||
	       !(prot & PROT_READ) || prot > PROT_RWX || max_leaf < PAGE_SIZE;
	if (bad)
		REQUIRE(gstage_map(&tables.gs, gpa(address), hpa(target), length, prot, max_leaf) ==
			STATUS_INVALID);
	if (address >= space)
		REQUIRE(gstage_walk(&tables.gs, gpa(address), &leaf) == STATUS_NOT_FOUND);
}

static inline void change_tables(struct input *input)
{
	static const enum hw_gstage_mode modes[] = {HW_GSTAGE_SV39X4, HW_GSTAGE_SV48X4,
						    HW_GSTAGE_SV57X4};
	u8 form = input_u8(input);
	enum hw_gstage_mode mode = modes[form % 3];
	u64 space = gstage_space_size(mode);
	u64 windows[] = {0, space - WINDOW_SIZE, space / 2 - GIB(1)};

	fake_start_with_pages(NULL);
	tables.window = windows[form / 3 % 3];
	tables.count = 0;
	tables.freed = GSTAGE_NO_TABLES;
	tables.free_pages = page_free_count();
	REQUIRE(gstage_create(&tables.gs, mode) == STATUS_OK);
	for (unsigned i = 0; input->left && i < RUN_MAX / 4; i++) {
		u8 what = input_u8(input);

		if (what < 110)
			map_some(input);
		else if (what < 200)
			unmap_some(input);
		else if (what < 225)
			refuse_some(input);
		else if (what < 240)
			check_tables();
		else {
			gstage_free_tables(&tables.gs, tables.freed);
			tables.freed = GSTAGE_NO_TABLES;
		}
	}
	check_tables();
	if (form & 64) {
		gstage_free_tables(&tables.gs, tables.freed);
		gstage_destroy(&tables.gs);
		REQUIRE(page_free_count() == tables.free_pages);
		return;
	}
	/* Quicker than a destroy, which looks at all of the space. */
	REQUIRE(gstage_unmap(&tables.gs, gpa(tables.window), WINDOW_SIZE, &tables.freed) ==
		STATUS_OK);
	gstage_free_tables(&tables.gs, tables.freed);
	REQUIRE(tables.free_pages - page_free_count() == 4);
}
