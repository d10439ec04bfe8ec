/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's own Sv39 page tables, of pages from a fixed pool. For one hart at a time; harts may
 * share the tables once they are built.
 */
#pragma once

#include "csr.h"
#include "types.h"

#define PTE_V BIT(0)
#define PTE_R BIT(1)
#define PTE_W BIT(2)
#define PTE_X BIT(3)
#define PTE_U BIT(4)
#define PTE_G BIT(5)
#define PTE_A BIT(6)
#define PTE_D BIT(7)
/* A and D set beforehand: whether hardware sets them differs (Svadu, Svade). */
#define PTE_AD	(PTE_A | PTE_D)
#define PTE_RW	(PTE_V | PTE_R | PTE_W | PTE_AD)
#define PTE_RX	(PTE_V | PTE_R | PTE_X | PTE_AD)
#define PTE_RWX (PTE_RW | PTE_X)

#define PTE_OF(address, flags) ((address) >> 12 << 10 | (flags))

/* Virtual addresses from here on are nobody's: above all that is mapped one-to-one. */
#define VM_FREE 0x3000000000ul

/* A zeroed table; the pool of them ends the guest when it is empty. vm_reset() takes all back. */
u64 *vm_table(void);
void vm_reset(void);

/* A new root that maps the first 64 GiB one-to-one for S-mode, readable, writable, executable. */
u64 *vm_identity(void);

/* The level-0 entry for an address, tables made on the way; the entry is as it was, or zero. */
u64 *vm_entry(u64 *root, u64 va);

/* Maps one 4 KiB page. The caller fences. */
void vm_map(u64 *root, u64 va, u64 pa, u64 flags);

/* Switches this hart's translation, all stale entries gone. */
void vm_on(const u64 *root, u64 asid);
void vm_off(void);

/* How many bits of ASID satp has here. */
unsigned int vm_asid_bits(const u64 *root);
