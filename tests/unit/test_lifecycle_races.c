/* SPDX-License-Identifier: BSD-2-Clause */
/* What an operator asks for meets what the VM does by itself, at the worst moment: most tests are
 * the harts themselves, and act as the others where the code under test sends an IPI. */
#include "hyp/vm/hsm.h"
#include "hyp/vm/vcpu_load.h"
#include "tests/unit/live.h"

#define SECONDARY 100
#define STEPS	  500
#define TICKS	  20 /* a step; all steps are more than the second between two lives */

static struct guest *guest;
static unsigned hook_count;

static u64 no_code(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_fail("no guest is entered here");
}

/* As the run loop has it once it has entered the vCPU. */
static struct vcpu *pick_on(unsigned hart)
{
	fake_set_hart(hart);
	struct vcpu *vcpu = sched_pick(pcpu_this());

	assert_non_null(vcpu);
	pcpu_this()->current = vcpu;
	vcpu->running_on = (s32)hart;
	return vcpu;
}

static struct vcpu *give_up(unsigned hart)
{
	fake_set_hart(hart);
	struct vcpu *vcpu = pcpu_this()->current;

	pcpu_this()->current = NULL;
	return vcpu;
}

static void exit_on(unsigned hart)
{
	struct vcpu *vcpu = give_up(hart);

	sched_exit(pcpu_this(), vcpu);
	hsm_stopped(vcpu);
	guest_vcpu_left(guest);
}

/* What all harts do between vCPUs, for long. */
static void do_all_work(void)
{
	unsigned self = hw_hart_index();

	for (unsigned step = 0; step < STEPS; step++) {
		for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
			fake_set_hart(i);
			recycle_serve(pcpu_this());
			work_do(pcpu_this(), false);
			fake_advance_time(TICKS);
		}
	}
	fake_set_hart(self);
}

/* vCPU 0 runs on hart 1 and vCPU 1 on hart 2; hart 0 is the operator's. */
static void begin(void (*hook)(u64 harts))
{
	live_start_with(3, 0);
	guest = live_create_running(2, no_code)->guest;
	assert_ptr_equal(pick_on(1), guest->vcpus[0]);
	assert_int_equal(hsm_start(guest->vcpus[1], GUEST_RAM_BASE, 0), STATUS_OK);
	assert_ptr_equal(pick_on(2), guest->vcpus[1]);
	hook_count = 0;
	fake_hooks.send_ipi = hook;
	fake_set_hart(0);
}

/* ------------------------------------------------------------------------------------------------
 * An operator that is slow.
 */

static void all_leave_and_do_what_they_can(u64 harts)
{
	(void)harts;
	if (hook_count++)
		return;
	exit_on(1);
	exit_on(2);
	do_all_work();
	/* Else the rest of what the operator asked for would be done to the next life. */
	assert_int_equal(guest_state(guest), GUEST_ENDING);
	fake_set_hart(0);
}

static void a_vm_has_no_next_life_before_all_of_it_has_been_driven_out_of_this_one(void **state)
{
	(void)state;
	begin(all_leave_and_do_what_they_can);
	assert_int_equal(guest_reset(guest), STATUS_OK);
	fake_hooks.send_ipi = NULL;
	do_all_work();
	assert_int_equal(guest_state(guest), GUEST_RUNNING);
	assert_int_equal(guest->vcpus[0]->state, VCPU_READY);
}

/* vCPU 0 reboots the VM; the hart of vCPU 1 has looked at the VM's state before it was paused, and
 * takes the vCPU for one whose slice is over. */
static void one_reboots_and_one_is_requeued(u64 harts)
{
	(void)harts;
	if (hook_count++)
		return;
	fake_set_hart(1);
	guest_vm_ops.end(&guest->vm, VM_END_REBOOT, "by the guest");
	exit_on(1);
	struct vcpu *vcpu = give_up(2);

	sched_requeue(pcpu_this(), vcpu);
	fake_set_hart(0);
}

static void a_vm_that_ends_while_it_is_being_paused_ends(void **state)
{
	(void)state;
	begin(one_reboots_and_one_is_requeued);
	assert_int_equal(guest_pause(guest), STATUS_OK);
	fake_hooks.send_ipi = NULL;
	do_all_work();
	assert_int_equal(guest_state(guest), GUEST_RUNNING);
	assert_int_equal(guest->vcpus[0]->state, VCPU_READY);
	assert_int_equal(guest->vcpus[1]->state, VCPU_OFF);
}

static void resumed_at_once(u64 harts)
{
	(void)harts;
	if (hook_count++)
		return;
	struct vcpu *vcpu = give_up(1);

	sched_park_self(pcpu_this(), vcpu, false);
	guest_vcpu_parked(guest);
	vcpu = give_up(2);
	sched_park_self(pcpu_this(), vcpu, false);
	guest_vcpu_parked(guest);
	assert_int_equal(guest_resume(guest), STATUS_OK);
	do_all_work();
	fake_set_hart(0);
}

static void nobody_is_parked_any_more_once_the_vm_is_resumed(void **state)
{
	(void)state;
	begin(resumed_at_once);
	assert_int_equal(guest_pause(guest), STATUS_OK);
	fake_hooks.send_ipi = NULL;
	do_all_work();
	assert_int_equal(guest_state(guest), GUEST_RUNNING);
	assert_int_equal(guest->vcpus[0]->state, VCPU_READY);
	assert_int_equal(guest->vcpus[1]->state, VCPU_READY);
}

/* ------------------------------------------------------------------------------------------------
 * Pauses.
 */

static struct work operator_work;
static u64 rounds, last_time;
static unsigned phase;

static bool pause_and_resume(struct work *work)
{
	u64 delay = 0;

	if (guest_state(guest) == GUEST_OFF)
		return false;
	switch (phase++ % 3) {
	case 0:
		delay = fake_random_below(&live.random, 500);
		break;
	case 1:
		if (guest_pause(guest) != STATUS_OK)
			return false;
		delay = fake_random_below(&live.random, 20);
		break;
	case 2:
		if (guest_resume(guest) != STATUS_OK)
			return false;
		delay = 3000;
	}
	work_ask_at(work, hw_time() + delay);
	return false;
}

/* vCPU 1 stops, vCPU 0 starts it again; and both look whether the time goes back. */
static u64 start_and_stop(struct vcpu *vcpu)
{
	u64 now = hw_time() + hw_read_htimedelta();

	LIVE_CHECK(now >= last_time);
	last_time = now;
	if (vcpu->id == 1)
		return live_line(vcpu) < SECONDARY + 5 ? LIVE_NEXT
						       : live_ecall(vcpu, SBI_EID_HSM, 1, 0, 0, 0);
	if (++rounds > 2000)
		return live_shutdown(vcpu);
	vcpu->pc = live_address(0);
	return live_ecall(vcpu, SBI_EID_HSM, 0, 1, live_address(SECONDARY), 0);
}

static void a_vcpu_that_stops_during_a_pause_neither_hides_the_resume_nor_turns_the_clock(
	void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 60; seed++) {
		live_start_with(3, 0);
		guest = live_create(2, start_and_stop)->guest;
		rounds = last_time = phase = 0;
		work_init(&operator_work, pause_and_resume);
		assert_int_equal(guest_start(guest), STATUS_OK);
		work_ask(&operator_work);
		live_run(seed);
		assert_true(guest_all_off());
		assert_int_equal(guest_state(guest), GUEST_OFF);
	}
}

static void a_vcpu_begins_without_a_wait_from_the_life_before(void **state)
{
	(void)state;
	live_start_with(1, 0);
	guest = live_create_running(1, no_code)->guest;
	struct vcpu *vcpu = guest->vcpus[0];

	/* It would be parked as one that waits, and with nothing to wait for. */
	vcpu->wait = vcpu->leave = 1;
	vcpu_reset(vcpu, GUEST_RAM_BASE, 0, 0);
	assert_int_equal(vcpu->wait, 0);
	assert_int_equal(vcpu->leave, 0);
}

static void a_life_has_used_no_time_when_it_begins(void **state)
{
	(void)state;
	live_start_with(1, 0);
	guest = live_create_running(1, no_code)->guest;
	pick_on(0);
	fake_advance_time(1000);
	exit_on(0);
	assert_int_equal(guest_stop(guest), STATUS_OK);
	do_all_work();
	assert_int_equal(guest_start(guest), STATUS_OK);
	live_load(&live.vms[0]);
	assert_int_equal(sched_get_times(guest->vcpus[0]).run, 0);
	assert_int_equal(guest->vcpus[0]->pick_count, 0);
}

/* ------------------------------------------------------------------------------------------------
 * VMs that need each other.
 */

static void who_needs_a_vm_that_is_just_ending_has_it_started_again(void **state)
{
	(void)state;
	live_start_with(1, 0);
	guest = live_create_running(1, no_code)->guest;
	struct guest *other = live_create(1, no_code)->guest;

	other->config.depends[0] = guest;
	other->config.depends_count = 1;
	assert_int_equal(guest_stop(guest), STATUS_OK);
	assert_int_equal(guest_start(other), STATUS_OK);
	do_all_work();
	assert_int_equal(guest_state(guest), GUEST_RUNNING);
	assert_int_equal(guest_state(other), GUEST_RUNNING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_vm_has_no_next_life_before_all_of_it_has_been_driven_out_of_this_one),
		cmocka_unit_test(a_vm_that_ends_while_it_is_being_paused_ends),
		cmocka_unit_test(nobody_is_parked_any_more_once_the_vm_is_resumed),
		cmocka_unit_test(
			a_vcpu_that_stops_during_a_pause_neither_hides_the_resume_nor_turns_the_clock),
		cmocka_unit_test(a_vcpu_begins_without_a_wait_from_the_life_before),
		cmocka_unit_test(a_life_has_used_no_time_when_it_begins),
		cmocka_unit_test(who_needs_a_vm_that_is_just_ending_has_it_started_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
