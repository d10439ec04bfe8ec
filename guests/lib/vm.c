/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the pool of table pages. Boot hart only, but for vm_on() and vm_off(). */
#include "vm.h"
#include "trap.h"

#define POOL_PAGES    64
#define SATP_SV39     (8ul << 60)
#define SATP_ASID_BIT 44

static u64 pool[POOL_PAGES][512] __attribute__((aligned(4096)));
static unsigned int pool_used;

u64 *vm_table(void)
{
	if (pool_used == POOL_PAGES)
		trap_panic("no page-table page left");
	memset(pool[pool_used], 0, PAGE_SIZE);
	return pool[pool_used++];
}

void vm_reset(void)
{
	pool_used = 0;
}

u64 *vm_identity(void)
{
	u64 *root = vm_table();

	for (u64 i = 0; i < 64; i++)
		root[i] = PTE_OF(i << 30, PTE_RWX);
	return root;
}

u64 *vm_entry(u64 *root, u64 va)
{
	u64 *table = root;

	for (int level = 2; level > 0; level--) {
		u64 *entry = &table[va >> (12 + 9 * level) & 511];

		if (!(*entry & PTE_V))
			*entry = PTE_OF((u64)vm_table(), PTE_V);
		table = (u64 *)(*entry >> 10 << 12);
	}
	return &table[va >> 12 & 511];
}

void vm_map(u64 *root, u64 va, u64 pa, u64 flags)
{
	*vm_entry(root, va) = PTE_OF(pa, flags);
}

void vm_on(const u64 *root, u64 asid)
{
	sfence_all();
	csr_write(satp, SATP_SV39 | asid << SATP_ASID_BIT | (u64)root >> 12);
	sfence_all();
}

void vm_off(void)
{
	csr_write(satp, 0ul);
	sfence_all();
}

unsigned int vm_asid_bits(const u64 *root)
{
	unsigned int bits = 0;
	u64 asid;

	vm_on(root, 0xffff);
	asid = csr_read(satp) >> SATP_ASID_BIT & 0xffff;
	vm_off();
	for (; asid; asid >>= 1)
		bits++;
	return bits;
}
