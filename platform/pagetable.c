/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's own page tables. The boot hart builds them before it starts any other; nothing
 * changes them afterwards, so no lock and, after the first one, no fence.
 *
 * The tables for Sv57 contain those for Sv48, and those in turn the ones for Sv39, as their first
 * entries: virtual addresses are physical ones, and the lower half of each address space begins at
 * 0. So one set of tables serves all modes, and which mode a hart takes can be tried by entering
 * it.
 */
#include "platform/pagetable.h"

#include <string.h>

#include "platform/csr.h"
#include "platform/early.h"
#include "platform/image.h"
#include "platform/region.h"

#define PTE_V	  (1ULL << 0)
#define PTE_A	  (1ULL << 6)
#define PTE_D	  (1ULL << 7)
#define PTE_N	  (1ULL << 63)
#define PTE_FLAGS 0x3ffULL

#define LEVEL_BITS 9
#define ENTRIES	   (1U << LEVEL_BITS)
#define TOP_LEVEL  4 /* Sv57's root; 2 is Sv39's */
#define LEAF_LEVEL 2 /* largest leaf used: 1 GiB */

#define SATP_MODE_SHIFT 60
#define SATP_SV39	8 /* Sv48 and Sv57 are 9 and 10 */

/* "Svnapot": the low bits of the PPN say 64 KiB. */
#define NAPOT_64K_PPN 8ULL
#define NAPOT_SIZE    KIB(64)
#define NAPOT_WINDOW  (-NAPOT_SIZE) /* in the upper half, where nothing else is */

static u64 *roots[TOP_LEVEL + 1]; /* by level; the last three are used */
static u64 satp;
static bool has_napot_window;

static u64 level_size(unsigned level)
{
	return PAGE_SIZE << (LEVEL_BITS * level);
}

static u64 *entry_at(u64 *table, u64 address, unsigned level)
{
	return &table[(address >> (PAGE_SHIFT + LEVEL_BITS * level)) % ENTRIES];
}

static u64 make_pte(u64 address, u64 flags)
{
	return address >> PAGE_SHIFT << 10 | flags | PTE_V;
}

static u64 *table_of(u64 pte)
{
	return (u64 *)(pte >> 10 << PAGE_SHIFT);
}

static bool is_leaf(u64 pte)
{
	return (pte & (PTE_R | PTE_W | PTE_X)) != 0;
}

/* Makes the entry, which is of that level, point to a table that maps what the entry mapped. */
static enum status make_table(u64 *pte, unsigned level)
{
	u64 *table = early_allocate(PAGE_SIZE, PAGE_SIZE);
	u64 size = level_size(level - 1);

	if (table == NULL)
		return STATUS_NO_MEMORY;
	memset(table, 0, PAGE_SIZE);
	for (unsigned i = 0; is_leaf(*pte) && i < ENTRIES; i++)
		table[i] = make_pte((u64)table_of(*pte) + i * size, *pte & PTE_FLAGS);
	*pte = make_pte((u64)table, 0);
	return STATUS_OK;
}

/* Walks down from a root of the one level to the entry of the other, building what is missing. */
static enum status walk(unsigned from, u64 address, unsigned to, u64 **pte)
{
	u64 *table = roots[from];

	for (unsigned level = from; level > to; level--) {
		u64 *entry = entry_at(table, address, level);

		if ((*entry & PTE_V) == 0 || is_leaf(*entry)) {
			enum status status = make_table(entry, level);

			if (status != STATUS_OK)
				return status;
		}
		table = table_of(*entry);
	}
	*pte = entry_at(table, address, to);
	return STATUS_OK;
}

enum status pagetable_init(void)
{
	roots[TOP_LEVEL] = early_allocate(PAGE_SIZE, PAGE_SIZE);
	if (roots[TOP_LEVEL] == NULL)
		return STATUS_NO_MEMORY;
	memset(roots[TOP_LEVEL], 0, PAGE_SIZE);
	for (unsigned level = TOP_LEVEL; level > LEAF_LEVEL; level--) {
		enum status status = make_table(&roots[level][0], level);

		if (status != STATUS_OK)
			return status;
		roots[level - 1] = table_of(roots[level][0]);
	}
	return STATUS_OK;
}

static enum status set_leaf(u64 address, unsigned level, u64 permissions)
{
	u64 *pte;
	enum status status = walk(TOP_LEVEL, address, level, &pte);

	/* A and D are set in advance: whether the hart would set them or trap is its choice. */
	if (status == STATUS_OK)
		*pte = permissions != 0 ? make_pte(address, permissions | PTE_A | PTE_D) : 0;
	return status;
}

/* The end of the unmapped range that the tables show around the address without being built any
 * further; the address itself if it is mapped. */
static u64 end_of_hole(u64 address)
{
	const u64 *table = roots[TOP_LEVEL];

	for (unsigned level = TOP_LEVEL;; level--) {
		u64 pte = table[(address >> (PAGE_SHIFT + LEVEL_BITS * level)) % ENTRIES];

		if ((pte & PTE_V) == 0)
			return align_down(address, level_size(level)) + level_size(level);
		if (level == 0 || is_leaf(pte))
			return address;
		table = table_of(pte);
	}
}

enum status pagetable_set(u64 base, u64 size, u64 permissions)
{
	u64 end = base + size;

	while (base < end) {
		unsigned level = LEAF_LEVEL;
		enum status status;

		if (permissions == 0 && end_of_hole(base) != base) {
			base = end_of_hole(base);
			continue;
		}
		while (level > 0 &&
		       (!is_aligned(base, level_size(level)) || end - base < level_size(level)))
			level--;
		status = set_leaf(base, level, permissions);
		if (status != STATUS_OK)
			return status;
		base += level_size(level);
	}
	return STATUS_OK;
}

/*
 * The first fence makes the stores to the tables visible to the walker, the second discards
 * what it may have cached before (Privileged ISA, "Supervisor Memory-Management Fence
 * Instruction"). An unsupported mode leaves all of satp as it was ("Supervisor Address Translation
 * and Protection Register"). QEMU would work without the fences.
 */
static bool enter(u64 value)
{
	sfence_vma_all();
	csr_write(satp, value);
	if (csr_read(satp) != value)
		return false;
	sfence_vma_all();
	return true;
}

/* The identity map ends where the lower half of the virtual addresses does. */
static u64 reach(unsigned level)
{
	return level_size(level + 1) / 2;
}

static void make_napot_window(unsigned level)
{
	u64 *pte;

	if (walk(level, NAPOT_WINDOW, 0, &pte) != STATUS_OK)
		return;
	for (unsigned i = 0; i < NAPOT_SIZE / PAGE_SIZE; i++)
		pte[i] = make_pte((u64)image_start | NAPOT_64K_PPN << PAGE_SHIFT,
				  PTE_R | PTE_A | PTE_D) |
			 PTE_N;
	has_napot_window = true;
	sfence_vma_all();
}

u64 pagetable_enable_first(u64 end)
{
	unsigned best = 0;

	for (unsigned level = LEAF_LEVEL; level <= TOP_LEVEL; level++) {
		u64 mode = SATP_SV39 + (level - LEAF_LEVEL);
		u64 value = mode << SATP_MODE_SHIFT | (u64)roots[level] >> PAGE_SHIFT;

		if (reach(level) < (u64)image_end || !enter(value))
			continue;
		best = level;
		satp = value;
		if (reach(level) >= end)
			break;
	}
	if (best == 0)
		return 0;
	make_napot_window(best);
	return reach(best);
}

bool pagetable_enable(void)
{
	return enter(satp);
}

u64 pagetable_napot_window(void)
{
	return has_napot_window ? NAPOT_WINDOW : 0;
}
