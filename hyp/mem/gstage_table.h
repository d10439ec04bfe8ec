/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What gstage.c and gstage_change.c share: the geometry of the modes, the format of an entry, and
 * the walk from the root. Nothing else includes this.
 *
 * Levels count from 0, whose entries map 4 KiB, up to the root's.
 */
#pragma once

#include "hyp/mem/gstage.h"

#define GSTAGE_LEVELS_MAX     5
#define GSTAGE_INDEX_BITS     9 /* of every table but the root */
#define GSTAGE_ENTRY_COUNT    (1u << GSTAGE_INDEX_BITS)
#define GSTAGE_LEAF_LEVEL_MAX 2 /* 1 GiB; no larger leaf is ever made */

/* Fields of an entry (Privileged ISA, "Sv39: Page-Based 39-bit Virtual-Memory System"; "Guest
 * Physical Address Translation": non-root tables and all entries have the formats of S-mode's). */
#define PTE_V	      (1ULL << 0)
#define PTE_R	      (1ULL << 1)
#define PTE_W	      (1ULL << 2)
#define PTE_X	      (1ULL << 3)
#define PTE_U	      (1ULL << 4)
#define PTE_A	      (1ULL << 6)
#define PTE_D	      (1ULL << 7)
#define PTE_PPN_SHIFT 10
#define PTE_PPN_MASK  (((1ULL << 44) - 1) << PTE_PPN_SHIFT)

static inline unsigned gstage_entry_shift(unsigned level)
{
	return PAGE_SHIFT + level * GSTAGE_INDEX_BITS;
}

/* Bytes that an entry of that level maps. */
static inline u64 gstage_entry_size(unsigned level)
{
	return 1ULL << gstage_entry_shift(level);
}

/* Other harts' page-table walkers read entries at any time, in single accesses of the entry's width
 * (Privileged ISA, "Virtual Address Translation Process"), so they are written in single stores.
 * Release makes all earlier stores, to a new table or to a page just zeroed, visible before the
 * entry that leads there. */
static inline void gstage_entry_write(u64 *entry, u64 value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static inline u64 gstage_entry_read(const u64 *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline bool gstage_entry_is_valid(u64 entry)
{
	return (entry & PTE_V) != 0;
}

/* Of a valid entry: any permission makes it a leaf, none a pointer to the next level. */
static inline bool gstage_entry_is_leaf(u64 entry)
{
	return (entry & (PTE_R | PTE_X)) != 0;
}

static inline hpa_t gstage_entry_address(u64 entry)
{
	return hpa((entry & PTE_PPN_MASK) >> PTE_PPN_SHIFT << PAGE_SHIFT);
}

static inline u64 gstage_make_entry(hpa_t address, u64 flags)
{
	return address.value >> PAGE_SHIFT << PTE_PPN_SHIFT | flags | PTE_V;
}

/* Level of the root table; the mode must be one that gstage_create() takes. */
unsigned gstage_root_level(const struct gstage *gs);

/* The entry for an address inside the space, in the table of that level. */
u64 *gstage_entry_at(const struct gstage *gs, hpa_t table, unsigned level, u64 address);

/*
 * Follows pointers from the root towards the address, down to lowest at most. path[n] gets the
 * entry of level n for every level from the root's down to the one returned; that last entry is
 * invalid, a leaf, or of level lowest.
 */
unsigned gstage_descend(const struct gstage *gs, u64 address, unsigned lowest,
			u64 *path[GSTAGE_LEVELS_MAX]);
