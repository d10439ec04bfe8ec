/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VS-stage translation (Privileged ISA, "Virtual Address Translation Process") without its
 * permission checks: the hart has done those before it came to the G-stage. Read through
 * guest_memory, so tables outside the guest's RAM end the walk. Owns nothing.
 */
#include "hyp/exit/guest_walk.h"

#include "hyp/csr.h"
#include "hyp/mem/guest_memory.h"
#include "hyp/vs.h"

#define PTE_V	     BIT(0)
#define PTE_RWX	     (BIT(1) | BIT(2) | BIT(3))
#define PTE_N	     BIT(63)
#define PTE_PPN_MASK ((1ULL << 44) - 1)

#define SATP_MODE_SHIFT 60
#define SATP_PPN_MASK	((1ULL << 44) - 1)

/* Levels of a VS-stage mode, 0 if it is not one. */
static unsigned level_count(u64 mode)
{
	return mode >= 8 && mode <= 10 ? (unsigned)mode - 5 : 0;
}

/* The address within the page or superpage that a leaf at that level maps. Svnapot's only defined
 * size is 64 KiB, where the low four bits of ppn[0] are not part of the address. */
static gpa_t leaf_address(u64 pte, unsigned level, u64 address)
{
	u64 base = (pte >> 10 & PTE_PPN_MASK) << PAGE_SHIFT;
	unsigned shift = pte & PTE_N && level == 0 ? 16 : PAGE_SHIFT + 9 * level;
	u64 mask = BIT(shift) - 1;

	return gpa((base & ~mask) | (address & mask));
}

enum walk guest_walk(struct vcpu *vcpu, gva_t address, gpa_t *result)
{
	u64 vsatp = vs_read_vsatp(vcpu);
	unsigned levels = level_count(vsatp >> SATP_MODE_SHIFT);
	u64 table = (vsatp & SATP_PPN_MASK) << PAGE_SHIFT;

	if (levels == 0) {
		*result = gpa(address.value);
		return WALK_FOUND;
	}
	for (unsigned level = levels; level-- > 0;) {
		u64 index = address.value >> (PAGE_SHIFT + 9 * level) & 511;
		u64 pte;

		*result = gpa(table + 8 * index);
		/* A table page without RAM behind it may be what the hart tripped over, and reads
		 * as zero here: it must be there before the guest tries again. */
		if (guest_memory_touch(vcpu->vm->memory, *result, NULL) != STATUS_OK ||
		    guest_memory_read(vcpu->vm->memory, *result, &pte, sizeof(pte)) != STATUS_OK)
			return WALK_TABLE;
		if (!(pte & PTE_V))
			return WALK_RETRY;
		if (pte & PTE_RWX) {
			*result = leaf_address(pte, level, address.value);
			return WALK_FOUND;
		}
		table = (pte >> 10 & PTE_PPN_MASK) << PAGE_SHIFT;
	}
	return WALK_RETRY;
}
