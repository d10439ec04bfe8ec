/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator. Owns all RAM that page_add_region() was given; `allocator.lock` guards all of
 * its state. What is in a page, and when it may be reused (fences), is its owner's business.
 *
 * For each order a region keeps two sets of blocks, free and live, as bit maps. A free block is in
 * the free set of its order; a block that was given out is in the live set of its order until it
 * comes back, whole or in parts. So every free is checked exactly, freed pages are never written,
 * and each operation takes a number of steps that depends on the orders and not on the RAM.
 */
#include "hyp/mem/page.h"

#include <string.h>

#include "hyp/check.h"
#include "hyp/hw.h"
#include "hyp/lock.h"
#include "hyp/mem/set.h"

#define ORDER_COUNT (PAGE_ORDER_MAX + 1)

/* Smaller regions are not worth their bookkeeping. */
#define REGION_SIZE_MIN KIB(64)

/* RISC-V physical addresses have at most 56 bits (Privileged ISA, "Sv39", PPN of 44 bits). */
#define PHYSICAL_SPACE_SIZE (1ULL << 56)

/* The blocks of one order. Blocks are numbered by their address through all of RAM, so that the
 * buddy of a block is its number with the lowest bit flipped; the sets count from `first`. */
struct blocks {
	u64 first;
	u64 count;
	struct set free;
	u64 *live;
};

struct region {
	u64 base;	 /* page number of the bookkeeping */
	u64 start;	 /* page number of the first page to give away */
	u64 end;	 /* page number after the last one */
	u32 orders_free; /* bit n: there is a free block of order n */
	struct blocks blocks[ORDER_COUNT];
};

static struct {
	struct lock lock;
	unsigned region_count;
	struct region *regions[HW_REGION_MAX];
	u64 free_count;	 /* pages */
	u64 total_count; /* pages */
#ifdef HW_TEST
	bool failing;
	u64 successes_left;
	u64 failures_left;
#endif
} allocator = {.lock = LOCK_INIT(LOCK_PAGE)};

static bool is_free(const struct region *region, unsigned order, u64 block)
{
	const struct blocks *blocks = &region->blocks[order];

	return block >= blocks->first && block - blocks->first < blocks->count &&
	       set_has(&blocks->free, block - blocks->first);
}

static void put_free(struct region *region, unsigned order, u64 block)
{
	struct blocks *blocks = &region->blocks[order];

	set_insert(&blocks->free, block - blocks->first);
	region->orders_free |= 1U << order;
}

static void take_free(struct region *region, unsigned order, u64 block)
{
	struct blocks *blocks = &region->blocks[order];

	set_remove(&blocks->free, block - blocks->first);
	if (set_is_empty(&blocks->free))
		region->orders_free &= ~(1U << order);
}

static bool is_live(const struct region *region, unsigned order, u64 block)
{
	u64 number = block - region->blocks[order].first;

	return (region->blocks[order].live[number / 64] >> (number % 64)) & 1;
}

static void set_live(struct region *region, unsigned order, u64 block, bool live)
{
	u64 number = block - region->blocks[order].first;
	u64 *word = &region->blocks[order].live[number / 64];

	if (live)
		*word |= BIT(number % 64);
	else
		*word &= ~BIT(number % 64);
}

static u64 blocks_of_order(u64 start, u64 end, unsigned order)
{
	return ((end - 1) >> order) - (start >> order) + 1;
}

/* Bytes of bookkeeping for the pages from start to end. */
static u64 bookkeeping_size(u64 start, u64 end)
{
	u64 words = 0;

	for (unsigned order = 0; order < ORDER_COUNT; order++) {
		u64 count = blocks_of_order(start, end, order);

		words += set_word_count(count) + set_level_words(count);
	}
	return sizeof(struct region) + words * sizeof(u64);
}

/* Hands all pages from start to end to the free sets, in the largest blocks that fit. */
static void region_fill(struct region *region)
{
	u64 page = region->start;

	while (page < region->end) {
		unsigned order = PAGE_ORDER_MAX;

		while (!is_aligned(page, 1ULL << order) || region->end - page < 1ULL << order)
			order--;
		put_free(region, order, page >> order);
		page += 1ULL << order;
	}
}

static bool overlaps_a_region(u64 base, u64 end)
{
	for (unsigned i = 0; i < allocator.region_count; i++) {
		const struct region *region = allocator.regions[i];

		if (base < region->end && region->base < end)
			return true;
	}
	return false;
}

enum status page_add_region(hpa_t base, u64 size)
{
	if (!is_aligned(base.value, PAGE_SIZE) || !is_aligned(size, PAGE_SIZE) ||
	    size < REGION_SIZE_MIN || !range_contains(0, PHYSICAL_SPACE_SIZE, base.value, size))
		return STATUS_INVALID;

	u64 first = base.value >> PAGE_SHIFT;
	u64 end = first + (size >> PAGE_SHIFT);
	u64 bookkeeping = align_up(bookkeeping_size(first, end), PAGE_SIZE);

	if (bookkeeping >= size || overlaps_a_region(first, end))
		return STATUS_INVALID;
	if (allocator.region_count == HW_REGION_MAX)
		return STATUS_NO_MEMORY;

	struct region *region = hw_ram(base);

	hw_zero_pages(region, bookkeeping);
	region->base = first;
	region->start = first + (bookkeeping >> PAGE_SHIFT);
	region->end = end;

	u64 *words = (u64 *)(region + 1);

	for (unsigned order = 0; order < ORDER_COUNT; order++) {
		struct blocks *blocks = &region->blocks[order];

		blocks->first = first >> order;
		blocks->count = blocks_of_order(first, end, order);
		words = set_init(&blocks->free, words, blocks->count);
		blocks->live = words;
		words += set_level_words(blocks->count);
	}
	region_fill(region);

	allocator.regions[allocator.region_count++] = region;
	allocator.free_count += region->end - region->start;
	allocator.total_count += region->end - region->start;
	return STATUS_OK;
}

/* The region with the smallest free block of at least that order, and the block's order. */
static struct region *find_best_fit(unsigned order, unsigned *found_order)
{
	struct region *best = NULL;

	*found_order = ORDER_COUNT;
	for (unsigned i = 0; i < allocator.region_count; i++) {
		struct region *region = allocator.regions[i];
		u32 large_enough = region->orders_free >> order << order;

		if (large_enough == 0)
			continue;

		unsigned smallest = lowest_bit(large_enough);

		if (smallest < *found_order) {
			*found_order = smallest;
			best = region;
		}
	}
	return best;
}

static bool take_block_locked(unsigned order, u64 *block)
{
	unsigned found_order;
	struct region *region = find_best_fit(order, &found_order);

	if (region == NULL)
		return false;

	struct blocks *blocks = &region->blocks[found_order];

	*block = blocks->first + set_first(&blocks->free);
	take_free(region, found_order, *block);
	while (found_order > order) {
		found_order--;
		*block *= 2;
		put_free(region, found_order, *block + 1);
	}
	set_live(region, order, *block, true);
	allocator.free_count -= 1ULL << order;
	return true;
}

#ifdef HW_TEST
static bool must_fail_locked(void)
{
	if (!allocator.failing)
		return false;
	if (allocator.successes_left > 0) {
		allocator.successes_left--;
		return false;
	}
	if (allocator.failures_left == 0)
		return false;
	allocator.failures_left--;
	return true;
}

void page_fail_after(u64 success_count, u64 failure_count)
{
	allocator.failing = failure_count > 0;
	allocator.successes_left = success_count;
	allocator.failures_left = failure_count;
}

u64 page_failures_left(void)
{
	return allocator.failures_left;
}

void page_forget_regions(void)
{
	memset(&allocator, 0, sizeof(allocator));
	lock_init(&allocator.lock, LOCK_PAGE);
}
#else
static bool must_fail_locked(void)
{
	return false;
}
#endif

enum status page_alloc(unsigned order, hpa_t *block)
{
	u64 number = 0;

	if (order > PAGE_ORDER_MAX)
		return STATUS_INVALID;

	lock_acquire(&allocator.lock);
	bool taken = !must_fail_locked() && take_block_locked(order, &number);
	lock_release(&allocator.lock);

	if (!taken)
		return STATUS_NO_MEMORY;
	*block = hpa(number << order << PAGE_SHIFT);
	return STATUS_OK;
}

enum status page_alloc_zeroed(unsigned order, hpa_t *block)
{
	enum status status = page_alloc(order, block);

	/* Outside the lock: a large block takes a while. */
	if (status == STATUS_OK)
		hw_zero_pages(hw_ram(*block), PAGE_SIZE << order);
	return status;
}

static struct region *find_region(u64 page, u64 page_count)
{
	for (unsigned i = 0; i < allocator.region_count; i++) {
		struct region *region = allocator.regions[i];

		if (range_contains(region->start, region->end - region->start, page, page_count))
			return region;
	}
	return NULL;
}

/* Takes a block out of the live set. If it is a part of a live block, the rest stays live in the
 * largest pieces. */
static void end_life(struct region *region, unsigned order, u64 block)
{
	unsigned owner = order;

	while (owner < PAGE_ORDER_MAX && !is_live(region, owner, block >> (owner - order)))
		owner++;
	CHECK(is_live(region, owner, block >> (owner - order)));

	set_live(region, owner, block >> (owner - order), false);
	while (owner > order) {
		owner--;
		set_live(region, owner, (block >> (owner - order)) ^ 1, true);
	}
}

void page_free(hpa_t block, unsigned order)
{
	CHECK(order <= PAGE_ORDER_MAX);
	CHECK(is_aligned(block.value, PAGE_SIZE << order));

	u64 number = block.value >> PAGE_SHIFT >> order;

	lock_acquire(&allocator.lock);
	struct region *region = find_region(number << order, 1ULL << order);

	CHECK(region != NULL);
	end_life(region, order, number);
	allocator.free_count += 1ULL << order;
	while (order < PAGE_ORDER_MAX && is_free(region, order, number ^ 1)) {
		take_free(region, order, number ^ 1);
		number /= 2;
		order++;
	}
	put_free(region, order, number);
	lock_release(&allocator.lock);
}

u64 page_free_count(void)
{
	lock_acquire(&allocator.lock);
	u64 count = allocator.free_count;
	lock_release(&allocator.lock);
	return count;
}

u64 page_total_count(void)
{
	return allocator.total_count;
}
