/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * G-stage tables: which leaves are made, the edges of the space, and what a hart sees that walks
 * while tables change. Random changes are in test_gstage_random.c.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fake/fake_walk.h"
#include "tests/fake/gstage_model.h"

static const enum hw_gstage_mode modes[] = {HW_GSTAGE_SV39X4, HW_GSTAGE_SV48X4, HW_GSTAGE_SV57X4};

static const u64 space_sizes[] = {BIT(41), BIT(50), BIT(59)};

/* ------------------------------------------------------------------------------------------------
 * Leaves.
 */

static u64 leaf_size_at(u64 address)
{
	struct gstage_leaf leaf;

	assert_int_equal(gstage_walk(&model.gs, gpa(address), &leaf), STATUS_OK);
	return leaf.size;
}

static void leaves_are_as_large_as_alignment_allows(void **state)
{
	(void)state;
	static const struct {
		u64 first, count, target, max_leaf;
		u64 probe, size;
	} cases[] = {
		{0, GIB_PAGES, GIB(3), GIB(1), 0, GIB(1)},
		{0, GIB_PAGES, GIB(3), UINT64_MAX, 0, GIB(1)},
		{0, 2 * GIB_PAGES, 0, UINT64_MAX, GIB_PAGES, GIB(1)},
		{0, GIB_PAGES, GIB(3), GIB(1) - 1, 0, MIB(2)},
		{0, GIB_PAGES, GIB(3), MIB(2), 77, MIB(2)},
		{0, GIB_PAGES, GIB(3) + MIB(2), GIB(1), 0, MIB(2)},
		{0, GIB_PAGES - 1, GIB(3), GIB(1), 0, MIB(2)},
		{0, GIB_PAGES - 1, GIB(3), GIB(1), GIB_PAGES - 2, KIB(4)},
		{0, GIB_PAGES, GIB(3) + KIB(4), GIB(1), 0, KIB(4)},
		{1, GIB_PAGES, GIB(3) + KIB(4), GIB(1), 1, KIB(4)},
		{1, GIB_PAGES, GIB(3) + KIB(4), GIB(1), 512, MIB(2)},
		{0, 511, 0, GIB(1), 0, KIB(4)},
		{0, 512, MIB(2), KIB(4), 0, KIB(4)},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		model_create(HW_GSTAGE_SV48X4, 0);
		assert_int_equal(model_map(cases[i].first, cases[i].count, cases[i].target,
					   PROT_RWX, cases[i].max_leaf),
				 STATUS_OK);
		assert_int_equal(leaf_size_at(cases[i].probe * PAGE_SIZE), cases[i].size);
		model_check_everything();
		model_destroy();
	}
}

static void leaves_above_a_gibibyte_are_never_made(void **state)
{
	(void)state;
	struct fake_translation seen;

	for (unsigned i = 1; i < ARRAY_SIZE(modes); i++) {
		model_create(modes[i], 0);
		assert_int_equal(gstage_map(&model.gs, gpa(GIB(512)), hpa(GIB(1024)), GIB(512),
					    PROT_RWX, UINT64_MAX),
				 STATUS_OK);
		assert_int_equal(fake_walk_gstage(model_hgatp(), GIB(1024) - 1, &seen),
				 FAKE_WALK_OK);
		assert_int_equal(seen.size, GIB(1));
		assert_int_equal(seen.address.value, GIB(1536) - 1);
		assert_int_equal(model.gs.table_count, 4 + i);
		model_destroy();
	}
}

static void a_hole_in_a_gibibyte_costs_two_tables(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		model_create(modes[i], 0);
		assert_int_equal(model_map(0, GIB_PAGES, GIB(7), PROT_READ, GIB(1)), STATUS_OK);
		u64 before = model.gs.table_count;

		assert_int_equal(model_unmap(12345, 1), STATUS_OK);
		assert_int_equal(model.gs.table_count, before + 2);
		assert_int_equal(model.freed.value, GSTAGE_NO_TABLES.value);
		model_check_everything();

		/* The rest goes: so do both tables, but not before the fence. */
		assert_int_equal(model_unmap(0, GIB_PAGES), STATUS_OK);
		model_check_everything();
		model_free_tables();
		assert_int_equal(model.gs.table_count, 4);
		model_destroy();
	}
}

static void freed_tables_hold_nothing_valid(void **state)
{
	(void)state;
	model_create(HW_GSTAGE_SV57X4, 0);
	assert_int_equal(model_map(3, 5, GIB(7), PROT_RWX, GIB(1)), STATUS_OK);
	assert_int_equal(model_map(GIB_PAGES, 5, GIB(7), PROT_RWX, GIB(1)), STATUS_OK);
	assert_int_equal(model_unmap(0, WINDOW_PAGES), STATUS_OK);

	/* A hart that has not fenced may still walk them. */
	unsigned count = 0;

	for (hpa_t t = model.freed; t.value != GSTAGE_NO_TABLES.value; count++) {
		const u64 *entries = hw_ram(t);

		for (unsigned i = 0; i < 512; i++)
			assert_int_equal(entries[i] & 1, 0);
		t = hpa(entries[0]);
	}
	assert_int_equal(count, 6);
	model_destroy();
}

/* ------------------------------------------------------------------------------------------------
 * Edges.
 */

static void check_bad_ranges(u64 space)
{
	static const u64 bad_lengths[] = {0, 1, PAGE_SIZE + 8};
	struct gstage *gs = &model.gs;
	hpa_t freed = GSTAGE_NO_TABLES;

	for (unsigned i = 0; i < ARRAY_SIZE(bad_lengths); i++) {
		assert_int_equal(gstage_map(gs, gpa(0), hpa(0), bad_lengths[i], PROT_RWX, GIB(1)),
				 STATUS_INVALID);
		assert_int_equal(gstage_unmap(gs, gpa(0), bad_lengths[i], &freed), STATUS_INVALID);
	}
	const struct {
		u64 address, length;
	} bad[] = {
		{8, PAGE_SIZE},
		{space, PAGE_SIZE},
		{space - PAGE_SIZE, 2 * PAGE_SIZE},
		{0, space + PAGE_SIZE},
		{align_down(UINT64_MAX, PAGE_SIZE), PAGE_SIZE},
		{align_down(UINT64_MAX, PAGE_SIZE), 2 * PAGE_SIZE},
		{PAGE_SIZE, align_down(UINT64_MAX, PAGE_SIZE)},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(gstage_map(gs, gpa(bad[i].address), hpa(0), bad[i].length,
					    PROT_RWX, GIB(1)),
				 STATUS_INVALID);
		assert_int_equal(gstage_unmap(gs, gpa(bad[i].address), bad[i].length, &freed),
				 STATUS_INVALID);
	}
	assert_int_equal(freed.value, GSTAGE_NO_TABLES.value);
}

static void check_bad_leaves(void)
{
	static const struct {
		u64 target;
		enum prot prot;
		u64 max_leaf;
	} bad[] = {
		{8, PROT_RWX, GIB(1)},
		{BIT(56), PROT_RWX, GIB(1)},
		{BIT(56) - PAGE_SIZE, PROT_RWX, GIB(1)},
		{UINT64_MAX - PAGE_SIZE + 1, PROT_RWX, GIB(1)},
		{0, PROT_WRITE, GIB(1)},
		{0, PROT_EXEC, GIB(1)},
		{0, (enum prot)0, GIB(1)},
		{0, (enum prot)(PROT_RWX | 8), GIB(1)},
		{0, PROT_RWX, 0},
		{0, PROT_RWX, PAGE_SIZE - 1},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(gstage_map(&model.gs, gpa(0), hpa(bad[i].target), 2 * PAGE_SIZE,
					    bad[i].prot, bad[i].max_leaf),
				 STATUS_INVALID);
}

static void bad_arguments_are_refused(void **state)
{
	(void)state;
	struct gstage_leaf leaf;
	gpa_t start;

	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		u64 space = space_sizes[i];

		assert_int_equal(gstage_space_size(modes[i]), space);
		model_create(modes[i], 0);
		check_bad_ranges(space);
		check_bad_leaves();
		assert_int_equal(gstage_walk(&model.gs, gpa(space), &leaf), STATUS_NOT_FOUND);
		assert_int_equal(gstage_walk(&model.gs, gpa(UINT64_MAX), &leaf), STATUS_NOT_FOUND);
		assert_int_equal(
			gstage_find(&model.gs, gpa(UINT64_MAX), gpa(UINT64_MAX), &start, &leaf),
			STATUS_NOT_FOUND);
		model_check_everything();
		model_destroy();
	}
	assert_int_equal(gstage_space_size(HW_GSTAGE_BARE), 0);
}

static void the_last_page_of_the_space_can_be_used(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		struct gstage_leaf leaf;
		hpa_t freed = GSTAGE_NO_TABLES;
		gpa_t start;
		gpa_t last = gpa(space_sizes[i] - PAGE_SIZE);

		model_create(modes[i], 0);
		assert_int_equal(gstage_map(&model.gs, last, hpa(BIT(56) - PAGE_SIZE), PAGE_SIZE,
					    PROT_RWX, GIB(1)),
				 STATUS_OK);
		assert_int_equal(gstage_walk(&model.gs, gpa(space_sizes[i] - 1), &leaf), STATUS_OK);
		assert_int_equal(leaf.address.value, BIT(56) - 1);
		assert_int_equal(gstage_find(&model.gs, gpa(0), gpa(UINT64_MAX), &start, &leaf),
				 STATUS_OK);
		assert_int_equal(start.value, last.value);
		/* The whole space at once, which is mostly holes. */
		assert_int_equal(gstage_unmap(&model.gs, gpa(0), space_sizes[i], &freed),
				 STATUS_OK);
		gstage_free_tables(&model.gs, freed);
		assert_int_equal(model.gs.table_count, 4);
		model_destroy();
	}
}

static void find_goes_from_leaf_to_leaf(void **state)
{
	(void)state;
	struct gstage_leaf leaf;
	gpa_t start;

	model_create(HW_GSTAGE_SV39X4, GIB(2));
	assert_int_equal(gstage_find(&model.gs, gpa(0), gpa(UINT64_MAX), &start, &leaf),
			 STATUS_NOT_FOUND);
	assert_int_equal(model_map(512, 512, MIB(4), PROT_READ, MIB(2)), STATUS_OK);
	assert_int_equal(model_map(5000, 1, MIB(64), PROT_RWX, MIB(2)), STATUS_OK);

	/* From the middle of a leaf it is that leaf. */
	assert_int_equal(
		gstage_find(&model.gs, gpa(GIB(2) + MIB(3)), gpa(UINT64_MAX), &start, &leaf),
		STATUS_OK);
	assert_int_equal(start.value, GIB(2) + MIB(2));
	assert_int_equal(leaf.address.value, MIB(4));
	assert_int_equal(leaf.size, MIB(2));
	assert_int_equal(leaf.prot, PROT_READ);
	assert_int_equal(
		gstage_find(&model.gs, gpa(GIB(2) + MIB(4)), gpa(UINT64_MAX), &start, &leaf),
		STATUS_OK);
	assert_int_equal(start.value, GIB(2) + 5000 * PAGE_SIZE);
	assert_int_equal(gstage_find(&model.gs, gpa(start.value - PAGE_SIZE), start, &start, &leaf),
			 STATUS_NOT_FOUND);
	assert_int_equal(gstage_find(&model.gs, gpa(start.value + PAGE_SIZE), gpa(UINT64_MAX),
				     &start, &leaf),
			 STATUS_NOT_FOUND);
	model_destroy();
}

/* What guest_memory_touch() chooses by. */
static void where_nothing_is_mapped_a_walk_tells_how_much(void **state)
{
	(void)state;
	static const struct {
		u64 address, empty;
	} cases[] = {
		{0, KIB(4)},	      {2 * PAGE_SIZE, KIB(4)}, {MIB(2) - 1, KIB(4)},
		{MIB(2), MIB(2)},     {GIB(1) - 1, MIB(2)},    {GIB(1), GIB(1)},
		{GIB(512), GIB(512)}, {BIT(50) - 1, GIB(512)}, {BIT(50), 0},
		{UINT64_MAX, 0},
	};

	model_create(HW_GSTAGE_SV48X4, 0);
	assert_int_equal(model_map(1, 1, 0, PROT_RWX, KIB(4)), STATUS_OK);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		struct gstage_leaf leaf = {.size = 1};

		assert_int_equal(gstage_walk(&model.gs, gpa(cases[i].address), &leaf),
				 STATUS_NOT_FOUND);
		assert_int_equal(leaf.size, cases[i].empty);
	}
	model_destroy();
}

static void hgatp_holds_mode_vmid_and_root(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		model_create(modes[i], 0);
		u64 value = gstage_hgatp(&model.gs, 0x2abc);

		assert_true(is_aligned(model.gs.root.value, KIB(16)));
		assert_int_equal(value >> 60, 8 + i);
		assert_int_equal(value >> 44 & 0xffff, 0x2abc);
		assert_int_equal((value & (BIT(44) - 1)) << 12, model.gs.root.value);
		/* The fake hart takes it as it is. */
		hw_write_hgatp(value);
		assert_int_equal(hw_read_hgatp(), value);
		model_destroy();
	}
	model_create(HW_GSTAGE_SV39X4, 0);
	assert_int_equal(FAKE_CATCH_END((void)gstage_hgatp(&model.gs, 1 << 14)), FAKE_END_CHECK);
}

/* ------------------------------------------------------------------------------------------------
 * A second hart that walks while the tables change.
 */

#define CHURN_PAGE (2 * GIB_PAGES + 100) /* comes and goes, with its tables */

/* Leaves that are split, one after the other, around a page that stays mapped. */
#define SPLIT_COUNT 300
#define KEPT_PAGE   500 /* written late when a table is filled */

static bool churn_done;
static bool walker_ended;
static u64 split_now, split_seen;

static u64 target_of(u64 page)
{
	return GIB(4) + page * PAGE_SIZE;
}

static bool walker_has_ended(void)
{
	return __atomic_load_n(&walker_ended, __ATOMIC_RELAXED);
}

static const char *walk_until_done(void)
{
	u64 value = model_hgatp();
	struct fake_translation seen;

	while (!__atomic_load_n(&churn_done, __ATOMIC_ACQUIRE)) {
		u64 split = __atomic_load_n(&split_now, __ATOMIC_RELAXED);
		u64 kept = split * 512 + KEPT_PAGE;

		if (fake_walk_gstage(value, kept * PAGE_SIZE, &seen) != FAKE_WALK_OK ||
		    seen.address.value != target_of(kept))
			return "a page was lost while its neighbours were unmapped";
		enum fake_walk walk = fake_walk_gstage(value, CHURN_PAGE * PAGE_SIZE, &seen);

		if (walk == FAKE_WALK_MALFORMED ||
		    (walk == FAKE_WALK_OK && seen.address.value != target_of(CHURN_PAGE)))
			return "half-built tables were seen";
		__atomic_store_n(&split_seen, split, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *walk_meanwhile(void *unused)
{
	const char *complaint;

	(void)unused;
	fake_set_hart(1);
	complaint = walk_until_done();
	__atomic_store_n(&walker_ended, true, __ATOMIC_RELAXED);
	return (void *)complaint;
}

static void a_walking_hart_never_sees_half_built_tables(void **state)
{
	(void)state;
	pthread_t walker;
	void *complaint;

	model_create(HW_GSTAGE_SV48X4, 0);
	assert_int_equal(model_map(0, SPLIT_COUNT * 512, target_of(0), PROT_RWX, MIB(2)),
			 STATUS_OK);
	churn_done = walker_ended = false;
	split_now = 0;
	split_seen = SPLIT_COUNT;
	pthread_create(&walker, NULL, walk_meanwhile, NULL);
	/* Tables are only collected: this walker never fences. */
	for (u64 i = 0; i < SPLIT_COUNT; i++) {
		__atomic_store_n(&split_now, i, __ATOMIC_RELAXED);
		/* It is looking: split under its eyes. */
		while (__atomic_load_n(&split_seen, __ATOMIC_RELAXED) != i && !walker_has_ended())
			sched_yield();
		assert_int_equal(model_unmap(i * 512 + KEPT_PAGE + 1, 512 - KEPT_PAGE - 1),
				 STATUS_OK);
		assert_int_equal(model_unmap(i * 512, KEPT_PAGE), STATUS_OK);
	}
	for (unsigned i = 0; i < 3000; i++) {
		u64 count = 1 + i % 700;

		assert_int_equal(
			model_map(CHURN_PAGE, count, target_of(CHURN_PAGE), PROT_RWX, GIB(1)),
			STATUS_OK);
		assert_int_equal(model_unmap(CHURN_PAGE, count), STATUS_OK);
	}
	__atomic_store_n(&churn_done, true, __ATOMIC_RELEASE);
	pthread_join(walker, &complaint);
	assert_null(complaint);
	model_check_everything();
	model_destroy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_are_as_large_as_alignment_allows),
		cmocka_unit_test(leaves_above_a_gibibyte_are_never_made),
		cmocka_unit_test(a_hole_in_a_gibibyte_costs_two_tables),
		cmocka_unit_test(freed_tables_hold_nothing_valid),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(the_last_page_of_the_space_can_be_used),
		cmocka_unit_test(find_goes_from_leaf_to_leaf),
		cmocka_unit_test(where_nothing_is_mapped_a_walk_tells_how_much),
		cmocka_unit_test(hgatp_holds_mode_vmid_and_root),
		cmocka_unit_test(a_walking_hart_never_sees_half_built_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
