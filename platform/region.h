/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of physical addresses as sorted, disjoint regions. */
#pragma once

#include "hyp/hw.h"
#include "hyp/status.h"
#include "hyp/types.h"

/* No physical address of any RISC-V hart reaches this: a PTE holds 44 bits of page number. Regions
 * end at or below it, which keeps sums of base and size from wrapping. */
#define REGION_LIMIT (1ULL << 56)

#define REGION_SET_MAX 64

struct region_set {
	struct hw_region regions[REGION_SET_MAX];
	unsigned count;
};

/* Cuts off what lies beyond REGION_LIMIT; size 0 if that is all. */
void region_clip(const u64 *base, u64 *size);

/* Adds [base, base + size), joining it with what it overlaps or touches. Both clipped before.
 * STATUS_NO_MEMORY: the set is full and unchanged. */
enum status region_add(struct region_set *set, u64 base, u64 size) MUST_CHECK;

/* Takes [base, base + size) out. If that splits a region and the set is full, the smaller part is
 * lost too: what is left is always free of the range. Returns how many bytes were lost so. */
u64 region_remove(struct region_set *set, u64 base, u64 size);

/* True when one region of the set contains the whole range. */
bool region_contains(const struct region_set *set, u64 base, u64 size);

/* The part of [base, base + size) that region i of the set shares. False if none. */
bool region_overlap(const struct region_set *set, unsigned i, u64 *base, u64 *size);

/* True when a region of the set has a byte of the range. */
bool region_meets(const struct region_set *set, u64 base, u64 size);

/* Drops what comes after the first "limit" bytes. Returns how many bytes those were. */
u64 region_truncate(struct region_set *set, u64 limit);

/* The lowest place at or above from for size bytes at that alignment (a power of two). */
bool region_find(const struct region_set *set, u64 from, u64 size, u64 alignment, u64 *base);

/* Shrinks each region to whole pages. */
void region_trim_to_pages(struct region_set *set);

/* Copies the largest regions, at most max, in order of address. Returns their number. */
unsigned region_copy_largest(const struct region_set *set, struct hw_region *out, unsigned max);
