/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of physical regions, against a map with one flag a page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/region.c"
#include "tests/fake/fake_random.h"

#define PAGES	   512
#define OPERATIONS 20000

static bool model[PAGES];

static void set_model(u64 base, u64 size, bool value)
{
	for (u64 i = base; i < base + size; i++)
		model[i] = value;
}

static void assert_sorted_and_apart(const struct region_set *set)
{
	for (unsigned i = 0; i < set->count; i++) {
		assert_true(set->regions[i].size > 0);
		if (i > 0)
			assert_true(set->regions[i].base.value >
				    set->regions[i - 1].base.value + set->regions[i - 1].size);
	}
}

/* What the set has, the model has; when nothing was lost, the reverse too. */
static void assert_like_model(const struct region_set *set, bool exactly)
{
	for (u64 i = 0; i < PAGES; i++) {
		bool has = region_contains(set, i, 1);

		if (has || exactly)
			assert_int_equal(has, model[i]);
		model[i] = has;
	}
}

static void random_sets_equal_their_model(void **state)
{
	struct fake_random random = {.state = 1};
	struct region_set set = {.count = 0};
	unsigned full_count = 0, lossy_count = 0;

	(void)state;
	for (unsigned i = 0; i < OPERATIONS; i++) {
		u64 base = fake_random_below(&random, PAGES);
		u64 size = min_u64(fake_random_below(&random, 6), PAGES - base);
		u64 lost = 0;

		if (fake_random_below(&random, 8) < 5) {
			if (region_add(&set, base, size) == STATUS_OK)
				set_model(base, size, true);
			else
				full_count++;
		} else {
			lost = region_remove(&set, base, size);
			set_model(base, size, false);
			lossy_count += lost != 0;
		}
		assert_sorted_and_apart(&set);
		assert_like_model(&set, lost == 0);
	}
	/* The sizes above were chosen so that the limits are met. */
	assert_true(full_count > 0);
	assert_true(lossy_count > 0);
}

static void fill(struct region_set *set)
{
	*set = (struct region_set){.count = 0};
	for (u64 i = 0; i < REGION_SET_MAX; i++)
		assert_int_equal(region_add(set, i * 10, 5), STATUS_OK);
}

static void a_full_set_refuses_and_keeps_what_it_has(void **state)
{
	struct region_set set, before;

	(void)state;
	fill(&set);
	before = set;
	assert_int_equal(region_add(&set, 7, 1), STATUS_NO_MEMORY);
	assert_int_equal(region_add(&set, REGION_SET_MAX * 10, 1), STATUS_NO_MEMORY);
	assert_memory_equal(&set, &before, sizeof(set));
	assert_int_equal(region_add(&set, 5, 5), STATUS_OK);
	assert_int_equal(set.count, REGION_SET_MAX - 1);
}

static void a_split_in_a_full_set_loses_the_smaller_part(void **state)
{
	struct region_set set;

	(void)state;
	fill(&set);
	assert_int_equal(region_remove(&set, 101, 1), 1);
	assert_false(region_contains(&set, 100, 1));
	assert_false(region_contains(&set, 101, 1));
	assert_true(region_contains(&set, 102, 3));
	assert_int_equal(set.count, REGION_SET_MAX);
}

static void clipping_ends_where_addresses_end(void **state)
{
	u64 base = REGION_LIMIT - 1, size = UINT64_MAX;

	(void)state;
	region_clip(&base, &size);
	assert_int_equal(size, 1);
	base = REGION_LIMIT;
	size = 1;
	region_clip(&base, &size);
	assert_int_equal(size, 0);
	base = UINT64_MAX;
	size = UINT64_MAX;
	region_clip(&base, &size);
	assert_int_equal(size, 0);
}

static void overlaps_are_what_both_have(void **state)
{
	struct region_set set = {.count = 0};
	u64 base = 0, size = 0x10000;

	(void)state;
	assert_int_equal(region_add(&set, 0x1000, 0x1000), STATUS_OK);
	assert_true(region_overlap(&set, 0, &base, &size));
	assert_int_equal(base, 0x1000);
	assert_int_equal(size, 0x1000);
	base = 0x1fff;
	assert_true(region_overlap(&set, 0, &base, &size));
	assert_int_equal(base, 0x1fff);
	assert_int_equal(size, 1);
	base = 0x2000;
	assert_false(region_overlap(&set, 0, &base, &size));
	assert_true(region_meets(&set, 0xfff, 2));
	assert_false(region_meets(&set, 0xfff, 1));
	assert_false(region_meets(&set, 0x2000, 1));
}

static void truncation_keeps_the_first_bytes(void **state)
{
	struct region_set set = {.count = 0};

	(void)state;
	assert_int_equal(region_add(&set, 10, 3), STATUS_OK);
	assert_int_equal(region_add(&set, 20, 5), STATUS_OK);
	assert_int_equal(region_add(&set, 30, 2), STATUS_OK);
	assert_int_equal(region_truncate(&set, 10), 0);
	assert_int_equal(set.count, 3);
	assert_int_equal(region_truncate(&set, 4), 6);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.regions[1].base.value, 20);
	assert_int_equal(set.regions[1].size, 1);
	assert_int_equal(region_truncate(&set, 3), 1);
	assert_int_equal(set.count, 1);
}

static void places_are_found_lowest_first_and_aligned(void **state)
{
	struct region_set set = {.count = 0};
	u64 base;

	(void)state;
	assert_int_equal(region_add(&set, 0x1800, 0x1000), STATUS_OK);
	assert_int_equal(region_add(&set, 0x7000, 0x9000), STATUS_OK);
	assert_true(region_find(&set, 0, 0x800, 0x1000, &base));
	assert_int_equal(base, 0x2000);
	assert_true(region_find(&set, 0, 0x1000, 0x1000, &base));
	assert_int_equal(base, 0x7000);
	assert_true(region_find(&set, 0x7001, 0x8000, 0x8000, &base));
	assert_int_equal(base, 0x8000);
	assert_false(region_find(&set, 0, 0x9000, 0x8000, &base));
	assert_false(region_find(&set, 0xf001, 0x1000, 1, &base));
}

static void only_whole_pages_are_left(void **state)
{
	struct region_set set = {.count = 0};

	(void)state;
	assert_int_equal(region_add(&set, 0x1001, 0x1ffe), STATUS_OK);
	assert_int_equal(region_add(&set, 0x4001, 0x2fff), STATUS_OK);
	region_trim_to_pages(&set);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.regions[0].base.value, 0x5000);
	assert_int_equal(set.regions[0].size, 0x2000);
}

static void the_largest_regions_are_kept_in_order(void **state)
{
	struct region_set set = {.count = 0};
	struct hw_region out[2];

	(void)state;
	assert_int_equal(region_add(&set, 10, 3), STATUS_OK);
	assert_int_equal(region_add(&set, 20, 1), STATUS_OK);
	assert_int_equal(region_add(&set, 30, 2), STATUS_OK);
	assert_int_equal(region_copy_largest(&set, out, 2), 2);
	assert_int_equal(out[0].base.value, 10);
	assert_int_equal(out[1].base.value, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_sets_equal_their_model),
		cmocka_unit_test(a_full_set_refuses_and_keeps_what_it_has),
		cmocka_unit_test(a_split_in_a_full_set_loses_the_smaller_part),
		cmocka_unit_test(clipping_ends_where_addresses_end),
		cmocka_unit_test(overlaps_are_what_both_have),
		cmocka_unit_test(truncation_keeps_the_first_bytes),
		cmocka_unit_test(places_are_found_lowest_first_and_aligned),
		cmocka_unit_test(only_whole_pages_are_left),
		cmocka_unit_test(the_largest_regions_are_kept_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
