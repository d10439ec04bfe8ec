/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest's SBI calls name: harts by mask and base, and the address at which one shall start;
 * for any VM of up to 32 vCPUs and any argument. And the orders of the page allocator.
 */
#include "tests/proof/proof.h"

#include "hyp/mem/page.h"
#include "hyp/sbi/sbi.h"

bool guest_memory_contains(const struct guest_memory *memory, gpa_t address, u64 length)
{
	return range_contains(memory->base.value, memory->size, address.value, length);
}

/* SBI, "Hart list parameter": bit n is the hart base + n; a base of -1 is all of them. */
void prove_hart_mask_names_just_the_harts_asked_for(void)
{
	static struct vm vm;
	struct vcpu vcpu = {.vm = &vm};
	u64 mask = nondet_u64(), base = nondet_u64(), targets;
	unsigned bit = nondet_u8();

	vm.vcpu_count = nondet_u8();
	ASSUME(vm.vcpu_count >= 1 && vm.vcpu_count <= VCPU_MAX && bit < 64);
	vm.vcpu_mask = BIT(vm.vcpu_count) - 1;
	bool valid = sbi_hart_mask(&vcpu, mask, base, &targets);
	bool asked = mask >> bit & 1;

	if (base == ~0ULL) {
		PROVE(valid && targets == vm.vcpu_mask);
		return;
	}
	if (!valid) {
		/* Some hart is asked for that is not there. */
		PROVE(mask != 0);
		PROVE(base >= vm.vcpu_count || mask >> (vm.vcpu_count - base) != 0);
		REACH(base == 31 && mask == 3);
		REACH(base == 64);
		return;
	}
	PROVE((targets & ~vm.vcpu_mask) == 0);
	if (asked) {
		PROVE(base < vm.vcpu_count && base + bit < vm.vcpu_count);
		PROVE(targets >> (base + bit) & 1);
	} else if (base < 64 && base + bit < 64) {
		PROVE(!(targets >> (base + bit) & 1));
	}
	REACH(vm.vcpu_count == VCPU_MAX && base == 31 && mask == 1);
	REACH(mask == 0 && base == 1000);
}

void prove_start_address_is_even_and_in_ram(void)
{
	static struct guest_memory memory;
	static struct vm vm = {.memory = &memory};
	struct vcpu vcpu = {.vm = &vm};
	u64 pc = nondet_u64();

	memory.base = gpa(nondet_u64() & ~(PAGE_SIZE - 1));
	memory.size = nondet_u64() & ~(PAGE_SIZE - 1);
	ASSUME(range_contains(0, 1ULL << 59, memory.base.value, memory.size));
	bool inside = pc >= memory.base.value && pc < memory.base.value + memory.size;

	PROVE(sbi_is_start_address(&vcpu, pc) == (inside && pc % 2 == 0));
	REACH(sbi_is_start_address(&vcpu, pc));
	REACH(!sbi_is_start_address(&vcpu, pc) && inside);
}

/* cbmc: --unwind 21 */
void prove_order_is_the_smallest_with_room(void)
{
	u64 size = nondet_u64();
	unsigned order = page_order_of(size);

	PROVE(order <= PAGE_ORDER_MAX + 1);
	PROVE(order > PAGE_ORDER_MAX || PAGE_SIZE << order >= size);
	PROVE(order == 0 || PAGE_SIZE << (order - 1) < size);
	REACH(order == PAGE_ORDER_MAX && size == GIB(1));
	REACH(order == PAGE_ORDER_MAX + 1);
}
