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
#include "tests/fuzz/driver.h"
#include "tests/fuzz/kept_state.h"
#include "tests/fuzz/machine.h"
#include "tests/fuzz/race.h"
#include "tests/fuzz/require.h"
#include "tests/fuzz/sbi_model.h"

#define STEP_MAX 600

static struct input input;
static struct guest *victim;
static u64 step_count; /* of the guests that do something */

/* ------------------------------------------------------------------------------------------------
 * Guests.
 */

static u64 ram_address(const struct vcpu *vcpu)
{
	u64 size = guest_of(vcpu->vm)->config.memory_size;
	u64 low = input_u16(&input);

	switch (low >> 13) {
	case 0: /* around both ends */
		return GUEST_RAM_BASE - 64 + low % 128;
	case 1:
		return GUEST_RAM_BASE + size - 128 + low % 192;
	case 2:
		return GUEST_RAM_BASE + low % size / 64 * 64;
	case 3:
		return GUEST_RAM_BASE + low % size / PAGE_SIZE * PAGE_SIZE - 8;
	default:
		return GUEST_RAM_BASE + low % size / 2 * 2;
	}
}

static u64 any_value(const struct vcpu *vcpu)
{
	u8 how = input_u8(&input);

	switch (how >> 4) {
	case 0:
	case 1:
	case 2:
		return how & 15;
	case 3:
		return ~(u64)(how & 15);
	case 4:
	case 5:
	case 6:
	case 7:
	case 8:
		return ram_address(vcpu);
	case 9:
		return BIT(input_u8(&input) % 64) - (how & 1);
	case 10:
		return hw_time() + vcpu->vm->htimedelta + input_u8(&input);
	case 11:
		return 0x80000000;
	case 12:
		return VUART_BASE + how;
	case 13:
		return input_u16(&input);
	default:
		return input_u64(&input);
	}
}

static const u64 extensions[] = {
	SBI_EID_BASE, SBI_EID_TIME, SBI_EID_IPI,  SBI_EID_RFENCE, SBI_EID_HSM,
	SBI_EID_SRST, SBI_EID_DBCN, SBI_EID_SUSP, SBI_EID_STA,	  SBI_EID_HSM,
	SBI_EID_HSM,  SBI_EID_IPI,  SBI_EID_DBCN, SBI_EID_STA,	  SBI_EID_TIME,
};

static u64 call(struct vcpu *vcpu)
{
	u8 which = input_u8(&input), function = input_u8(&input);

	if (which < 0xc0)
		vcpu->x[17] = extensions[which % ARRAY_SIZE(extensions)];
	else if (which < 0xf0)
		vcpu->x[17] = which % 16;
	else
		vcpu->x[17] = any_value(vcpu);
	vcpu->x[16] = function < 0xe0 ? function % 4 : any_value(vcpu);
	for (unsigned i = 10; i < 15; i++)
		vcpu->x[i] = any_value(vcpu);
	return CAUSE_ECALL_VS;
}

static void set_call(struct vcpu *vcpu, u64 eid, u64 function, u64 a0, u64 a1, u64 a2)
{
	vcpu->x[17] = eid;
	vcpu->x[16] = function;
	vcpu->x[10] = a0;
	vcpu->x[11] = a1;
	vcpu->x[12] = a2;
	vcpu->x[13] = PAGE_SIZE;
	vcpu->x[14] = 1;
}

/* What kernels call, with arguments that are right: few bytes of input lead to several vCPUs that
 * run and send each other interrupts and fences. */
static u64 usual_call(struct vcpu *vcpu)
{
	u8 how = input_u8(&input), value = input_u8(&input);
	u64 size = guest_of(vcpu->vm)->config.memory_size;
	u64 address = GUEST_RAM_BASE + (u64)value * 0x340 % size / 64 * 64;
	u64 mask = value & 0x80 ? 0 : value & 15, base = value & 0x80 ? ~0ULL : 0;

	switch (how % 16) {
	case 0:
	case 1:
	case 2:
		set_call(vcpu, SBI_EID_HSM, 0, value % vcpu->vm->vcpu_count, address, how);
		break;
	case 3: /* stops, or waits */
		set_call(vcpu, SBI_EID_HSM, value & 1 ? 1 : 3, value & 2 ? 0 : 0x80000000, address,
			 how);
		break;
	case 4:
	case 5:
		set_call(vcpu, SBI_EID_IPI, 0, mask, base, 0);
		break;
	case 6:
	case 7:
	case 8:
	case 9: /* of a page, or of all */
		set_call(vcpu, SBI_EID_RFENCE, value % 3, mask, base, how & 0x10 ? 0 : address);
		if (how & 0x10)
			vcpu->x[13] = how & 0x20 ? ~0ULL : 0;
		break;
	case 10:
	case 11:
		set_call(vcpu, SBI_EID_TIME, 0, hw_time() + vcpu->vm->htimedelta + value, 0, 0);
		break;
	case 12:
		set_call(vcpu, SBI_EID_DBCN, how >> 4 & 1, 1 + (how >> 5), address, 0);
		break;
	case 13:
		set_call(vcpu, SBI_EID_STA, 0, address, 0, 0);
		break;
	case 14:
		set_call(vcpu, SBI_EID_SUSP, 0, 0, address, how);
		break;
	default:
		set_call(vcpu, SBI_EID_SRST, 0, value & 1, value >> 1 & 1, 0);
		if (how & 0x70) /* a status, much more often */
			set_call(vcpu, SBI_EID_HSM, 2, value % vcpu->vm->vcpu_count, 0, 0);
		break;
	}
	return CAUSE_ECALL_VS;
}

/* Registers of both units, and some that are only moved. */
static void use_units(u8 how)
{
	unsigned hart = hw_hart_index();
	u64 value = input_u8(&input);

	if (how & 0x80) {
		hw_write_vsscratch(value);
		hw_write_vsepc(value << 8);
		hw_write_vstval(value << 16);
		hw_write_scounteren(value);
		hw_write_senvcfg(value);
		return;
	}
	if (hw_has(HW_FEATURE_F) && (how & 0x40)) {
		fake_csrs(hart)->sstatus |= SSTATUS_FS;
		fake_fp(hart)[how % HW_FP_SIZE] = (u8)value;
	}
	if (hw_has(HW_FEATURE_V) && (how & 0x20)) {
		fake_csrs(hart)->sstatus |= SSTATUS_VS;
		fake_vector(hart)[how % hw_vector_size()] = (u8)value;
	}
}

static void change_state(struct vcpu *vcpu)
{
	u8 how = input_u8(&input);
	u64 *word;

	switch (how % 8) {
	case 0:
	case 1:
		hw_write_vsie(how & 0x80 ? 0x222 : how);
		break;
	case 2:
		fake_csrs(hw_hart_index())->vsatp = how & 0x80 ? 8ULL << 60 | 0x80000 : 0;
		break;
	case 3:
		hw_write_vsstatus(input_u64(&input));
		break;
	case 4:
		hw_clear_hvip(HVIP_VSSIP);
		break;
	case 5:
		if (hw_has(HW_FEATURE_SSTC))
			hw_write_vstimecmp(any_value(vcpu));
		break;
	case 6: /* a mask for a legacy call, say */
		word = machine_ram(vcpu->vm, ram_address(vcpu) & ~7ULL, 8);
		if (word)
			*word = any_value(vcpu);
		break;
	default:
		use_units(how);
		vcpu->pc = GUEST_RAM_BASE + how * 4ULL;
		break;
	}
}

static u64 wait_for_interrupt(struct vcpu *vcpu)
{
	/* Without the trap, the hart itself waits; others have their turns all the same. */
	if (!(hw_read_hstatus() & HSTATUS_VTW)) {
		vcpu->pc += 4;
		return MACHINE_NOTHING;
	}
	fake_csrs(hw_hart_index())->stval = 0x10500073;
	return CAUSE_VIRTUAL_INSTRUCTION;
}

static u64 act_as(struct vcpu *vcpu)
{
	if (vcpu->vm == &victim->vm)
		return MACHINE_NOTHING;
	step_count++;
	u8 what = input_u8(&input);

	switch (what % 8) {
	case 0:
		change_state(vcpu);
		return MACHINE_NOTHING;
	case 1:
		return wait_for_interrupt(vcpu);
	case 6:
		return usual_call(vcpu);
	case 7:
		return driver_cause(driver_access(&input, vcpu));
	default:
		return call(vcpu);
	}
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
