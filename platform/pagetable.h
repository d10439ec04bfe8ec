/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own page tables (Privileged ISA, "Sv39: Page-Based 39-bit Virtual-Memory
 * System" and its larger siblings): an identity map, changed only before the first hart turns it
 * on, and the same for all.
 */
#pragma once

#include "hyp/status.h"
#include "hyp/types.h"

#define PTE_R (1ULL << 1)
#define PTE_W (1ULL << 2)
#define PTE_X (1ULL << 3)

enum status pagetable_init(void) MUST_CHECK;

/* Maps whole pages with these permissions, or none for permissions 0. The last call for an address
 * counts. STATUS_NO_MEMORY: no room for a table. */
enum status pagetable_set(u64 base, u64 size, u64 permissions) MUST_CHECK;

/* Turns the map on, on the boot hart, with the smallest paging mode that reaches all addresses
 * below "end"; if the hart has none, with the largest that reaches the image. Returns the first
 * address that the mode does not reach, 0 if the hart takes no mode. */
u64 pagetable_enable_first(u64 end);

/* The same mode on another hart. False if it does not take it. */
bool pagetable_enable(void);

/* A page of test mapping for Svnapot: reading it finds image_start's page if the hart knows
 * what N in a PTE means. 0 if there is no such mapping. */
u64 pagetable_napot_window(void);
