/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several VMs' RAM and the vCPUs that use it on several harts, whose translation caches are those
 * of tests/unit/live_tlb.h: they keep what they have seen until a fence covers it. What a guest
 * finds behind an address is its own of this life, or zero, or the run ends.
 *
 * Nothing here reads what a guest wrote as anything but bytes: no race is needed.
 */
#pragma once

#include <stdlib.h>

#include "hyp/csr.h"
#include "hyp/exit/exit.h"
#include "hyp/mem/page.h"
#include "hyp/vm/guest.h"
#include "hyp/vm/pcpu.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/vcpu_load.h"
#include "tests/fuzz/odd_number.h"
#include "tests/fuzz/require.h"
#include "tests/unit/live_tlb.h"

#define GUEST_COUNT 4
#define GUEST_VCPUS 2
#define GUESTS_RAM  MIB(24) /* of the machine: less than they want together */
#define GUEST_ASID  7

static struct guest_state_of {
	struct guest guest;
	struct vcpu vcpus[GUEST_VCPUS];
	u64 life; /* counts */
	bool exists, pinning, out_of_memory;
	u64 size;
} fuzz_guests[GUEST_COUNT];

static u64 free_pages_at_start;

static inline void no_more(struct vm *vm, enum vm_end end, const char *reason)
{
	(void)reason;
	REQUIRE(end == VM_END_FAILED);
	fuzz_guests[vm->id].out_of_memory = true;
}

static const struct vm_ops fuzz_ops = {.end = no_more};

/* ---- Life ---- */

static inline void create_guest(struct input *input, struct guest_state_of *it)
{
	u8 form = input_u8(input);
	u64 base = GUEST_RAM_BASE + (form & 1 ? input_u16(input) * PAGE_SIZE : 0);
	u64 size = (form & 2 ? 1 + input_u16(input) % 4096 : 512 * (1 + form / 16)) * PAGE_SIZE;
	static const enum hw_gstage_mode modes[] = {HW_GSTAGE_SV39X4, HW_GSTAGE_SV48X4,
						    HW_GSTAGE_SV57X4};

	if (it->exists)
		return;
	/* As guest.c does at each start. */
	memset(it->guest.last_vcpu, 0, sizeof(it->guest.last_vcpu));
	it->guest.vmid = (struct vmid){0};
	it->exists = guest_memory_create(&it->guest.memory, gpa(base), size, modes[form / 4 % 3]) ==
		     STATUS_OK;
	it->life++;
	it->size = size;
	it->pinning = form & 8;
	it->out_of_memory = false;
	it->guest.vm = (struct vm){.id = (unsigned)(it - fuzz_guests),
				   .ops = &fuzz_ops,
				   .vcpu_count = GUEST_VCPUS,
				   .vcpus = it->guest.vcpus,
				   .memory = &it->guest.memory};
	for (unsigned i = 0; i < GUEST_VCPUS; i++) {
		it->guest.vcpus[i] = &it->vcpus[i];
		it->vcpus[i] = (struct vcpu){.vm = &it->guest.vm, .id = i, .running_on = -1};
		vcpu_reset(&it->vcpus[i], base, i, 0);
		/* The roots of its own tables: each vCPU's is another. */
		it->vcpus[i].csr.vsatp = 8ULL << 60 | (u64)GUEST_ASID << 44 |
					 (it->guest.vm.id * 16 + i + 1 + it->life * 64);
	}
}

/* As lifecycle_end.c does: no hart holds it, and then it is freed in steps. */
static inline void destroy_guest(struct guest_state_of *it)
{
	if (!it->exists)
		return;
	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		struct vcpu *loaded = pcpu_get(i)->loaded;

		fake_set_hart(i);
		if (loaded && loaded->vm == &it->guest.vm) {
			vcpu_put(loaded);
			vcpu_unload();
		}
	}
	u64 steps = 0;

	while (!guest_memory_destroy_step(&it->guest.memory))
		REQUIRE(++steps <= it->size / PAGE_SIZE + 1);
	it->exists = false;
}

/* ---- Contents ---- */

/* What a VM writes at an address in this life. */
static inline u64 own_word(const struct guest_state_of *it, u64 address)
{
	return (it->life << 8 | it->guest.vm.id) * 0x9e3779b97f4a7c15ULL ^ address;
}

static inline u64 draw_address(struct input *input, const struct guest_state_of *it)
{
	u64 base = it->guest.memory.base.value;

	return base + align_down(input_u32(input) % it->size, 8);
}

static inline void check_word(const struct guest_state_of *it, u64 address, u64 word)
{
	REQUIRE(word == 0 || word == own_word(it, address));
}

static inline void copy_word(struct input *input, struct guest_state_of *it, bool write)
{
	u64 address = draw_address(input, it), word = own_word(it, address);

	if (write && guest_memory_write(&it->guest.memory, gpa(address), &word, 8) != STATUS_OK)
		return;
	REQUIRE(guest_memory_read(&it->guest.memory, gpa(address), &word, 8) == STATUS_OK);
	check_word(it, address, word);
	REQUIRE(!write || word);
}

/* Beyond either end, and across it. */
static inline void copy_odd(struct input *input, struct guest_state_of *it)
{
	u64 address = input_odd_number(input), length = input_odd_number(input) % 64;
	u64 base = it->guest.memory.base.value, offset = address - base;
	bool inside = offset <= it->size && length <= it->size - offset;
	char buffer[64] = {0};
	struct guest_memory *memory = &it->guest.memory;

	REQUIRE((guest_memory_read(memory, gpa(address), buffer, length) == STATUS_OK) == inside);
	if (!inside)
		REQUIRE(guest_memory_write(memory, gpa(address), buffer, length) == STATUS_INVALID);
	if (offset >= it->size)
		REQUIRE(guest_memory_touch(memory, gpa(address), NULL) == STATUS_NOT_FOUND);
}

/* ---- The guest on a hart ---- */

static inline void be_on_hart(struct vcpu *vcpu, unsigned hart)
{
	/* It may be loaded elsewhere, and the hart may have another. */
	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		struct vcpu *loaded = pcpu_get(i)->loaded;

		fake_set_hart(i);
		if (loaded && (loaded == vcpu || i == hart))
			vcpu_put(loaded);
	}
	fake_set_hart(hart);
	vcpu_load(vcpu);
}

/* A store of the guest's, by its guest-physical address. */
static inline void access_ram(struct guest_state_of *it, struct vcpu *vcpu, u64 address)
{
	struct fake_csrs *csr = fake_csrs(hw_hart_index());
	u64 host = TLB_ABSENT, *word;

	for (unsigned tries = 0; host == TLB_ABSENT && !it->out_of_memory; tries++) {
		REQUIRE(tries < 3); /* or the guest faults for ever */
		host = tlb_translate(vcpu, address);
		if (host != TLB_ABSENT)
			break;
		csr->htval = address >> 2;
		csr->stval = address;
		csr->htinst = 0;
		vcpu->x[0] = CAUSE_STORE_GUEST_PAGE_FAULT;
		(void)exit_exception(vcpu, CAUSE_STORE_GUEST_PAGE_FAULT, VCPU_ALL_REGISTERS);
	}
	if (host == TLB_ABSENT)
		return;
	word = hw_ram(hpa(host));
	check_word(it, address, *word);
	*word = own_word(it, address);
}

static inline void run_on_hart(struct input *input, struct guest_state_of *it)
{
	u8 form = input_u8(input);
	struct vcpu *vcpu = &it->vcpus[form % GUEST_VCPUS];

	if (it->pinning || it->out_of_memory)
		return;
	be_on_hart(vcpu, form / 2 % hw_machine()->hart_count);
	/* A hart may look at any page before it is asked to. */
	if (form & 4)
		(void)tlb_translate(vcpu, draw_address(input, it));
	if (form & 64)
		tlb_use_virtual(vcpu, (u64)(form & 32) << 10);
	if (form & 128)
		tlb_sfence();
	for (unsigned i = 0; i <= (form >> 3 & 3); i++)
		access_ram(it, vcpu, draw_address(input, it));
}

/* ---- What always holds ---- */

static bool page_taken[GUESTS_RAM / PAGE_SIZE];
static u64 ram_base;

static inline u64 note_owner(const struct guest_state_of *it)
{
	gpa_t start = it->guest.memory.base, end = gpa(start.value + it->guest.memory.size);
	struct gstage_leaf leaf;
	u64 count = 0;

	for (; gstage_find(&it->guest.memory.gstage, start, end, &start, &leaf) == STATUS_OK;
	     start.value += leaf.size) {
		u64 first = (leaf.address.value - ram_base) / PAGE_SIZE;

		for (u64 i = 0; i < leaf.size / PAGE_SIZE; i++, count++) {
			REQUIRE(first + i < ARRAY_SIZE(page_taken) && !page_taken[first + i]);
			page_taken[first + i] = true;
		}
	}
	return count;
}

/* No page is two VMs', and none is lost. */
static inline void check_pages(void)
{
	u64 taken = 0;

	memset(page_taken, 0, sizeof(page_taken));
	for (unsigned i = 0; i < GUEST_COUNT; i++) {
		struct guest_memory *memory = &fuzz_guests[i].guest.memory;
		u64 count;

		if (!fuzz_guests[i].exists)
			continue;
		count = note_owner(&fuzz_guests[i]);
		REQUIRE(count == memory->page_count && count <= fuzz_guests[i].size / PAGE_SIZE);
		taken += count + memory->gstage.table_count;
		if (memory->has_pin_block)
			taken += 1ULL << memory->pin_order;
	}
	REQUIRE(free_pages_at_start - page_free_count() == taken);
}

static inline void guest_event(struct input *input)
{
	u8 what = input_u8(input);
	struct guest_state_of *it = &fuzz_guests[what % GUEST_COUNT];
	bool done;

	what /= GUEST_COUNT;
	if (what >= 60)
		page_fail_after(what % 4, 1 + what % 3);
	if (!it->exists) {
		create_guest(input, it);
	} else if (what < 2) {
		destroy_guest(it);
	} else if (it->pinning && what < 40) {
		if (guest_memory_pin_step(&it->guest.memory, &done) == STATUS_OK)
			it->pinning = !done;
	} else if (what < 8) {
		copy_odd(input, it);
	} else if (what < 20) {
		copy_word(input, it, what & 1);
	} else {
		run_on_hart(input, it);
	}
	if (what >= 60)
		page_fail_after(0, 0);
	tlb_absorb_fences();
}

static inline void run_guests(struct input *input)
{
	struct fake_options options = fake_defaults();
	u8 form = input_u8(input);

	options.hart_count = 1 + form % 4;
	options.vmid_bits = form / 4 % 4;
	options.ram_size = GUESTS_RAM;
	options.features &= ~(u32)HW_FEATURE_V;
	fake_start_with_pages(&options);
	ram_base = options.ram_base;
	memset(fuzz_guests, 0, sizeof(fuzz_guests));
	tlb_forget();
	vmid_init(options.vmid_bits);
	pcpu_init();
	sched_init(0);
	free_pages_at_start = page_free_count();
	for (unsigned i = 0; input->left && i < 64; i++) {
		guest_event(input);
		if (i % 8 == 0)
			check_pages();
	}
	check_pages();
	for (unsigned i = 0; form & 16 && i < GUEST_COUNT; i++)
		destroy_guest(&fuzz_guests[i]);
	check_pages();
}
