/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool of free pages, and a VM's extended page tables (Intel SDM vol. 3, "The Extended
 * Page-Table Mechanism (EPT)"). vm->lock guards a VM's tables; there is one VM, and so it guards
 * the pool too.
 */
#include "host.h"
#include "vmx.h"

#define POOL_END      0x6000000ul /* of the machine's 96 MiB, all of which is mapped */
#define EPT_RWX	      7ul
#define EPT_WB	      (6ul << 3)
#define EPT_LARGE     0x80ul
#define EPT_WALK_OF_4 (3ul << 3)
#define EPT_ADDRESS   0x000ffffffffff000ul
#define LEVELS	      4

static u64 *pool_free; /* each free page's first word leads to the next */

/* The boot page tables map all memory at its own address. */
void *host_pointer(hpa_t address)
{
	return (void *)address.value;
}

void pool_init(void)
{
	for (u64 page = POOL_END - PAGE_SIZE; page >= (u64)pool_start; page -= PAGE_SIZE) {
		*(u64 **)page = pool_free;
		pool_free = (u64 *)page;
	}
}

static ALWAYS_INLINE u64 *take_page(void)
{
	u64 *page = pool_free;

	if (UNLIKELY(!page))
		die("out of memory", 0);
	pool_free = (u64 *)page[0];
	return page;
}

static ALWAYS_INLINE void zero_page(u64 *page)
{
	u64 count = PAGE_SIZE / sizeof(u64);

	__asm__ volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(0ul) : "memory");
}

hpa_t pool_take_page(void)
{
	u64 *page = take_page();

	zero_page(page);
	return (hpa_t){(u64)page};
}

static void give_page(u64 *page)
{
	page[0] = (u64)pool_free;
	pool_free = page;
}

static ALWAYS_INLINE unsigned index_at(gpa_t address, unsigned level)
{
	return address.value >> (12 + 9 * (level - 1)) & 511;
}

/* The entry for an address at a level (1 maps 4 KiB), with all tables above it. */
static ALWAYS_INLINE u64 *entry_at(const struct vm *vm, gpa_t address, unsigned level)
{
	u64 *table = (u64 *)(vm->ept_pointer & EPT_ADDRESS);

	for (unsigned i = LEVELS; i > level; i--) {
		u64 *entry = &table[index_at(address, i)];

		if (UNLIKELY(!*entry))
			*entry = pool_take_page().value | EPT_RWX;
		table = (u64 *)(*entry & EPT_ADDRESS);
	}
	return &table[index_at(address, level)];
}

/* Pinned memory by leaves of 2 MiB. The pointer says: walk of four levels, tables write-back. */
void ept_init(struct vm *vm)
{
	vm->ept_pointer = pool_take_page().value | EPT_WALK_OF_4 | 6;
	for (u64 at = 0; at < GUEST_RAM_SIZE; at += LARGE_SIZE)
		*entry_at(vm, (gpa_t){at}, 2) = (vm->ram.value + at) | EPT_LARGE | EPT_WB | EPT_RWX;
}

/*
 * A page for an address of lazy memory; false when it is none. Nothing is flushed: what is not
 * present is not cached ("Caching Translation Information").
 */
bool ept_fill(struct vm *vm, gpa_t address)
{
	if (address.value - GUEST_LAZY_BASE >= GUEST_LAZY_SIZE)
		return false;
	lock_take(&vm->lock);
	u64 *entry = entry_at(vm, address, 1);

	/* Another vCPU may have been first. */
	if (LIKELY(!*entry)) {
		u64 *page = take_page();

		if (vm->zeroing)
			zero_page(page);
		*entry = (u64)page | EPT_WB | EPT_RWX;
	}
	lock_release(&vm->lock);
	return true;
}

/* Only on a machine of one CPU: other CPUs would have to flush what they have cached, too. */
void ept_drop_lazy(struct vm *vm)
{
	lock_take(&vm->lock);
	for (u64 at = 0; at < GUEST_LAZY_SIZE; at += PAGE_SIZE) {
		u64 *entry = entry_at(vm, (gpa_t){GUEST_LAZY_BASE + at}, 1);

		if (*entry)
			give_page((u64 *)(*entry & EPT_ADDRESS));
		*entry = 0;
	}
	lock_release(&vm->lock);
	vmx_invalidate_ept(INVEPT_ONE, vm->ept_pointer);
}
