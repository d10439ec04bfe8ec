/* SPDX-License-Identifier: BSD-2-Clause */
/* Harts that sleep or belong to one VM: they are woken in time for what is theirs, and by nothing
 * else. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_resumed_without_a_budget_has_its_hart_s_timer_set),
		cmocka_unit_test(who_is_woken_without_a_budget_has_its_hart_s_timer_set),
		cmocka_unit_test(a_dedicated_hart_is_not_interrupted_by_what_others_start_and_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
