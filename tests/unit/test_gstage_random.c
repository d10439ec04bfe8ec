/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random changes to G-stage tables against a flat model, and changes for which memory runs out at
 * every possible point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/mem/page.h"
#include "tests/fake/fake_random.h"
#include "tests/fake/gstage_model.h"

static const enum hw_gstage_mode modes[] = {HW_GSTAGE_SV39X4, HW_GSTAGE_SV48X4, HW_GSTAGE_SV57X4};

static const u64 space_sizes[] = {BIT(41), BIT(50), BIT(59)};

static void check_around(struct fake_random *random, u64 first, u64 count)
{
	u64 edges[] = {first, first + count};

	for (unsigned i = 0; i < ARRAY_SIZE(edges); i++) {
		u64 low = edges[i] < 3 ? 0 : edges[i] - 3;

		for (u64 page = low; page < low + 6 && page < WINDOW_PAGES; page++)
			model_check_page(page);
	}
	for (unsigned i = 0; i < 16; i++)
		model_check_page(fake_random_below(random, WINDOW_PAGES));
	for (unsigned i = 0; i < 16; i++)
		model_check_page(first + fake_random_below(random, count));
}

/* A range of the window: any size, often aligned, so that large leaves come up. */
static void choose_range(struct fake_random *random, u64 *first, u64 *count)
{
	static const u64 alignments[] = {1, 1, 512, 512 * 512};
	u64 alignment = alignments[fake_random_below(random, ARRAY_SIZE(alignments))];

	*first = align_down(fake_random_below(random, WINDOW_PAGES), alignment);
	/* Mostly small, for speed. */
	u64 max = fake_random_below(random, 8) == 0 ? WINDOW_PAGES : 4 * 512;

	*count = fake_random_magnitude(random, min_u64(max, WINDOW_PAGES - *first));
	if (alignment > 1 && fake_random_below(random, 2) == 0)
		*count = min_u64(align_up(*count, alignment), WINDOW_PAGES - *first);
}

static u64 choose_target(struct fake_random *random, u64 first)
{
	static const u64 alignments[] = {PAGE_SIZE, MIB(2), GIB(1)};
	u64 alignment = alignments[fake_random_below(random, ARRAY_SIZE(alignments))];
	u64 shift = align_down(fake_random_below(random, BIT(50)), alignment);

	/* As aligned as the guest-physical address is, up to that much. */
	return shift + (model.window + first * PAGE_SIZE) % GIB(1);
}

static void random_map(struct fake_random *random, u64 first, u64 count)
{
	static const enum prot prots[] = {PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC,
					  PROT_RWX};
	static const u64 max_leaves[] = {PAGE_SIZE, MIB(2), MIB(3), GIB(1), GIB(512), UINT64_MAX};
	u64 target = choose_target(random, first);
	u64 max_leaf = max_leaves[fake_random_below(random, ARRAY_SIZE(max_leaves))];
	bool is_free = model_is_free(first, count);
	u64 free_count = page_free_count();
	enum status status =
		model_map(first, count, target, prots[fake_random_below(random, ARRAY_SIZE(prots))],
			  max_leaf);

	assert_int_equal(status, is_free ? STATUS_OK : STATUS_EXISTS);
	if (status != STATUS_OK)
		assert_int_equal(page_free_count(), free_count);
}

static void random_step(struct fake_random *random)
{
	u64 first, count;

	choose_range(random, &first, &count);
	if (fake_random_below(random, 100) < 60)
		random_map(random, first, count);
	else
		assert_int_equal(model_unmap(first, count), STATUS_OK);
	check_around(random, first, count);
	if (fake_random_below(random, 8) == 0)
		model_free_tables();
}

static void random_changes_in_window(enum hw_gstage_mode mode, u64 window, u64 seed)
{
	struct fake_random random = {seed};

	model_create(mode, window);
	for (unsigned i = 1; i <= 1000; i++) {
		random_step(&random);
		if (i % 250 == 0)
			model_check_everything();
	}
	assert_int_equal(model_unmap(0, WINDOW_PAGES), STATUS_OK);
	model_free_tables();
	assert_int_equal(model.gs.table_count, 4);
	model_check_everything();
	model_destroy();
}

static void random_changes_agree_with_a_flat_model(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		u64 space = space_sizes[i];

		random_changes_in_window(modes[i], 0, 10 + i);
		random_changes_in_window(modes[i], space - WINDOW_SIZE, 20 + i);
		/* Across the largest boundary between entries that there is. */
		random_changes_in_window(modes[i], space / 2 - GIB(1), 30 + i);
	}
}

/* ------------------------------------------------------------------------------------------------
 * When memory runs out.
 */

/* Lets the n-th allocation fail, and failure_count - 1 more, for every n until the change succeeds.
 * Returns how many allocations it takes. */
static u64 fail_every_allocation(enum status (*change)(void), u64 failure_count)
{
	for (u64 n = 0;; n++) {
		u64 free_count = page_free_count(), table_count = model.gs.table_count;

		page_fail_after(n, failure_count);
		enum status status = change();

		page_fail_after(0, 0);
		model_check_everything();
		if (status == STATUS_OK)
			return n;
		assert_int_equal(status, STATUS_NO_MEMORY);
		assert_int_equal(page_free_count(), free_count);
		assert_int_equal(model.gs.table_count, table_count);
	}
}

static enum status map_pages_across_a_gibibyte(void)
{
	return model_map(GIB_PAGES - 5, 10, MIB(64), PROT_RWX, PAGE_SIZE);
}

static enum status map_many_pages(void)
{
	return model_map(100, 2048, 0, PROT_RWX, PAGE_SIZE);
}

static enum status unmap_inside_a_leaf(void)
{
	return model_unmap(700, 1300);
}

static enum status unmap_one_page_of_a_leaf(void)
{
	return model_unmap(700, 1);
}

static enum status unmap_from_leaf_to_leaf(void)
{
	return model_unmap(GIB_PAGES - 1000, 1300);
}

static enum status unmap_end_of_a_leaf(void)
{
	return model_unmap(512 * 7, GIB_PAGES);
}

static void failed_change_changes_nothing(void **state)
{
	(void)state;
	static const struct {
		enum status (*change)(void);
		bool two_leaves; /* of 1 GiB are there before */
		u64 table_count; /* that it takes below the level of 1 GiB entries */
	} cases[] = {
		{map_pages_across_a_gibibyte, false, 4},
		{map_many_pages, false, 1 + 5},
		/* A table of 2 MiB leaves, and one of pages for each end. */
		{unmap_inside_a_leaf, true, 1 + 2},
		{unmap_one_page_of_a_leaf, true, 2},
		{unmap_from_leaf_to_leaf, true, 4},
		{unmap_end_of_a_leaf, true, 2},
	};

	for (unsigned mode = 0; mode < ARRAY_SIZE(modes); mode++) {
		for (unsigned i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
			u64 table_count = cases[i / 2].table_count;

			model_create(modes[mode], GIB(2));
			if (cases[i / 2].two_leaves)
				assert_int_equal(
					model_map(0, 2 * GIB_PAGES, GIB(5), PROT_RWX, GIB(1)),
					STATUS_OK);
			else
				table_count += mode; /* a table for each level in between */
			assert_int_equal(
				fail_every_allocation(cases[i / 2].change, i % 2 ? UINT64_MAX : 1),
				table_count);
			model_destroy();
		}
	}
}

static void failed_create_takes_nothing(void **state)
{
	(void)state;
	struct gstage gs;

	fake_start_with_pages(NULL);
	u64 free_count = page_free_count();

	page_fail_after(0, 1);
	assert_int_equal(gstage_create(&gs, HW_GSTAGE_SV48X4), STATUS_NO_MEMORY);
	assert_int_equal(gstage_create(&gs, HW_GSTAGE_BARE), STATUS_UNSUPPORTED);
	assert_int_equal(gstage_create(&gs, (enum hw_gstage_mode)11), STATUS_UNSUPPORTED);
	assert_int_equal(gstage_create(&gs, (enum hw_gstage_mode)1), STATUS_UNSUPPORTED);
	assert_int_equal(page_free_count(), free_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_agree_with_a_flat_model),
		cmocka_unit_test(failed_change_changes_nothing),
		cmocka_unit_test(failed_create_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
