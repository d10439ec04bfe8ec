/* SPDX-License-Identifier: BSD-2-Clause */
/* The page allocator: who gets which pages, and that every wrong way of giving back is caught. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/mem/page.h"
#include "tests/fake/fake_hw.h"
#include "tests/fake/fake_random.h"

#define BLOCK_MAX 4096

struct block {
	hpa_t address;
	unsigned order;
};

static struct block blocks[BLOCK_MAX];
static unsigned block_count;

static u64 size_of(unsigned order)
{
	return PAGE_SIZE << order;
}

static bool is_in_free_ram(hpa_t address, u64 size)
{
	const struct hw_machine *machine = fake_machine();

	for (unsigned i = 0; i < machine->free_ram_count; i++) {
		const struct hw_region *region = &machine->free_ram[i];

		if (range_contains(region->base.value, region->size, address.value, size))
			return true;
	}
	return false;
}

static hpa_t alloc(unsigned order)
{
	hpa_t block;

	assert_int_equal(page_alloc(order, &block), STATUS_OK);
	assert_true(is_aligned(block.value, size_of(order)));
	assert_true(is_in_free_ram(block, size_of(order)));
	return block;
}

static void fill(hpa_t address, u64 size, u8 value)
{
	memset(hw_ram(address), value, size);
}

static bool is_filled(hpa_t address, u64 size, u8 value)
{
	const u8 *bytes = hw_ram(address);

	/* All equal to the first, and the first as wanted. */
	return bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* Takes everything, largest blocks first. Returns how many blocks of each order there were. */
static void drain(unsigned counts[PAGE_ORDER_MAX + 1])
{
	block_count = 0;
	for (unsigned order = PAGE_ORDER_MAX + 1; order-- > 0;) {
		counts[order] = 0;
		while (page_alloc(order, &blocks[block_count].address) == STATUS_OK) {
			blocks[block_count++].order = order;
			counts[order]++;
			assert_true(block_count < BLOCK_MAX);
		}
	}
	assert_int_equal(page_free_count(), 0);
}

static void give_all_back(void)
{
	while (block_count > 0) {
		block_count--;
		page_free(blocks[block_count].address, blocks[block_count].order);
	}
	assert_int_equal(page_free_count(), page_total_count());
}

/* Three regions that begin and end anywhere. */
static struct fake_options ragged_ram(void)
{
	struct fake_options options = fake_defaults();

	options.ram_base = 0x7ff3b000;
	options.ram_size = MIB(64);
	options.free_ram[0] = (struct hw_region){hpa(0x7ff3b000), 0x00127000};
	options.free_ram[1] = (struct hw_region){hpa(0x80062000), 0x0067f000};
	options.free_ram[2] = (struct hw_region){hpa(0x80800000), MIB(32)};
	options.free_ram_count = 3;
	return options;
}

/* Gives a block back in random naturally aligned parts, in random order of halves. */
static void free_in_parts(struct fake_random *random, hpa_t address, unsigned order)
{
	if (order == 0 || fake_random_below(random, 4) == 0) {
		page_free(address, order);
		return;
	}
	hpa_t halves[] = {address, hpa(address.value + size_of(order - 1))};
	unsigned first = fake_random_below(random, 2);

	free_in_parts(random, halves[first], order - 1);
	free_in_parts(random, halves[1 - first], order - 1);
}

static void check_stamp(const struct block *block)
{
	u64 pages = 1ULL << block->order;

	for (u64 i = 0; i < pages; i++) {
		hpa_t page = hpa(block->address.value + i * PAGE_SIZE);

		assert_int_equal(*(u64 *)hw_ram(page), block->address.value);
		assert_int_equal(*(u64 *)hw_ram(hpa(page.value + PAGE_SIZE - 8)), page.value);
	}
}

static void stamp(const struct block *block)
{
	u64 pages = 1ULL << block->order;

	for (u64 i = 0; i < pages; i++) {
		hpa_t page = hpa(block->address.value + i * PAGE_SIZE);

		*(u64 *)hw_ram(page) = block->address.value;
		*(u64 *)hw_ram(hpa(page.value + PAGE_SIZE - 8)) = page.value;
	}
}

static void random_step(struct fake_random *random, u64 *free_count)
{
	bool take = block_count < 2 || (block_count < 200 && fake_random_below(random, 2) == 0);

	if (take) {
		struct block *block = &blocks[block_count];

		block->order = fake_random_below(random, 11);
		if (page_alloc(block->order, &block->address) != STATUS_OK)
			return;
		assert_true(is_aligned(block->address.value, size_of(block->order)));
		assert_true(is_in_free_ram(block->address, size_of(block->order)));
		stamp(block);
		block_count++;
		*free_count -= 1ULL << block->order;
	} else {
		unsigned index = fake_random_below(random, block_count);
		struct block block = blocks[index];

		blocks[index] = blocks[--block_count];
		check_stamp(&block);
		free_in_parts(random, block.address, block.order);
		*free_count += 1ULL << block.order;
	}
	assert_int_equal(page_free_count(), *free_count);
}

static void random_blocks_never_overlap_and_all_come_back(void **state)
{
	(void)state;
	struct fake_options options = ragged_ram();
	unsigned before[PAGE_ORDER_MAX + 1], after[PAGE_ORDER_MAX + 1];

	for (u64 seed = 1; seed <= 5; seed++) {
		struct fake_random random = {seed};

		fake_start_with_pages(&options);
		drain(before);
		give_all_back();

		u64 free_count = page_free_count();

		for (unsigned i = 0; i < 20000; i++)
			random_step(&random, &free_count);
		for (unsigned i = 0; i < block_count; i++)
			check_stamp(&blocks[i]);
		give_all_back();

		/* Everything has grown together again: the same blocks are there as at first. */
		drain(after);
		assert_memory_equal(before, after, sizeof(before));
		give_all_back();
	}
}

static void every_page_can_be_had_once(void **state)
{
	(void)state;
	struct fake_options options = ragged_ram();
	hpa_t block;

	fake_start_with_pages(&options);
	u64 total = page_total_count();
	u64 given = (0x00127000 + 0x0067f000 + MIB(32)) / PAGE_SIZE;

	/* Bookkeeping is small: under a hundredth, and some pages for each region. */
	assert_true(total < given && total > given - given / 100 - 3 * 3);
	hpa_t *pages = calloc(total, sizeof(*pages));

	for (u64 i = 0; i < total; i++) {
		pages[i] = alloc(0);
		*(u64 *)hw_ram(pages[i]) = i;
	}
	assert_int_equal(page_free_count(), 0);
	assert_int_equal(page_alloc(0, &block), STATUS_NO_MEMORY);
	for (u64 i = 0; i < total; i++)
		assert_int_equal(*(u64 *)hw_ram(pages[i]), i);
	for (u64 i = 0; i < total; i++)
		page_free(pages[(i * 7919) % total], 0);
	assert_int_equal(page_free_count(), total);
	free(pages);
}

static void blocks_up_to_a_gibibyte_are_given(void **state)
{
	(void)state;
	struct fake_options options = fake_defaults();
	hpa_t block;

	/* RAM from 0: a block of 1 GiB at 1 GiB and at 2 GiB, the bookkeeping lies in the first. */
	options.ram_base = 0;
	options.ram_size = GIB(3) + MIB(5);
	fake_start_with_pages(&options);
	u64 total = page_free_count();

	hpa_t first = alloc(PAGE_ORDER_1G);
	hpa_t second = alloc(PAGE_ORDER_1G);

	assert_int_not_equal(first.value, second.value);
	assert_int_equal(page_alloc(PAGE_ORDER_1G, &block), STATUS_NO_MEMORY);
	hpa_t large = alloc(PAGE_ORDER_2M);

	assert_int_equal(page_free_count(), total - 2 * (1 << 18) - (1 << 9));
	/* A gibibyte goes back as 2 MiB blocks and one of them as pages. */
	for (u64 offset = 0; offset < GIB(1); offset += MIB(2)) {
		for (u64 page = 0; offset == MIB(6) && page < MIB(2); page += PAGE_SIZE)
			page_free(hpa(first.value + offset + page), PAGE_ORDER_4K);
		if (offset != MIB(6))
			page_free(hpa(first.value + offset), PAGE_ORDER_2M);
	}
	assert_int_equal(alloc(PAGE_ORDER_1G).value, first.value);
	page_free(first, PAGE_ORDER_1G);
	page_free(second, PAGE_ORDER_1G);
	page_free(large, PAGE_ORDER_2M);
	assert_int_equal(page_free_count(), total);
}

static void the_smallest_block_that_fits_is_broken_up(void **state)
{
	(void)state;
	struct fake_options options = ragged_ram();
	unsigned before[PAGE_ORDER_MAX + 1], after[PAGE_ORDER_MAX + 1];

	fake_start_with_pages(&options);
	drain(before);
	give_all_back();
	hpa_t page = alloc(0);

	drain(after);
	assert_int_equal(before[0], after[0] + 1);
	for (unsigned order = 1; order <= PAGE_ORDER_MAX; order++)
		assert_int_equal(before[order], after[order]);
	while (block_count > 0) {
		block_count--;
		page_free(blocks[block_count].address, blocks[block_count].order);
	}
	page_free(page, 0);
}

static void orders_beyond_the_largest_are_refused(void **state)
{
	(void)state;
	hpa_t block;

	fake_start_with_pages(NULL);
	assert_int_equal(page_alloc(PAGE_ORDER_MAX + 1, &block), STATUS_INVALID);
	assert_int_equal(page_alloc(64, &block), STATUS_INVALID);
	assert_int_equal(page_alloc(~0u, &block), STATUS_INVALID);
	assert_int_equal(page_alloc(PAGE_ORDER_MAX, &block), STATUS_NO_MEMORY);
}

static void zeroed_blocks_are_zero_and_freed_ones_are_left_alone(void **state)
{
	(void)state;
	struct fake_options options = fake_defaults();
	hpa_t block;

	options.dirty_ram = true;
	fake_start_with_pages(&options);
	for (unsigned order = 0; order <= 10; order++) {
		assert_int_equal(page_alloc_zeroed(order, &block), STATUS_OK);
		assert_true(is_filled(block, size_of(order), 0));
		fill(block, size_of(order), 0x5a);
		page_free(block, order);
		assert_true(is_filled(block, size_of(order), 0x5a));
	}
}

static void bad_regions_are_refused(void **state)
{
	(void)state;
	fake_start(NULL);
	u64 base = fake_machine()->free_ram[0].base.value;

	assert_int_equal(page_add_region(hpa(base + 1), MIB(1)), STATUS_INVALID);
	assert_int_equal(page_add_region(hpa(base), MIB(1) + 8), STATUS_INVALID);
	assert_int_equal(page_add_region(hpa(base), 0), STATUS_INVALID);
	assert_int_equal(page_add_region(hpa(base), PAGE_SIZE), STATUS_INVALID);
	assert_int_equal(page_add_region(hpa(align_down(UINT64_MAX, PAGE_SIZE)), MIB(1)),
			 STATUS_INVALID);
	assert_int_equal(page_add_region(hpa(BIT(56) - MIB(1)), MIB(2)), STATUS_INVALID);
	assert_int_equal(page_total_count(), 0);

	assert_int_equal(page_add_region(hpa(base + MIB(1)), MIB(1)), STATUS_OK);
	u64 total = page_total_count();

	assert_int_equal(page_add_region(hpa(base), MIB(1) + PAGE_SIZE), STATUS_INVALID);
	assert_int_equal(page_add_region(hpa(base + MIB(1)), MIB(1)), STATUS_INVALID);
	assert_int_equal(page_add_region(hpa(base + MIB(2) - PAGE_SIZE), MIB(1)), STATUS_INVALID);
	assert_int_equal(page_add_region(hpa(base), MIB(4)), STATUS_INVALID);
	assert_int_equal(page_total_count(), total);

	/* Neighbours are no overlap; there is room for so many and no more. */
	for (u64 i = 2; i <= HW_REGION_MAX; i++)
		assert_int_equal(page_add_region(hpa(base + MIB(i)), MIB(1)), STATUS_OK);
	assert_int_equal(page_add_region(hpa(base + MIB(50)), MIB(1)), STATUS_NO_MEMORY);
	assert_int_equal(page_total_count(), total * HW_REGION_MAX);
}

static void the_smallest_region_has_something_to_give(void **state)
{
	(void)state;
	hpa_t page;

	fake_start(NULL);
	assert_int_equal(page_add_region(fake_machine()->free_ram[0].base, KIB(64)), STATUS_OK);
	assert_true(page_total_count() >= 12);
	assert_int_equal(page_alloc(0, &page), STATUS_OK);
}

static void neighbouring_regions_do_not_grow_together(void **state)
{
	(void)state;
	unsigned counts[PAGE_ORDER_MAX + 1];

	fake_start(NULL);
	u64 base = fake_machine()->free_ram[0].base.value;

	assert_int_equal(page_add_region(hpa(base), MIB(2)), STATUS_OK);
	assert_int_equal(page_add_region(hpa(base + MIB(2)), MIB(2)), STATUS_OK);
	drain(counts);
	for (unsigned i = 0; i < block_count; i++) {
		u64 start = blocks[i].address.value, size = size_of(blocks[i].order);

		assert_true(start + size <= base + MIB(2) || start >= base + MIB(2));
	}
	give_all_back();
	for (unsigned order = 9; order <= PAGE_ORDER_MAX; order++)
		assert_int_equal(counts[order], 0);
}

/* Each case runs on a machine of its own: a CHECK leaves the lock held. */
#define ASSERT_CAUGHT(statement)                                             \
	do {                                                                 \
		fake_start_with_pages(NULL);                                 \
		assert_int_equal(FAKE_CATCH_END(statement), FAKE_END_CHECK); \
	} while (0)

static void free_twice(unsigned order)
{
	hpa_t block = alloc(order);

	page_free(block, order);
	page_free(block, order);
}

static void free_twice_when_grown_together(void)
{
	hpa_t first = alloc(0);
	hpa_t second = alloc(0);

	page_free(first, 0);
	page_free(second, 0);
	page_free(first, 0);
}

static void free_part_then_all(void)
{
	hpa_t block = alloc(4);

	page_free(hpa(block.value + 2 * PAGE_SIZE), 1);
	page_free(block, 4);
}

static void free_part_twice(void)
{
	hpa_t block = alloc(4);

	page_free(hpa(block.value + 8 * PAGE_SIZE), 2);
	page_free(hpa(block.value + 9 * PAGE_SIZE), 0);
}

static void free_neighbours_as_one(void)
{
	hpa_t block = alloc(1);

	/* Make it two blocks of one page each. */
	page_free(block, 0);
	while (alloc(0).value != block.value)
		;
	page_free(block, 1);
}

static void free_at(hpa_t block, u64 offset, unsigned order)
{
	page_free(hpa(block.value + offset), order);
}

static void wrong_frees_are_caught(void **state)
{
	(void)state;
	u64 base = fake_defaults().ram_base, size = fake_defaults().ram_size;

	ASSERT_CAUGHT(free_twice(0));
	ASSERT_CAUGHT(free_twice(3));
	ASSERT_CAUGHT(free_twice(PAGE_ORDER_2M));
	ASSERT_CAUGHT(free_twice_when_grown_together());
	ASSERT_CAUGHT(free_part_then_all());
	ASSERT_CAUGHT(free_part_twice());
	ASSERT_CAUGHT(free_neighbours_as_one());
	ASSERT_CAUGHT(free_at(alloc(0), 1, 0));
	ASSERT_CAUGHT(free_at(alloc(2), PAGE_SIZE, 1));
	ASSERT_CAUGHT(free_at(alloc(0), 0, PAGE_ORDER_MAX + 1));
	ASSERT_CAUGHT(free_at(alloc(0), 0, 1));
	/* The bookkeeping, and what is no RAM at all. */
	ASSERT_CAUGHT(page_free(hpa(base), 0));
	ASSERT_CAUGHT(page_free(hpa(base + size), 0));
	ASSERT_CAUGHT(page_free(hpa(base - PAGE_SIZE), 0));
	ASSERT_CAUGHT(page_free(hpa(0), 0));
	ASSERT_CAUGHT(page_free(hpa(align_down(UINT64_MAX, PAGE_SIZE)), 0));
	/* Never given out. */
	ASSERT_CAUGHT(page_free(hpa(base + MIB(32)), 0));
	ASSERT_CAUGHT(page_free(hpa(base + MIB(32)), PAGE_ORDER_2M));
}

static void chosen_allocations_fail(void **state)
{
	(void)state;
	hpa_t block;

	fake_start_with_pages(NULL);
	page_fail_after(2, 1);
	assert_int_equal(page_alloc(0, &block), STATUS_OK);
	assert_int_equal(page_alloc_zeroed(0, &block), STATUS_OK);
	u64 free_count = page_free_count();

	assert_int_equal(page_alloc(0, &block), STATUS_NO_MEMORY);
	assert_int_equal(page_free_count(), free_count);
	assert_int_equal(page_alloc(0, &block), STATUS_OK);
}

#define THREAD_COUNT 4

static void *allocate_on_a_hart(void *argument)
{
	unsigned hart = (unsigned)(uintptr_t)argument;
	struct fake_random random = {hart + 100};
	struct block own[32];
	unsigned count = 0;

	fake_set_hart(hart);
	for (unsigned i = 0; i < 20000; i++) {
		if (count < 32 && fake_random_below(&random, 2) == 0) {
			own[count].order = fake_random_below(&random, 6);
			if (page_alloc(own[count].order, &own[count].address) != STATUS_OK)
				continue;
			fill(own[count].address, size_of(own[count].order), (u8)(hart + 1));
			count++;
		} else if (count > 0) {
			struct block *last = &own[--count];

			if (!is_filled(last->address, size_of(last->order), (u8)(hart + 1)))
				return "another hart wrote to a block of this one";
			page_free(last->address, last->order);
		}
	}
	while (count-- > 0)
		page_free(own[count].address, own[count].order);
	return NULL;
}

static void harts_never_share_a_block(void **state)
{
	(void)state;
	struct fake_options options = fake_defaults();
	pthread_t threads[THREAD_COUNT];

	options.hart_count = THREAD_COUNT;
	options.ram_size = MIB(4);
	fake_start_with_pages(&options);
	for (uintptr_t i = 0; i < THREAD_COUNT; i++)
		pthread_create(&threads[i], NULL, allocate_on_a_hart, (void *)i);
	for (unsigned i = 0; i < THREAD_COUNT; i++) {
		void *complaint;

		pthread_join(threads[i], &complaint);
		assert_null(complaint);
	}
	assert_int_equal(page_free_count(), page_total_count());
}

/* By which the allocator finds its blocks: whatever stands above the bit. */
static void the_lowest_bit_of_any_number_is_found(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		u64 value = BIT(bit);

		assert_int_equal(lowest_bit(value), bit);
		assert_int_equal(lowest_bit(~(value - 1)), bit);
		assert_int_equal(lowest_bit(value | 0xa5a5a5a5a5a5a5a5 << bit), bit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_blocks_never_overlap_and_all_come_back),
		cmocka_unit_test(every_page_can_be_had_once),
		cmocka_unit_test(blocks_up_to_a_gibibyte_are_given),
		cmocka_unit_test(the_smallest_block_that_fits_is_broken_up),
		cmocka_unit_test(orders_beyond_the_largest_are_refused),
		cmocka_unit_test(zeroed_blocks_are_zero_and_freed_ones_are_left_alone),
		cmocka_unit_test(bad_regions_are_refused),
		cmocka_unit_test(the_smallest_region_has_something_to_give),
		cmocka_unit_test(neighbouring_regions_do_not_grow_together),
		cmocka_unit_test(wrong_frees_are_caught),
		cmocka_unit_test(chosen_allocations_fail),
		cmocka_unit_test(harts_never_share_a_block),
		cmocka_unit_test(the_lowest_bit_of_any_number_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
