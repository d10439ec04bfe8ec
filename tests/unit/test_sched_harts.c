/* SPDX-License-Identifier: BSD-2-Clause */
/* Who is woken, whose hart it is, and vCPUs that come and go in every state, simulated. What
 * sched_sim.h checks after each event holds in all of it. */
#include "tests/unit/sched_sim.h"

static void make_sleeper(struct sim_vcpu *it, u64 run_max, u64 sleep_max)
{
	it->run_min = 1;
	it->run_max = run_max;
	it->sleep_min = 1;
	it->sleep_max = sleep_max;
}

static void start_all(void)
{
	sim_boot();
	for (unsigned i = 0; i < sim.vcpu_count; i++)
		sim_start_vcpu(&sim.vcpus[i]);
}

static void assert_queues_empty(void)
{
	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		const struct hart *hart = hart_get(i);

		assert_int_equal(hart->eligible.count + hart->pending.count, 0);
		assert_int_equal(hart->rt.count + hart->timed.count, 0);
		assert_int_equal(hart->ready_count + hart->movable_count, 0);
		assert_int_equal(hart->weight, 0);
		assert_null(hart->running);
		assert_int_equal(pcpu_get(i)->next_wakeup, UINT64_MAX);
	}
	assert_int_equal(sched.stealable | sched.loaded | sched.unsliced, 0);
	assert_int_equal(sched.free_active + sched.limited_active, 0);
}

/* ---- Anything at all ---- */

static struct sched_limits draw_limits(void)
{
	unsigned count = hw_machine()->hart_count;
	struct sched_limits limits = {.shares = (u32)fake_random_magnitude(&sim.random, 10000)};

	switch (fake_random_below(&sim.random, 6)) {
	case 0:
	case 1:
		limits.harts = sim_between(1, BIT(count) - 1);
		break;
	case 2:
		limits.quota = (u32)sim_between(1, 100);
		break;
	case 3:
		limits.rt_period = sim_between(1000, 20000);
		limits.rt_budget = sim_between(100, limits.rt_period / 2);
		break;
	}
	return limits;
}

static void create_random(unsigned count)
{
	while (sim.vcpu_count < count) {
		enum status status;
		struct sim_vcpu *it = sim_try_create(draw_limits(), 1, &status);

		if (status == STATUS_OK && fake_random_below(&sim.random, 3))
			make_sleeper(it, 5 * SIM_MS, 20 * SIM_MS);
	}
}

static void park_and_unpark(struct sim_vcpu *it)
{
	fake_set_hart(0);
	bool parked = sched_park(&it->vcpu);

	assert_true(!parked || it->vcpu.state == VCPU_PARKED);
	assert_false(sched_park(&it->vcpu) && parked);
	sim_settle();
	sim_run(fake_random_below(&sim.random, 5 * SIM_MS));
	fake_set_hart(0);
	it->begun += parked ? hw_time() - it->vcpu.sched.since : 0;
	sched_unpark(&it->vcpu);
	assert_int_not_equal(it->vcpu.state, VCPU_PARKED);
	sim_settle();
}

static void harts_never_idle_while_anybody_waits_for_one(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 30; seed++) {
		sim_start(1 + seed % 6, seed);
		create_random(3 + 2 * (unsigned)(seed % 6));
		sim_boot();
		for (unsigned step = 0; step < 300; step++) {
			struct sim_vcpu *it =
				&sim.vcpus[fake_random_below(&sim.random, sim.vcpu_count)];

			if (!it->active && it->vcpu.state == VCPU_OFF)
				sim_start_vcpu(it);
			else if (fake_random_below(&sim.random, 3) == 0)
				sim_stop_vcpu(it);
			else if (!(it->vcpu.requests & REQUEST_LEAVE))
				park_and_unpark(it);
			sim_run(fake_random_below(&sim.random, 8 * SIM_MS));
		}
		for (unsigned i = 0; i < sim.vcpu_count; i++)
			sim_stop_vcpu(&sim.vcpus[i]);
		sim_run(100 * SIM_MS);
		assert_queues_empty();
	}
}

static void a_storm_of_starts_and_stops_leaves_nothing_behind(void **state)
{
	(void)state;
	sim_start(4, 1);
	create_random(20);
	sim_boot();
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < sim.vcpu_count; i++)
			sim_start_vcpu(&sim.vcpus[i]);
		sim_run(fake_random_below(&sim.random, 3 * SIM_MS));
		for (unsigned i = 0; i < sim.vcpu_count; i++)
			sim_stop_vcpu(&sim.vcpus[i]);
		assert_queues_empty();
	}
	for (unsigned i = 0; i < sim.vcpu_count; i++)
		sched_release(&sim.vcpus[i].vm);
	/* All that was promised is free again. */
	sim.vcpu_count = 0;
	sim_create((struct sched_limits){.harts = 15, .dedicated = true}, 4);
}

/* ---- Waking ---- */

static void wake(struct sim_vcpu *it)
{
	it->vcpu.csr.vsie = HVIP_VSSIP >> 1;
	it->vcpu.irq_posted = HVIP_VSSIP;
	sched_wake(&it->vcpu);
	it->vcpu.irq_posted = 0;
}

static void a_wakeup_goes_to_one_idle_hart_by_one_interrupt(void **state)
{
	(void)state;
	sim_start(4, 1);
	struct sim_vcpu *sleeper = sim_create((struct sched_limits){}, 1);

	for (unsigned i = 0; i < 2; i++)
		sim_create((struct sched_limits){}, 1);
	make_sleeper(sleeper, 1, 1);
	sleeper->sleep_min = sleeper->sleep_max = 1000 * SIM_HZ;
	start_all();
	sim_run(SIM_MS);
	assert_int_equal(sleeper->vcpu.state, VCPU_WAITING);
	for (unsigned i = 0; i < 50; i++) {
		unsigned before = fake_ipi_count();
		s32 home = sleeper->vcpu.sched.home;
		u64 idle = sched.idle;

		assert_int_equal(__builtin_popcountll(idle), 2);
		fake_set_hart((unsigned)fake_random_below(&sim.random, 4));
		wake(sleeper);
		assert_int_equal(fake_ipi_count(), before + 1);
		assert_int_equal(__builtin_popcountll(fake_pending_ipis()), 1);
		assert_int_equal(fake_pending_ipis() & ~idle, 0);
		/* Where it was, if that hart is idle. */
		assert_true(!(idle >> home & 1) || fake_pending_ipis() == BIT(home));
		sim_settle();
		assert_int_equal(sleeper->vcpu.state, VCPU_RUNNING);
		assert_int_equal(fake_ipi_count(), before + 1);
		sim_run(SIM_MS);
		assert_int_equal(sleeper->vcpu.state, VCPU_WAITING);
	}
}

/* Its hart is somebody else's meanwhile, and another is idle. */
static void who_wakes_on_a_busy_hart_gets_an_idle_one(void **state)
{
	(void)state;
	sim_start(2, 1);
	struct sim_vcpu *sleeper = sim_create((struct sched_limits){}, 1);
	struct sim_vcpu *pinned;

	make_sleeper(sleeper, 1, 1);
	sleeper->sleep_min = sleeper->sleep_max = 50 * SIM_MS;
	start_all();
	sim_run(SIM_MS);
	pinned = sim_create((struct sched_limits){.harts = BIT(sleeper->vcpu.sched.home)}, 1);
	sim_start_vcpu(pinned);
	sim_run(60 * SIM_MS);
	assert_int_equal(sleeper->run, 2);
	assert_int_equal(sched_get_times(&sleeper->vcpu).ready, 0);
	assert_int_equal(pinned->run, 60 * SIM_MS);
}

static void who_wakes_often_waits_for_a_fraction_of_a_slice(void **state)
{
	(void)state;
	sim_start(1, 1);
	struct sim_vcpu *sleeper = sim_create((struct sched_limits){}, 1);

	for (unsigned i = 0; i < 3; i++)
		sim_create((struct sched_limits){}, 1);
	make_sleeper(sleeper, 100, 1);
	sleeper->sleep_min = 5 * SIM_MS;
	sleeper->sleep_max = 15 * SIM_MS;
	start_all();
	sim_run(10 * SIM_HZ);
	/* It has run for far less than its share, and hardly waited. */
	assert_true(sched_get_times(&sleeper->vcpu).ready / sleeper->vcpu.pick_count <=
		    SIM_SLICE / 4);
}

/* ---- Harts of one's own ---- */

static void a_dedicated_hart_takes_no_tick(void **state)
{
	(void)state;
	sim_start(3, 1);
	struct sim_vcpu *first =
		sim_create((struct sched_limits){.harts = 5, .dedicated = true}, 2);

	for (unsigned i = 0; i < 6; i++)
		make_sleeper(sim_create((struct sched_limits){}, 1), 3 * SIM_MS, 3 * SIM_MS);
	sim_create((struct sched_limits){}, 3);
	sim_create((struct sched_limits){.rt_budget = 500, .rt_period = 2000}, 1);
	start_all();
	for (unsigned i = 0; i < 1000; i++) {
		sim_run(SIM_MS);
		assert_int_equal(fake_timer(0), UINT64_MAX);
		assert_int_equal(fake_timer(2), UINT64_MAX);
	}
	/* Both had their harts all the time. */
	assert_int_equal(first[0].run, SIM_HZ);
	assert_int_equal(first[1].run, SIM_HZ);
	assert_int_equal(first[0].vcpu.sched.home, 0);
	assert_int_equal(first[1].vcpu.sched.home, 2);
	assert_int_equal(first[0].vcpu.pick_count, 1);
	assert_true(sched_is_dedicated(0) && !sched_is_dedicated(1));
	assert_int_equal(sched_hart_for_work(), 1);
	assert_false(sched_trap_wfi(pcpu_get(0)));
	assert_true(sched_trap_wfi(pcpu_get(1)));
}

static void the_console_is_served_on_no_hart_that_is_promised(void **state)
{
	(void)state;
	sim_start(3, 1);
	fake_set_hart(0);
	struct sim_vcpu *own = sim_create((struct sched_limits){.harts = 1, .dedicated = true}, 1);

	assert_int_equal(fake_console_harts(), 6);
	sim_create((struct sched_limits){.rt_budget = 500, .rt_period = 1000, .harts = 2}, 1);
	assert_int_equal(fake_console_harts(), 4);
	sched_release(&own->vm);
	assert_int_equal(fake_console_harts(), 5);
}

static void whoever_is_on_a_hart_leaves_when_it_becomes_a_vms_own(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 10; seed++) {
		sim_start(3, seed);
		sim_create((struct sched_limits){}, 4);
		for (unsigned i = 4; i < 12; i++)
			make_sleeper(sim_create((struct sched_limits){.quota = 30 * (i % 2)}, 1),
				     2 * SIM_MS, 9 * SIM_MS);
		start_all();
		sim_run(100 * SIM_MS + seed * 777);
		fake_set_hart(0);
		struct sim_vcpu *own =
			sim_create((struct sched_limits){.harts = 6, .dedicated = true}, 2);

		sim_settle();
		for (unsigned i = 0; i < 2; i++)
			sim_start_vcpu(&own[i]);
		sim_run(SIM_HZ);
		assert_int_equal(own[0].run, SIM_HZ);
		assert_int_equal(own[1].run, SIM_HZ);
		/* The others go on, all of them, on what is left. */
		for (unsigned i = 0; i < 12; i++)
			assert_true(sim.vcpus[i].run > 20 * SIM_MS / 2);
		for (unsigned i = 0; i < 2; i++)
			sim_stop_vcpu(&own[i]);
		fake_set_hart(0);
		sched_release(&own->vm);
		sim_settle();
		sim_run(SIM_HZ);
	}
}

/* Hart 1 of two has just become a VM's own; the vCPU was at home there, and waits. */
static struct sim_vcpu *start_stranger(void)
{
	sim_start(2, 1);
	sim_boot();
	struct sim_vcpu *it = sim_create((struct sched_limits){}, 1);

	sim_start_vcpu(it);
	sim_stop_vcpu(it);
	sim_create((struct sched_limits){.harts = 2, .dedicated = true}, 1);
	sim_settle();
	it->vcpu.sched.home = 1;
	it->vcpu.requests = 0;
	it->run_left = it->run_max;
	it->active = true;
	it->begun = it->vcpu.sched.since = hw_time();
	it->vcpu.state = VCPU_WAITING;
	it->vcpu.wait_deadline = UINT64_MAX;
	return it;
}

/* Who wakes it has not got to sending it elsewhere yet when that hart picks. */
static void a_stranger_who_is_met_by_a_pick_does_not_keep_a_dedicated_hart(void **state)
{
	(void)state;
	for (unsigned waker_goes_on = 0; waker_goes_on < 2; waker_goes_on++) {
		struct sim_vcpu *it = start_stranger();
		struct hart *hart = hart_get(1);

		fake_set_hart(0);
		lock_acquire(&hart->lock);
		assert_int_equal(sched_make_ready(hart, &it->vcpu, ARRIVE_WOKEN, hw_time(), false),
				 0);
		lock_release(&hart->lock);
		sim_hart_event(1);
		fake_set_hart(0);
		if (waker_goes_on)
			steal_evict(hart);
		sim_settle();
		assert_ptr_equal(sim.on[0], it);
		assert_true(sim.asleep[1]);
	}
}

static void promises_do_not_overlap(void **state)
{
	enum status status;

	(void)state;
	sim_start(3, 1);
	sim_create((struct sched_limits){.harts = 1}, 1);
	sim_create((struct sched_limits){}, 1);
	sim_try_create((struct sched_limits){.harts = 1, .dedicated = true}, 1, &status);
	assert_int_equal(status, STATUS_DENIED);
	sim_create((struct sched_limits){.harts = 2, .dedicated = true}, 1);
	sim_try_create((struct sched_limits){.harts = 2, .dedicated = true}, 1, &status);
	assert_int_equal(status, STATUS_DENIED);
	sim_try_create((struct sched_limits){.harts = 6}, 1, &status);
	assert_int_equal(status, STATUS_DENIED);
	sim_create((struct sched_limits){.rt_budget = 500, .rt_period = 1000, .harts = 4}, 1);
	sim_try_create((struct sched_limits){.harts = 4, .dedicated = true}, 1, &status);
	assert_int_equal(status, STATUS_DENIED);
	/* One hart at least for those that name none. */
	sim_start(2, 1);
	sim_create((struct sched_limits){}, 1);
	sim_create((struct sched_limits){.harts = 1, .dedicated = true}, 1);
	sim_try_create((struct sched_limits){.harts = 2, .dedicated = true}, 1, &status);
	assert_int_equal(status, STATUS_DENIED);
}

/* ---- Accounts ---- */

static void a_harts_idle_time_is_what_its_vcpus_leave(void **state)
{
	u64 run = 0;

	(void)state;
	sim_start(2, 1);
	for (unsigned i = 0; i < 3; i++)
		make_sleeper(sim_create((struct sched_limits){}, 1), 2 * SIM_MS, 5 * SIM_MS);
	u64 begun = hw_time();

	start_all();
	sim_run(3 * SIM_HZ);
	for (unsigned i = 0; i < 3; i++)
		run += sim.vcpus[i].run;
	assert_int_equal(run + sched_idle_time(0) + sched_idle_time(1), 2 * (hw_time() - begun));
}

/* Whose turn comes back at the same time on several harts is passed from one to the next until it
 * comes to a hart that it may use. */
static void a_claim_is_passed_on_to_a_hart_that_can_use_it(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 20; seed++) {
		sim_start(7, seed);
		struct sim_vcpu *first =
			sim_create((struct sched_limits){.quota = 1, .harts = 0x4b}, 5);

		sim_boot();
		for (unsigned i = 0; i < 5; i++) {
			sim_start_vcpu(&first[i]);
			sim_run(sim_between(1, 400));
		}
		/* Each time they are held back and released, sim_check() looks. */
		sim_run(SIM_HZ);
	}
}

static void wait_for_ever(struct sim_vcpu *it)
{
	it->vcpu.wait_deadline = UINT64_MAX;
}

/* One that was at home on hart 0, and then that became a VM's own. */
static struct sim_vcpu *strand(bool for_ever, bool parked)
{
	sim_start(2, 1);
	struct sim_vcpu *it = sim_create((struct sched_limits){}, 1);

	it->run_min = it->run_max = 10;
	it->sleep_min = it->sleep_max = SIM_HZ;
	it->slept = for_ever ? wait_for_ever : NULL;
	sim_boot();
	sim_start_vcpu(it);
	sim_run(20);
	assert_int_equal(it->vcpu.state, VCPU_WAITING);
	assert_int_equal(it->vcpu.sched.home, 0);
	if (parked)
		assert_true(sched_park(&it->vcpu));
	sim_start_vcpu(sim_create((struct sched_limits){.harts = 1, .dedicated = true}, 1));
	sim_run(SIM_MS);
	assert_ptr_equal(sim.on[0], &sim.vcpus[1]);
	return it;
}

static void who_wakes_on_a_hart_that_is_not_his_any_more_does_not_disturb_it(void **state)
{
	(void)state;
	struct sim_vcpu *it = strand(true, false);

	/* The other hart has something to do as well. */
	sim_start_vcpu(sim_create((struct sched_limits){}, 1));
	sim_run(SIM_MS);
	fake_set_hart(1);
	it->vcpu.csr.vsie = HVIP_VSEIP >> 1;
	it->vcpu.irq_level = HVIP_VSEIP;
	sched_wake(&it->vcpu);
	assert_false(fake_pending_ipis() & 1);
	assert_int_equal(it->vcpu.sched.home, 1);
	sim_settle();
}

static void who_waits_for_a_time_does_not_do_so_on_another_vms_hart(void **state)
{
	(void)state;
	struct sim_vcpu *it = strand(false, true);

	fake_set_hart(1);
	sched_unpark(&it->vcpu);
	assert_false(fake_pending_ipis() & 1);
	assert_int_equal(hart_get(0)->timed.count, 0);
	assert_int_equal(hart_get(1)->timed.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(harts_never_idle_while_anybody_waits_for_one),
		cmocka_unit_test(a_storm_of_starts_and_stops_leaves_nothing_behind),
		cmocka_unit_test(a_wakeup_goes_to_one_idle_hart_by_one_interrupt),
		cmocka_unit_test(who_wakes_on_a_busy_hart_gets_an_idle_one),
		cmocka_unit_test(who_wakes_often_waits_for_a_fraction_of_a_slice),
		cmocka_unit_test(a_dedicated_hart_takes_no_tick),
		cmocka_unit_test(a_stranger_who_is_met_by_a_pick_does_not_keep_a_dedicated_hart),
		cmocka_unit_test(the_console_is_served_on_no_hart_that_is_promised),
		cmocka_unit_test(whoever_is_on_a_hart_leaves_when_it_becomes_a_vms_own),
		cmocka_unit_test(promises_do_not_overlap),
		cmocka_unit_test(a_harts_idle_time_is_what_its_vcpus_leave),
		cmocka_unit_test(a_claim_is_passed_on_to_a_hart_that_can_use_it),
		cmocka_unit_test(who_wakes_on_a_hart_that_is_not_his_any_more_does_not_disturb_it),
		cmocka_unit_test(who_waits_for_a_time_does_not_do_so_on_another_vms_hart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
