/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the current generation and the next free number, guarded by one lock. struct vmid belongs to
 * its VM; number and generation change under that lock, used_generation[hart] is the hart's own.
 */
#include "hyp/mem/vmid.h"

#include "hyp/lock.h"

static struct {
	struct lock lock;
	u64 generation;
	u64 next;
	u64 limit; /* numbers are 0 to limit - 1 */
} vmids;

void vmid_init(unsigned number_bits)
{
	lock_init(&vmids.lock, LOCK_VMID);
	vmids.generation = 1;
	vmids.next = 0;
	vmids.limit = BIT(number_bits);
}

static void take_number(struct vmid *vmid)
{
	if (vmids.next == vmids.limit) {
		vmids.generation++;
		vmids.next = 0;
	}
	vmid->number = (unsigned)vmids.next++;
	vmid->generation = vmids.generation;
}

unsigned vmid_use(struct vmid *vmid, bool *fresh)
{
	unsigned hart = hw_hart_index();

	lock_acquire(&vmids.lock);
	if (vmid->generation != vmids.generation)
		take_number(vmid);
	unsigned number = vmid->number;
	u64 generation = vmid->generation;
	lock_release(&vmids.lock);

	*fresh = vmid->used_generation[hart] != generation;
	vmid->used_generation[hart] = generation;
	return number;
}
