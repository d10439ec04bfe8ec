/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page allocator: physical RAM in naturally aligned blocks of 2^order pages (a buddy system).
 * Used for G-stage tables, guest RAM and the hypervisor's own structures. Thread-safe.
 */
#pragma once

#include "hyp/status.h"
#include "hyp/types.h"

#define PAGE_ORDER_4K  0
#define PAGE_ORDER_2M  9
#define PAGE_ORDER_1G  18
#define PAGE_ORDER_MAX PAGE_ORDER_1G

/* Gives a region to the allocator. It keeps its own bookkeeping in the region's first pages.
 * Boot hart only, before the first allocation. STATUS_INVALID: not page-aligned, too small to be
 * worth it, or overlapping one given before; STATUS_NO_MEMORY: too many regions. */
enum status page_add_region(hpa_t base, u64 size) MUST_CHECK;

/* The smallest order whose block has room for so many bytes, above PAGE_ORDER_MAX if none has. */
static inline unsigned page_order_of(u64 size)
{
	unsigned order = 0;

	while (order <= PAGE_ORDER_MAX && PAGE_SIZE << order < size)
		order++;
	return order;
}

/* A block of 2^order pages, aligned to its size; its contents are whatever was there.
 * STATUS_NO_MEMORY if there is none; STATUS_INVALID if order > PAGE_ORDER_MAX. */
enum status page_alloc(unsigned order, hpa_t *block) MUST_CHECK;

/* The same, zeroed. */
enum status page_alloc_zeroed(unsigned order, hpa_t *block) MUST_CHECK;

/* Returns a block that page_alloc() gave, with the same order, or a naturally aligned part of it
 * with the part's order: a block may be given back in pieces. */
void page_free(hpa_t block, unsigned order);

u64 page_free_count(void);  /* in pages of 4 KiB */
u64 page_total_count(void); /* what page_add_region() made available, in pages of 4 KiB */

#ifdef HW_TEST
/* After success_count more successes, failure_count allocations find nothing; 0 ends that. */
void page_fail_after(u64 success_count, u64 failure_count);
u64 page_failures_left(void); /* of these */
/* Back to no regions at all, for the next test. */
void page_forget_regions(void);
#endif
