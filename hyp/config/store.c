/* SPDX-License-Identifier: BSD-2-Clause */
/* Contiguous pages out of the buddy system, whose blocks may be given back in pieces. */
#include "hyp/config/store.h"

#include "hyp/hw.h"
#include "hyp/mem/page.h"

static u64 pages_of(u64 size)
{
	return align_up(size, PAGE_SIZE) >> PAGE_SHIFT;
}

/* The pages [from, to) of a block that starts at base and is aligned to its size: the pieces of a
 * block that was cut at `from` are those of its number's binary digits. */
static void free_pages(const void *base, u64 from, u64 to)
{
	while (from < to) {
		const u8 *piece = (const u8 *)base + (from << PAGE_SHIFT);
		unsigned order = 0;

		while (order < PAGE_ORDER_MAX && is_aligned(from, 2ULL << order) &&
		       to - from >= 2ULL << order)
			order++;
		page_free(hw_hpa_of(piece), order);
		from += 1ULL << order;
	}
}

enum status store_alloc(struct store *store, u64 size)
{
	enum status status;
	unsigned order = page_order_of(size);
	hpa_t block;

	*store = (struct store){0};
	if (size == 0)
		return STATUS_OK;
	if (order > PAGE_ORDER_MAX)
		return STATUS_NO_MEMORY;
	status = page_alloc(order, &block);
	if (status != STATUS_OK)
		return status;
	*store = (struct store){.data = hw_ram(block), .page_count = 1ULL << order};
	store_trim(store, size);
	hw_zero_pages(store->data, store->page_count << PAGE_SHIFT);
	return STATUS_OK;
}

void store_trim(struct store *store, u64 size)
{
	u64 keep = min_u64(pages_of(size), store->page_count);

	free_pages(store->data, keep, store->page_count);
	store->page_count = keep;
	if (keep == 0)
		store->data = NULL;
}

void store_free(struct store *store)
{
	store_trim(store, 0);
}
