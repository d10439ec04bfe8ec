/* SPDX-License-Identifier: BSD-2-Clause */
/* Harts that sleep or belong to one VM: they are woken in time for what is theirs, and by nothing
 * else. */
#include "hyp/vm/work.h"
#include "tests/unit/sched_sim.h"

static struct sim_vcpu *start_rt(u64 budget, u64 period)
{
	struct sim_vcpu *it = sim_create(
		(struct sched_limits){.harts = 2, .rt_budget = budget, .rt_period = period}, 1);

	sim_start_vcpu(it);
	return it;
}

static void interrupt(unsigned hart)
{
	fake_set_hart(0);
	hw_send_ipi(BIT(hart));
	sim_settle();
}

static void who_is_resumed_without_a_budget_has_its_hart_s_timer_set(void **state)
{
	(void)state;
	sim_start(2, 1);
	sim_boot();
	struct sim_vcpu *it = start_rt(SIM_MS, 100 * SIM_MS);
	u64 period_end = hw_time() + 100 * SIM_MS;

	sim_run(10 * SIM_MS);
	assert_true(it->vcpu.sched.throttled && sim.asleep[1]);
	fake_set_hart(0);
	assert_true(sched_park(&it->vcpu));
	it->active = false;
	interrupt(1);
	assert_int_equal(fake_timer(1), UINT64_MAX);
	fake_set_hart(0);
	sched_unpark(&it->vcpu);
	sim_settle();
	assert_int_equal(it->vcpu.state, VCPU_READY);
	assert_int_equal(fake_timer(1), period_end);
}

static void who_is_woken_without_a_budget_has_its_hart_s_timer_set(void **state)
{
	(void)state;
	sim_start(2, 1);
	sim_boot();
	struct sim_vcpu *it = start_rt(SIM_MS, 100 * SIM_MS);
	u64 period_end = hw_time() + 100 * SIM_MS;

	/* It waits with the last of its budget, for an interrupt only. */
	fake_advance_time(SIM_MS);
	sim_account(1);
	sim.on[1] = NULL;
	fake_set_hart(1);
	pcpu_get(1)->current = NULL;
	it->vcpu.csr.vsie = 0x222;
	it->vcpu.wait_deadline = UINT64_MAX;
	sched_wait(pcpu_get(1), &it->vcpu);
	sim_enter(1);
	assert_true(sim.asleep[1]);
	fake_advance_time(SIM_MS);
	fake_set_hart(0);
	it->vcpu.irq_level = HVIP_VSEIP;
	sched_wake(&it->vcpu);
	sim_settle();
	assert_int_equal(it->vcpu.state, VCPU_READY);
	assert_int_equal(fake_timer(1), period_end);
}

/* A VM that starts and stops its vCPUs changes whether others have to give up their harts. */
static void a_dedicated_hart_is_not_interrupted_by_what_others_start_and_stop(void **state)
{
	(void)state;
	sim_start(2, 1);
	sim_boot();
	struct sim_vcpu *own = sim_create((struct sched_limits){.harts = 2, .dedicated = true}, 1);
	struct sim_vcpu *others = sim_create((struct sched_limits){0}, 3);

	sim_start_vcpu(own);
	sim_start_vcpu(&others[0]);
	assert_ptr_equal(sim.on[1], own);
	for (unsigned i = 0; i < 10; i++) {
		fake_set_hart(0);
		others[1].vcpu.requests = 0;
		others[1].vcpu.wait_deadline = UINT64_MAX;
		sched_start(&others[1].vcpu);
		assert_false(fake_pending_ipis() & 2);
		sim_settle();
		assert_true(sched_stop(&others[1].vcpu));
		assert_false(fake_pending_ipis() & 2);
		sim_settle();
	}
}

/* A step of work may take a millisecond, during which nobody is picked there. */
static void work_goes_where_no_real_time_vcpu_is_at_home(void **state)
{
	(void)state;
	sim_start(3, 1);
	sim_boot();
	struct sim_vcpu *rt = sim_create(
		(struct sched_limits){.harts = 3, .rt_budget = SIM_MS, .rt_period = 100 * SIM_MS},
		2);
	struct sim_vcpu *others = sim_create((struct sched_limits){0}, 1);

	/* Even if the hart is idle and the others are not. */
	sim_start_vcpu(&others[0]);
	interrupt(2);
	assert_int_equal(sched_hart_for_work(), 2);
	sched_release(&rt->vm);
	assert_int_equal(sched_hart_for_work(), 1);
	sched_release(&others->vm);
	/* If it is everywhere, where it is idle. */
	(void)sim_create(
		(struct sched_limits){.harts = 7, .rt_budget = SIM_MS, .rt_period = 100 * SIM_MS},
		3);
	assert_int_equal(sched_hart_for_work(), 1);
}

/* Two that send it to each other would do no work. */
static void whoever_is_to_do_work_may_do_it(void **state)
{
	(void)state;
	for (u64 dedicated = 0; dedicated < 8; dedicated++) {
		for (u64 realtime = 0; realtime < 8; realtime++) {
			for (u64 idle = 0; idle < 8; idle++) {
				sim_start(3, 1);
				sched.dedicated = dedicated;
				sched.realtime = realtime;
				sched.idle = idle;
				assert_true(sched_may_work(sched_hart_for_work()));
				u64 harts = sched_may_work(0) | sched_may_work(1) << 1 |
					    sched_may_work(2) << 2;

				for (; harts; harts &= harts - 1) {
					sched.idle = harts & -harts;
					assert_int_equal(BIT(sched_hart_for_work()), sched.idle);
				}
			}
		}
	}
}

static bool step(struct work *work)
{
	(void)work;
	return false;
}

static void a_real_time_vcpu_does_not_make_room_for_work(void **state)
{
	struct work work;

	(void)state;
	sim_start(1, 1);
	work_start();
	work_init(&work, step);
	sim_boot();
	struct sim_vcpu *rt = sim_create(
		(struct sched_limits){.rt_budget = SIM_MS, .rt_period = 100 * SIM_MS}, 1);

	sim_start_vcpu(rt);
	assert_ptr_equal(sim.on[0], rt);
	work_ask(&work);
	assert_false(work_is_due(pcpu_get(0)));
	pcpu_update_timer(pcpu_get(0));
	assert_true(fake_timer(0) > hw_time());
	/* Nor waits the work for good. */
	sim_leave(0);
	assert_true(work_do(pcpu_get(0), true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_resumed_without_a_budget_has_its_hart_s_timer_set),
		cmocka_unit_test(who_is_woken_without_a_budget_has_its_hart_s_timer_set),
		cmocka_unit_test(work_goes_where_no_real_time_vcpu_is_at_home),
		cmocka_unit_test(whoever_is_to_do_work_may_do_it),
		cmocka_unit_test(a_real_time_vcpu_does_not_make_room_for_work),
		cmocka_unit_test(a_dedicated_hart_is_not_interrupted_by_what_others_start_and_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
