/* SPDX-License-Identifier: BSD-2-Clause */
/* The run queue, with the test as the harts: who is next, for how long, who is interrupted when
 * somebody becomes ready, and that a vCPU can be stopped in any state. */
#include "hyp/vm/sched_internal.h"
#include "tests/unit/guest_csrs.h"
#include "tests/unit/live.h"

#define SLICE 100 /* ticks, as live_start_with() has it */

static struct vcpu *vcpus[8];
static unsigned vcpu_count;

static u64 no_code(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_fail("no guest is entered here");
}

/* That many vCPUs, all OFF. */
static void start(unsigned hart_count, unsigned count)
{
	live_start_with(hart_count, 0);
	struct live_vm *vm = live_create(count, no_code);

	vcpu_count = count;
	assert_int_equal(sched_admit(&vm->guest->vm, NULL), STATUS_OK);
	for (unsigned i = 0; i < count; i++) {
		vcpus[i] = vm->guest->vcpus[i];
		vcpu_reset(vcpus[i], GUEST_RAM_BASE, i, 0);
	}
}

static void forget_ipis(void)
{
	unsigned self = hw_hart_index();

	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		fake_set_hart(i);
		hw_serve_pending();
	}
	fake_set_hart(self);
}

static void make_ready(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		sched_start(vcpus[i]);
	forget_ipis();
}

static struct vcpu *pick(unsigned hart)
{
	fake_set_hart(hart);
	struct vcpu *vcpu = sched_pick(pcpu_this());

	if (vcpu) {
		assert_int_equal(vcpu->state, VCPU_RUNNING);
		pcpu_this()->current = vcpu;
		vcpu->running_on = (s32)hart;
		vcpu->last_hart = (s32)hart;
	}
	return vcpu;
}

static void requeue(unsigned hart)
{
	fake_set_hart(hart);
	struct vcpu *vcpu = pcpu_this()->current;

	pcpu_this()->current = NULL;
	sched_requeue(pcpu_this(), vcpu);
}

/* Until that hart time, or an interrupt of those that vsie has. */
static void wait_until(unsigned hart, u64 deadline)
{
	fake_set_hart(hart);
	struct vcpu *vcpu = pcpu_this()->current;

	pcpu_this()->current = NULL;
	vcpu->csr.vsie = 0x222;
	vcpu->wait_deadline = deadline;
	sched_wait(pcpu_this(), vcpu);
}

static void sleep_once(unsigned hart)
{
	assert_null(pick(hart));
	sched_idle(pcpu_this());
	forget_ipis();
}

/* Begins to sleep, and does not wake up. */
static void idle(unsigned hart)
{
	fake_set_hart(hart);
	assert_null(pick(hart));
	assert_true(hart_begin_idle(hart_get(hart)));
	forget_ipis();
}

/* ------------------------------------------------------------------------------------------------
 * Turns and slices.
 */

static void vcpus_are_served_in_turn(void **state)
{
	(void)state;
	start(1, 4);
	make_ready(4);
	for (unsigned i = 0; i < 12; i++) {
		assert_ptr_equal(pick(0), vcpus[i % 4]);
		requeue(0);
	}
}

static void new_vcpus_are_spread_over_the_harts(void **state)
{
	(void)state;
	start(3, 4);
	make_ready(4);
	assert_ptr_equal(pick(2), vcpus[2]);
	assert_ptr_equal(pick(0), vcpus[0]);
	assert_ptr_equal(pick(1), vcpus[1]);
	/* Hart 0 has two; hart 2 has nothing else to do and takes the second. */
	wait_until(2, UINT64_MAX);
	assert_ptr_equal(pick(2), vcpus[3]);
	assert_int_equal(vcpus[3]->sched.home, 2);
}

static void an_empty_queue_has_nobody(void **state)
{
	(void)state;
	start(1, 1);
	assert_null(pick(0));
	make_ready(1);
	assert_ptr_equal(pick(0), vcpus[0]);
	assert_null(sched_pick(pcpu_this()));
}

static void alone_a_vcpu_has_no_slice(void **state)
{
	(void)state;
	start(1, 1);
	make_ready(1);
	pick(0);
	pcpu_update_timer(pcpu_this());
	assert_int_equal(fake_timer(0), UINT64_MAX);
	fake_advance_time(1000 * SLICE);
	assert_true(sched_tick(pcpu_this()));
}

static void with_others_ready_a_slice_ends(void **state)
{
	(void)state;
	start(1, 2);
	make_ready(2);
	fake_set_time(7);
	pick(0);
	pcpu_update_timer(pcpu_this());
	assert_int_equal(fake_timer(0), 7 + SLICE);
	fake_set_time(6 + SLICE);
	assert_true(sched_tick(pcpu_this()));
	fake_set_time(7 + SLICE);
	assert_false(sched_tick(pcpu_this()));
}

/* The other one has gone elsewhere: it may go on, and without a tick. */
static void a_slice_is_given_up_when_nobody_waits_for_it(void **state)
{
	(void)state;
	start(2, 2);
	make_ready(2);
	pick(0);
	pick(1);
	fake_set_hart(0);
	fake_advance_time(SLICE);
	assert_true(sched_tick(pcpu_this()));
	assert_int_equal(pcpu_this()->slice_end, UINT64_MAX);
}

static void a_slice_begins_when_somebody_becomes_ready(void **state)
{
	(void)state;
	start(1, 2);
	make_ready(1);
	pick(0);
	fake_set_time(500);
	sched_start(vcpus[1]);
	assert_int_equal(fake_pending_ipis(), 1);
	/* The hart looks when the IPI comes, and again at other times. */
	assert_true(sched_tick(pcpu_this()));
	fake_set_time(540);
	assert_true(sched_tick(pcpu_this()));
	assert_int_equal(pcpu_this()->slice_end, 500 + SLICE);
	fake_set_time(500 + SLICE);
	assert_false(sched_tick(pcpu_this()));
}

/* vCPU 1 runs since 500, vCPU 0 waits, and hart 0, the only one, wakes it at that time. */
static void wake_on_own_hart(u64 time)
{
	start(1, 2);
	make_ready(2);
	pick(0);
	wait_until(0, UINT64_MAX);
	fake_set_time(500);
	assert_ptr_equal(pick(0), vcpus[1]);
	pcpu_update_timer(pcpu_this());
	assert_int_equal(fake_timer(0), UINT64_MAX);
	fake_set_time(time);
	vcpus[0]->irq_posted = HVIP_VSSIP;
	sched_wake(vcpus[0]);
}

static void a_hart_that_makes_somebody_ready_sets_its_slice_and_does_not_interrupt_itself(
	void **state)
{
	(void)state;
	wake_on_own_hart(501);
	assert_int_equal(fake_pending_ipis(), 0);
	/* The request of who wakes up is due first, after a reasonable turn of who runs. */
	assert_int_equal(fake_timer(0), 500 + SLICE / 8);
	fake_set_time(500 + SLICE / 8);
	assert_false(sched_tick(pcpu_this()));
}

static void a_hart_that_makes_somebody_ready_who_is_to_run_now_interrupts_itself(void **state)
{
	(void)state;
	wake_on_own_hart(500 + SLICE);
	assert_int_equal(fake_pending_ipis(), BIT(0));
	assert_false(sched_tick(pcpu_this()));
}

static void an_idle_hart_is_woken_for_a_ready_vcpu(void **state)
{
	(void)state;
	start(4, 4);
	make_ready(1);
	pick(1);
	idle(0);
	idle(2);
	idle(3);
	wait_until(1, UINT64_MAX);
	assert_null(pick(1));
	forget_ipis();
	/* It ran on hart 1, which is not idle yet: another one it is. */
	vcpus[0]->irq_posted = HVIP_VSSIP;
	sched_wake(vcpus[0]);
	assert_int_equal(fake_pending_ipis(), BIT(0));
}

static void the_hart_it_ran_on_last_is_preferred(void **state)
{
	(void)state;
	start(4, 1);
	make_ready(1);
	pick(2);
	wait_until(2, UINT64_MAX);
	for (unsigned i = 0; i < 4; i++)
		idle(i);
	vcpus[0]->irq_posted = HVIP_VSSIP;
	sched_wake(vcpus[0]);
	assert_int_equal(fake_pending_ipis(), BIT(2));
}

/* Two at once: not both to the same hart. */
static void each_ready_vcpu_wakes_a_hart_of_its_own(void **state)
{
	(void)state;
	start(3, 3);
	make_ready(3);
	for (unsigned i = 0; i < 3; i++) {
		pick(0);
		wait_until(0, UINT64_MAX);
	}
	for (unsigned i = 0; i < 3; i++)
		idle(i);
	for (unsigned i = 0; i < 3; i++) {
		vcpus[i]->irq_posted = HVIP_VSSIP;
		sched_wake(vcpus[i]);
	}
	assert_int_equal(fake_pending_ipis(), 7);
}

static void without_an_idle_hart_those_without_a_slice_are_interrupted(void **state)
{
	(void)state;
	start(3, 4);
	make_ready(4);
	struct vcpu *waiting = pick(0);

	wait_until(0, UINT64_MAX);
	/* While others were ready these two got slices, and the third did not. */
	assert_non_null(pick(0));
	assert_non_null(pick(1));
	assert_non_null(pick(2));
	assert_int_equal(sched.unsliced, BIT(2));
	forget_ipis();
	waiting->irq_posted = HVIP_VSSIP;
	sched_wake(waiting);
	/* Hart 0 is where it was, and its request is due before that of who runs there. */
	assert_int_equal(fake_pending_ipis(), BIT(0) | BIT(2));
}

static void harts_are_told_when_wfi_has_to_trap(void **state)
{
	(void)state;
	start(2, 3);
	make_ready(2);
	assert_false(sched_trap_wfi(pcpu_this()));
	sched_start(vcpus[2]);
	assert_true(sched_trap_wfi(pcpu_this()));
	assert_int_equal(fake_pending_ipis(), 3);
	forget_ipis();
	pick(0);
	sched_exit(pcpu_this(), pcpu_this()->current);
	assert_false(sched_trap_wfi(pcpu_this()));
	assert_int_equal(fake_pending_ipis(), 3);
}

/* ------------------------------------------------------------------------------------------------
 * Waiting.
 */

static void start_waiting(u64 deadline)
{
	start(2, 2);
	make_ready(1);
	pick(0);
	wait_until(0, deadline);
}

static void what_is_pending_and_enabled_ends_the_wait_at_once(void **state)
{
	static const u64 bits[] = {HVIP_VSSIP, HVIP_VSTIP, HVIP_VSEIP};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned enabled = 0; enabled < 3; enabled++) {
			for (unsigned where = 0; where < 3; where++) {
				start(1, 1);
				make_ready(1);
				struct vcpu *vcpu = pick(0);

				vcpu->csr.vsie = bits[enabled] >> 1;
				vcpu->csr.hvip = where == 0 ? bits[i] : 0;
				vcpu->irq_posted = where == 1 ? (u32)bits[i] : 0;
				vcpu->irq_level = where == 2 ? (u32)bits[i] : 0;
				vcpu->wait_deadline = UINT64_MAX;
				sched_wait(pcpu_this(), vcpu);
				assert_int_equal(vcpu->state,
						 i == enabled ? VCPU_READY : VCPU_WAITING);
				assert_int_equal(vcpu->running_on, -1);
			}
		}
	}
}

static void a_waiting_vcpu_wakes_for_what_it_has_enabled(void **state)
{
	(void)state;
	start_waiting(UINT64_MAX);
	assert_int_equal(vcpus[0]->state, VCPU_WAITING);
	sched_wake(vcpus[0]); /* for nothing */
	assert_int_equal(vcpus[0]->state, VCPU_WAITING);
	vcpus[0]->csr.vsie = HVIP_VSEIP >> 1;
	vcpus[0]->irq_posted = HVIP_VSSIP;
	sched_wake(vcpus[0]);
	assert_int_equal(vcpus[0]->state, VCPU_WAITING);
	vcpus[0]->irq_level = HVIP_VSEIP;
	sched_wake(vcpus[0]);
	assert_int_equal(vcpus[0]->state, VCPU_READY);
	sched_wake(vcpus[0]); /* once is enough */
	assert_ptr_equal(pick(1), vcpus[0]);
	assert_null(pick(0));
}

static void a_request_to_leave_ends_the_wait(void **state)
{
	(void)state;
	start_waiting(UINT64_MAX);
	vcpus[0]->requests = REQUEST_FENCES; /* can wait as well */
	sched_wake(vcpus[0]);
	assert_int_equal(vcpus[0]->state, VCPU_WAITING);
	vcpus[0]->requests = REQUEST_LEAVE;
	sched_wake(vcpus[0]);
	assert_int_equal(vcpus[0]->state, VCPU_READY);
	/* One that came before the wait. */
	pick(0);
	wait_until(0, UINT64_MAX);
	assert_int_equal(vcpus[0]->state, VCPU_READY);
}

static void a_deadline_that_has_passed_ends_the_wait_at_once(void **state)
{
	(void)state;
	fake_set_time(0);
	start(1, 1);
	fake_set_time(1000);
	make_ready(1);
	pick(0);
	wait_until(0, 1000);
	assert_int_equal(vcpus[0]->state, VCPU_READY);
}

static void the_hart_wakes_its_waiting_vcpus_in_order_of_their_deadlines(void **state)
{
	static const u64 deadlines[] = {300, 100, UINT64_MAX, 200, 100};

	(void)state;
	start(1, 5);
	make_ready(5);
	for (unsigned i = 0; i < 5; i++) {
		pick(0);
		wait_until(0, deadlines[i]);
	}
	assert_null(pick(0));
	pcpu_update_timer(pcpu_this());
	assert_int_equal(fake_timer(0), 100);
	fake_set_time(99);
	assert_true(sched_tick(pcpu_this()));
	assert_null(pick(0));
	fake_set_time(100);
	sched_tick(pcpu_this());
	/* First come, first served. */
	assert_ptr_equal(pick(0), vcpus[1]);
	assert_ptr_equal(pick(0), vcpus[4]);
	assert_null(pick(0));
	pcpu_this()->current = NULL;
	pcpu_update_timer(pcpu_this());
	assert_int_equal(fake_timer(0), 200);
	fake_set_time(1000);
	sched_tick(pcpu_this());
	assert_ptr_equal(pick(0), vcpus[3]);
	assert_ptr_equal(pick(0), vcpus[0]);
	assert_null(pick(0));
	assert_int_equal(vcpus[2]->state, VCPU_WAITING);
	assert_int_equal(pcpu_this()->next_wakeup, UINT64_MAX);
}

/* The hart has been running something else meanwhile. */
static void a_deadline_is_kept_by_a_hart_that_is_busy(void **state)
{
	(void)state;
	start(2, 2);
	make_ready(2);
	pick(0);
	wait_until(0, 400);
	assert_ptr_equal(pick(0), vcpus[1]);
	pcpu_update_timer(pcpu_this());
	assert_int_equal(fake_timer(0), 400);
	idle(1);
	fake_set_hart(0);
	fake_set_time(400);
	assert_true(sched_tick(pcpu_this()));
	/* The idle hart gets it. */
	assert_int_equal(fake_pending_ipis(), BIT(1));
	assert_ptr_equal(pick(1), vcpus[0]);
}

static void woken_early_a_vcpu_is_not_woken_again_at_its_deadline(void **state)
{
	(void)state;
	start_waiting(400);
	vcpus[0]->irq_posted = HVIP_VSSIP;
	sched_wake(vcpus[0]);
	assert_ptr_equal(pick(1), vcpus[0]);
	fake_set_hart(0);
	fake_set_time(500);
	sched_tick(pcpu_this());
	assert_int_equal(vcpus[0]->state, VCPU_RUNNING);
	assert_null(pick(0));
}

/* ------------------------------------------------------------------------------------------------
 * Idling.
 */

static unsigned wait_count;

static void count_wait(void)
{
	wait_count++;
	/* Pending and enabled, delegated or not, and WFI falls through: the hart would spin. */
	assert_int_equal(live_interrupts(), 0);
}

static void an_idle_hart_sleeps_although_the_last_guest_has_interrupts_pending(void **state)
{
	(void)state;
	start(2, 1);
	fake_hooks.wait = count_wait;
	wait_count = 0;
	live.vms[0].guest->vm.memory->gstage.mode = HW_GSTAGE_SV39X4; /* never walked */
	make_ready(1);
	guest_load(pick(0));
	hw_write_vsie(0x222);
	hw_set_hvip(HVIP_VSSIP);
	hw_write_vstimecmp(0);
	guest_put(vcpus[0]);
	requeue(0);
	/* Hart 1 takes it: what hart 0 still holds of it is nobody's concern any more. */
	guest_load(pick(1));
	sleep_once(0);
	assert_int_equal(wait_count, 1);
	/* The registers are as they were, should it come back before anybody else. */
	assert_int_equal(hw_read_vsie(), 0x222);
}

static void unloading_leaves_nothing_that_wakes_the_hart(void **state)
{
	(void)state;
	start(1, 1);
	make_ready(1);
	guest_load(pick(0));
	hw_write_vsie(0x222);
	hw_set_hvip(HVIP_VSSIP);
	guest_put(vcpus[0]);
	vcpu_unload();
	fake_hooks.wait = count_wait;
	wait_count = 0;
	sched_exit(pcpu_this(), vcpus[0]);
	sleep_once(0);
	assert_int_equal(wait_count, 1);
}

static void a_hart_does_not_sleep_while_there_is_something_to_do(void **state)
{
	(void)state;
	start(2, 1);
	fake_hooks.wait = count_wait;
	wait_count = 0;
	make_ready(1);
	/* Somebody became ready after the hart had looked. */
	fake_set_hart(0);
	sched_idle(pcpu_this());
	assert_int_equal(wait_count, 0);
	assert_int_equal(sched.idle, 0);
	pick(1);
	fake_set_hart(0);
	sched_idle(pcpu_this());
	assert_int_equal(wait_count, 1);
}

static void before_it_sleeps_a_hart_sets_its_timer(void **state)
{
	(void)state;
	start_waiting(700);
	sleep_once(0);
	/* hw_wait() returned, nothing was due: whatever the timer was, it is set anew. */
	fake_set_hart(0);
	assert_null(pick(0));
	hw_set_timer(UINT64_MAX);
	sched_idle(pcpu_this());
	assert_int_equal(fake_timer(0), 700);
}

/* ------------------------------------------------------------------------------------------------
 * Stopping.
 */

static void a_ready_vcpu_can_be_stopped(void **state)
{
	(void)state;
	start(1, 3);
	make_ready(3);
	assert_true(sched_stop(vcpus[1]));
	assert_int_equal(vcpus[1]->state, VCPU_OFF);
	assert_ptr_equal(pick(0), vcpus[0]);
	assert_ptr_equal(pick(0), vcpus[2]);
	assert_null(pick(0));
}

static void a_waiting_vcpu_can_be_stopped_and_stays_off(void **state)
{
	(void)state;
	start_waiting(400);
	assert_true(sched_stop(vcpus[0]));
	assert_int_equal(vcpus[0]->state, VCPU_OFF);
	vcpus[0]->irq_posted = HVIP_VSSIP;
	sched_wake(vcpus[0]);
	fake_set_hart(0);
	fake_set_time(500);
	sched_tick(pcpu_this());
	assert_int_equal(vcpus[0]->state, VCPU_OFF);
	assert_null(pick(0));
}

static void one_that_runs_or_is_off_cannot_be_stopped_from_outside(void **state)
{
	(void)state;
	start(1, 2);
	make_ready(1);
	pick(0);
	assert_false(sched_stop(vcpus[0]));
	assert_int_equal(vcpus[0]->state, VCPU_RUNNING);
	assert_false(sched_stop(vcpus[1]));
	assert_true(FAKE_CATCH_END(sched_start(vcpus[0])) == FAKE_END_CHECK);
}

static void a_stopped_vcpu_can_be_started_again(void **state)
{
	(void)state;
	start(2, 1);
	for (unsigned i = 0; i < 3; i++) {
		make_ready(1);
		assert_ptr_equal(pick(i % 2), vcpus[0]);
		sched_exit(pcpu_this(), vcpus[0]);
		assert_int_equal(vcpus[0]->running_on, -1);
		assert_null(pick(0));
		make_ready(1);
		assert_true(sched_stop(vcpus[0]));
	}
	assert_false(sched_trap_wfi(pcpu_this()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vcpus_are_served_in_turn),
		cmocka_unit_test(new_vcpus_are_spread_over_the_harts),
		cmocka_unit_test(an_empty_queue_has_nobody),
		cmocka_unit_test(alone_a_vcpu_has_no_slice),
		cmocka_unit_test(with_others_ready_a_slice_ends),
		cmocka_unit_test(a_slice_is_given_up_when_nobody_waits_for_it),
		cmocka_unit_test(a_slice_begins_when_somebody_becomes_ready),
		cmocka_unit_test(
			a_hart_that_makes_somebody_ready_sets_its_slice_and_does_not_interrupt_itself),
		cmocka_unit_test(
			a_hart_that_makes_somebody_ready_who_is_to_run_now_interrupts_itself),
		cmocka_unit_test(an_idle_hart_is_woken_for_a_ready_vcpu),
		cmocka_unit_test(the_hart_it_ran_on_last_is_preferred),
		cmocka_unit_test(each_ready_vcpu_wakes_a_hart_of_its_own),
		cmocka_unit_test(without_an_idle_hart_those_without_a_slice_are_interrupted),
		cmocka_unit_test(harts_are_told_when_wfi_has_to_trap),
		cmocka_unit_test(what_is_pending_and_enabled_ends_the_wait_at_once),
		cmocka_unit_test(a_waiting_vcpu_wakes_for_what_it_has_enabled),
		cmocka_unit_test(a_request_to_leave_ends_the_wait),
		cmocka_unit_test(a_deadline_that_has_passed_ends_the_wait_at_once),
		cmocka_unit_test(the_hart_wakes_its_waiting_vcpus_in_order_of_their_deadlines),
		cmocka_unit_test(a_deadline_is_kept_by_a_hart_that_is_busy),
		cmocka_unit_test(woken_early_a_vcpu_is_not_woken_again_at_its_deadline),
		cmocka_unit_test(
			an_idle_hart_sleeps_although_the_last_guest_has_interrupts_pending),
		cmocka_unit_test(unloading_leaves_nothing_that_wakes_the_hart),
		cmocka_unit_test(a_hart_does_not_sleep_while_there_is_something_to_do),
		cmocka_unit_test(before_it_sleeps_a_hart_sets_its_timer),
		cmocka_unit_test(a_ready_vcpu_can_be_stopped),
		cmocka_unit_test(a_waiting_vcpu_can_be_stopped_and_stays_off),
		cmocka_unit_test(one_that_runs_or_is_off_cannot_be_stopped_from_outside),
		cmocka_unit_test(a_stopped_vcpu_can_be_started_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
