/* SPDX-License-Identifier: BSD-2-Clause */
/* Work besides vCPUs: that what is asked for is done, once, on one hart at a time, and that vCPUs
 * get their turn between two steps. */
#include "tests/unit/live.h"

#define WORKS 3

static struct {
	struct work work;
	unsigned step_count;
	unsigned more; /* so many steps more */
	u64 duration;  /* ticks that a step takes */
	bool busy;     /* a hart is in it */
	u64 ask_again; /* 0: not */
	u64 last;      /* when it was last done */
} jobs[WORKS];

static bool step(struct work *work)
{
	unsigned i = 0;

	while (work != &jobs[i].work)
		i++;
	LIVE_CHECK(!jobs[i].busy);
	jobs[i].busy = true;
	jobs[i].step_count++;
	jobs[i].last = hw_time();
	if (!live.running)
		fake_advance_time(jobs[i].duration);
	live_turn();
	if (jobs[i].ask_again && !guest_all_off())
		work_ask_at(work, hw_time() + jobs[i].ask_again);
	jobs[i].busy = false;
	if (!jobs[i].more)
		return false;
	jobs[i].more--;
	return true;
}

static void start(unsigned hart_count)
{
	live_start_with(hart_count, 0);
	memset(jobs, 0, sizeof(jobs));
	for (unsigned i = 0; i < WORKS; i++)
		work_init(&jobs[i].work, step);
}

static void what_nobody_asked_for_is_not_done(void **state)
{
	(void)state;
	start(1);
	assert_false(work_do(pcpu_this(), false));
	assert_false(work_is_due(pcpu_this()));
	assert_int_equal(pcpu_this()->next_work, UINT64_MAX);
}

static void a_step_is_done_for_each_asking_and_no_more(void **state)
{
	(void)state;
	start(1);
	work_ask(&jobs[1].work);
	assert_true(work_is_due(pcpu_this()));
	assert_true(work_do(pcpu_this(), false));
	assert_false(work_do(pcpu_this(), false));
	assert_int_equal(jobs[1].step_count, 1);
	assert_int_equal(jobs[0].step_count, 0);
	jobs[1].more = 4;
	work_ask(&jobs[1].work);
	while (work_do(pcpu_this(), false))
		;
	assert_int_equal(jobs[1].step_count, 6);
}

static void what_is_asked_for_later_sets_the_timer_of_one_hart(void **state)
{
	(void)state;
	start(2);
	work_ask_at(&jobs[0].work, hw_time() + 500);
	unsigned told = (unsigned)__builtin_ctzll(fake_pending_ipis());

	for (unsigned i = 0; i < 2; i++) {
		fake_set_hart(i);
		assert_false(work_is_due(pcpu_this()));
		assert_int_equal(pcpu_this()->next_work, i == told ? hw_time() + 500 : UINT64_MAX);
	}
	fake_set_hart(told);
	assert_false(work_do(pcpu_this(), false));
	fake_advance_time(500);
	assert_true(work_is_due(pcpu_this()));
	assert_true(work_do(pcpu_this(), false));
	assert_int_equal(jobs[0].step_count, 1);
}

static void the_earlier_of_two_wishes_counts(void **state)
{
	(void)state;
	start(1);
	work_ask_at(&jobs[0].work, 500);
	work_ask_at(&jobs[0].work, 900);
	work_ask_at(&jobs[0].work, 300);
	work_is_due(pcpu_this());
	assert_int_equal(pcpu_this()->next_work, 300);
	fake_set_time(300);
	assert_true(work_do(pcpu_this(), false));
	fake_set_time(1000);
	assert_false(work_do(pcpu_this(), false));
}

static void who_has_waited_longest_is_next(void **state)
{
	(void)state;
	start(1);
	for (unsigned i = 0; i < WORKS; i++) {
		jobs[i].more = 20;
		jobs[i].duration = 10;
		work_ask(&jobs[i].work);
	}
	for (unsigned n = 1; n <= 20; n++) {
		for (unsigned i = 0; i < WORKS; i++)
			assert_true(work_do(pcpu_this(), true) || (fake_advance_time(10), true));
		for (unsigned i = 1; i < WORKS; i++)
			assert_true(jobs[i].step_count + 1 >= jobs[0].step_count &&
				    jobs[0].step_count + 1 >= jobs[i].step_count);
	}
}

static void vcpus_get_as_long_as_a_step_took(void **state)
{
	(void)state;
	start(1);
	jobs[0].more = 10;
	jobs[0].duration = 40;
	work_ask(&jobs[0].work);
	assert_true(work_do(pcpu_this(), true));
	/* A vCPU that is run now is left alone for 40 ticks. */
	assert_false(work_is_due(pcpu_this()));
	assert_int_equal(pcpu_this()->next_work, hw_time() + 40);
	fake_advance_time(39);
	assert_false(work_do(pcpu_this(), true));
	/* Without any vCPU there is nobody to wait for. */
	assert_true(work_do(pcpu_this(), false));
	fake_advance_time(40);
	assert_true(work_do(pcpu_this(), true));
}

static u64 spin(struct vcpu *vcpu)
{
	unsigned steps = 0;

	for (unsigned i = 0; i < WORKS; i++)
		steps += jobs[i].step_count;
	if (steps > 300)
		return live_shutdown(vcpu);
	return live_line(vcpu) > 20 ? live_jump(vcpu, 0) : LIVE_NEXT;
}

/* Each asks for itself anew, from within its step, for now and for later: none is ever lost. */
static void no_wish_is_lost_between_harts(void **state)
{
	(void)state;
	for (u64 seed = 0; seed < 60; seed++) {
		start(1 + seed % 4);
		live.turn_max = 2000000;
		for (unsigned i = 0; i < seed % 5; i++)
			live_create(1, spin);
		for (unsigned i = 0; i < WORKS; i++) {
			jobs[i].ask_again = 1 + 100 * i;
			work_ask(&jobs[i].work);
		}
		if (live.vm_count == 0)
			live_create(1, spin);
		live_start_guests();
		live_run(seed);
		assert_true(guest_all_off());
		for (unsigned i = 0; i < WORKS; i++)
			assert_true(jobs[i].step_count >= 5);
	}
}

/* Work that is not due yet is one hart's to come back to. When a VM takes that hart for itself, it
 * is another one's. */
static void work_moves_on_when_its_hart_becomes_a_vms_own(void **state)
{
	const char *why = NULL;

	(void)state;
	start(2);
	fake_set_hart(0);
	work_ask_at(&jobs[0].work, hw_time() + 500);
	work_do(pcpu_this(), false);
	unsigned keeper = pcpu_get(0)->next_work == UINT64_MAX;
	struct live_vm *vm = live_create(1, spin);

	vm->guest->vm.limits.harts = BIT(keeper);
	vm->guest->vm.limits.dedicated = true;
	assert_int_equal(sched_admit(&vm->guest->vm, &why), STATUS_OK);
	hw_serve_pending();
	fake_set_hart(keeper);
	hw_serve_pending();
	assert_false(work_do(pcpu_this(), false));
	assert_int_equal(pcpu_this()->next_work, UINT64_MAX);
	/* The other one has been told, and will be there in time. */
	assert_true(fake_pending_ipis() >> (1 - keeper) & 1);
	fake_set_hart(1 - keeper);
	assert_false(work_is_due(pcpu_this()));
	fake_advance_time(500);
	assert_true(work_is_due(pcpu_this()));
	assert_true(work_do(pcpu_this(), false));
	assert_int_equal(jobs[0].step_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_asked_for_is_not_done),
		cmocka_unit_test(a_step_is_done_for_each_asking_and_no_more),
		cmocka_unit_test(what_is_asked_for_later_sets_the_timer_of_one_hart),
		cmocka_unit_test(the_earlier_of_two_wishes_counts),
		cmocka_unit_test(who_has_waited_longest_is_next),
		cmocka_unit_test(vcpus_get_as_long_as_a_step_took),
		cmocka_unit_test(no_wish_is_lost_between_harts),
		cmocka_unit_test(work_moves_on_when_its_hart_becomes_a_vms_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
