/* SPDX-License-Identifier: BSD-2-Clause */
/* VMIDs by generation, with as few numbers as there can be: which fence is executed, on which hart,
 * under which hgatp; and at random that no translation outlives its right. */
#include "hyp/vm/requests.h"
#include "tests/unit/guest_csrs.h"
#include "tests/unit/live.h"

#define HARTS 3
#define VMS   4
#define VCPUS 2

static u64 no_code(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_fail("no guest is entered here");
}

static struct vcpu *vcpu_of(unsigned vm, unsigned id)
{
	return live.vms[vm].guest->vcpus[id];
}

static void start(unsigned vmid_bits)
{
	struct fake_options options = fake_defaults();

	options.hart_count = HARTS;
	options.vmid_bits = vmid_bits;
	live_start(&options);
	for (unsigned i = 0; i < VMS; i++) {
		live_create_running(VCPUS, no_code);
		for (unsigned id = 1; id < VCPUS; id++)
			vcpu_reset(vcpu_of(i, id), GUEST_RAM_BASE, id, 0);
	}
	fake_clear_fences();
}

static unsigned vmid_now(void)
{
	return (unsigned)(hw_read_hgatp() >> HGATP_VMID_SHIFT) & 0x3fff;
}

/* What the hart's current vCPU was goes, that one comes. */
static void switch_to(unsigned hart, struct vcpu *vcpu)
{
	fake_set_hart(hart);
	if (pcpu_this()->loaded)
		guest_put(pcpu_this()->loaded);
	fake_clear_fences();
	guest_load(vcpu);
	assert_int_equal(hw_read_hgatp(), gstage_hgatp(&vcpu->vm->memory->gstage, vmid_now()));
	assert_true(vmid_now() < BIT(hw_machine()->vmid_bits));
}

/* The fences of the last switch: all on that hart, and under the hgatp that the guest has then. */
static void assert_fences(bool gvma, bool vvma, bool fence_i)
{
	unsigned hart = hw_hart_index();

	assert_int_equal(fake_count_fences(FAKE_HFENCE_GVMA_VMID, hart), gvma);
	assert_int_equal(fake_count_fences(FAKE_HFENCE_VVMA_ALL, hart), vvma);
	assert_int_equal(fake_count_fences(FAKE_FENCE_I, hart), fence_i);
	assert_int_equal(fake_fence_count(), gvma + vvma + fence_i);
	for (unsigned i = 0; i < fake_fence_count(); i++) {
		struct fake_fence fence = fake_fence(i);

		assert_int_equal(fence.hgatp, hw_read_hgatp());
		if (fence.kind != FAKE_FENCE_I)
			assert_int_equal(fence.vmid, vmid_now());
	}
}

static void the_first_visit_of_a_hart_fences_everything(void **state)
{
	(void)state;
	start(14);
	for (unsigned hart = 0; hart < HARTS; hart++) {
		switch_to(hart, vcpu_of(0, 0));
		assert_fences(true, true, true);
	}
}

static void vms_have_numbers_of_their_own_on_all_harts(void **state)
{
	unsigned number[VMS];

	(void)state;
	start(2);
	for (unsigned vm = 0; vm < VMS; vm++) {
		switch_to(vm % HARTS, vcpu_of(vm, 0));
		number[vm] = vmid_now();
		for (unsigned other = 0; other < vm; other++)
			assert_int_not_equal(number[vm], number[other]);
	}
	for (unsigned vm = 0; vm < VMS; vm++) {
		switch_to((vm + 1) % HARTS, vcpu_of(vm, 0));
		assert_int_equal(vmid_now(), number[vm]);
	}
}

static void vms_that_take_turns_need_no_gstage_fence(void **state)
{
	(void)state;
	start(1);
	switch_to(0, vcpu_of(0, 0));
	switch_to(0, vcpu_of(1, 0));
	for (unsigned i = 0; i < 4; i++) {
		switch_to(0, vcpu_of(i % 2, 0));
		/* Its VMID is its own, its last vCPU here itself: all it has cached is good. */
		assert_fences(false, false, false);
	}
}

static void vcpus_of_a_vm_that_share_a_hart_are_fenced_from_each_other(void **state)
{
	(void)state;
	start(14);
	switch_to(0, vcpu_of(0, 0));
	switch_to(0, vcpu_of(0, 1));
	for (unsigned i = 0; i < 4; i++) {
		switch_to(0, vcpu_of(0, i % 2));
		assert_fences(false, true, false);
	}
	/* Another VM in between changes nothing of that. */
	switch_to(0, vcpu_of(1, 0));
	switch_to(0, vcpu_of(0, 1));
	assert_fences(false, false, false);
	switch_to(0, vcpu_of(1, 0));
	switch_to(0, vcpu_of(0, 0));
	assert_fences(false, true, false);
}

/* What it has fenced elsewhere is unfenced here, and so are its fetches. */
static void a_vcpu_that_moves_is_fenced_on_the_hart_it_comes_to(void **state)
{
	(void)state;
	start(14);
	switch_to(0, vcpu_of(0, 0));
	switch_to(1, vcpu_of(0, 0));
	switch_to(0, vcpu_of(0, 0));
	assert_fences(false, true, true);
	switch_to(1, vcpu_of(0, 0));
	assert_fences(false, true, true);
	/* It was here last, and nobody else of its VM since. */
	switch_to(1, vcpu_of(1, 0));
	switch_to(1, vcpu_of(0, 0));
	assert_fences(false, false, false);
}

static void with_no_bits_every_switch_between_vms_fences(void **state)
{
	(void)state;
	start(0);
	for (unsigned i = 0; i < 9; i++) {
		switch_to(0, vcpu_of(i % 3, 0));
		assert_int_equal(vmid_now(), 0);
		assert_fences(true, true, i < 3);
	}
}

static void a_number_that_is_used_again_is_fenced_where_it_is_used_again(void **state)
{
	(void)state;
	start(1);
	switch_to(0, vcpu_of(0, 0)); /* number 0 */
	switch_to(1, vcpu_of(1, 0)); /* number 1 */
	switch_to(1, vcpu_of(2, 0)); /* number 0 again, in a new generation */
	assert_int_equal(vmid_now(), 0);
	assert_fences(true, true, true);
	/* Hart 0 went on with its old number meanwhile, undisturbed. */
	fake_set_hart(0);
	assert_int_equal(vmid_now(), 0);
	fake_clear_fences();
	guest_put(vcpu_of(0, 0));
	guest_load(vcpu_of(0, 0));
	assert_fences(false, false, false);
	/* The number comes to hart 0 with its new owner. */
	switch_to(0, vcpu_of(2, 0));
	assert_int_equal(vmid_now(), 0);
	assert_fences(true, true, true);
	/* And its old owner takes another one. */
	switch_to(0, vcpu_of(0, 0));
	assert_int_equal(vmid_now(), 1);
	assert_fences(true, true, false);
}

/* One of its vCPUs has the new number, another still runs under the old one. */
static void a_vm_may_have_two_numbers_on_two_harts_for_a_while(void **state)
{
	(void)state;
	start(1);
	switch_to(0, vcpu_of(0, 0)); /* 0 */
	switch_to(1, vcpu_of(1, 0)); /* 1 */
	switch_to(2, vcpu_of(2, 0)); /* 0 in generation 2 */
	switch_to(1, vcpu_of(0, 1)); /* 1 in generation 2 */
	assert_int_equal(vmid_now(), 1);
	assert_fences(true, true, true);
	/* A fence asked of vCPU 0 acts on the number that its hart has. */
	fake_set_hart(0);
	vcpu_of(0, 0)->requests = REQUEST_GVMA;
	fake_clear_fences();
	requests_serve(vcpu_of(0, 0));
	assert_int_equal(vmid_now(), 0);
	assert_int_equal(fake_fence(0).kind, FAKE_HFENCE_GVMA_VMID);
	assert_int_equal(fake_fence(0).vmid, 0);
	assert_int_equal(fake_fence(1).kind, FAKE_HFENCE_VVMA_ALL);
	/* Loaded next, it takes the new one. */
	switch_to(0, vcpu_of(0, 1));
	assert_int_equal(vmid_now(), 1);
	assert_fences(true, true, true);
}

static void reboot(unsigned vm)
{
	struct guest *guest = live.vms[vm].guest;

	for (unsigned hart = 0; hart < HARTS; hart++) {
		fake_set_hart(hart);
		if (pcpu_this()->loaded && pcpu_this()->loaded->vm == &guest->vm)
			vcpu_unload();
	}
	guest->vm.ops->end(&guest->vm, VM_END_REBOOT, "the test wants it");
	live_load(&live.vms[vm]);
	assert_int_equal(guest->state, GUEST_RUNNING);
	for (unsigned id = 1; id < VCPUS; id++)
		vcpu_reset(vcpu_of(vm, id), GUEST_RAM_BASE, id, 0);
}

static void after_a_reboot_the_old_translations_are_fenced_on_every_hart(void **state)
{
	(void)state;
	start(14);
	for (unsigned hart = 0; hart < HARTS; hart++)
		switch_to(hart, vcpu_of(0, 0));
	reboot(0);
	for (unsigned hart = 0; hart < HARTS; hart++) {
		switch_to(hart, vcpu_of(0, 0));
		assert_fences(true, true, true);
	}
}

/* ------------------------------------------------------------------------------------------------
 * At random, with translation caches that forget nothing but what is fenced.
 */

#define ASIDS 2

static struct fake_random dice;
static struct vcpu *current[HARTS];

static unsigned roll(unsigned bound)
{
	return (unsigned)fake_random_below(&dice, bound);
}

static u64 random_address(void)
{
	return GUEST_RAM_BASE + MIB(8) * roll(16) / 16 + PAGE_SIZE * roll(2);
}

/* What exit.c does, less the rest of it. */
static void touch(struct vcpu *vcpu, u64 address)
{
	bool fresh;

	assert_int_equal(guest_memory_touch(vcpu->vm->memory, gpa(address), &fresh), STATUS_OK);
	hw_hfence_gvma(gpa(address), vmid_now());
}

/* Somebody's mark in the page must still be there. */
static void use_memory(struct vcpu *vcpu)
{
	u64 address = random_address();

	if (tlb_translate(vcpu, address) == TLB_ABSENT) {
		touch(vcpu, address);
		assert_int_not_equal(tlb_translate(vcpu, address), TLB_ABSENT);
	}
	tlb_use_virtual(vcpu, PAGE_SIZE * roll(4));
}

/* New tables under the same ASID, and the SFENCE.VMA that the guest owes for it. */
static void change_tables(void)
{
	hw_write_vsatp(8ULL << 60 | (u64)roll(ASIDS) << 44 | (0x80000 + roll(1000)));
	tlb_sfence();
}

static void leave_hart(unsigned hart)
{
	fake_set_hart(hart);
	if (current[hart])
		guest_put(current[hart]);
	current[hart] = NULL;
}

static void enter_hart(unsigned hart, struct vcpu *vcpu)
{
	for (unsigned i = 0; i < HARTS; i++)
		if (current[i] == vcpu)
			leave_hart(i);
	leave_hart(hart);
	guest_load(vcpu);
	current[hart] = vcpu;
	use_memory(vcpu);
}

static void do_something(void)
{
	unsigned hart = roll(HARTS);

	fake_set_hart(hart);
	switch (roll(8)) {
	case 0:
	case 1:
	case 2:
		enter_hart(hart, vcpu_of(roll(VMS), roll(VCPUS)));
		break;
	case 3:
		if (current[hart])
			change_tables();
		break;
	case 4:
		if (roll(20) == 0) {
			unsigned vm = roll(VMS);

			for (unsigned i = 0; i < HARTS; i++)
				if (current[i] && current[i]->vm == &live.vms[vm].guest->vm)
					leave_hart(i);
			reboot(vm);
		}
		break;
	default:
		if (current[hart])
			use_memory(current[hart]);
	}
}

static void no_translation_outlives_its_right(void **state)
{
	static const unsigned bits[] = {0, 1, 2, 14};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		start(bits[i]);
		dice.state = i;
		memset(current, 0, sizeof(current));
		for (unsigned step = 0; step < 20000; step++)
			do_something();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_visit_of_a_hart_fences_everything),
		cmocka_unit_test(vms_have_numbers_of_their_own_on_all_harts),
		cmocka_unit_test(vms_that_take_turns_need_no_gstage_fence),
		cmocka_unit_test(vcpus_of_a_vm_that_share_a_hart_are_fenced_from_each_other),
		cmocka_unit_test(a_vcpu_that_moves_is_fenced_on_the_hart_it_comes_to),
		cmocka_unit_test(with_no_bits_every_switch_between_vms_fences),
		cmocka_unit_test(a_number_that_is_used_again_is_fenced_where_it_is_used_again),
		cmocka_unit_test(a_vm_may_have_two_numbers_on_two_harts_for_a_while),
		cmocka_unit_test(after_a_reboot_the_old_translations_are_fenced_on_every_hart),
		cmocka_unit_test(no_translation_outlives_its_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
