/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SBI calls in sequences, by several vCPUs of two VMs on one to three harts, light and full, with
 * an operator who stops, pauses and resets VMs meanwhile. Every call's answer is held against
 * sbi_model.c; a third VM must notice nothing; at the end every page comes back.
 */
#include "hyp/csr.h"
#include "hyp/mem/page.h"
#include "hyp/sbi/sbi.h"
#include "hyp/vm/observe.h"
#include "tests/fuzz/kept_state.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/race.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/sbi_guest.h"
#include "tests/fuzz/sbi_model.h"

#define STEP_MAX 600

static struct input input;
static struct guest *victim;
static u64 step_count; /* of the guests that do something */

/* ------------------------------------------------------------------------------------------------
 * Guests.
 */

static u64 act_as(struct vcpu *vcpu)
{
	if (vcpu->vm == &victim->vm)
		return MACHINE_NOTHING;
	step_count++;
	return sbi_guest_act(vcpu, &input);
}

static u64 step(struct vcpu *vcpu)
{
	sbi_model_step(vcpu);
	kept_check(vcpu);
	u64 scause = act_as(vcpu);

	if (scause == MACHINE_NOTHING)
		kept_note(vcpu);
	return scause;
}

/* An exit ends, or there is no telling how, if the vCPU leaves. */
static void before(struct vcpu *vcpu, u64 scause)
{
	kept_lose(vcpu);
	sbi_model_before(vcpu, scause);
}

static void after(struct vcpu *vcpu)
{
	sbi_model_after(vcpu);
	kept_note(vcpu);
}

/* Words of the guest's memory that a legacy call points to. */
static enum status load(gva_t address, u64 *value, struct hw_fetch_fault *fault)
{
	unsigned hart = hw_hart_index();
	u64 root = fake_csrs(hart)->hgatp & HGATP_PPN_MASK;

	REQUIRE(is_aligned(address.value, 8));
	for (unsigned i = 0; i < machine.vm_count; i++) {
		const struct vm *vm = &machine.vms[i].guest->vm;
		const u64 *word;

		if (!machine.vms[i].guest->has_memory ||
		    vm->memory->gstage.root.value >> PAGE_SHIFT != root)
			continue;
		word = machine_ram(vm, address.value, 8);
		if (!word)
			break;
		*value = race_strikes() ? race_draw() : *word;
		return STATUS_OK;
	}
	*fault = (struct hw_fetch_fault){CAUSE_LOAD_GUEST_PAGE_FAULT, address, address.value >> 2};
	if (address.value % 24 == 0)
		fault->cause = CAUSE_LOAD_PAGE_FAULT;
	if (address.value % 5 == 0)
		fault->htval = 0;
	return STATUS_FAULT;
}

static const struct machine_client client = {step, before, after};

/* ------------------------------------------------------------------------------------------------
 * The third VM.
 */

#define VICTIM_WORDS 32

static u64 *victim_words(void)
{
	return machine_ram(&victim->vm, GUEST_RAM_BASE, 8 * VICTIM_WORDS);
}

static void mark_victim(void)
{
	for (unsigned i = 0; i < VICTIM_WORDS; i++)
		victim_words()[i] = 0x5eed0000 + i;
}

static void check_victim(void)
{
	for (unsigned i = 0; i < VICTIM_WORDS; i++)
		REQUIRE_EQUAL(victim_words()[i], 0x5eed0000 + i);
	REQUIRE_EQUAL(guest_state(victim), GUEST_RUNNING);
	REQUIRE_EQUAL(victim->vcpus[0]->irq_posted, 0);
	REQUIRE_EQUAL(victim->vcpus[1]->hsm, HSM_STOPPED);
	REQUIRE(!victim->vcpus[0]->steal_on && victim->vcpus[0]->x[10] == 0);
}

/* ------------------------------------------------------------------------------------------------
 * The operator and the machine.
 */

static void operate(u64 what)
{
	struct guest *guest = machine.vms[what & 1].guest;
	enum status ignored = STATUS_OK;

	switch (what >> 1 & 15) {
	case 8: /* the next start, or what a guest's call needs */
	case 9:
		page_fail_after(what >> 5, 1 + (what >> 1 & 1) * 5);
		break;
	case 10:
		machine.vms[what & 1].load_fails = 1 + (what >> 5) % 3;
		break;
	case 11:
		machine.vms[what & 1].load_fails = 0;
		break;
	case 12:
	case 13:
		machine_serve_line(what & 1);
		break;
	case 0:
		ignored = guest_pause(guest);
		break;
	case 1:
	case 2:
		ignored = guest_resume(guest);
		break;
	case 3:
		ignored = guest_stop(guest);
		break;
	case 4:
		ignored = guest_reset(guest);
		break;
	default:
		ignored = guest_start(guest);
		break;
	}
	(void)ignored;
}

/* The first may have a cap, the second a hart of its own. */
static struct sched_limits draw_limits(u8 how, unsigned vcpu_count, unsigned vm)
{
	unsigned harts = hw_machine()->hart_count;
	struct sched_limits limits = {.shares = 100};

	if (!(how & 1))
		return limits;
	if (vm == 0) {
		limits.quota = 40;
	} else if (vcpu_count < harts) {
		limits.dedicated = true;
		limits.harts = (BIT(vcpu_count) - 1) << (harts - vcpu_count);
	}
	return limits;
}

static void set_up(void)
{
	static const u64 sizes[] = {KIB(64), MIB(2) + KIB(12), KIB(8), KIB(64)};
	struct fake_options options = fake_defaults();
	u8 how = input_u8(&input), features = input_u8(&input), more = input_u8(&input);

	options.hart_count = 1 + how % 3;
	options.ram_size = MIB(16);
	if (features & 1)
		options.features &= ~(u32)HW_FEATURE_SSTC;
	if (features & 2)
		options.features &= ~(u32)HW_FEATURE_V;
	if (features & 4)
		options.features &= ~(u32)HW_FEATURE_SMSTATEEN;
	machine_start(&options, &client);
	for (unsigned i = 0; i < 2; i++) {
		unsigned vcpu_count = 1 + (how >> (2 + 2 * i)) % 4;

		machine_add_vm(vcpu_count, sizes[features >> (3 + 2 * i) & 3],
			       features & 0x80 ? GUEST_RESTART_NEVER : GUEST_RESTART_ALWAYS,
			       draw_limits(more >> (5 + i), vcpu_count, i));
		machine.vms[i].guest->config.memory_pinned = more >> i & 1;
		machine.vms[i].load_steps = 1 + (more >> 2 & 3);
	}
	if (more & 0x10) {
		machine.vms[1].guest->config.depends[0] = machine.vms[0].guest;
		machine.vms[1].guest->config.depends_count = 1;
	}
	victim = machine_add_vm(2, KIB(16), GUEST_RESTART_NEVER,
				(struct sched_limits){.shares = 100})
			 ->guest;
	fake_hooks.load_guest = load;
	sbi_model_start();
	kept_forget_all();
	step_count = 0;
	machine_boot();
	mark_victim();
	if (how & 0x40)
		observe_start(OBSERVE_TRACE | OBSERVE_PROFILE);
	machine.race_rate = how & 0x80 ? 1 + input_u8(&input) / 2 : 0;
	machine.race_seed = input_u16(&input);
}

/* One turn of a hart, or as many as a guest takes there to its next instruction. */
static void turns_of(unsigned hart, u64 ticks, bool just_one)
{
	u64 before = step_count;

	for (unsigned i = 0; i < 16; i++) {
		if (!machine_turn(hart, i ? 20 : ticks))
			machine_skip_to_event();
		if (just_one || step_count != before)
			return;
	}
}

static void act(u8 turn)
{
	unsigned hart = turn % hw_machine()->hart_count;

	switch (turn >> 5) {
	case 7:
		machine_errand(operate, input_u8(&input));
		break;
	case 6:
		machine.vms[turn & 1].input_count += turn & 30;
		machine.vms[turn & 1].room = turn & 2 ? SIZE_MAX : turn & 28;
		machine_errand(machine_serve_line, turn & 1);
		break;
	}
	turns_of(hart, turn >> 5 == 5 ? 120 : turn >> 5, turn & 0x10);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	input = (struct input){bytes, size};
	set_up();
	for (unsigned steps = 0; input.left && steps < STEP_MAX; steps++) {
		act(input_u8(&input));
		check_victim();
	}
	observe_stop(OBSERVE_TRACE | OBSERVE_PROFILE);
	machine_finish();
	return 0;
}
