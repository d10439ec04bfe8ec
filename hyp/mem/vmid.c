/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the current generation and the next free number, guarded by one lock. struct vmid belongs to
 * its VM; number and generation change under that lock, and are also read without;
 * used_generation[hart] is the hart's own.
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
		__atomic_store_n(&vmids.generation, vmids.generation + 1, __ATOMIC_RELEASE);
		vmids.next = 0;
	}
	/* Generation 0 while the number changes: see find_number(). */
	__atomic_store_n(&vmid->generation, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&vmid->number, (unsigned)vmids.next++, __ATOMIC_RELAXED);
	__atomic_store_n(&vmid->generation, vmids.generation, __ATOMIC_RELEASE);
}

/* Without the lock, which every change of vCPU on every hart would have to take. Number and
 * generation belong together if the generation was the same before and after the number was read
 * (Unprivileged ISA, "RVWMO": the fences order one side's stores and the other side's loads).
 * False: the VM has no number of this generation, or is just getting one. */
static bool find_number(const struct vmid *vmid, unsigned *number, u64 *generation)
{
	*generation = __atomic_load_n(&vmid->generation, __ATOMIC_ACQUIRE);
	*number = __atomic_load_n(&vmid->number, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return *generation == __atomic_load_n(&vmid->generation, __ATOMIC_RELAXED) &&
	       *generation == __atomic_load_n(&vmids.generation, __ATOMIC_ACQUIRE);
}

static void find_number_slowly(struct vmid *vmid, unsigned *number, u64 *generation)
{
	lock_acquire(&vmids.lock);
	if (vmid->generation != vmids.generation)
		take_number(vmid);
	*number = vmid->number;
	*generation = vmid->generation;
	lock_release(&vmids.lock);
}

unsigned vmid_use(struct vmid *vmid, bool *fresh)
{
	unsigned hart = hw_hart_index();
	unsigned number;
	u64 generation;

	if (!find_number(vmid, &number, &generation))
		find_number_slowly(vmid, &number, &generation);
	*fresh = vmid->used_generation[hart] != generation;
	vmid->used_generation[hart] = generation;
	return number;
}
