/* SPDX-License-Identifier: BSD-2-Clause */
/* Hard caps: over any window of 100 ms, wherever it begins, and nearly all of it is had. */
#include "tests/unit/sched_sim.h"

#define WINDOW	    (SIM_HZ / 10)
#define STRETCH_MAX 65536

/* When each of the capped VM's vCPUs began and ended to run, in the order of the ends. */
static struct {
	u64 from, to;
} stretches[STRETCH_MAX];
static unsigned stretch_count;

static void note_stretch(struct sim_vcpu *it, u64 from, u64 to)
{
	(void)it;
	assert_true(stretch_count < STRETCH_MAX);
	stretches[stretch_count].from = from;
	stretches[stretch_count++].to = to;
}

static u64 ran_between(u64 from, u64 to)
{
	u64 ran = 0;

	for (unsigned i = 0; i < stretch_count; i++) {
		u64 start = max_u64(stretches[i].from, from), end = min_u64(stretches[i].to, to);

		ran += end > start ? end - start : 0;
	}
	return ran;
}

/* What a window has is largest where it begins with a stretch or ends with one. */
static void check_cap(u64 cap)
{
	for (unsigned i = 0; i < stretch_count; i++) {
		assert_true(ran_between(stretches[i].from, stretches[i].from + WINDOW) <= cap);
		assert_true(ran_between(stretches[i].to - WINDOW, stretches[i].to) <= cap);
	}
}

static u64 total_run(const struct sim_vcpu *first)
{
	u64 run = 0;

	for (unsigned i = 0; i < first->vm.vcpu_count; i++)
		run += first[i].run;
	return run;
}

static struct sim_vcpu *create_capped(u32 quota, unsigned vcpus)
{
	struct sim_vcpu *first = sim_create((struct sched_limits){.quota = quota}, vcpus);

	stretch_count = 0;
	for (unsigned i = 0; i < vcpus; i++)
		first[i].ran = note_stretch;
	return first;
}

static void start_all(void)
{
	sim_boot();
	for (unsigned i = 0; i < sim.vcpu_count; i++)
		sim_start_vcpu(&sim.vcpus[i]);
}

static void make_sleeper(struct sim_vcpu *it)
{
	it->run_min = 10;
	it->run_max = 20 * SIM_MS;
	it->sleep_min = 10;
	it->sleep_max = 20 * SIM_MS;
}

static void a_cap_holds_over_any_window(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 24; seed++) {
		sim_start(1 + seed % 4, seed);
		unsigned vcpus = 1 + (unsigned)fake_random_below(&sim.random, 5);
		u32 quota = 1 + (u32)fake_random_below(&sim.random, 100 * vcpus);
		struct sim_vcpu *first = create_capped(quota, vcpus);

		for (unsigned i = 0; i < vcpus; i++)
			if (fake_random_below(&sim.random, 2))
				make_sleeper(&first[i]);
		for (unsigned i = 0; i < seed % 5; i++)
			make_sleeper(sim_create((struct sched_limits){}, 1));
		if (seed % 3 == 0)
			sim_create((struct sched_limits){.rt_budget = 500, .rt_period = 3000}, 1);
		start_all();
		sim_run(SIM_HZ);
		check_cap(WINDOW * quota / 100);
	}
}

static void alone_it_gets_nearly_its_cap(void **state)
{
	static const u32 quotas[] = {1, 5, 33, 50, 90, 150, 200};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(quotas); i++) {
		for (unsigned vcpus = 1 + (quotas[i] > 100); vcpus <= 6; vcpus += 2) {
			sim_start(4, i);
			struct sim_vcpu *first = create_capped(quotas[i], vcpus);

			start_all();
			sim_run(3 * SIM_HZ);
			u64 cap = 3 * SIM_HZ * quotas[i] / 100;

			assert_true(total_run(first) <= cap + WINDOW * quotas[i] / 100);
			/* Little of a small cap is left over, but it is a larger part of it. */
			assert_true(total_run(first) >= cap * (quotas[i] < 10 ? 80 : 95) / 100);
		}
	}
}

static void the_vcpus_of_a_capped_vm_get_equal_parts(void **state)
{
	(void)state;
	sim_start(2, 1);
	struct sim_vcpu *first = create_capped(60, 4);

	start_all();
	sim_run(10 * SIM_HZ);
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(first[i].run, SIM_HZ * 6 / 4 * 8 / 10, SIM_HZ * 6 / 4 * 12 / 10);
}

static void others_have_what_the_cap_leaves(void **state)
{
	(void)state;
	sim_start(1, 1);
	struct sim_vcpu *first = create_capped(20, 1);
	struct sim_vcpu *other = sim_create((struct sched_limits){.shares = 1}, 1);

	first->vm.limits.shares = 10000;
	start_all();
	sim_run(10 * SIM_HZ);
	assert_int_equal(first->run + other->run, 10 * SIM_HZ);
	assert_true(first->run >= 2 * SIM_HZ * 93 / 100);
	/* What it was held back for counts as stolen. */
	struct sched_times times = sched_get_times(&first->vcpu);

	assert_int_equal(times.ready, 10 * SIM_HZ - first->run);
}

static void stopped_while_held_back_it_starts_again(void **state)
{
	(void)state;
	sim_start(1, 1);
	struct sim_vcpu *it = create_capped(10, 1);

	sim_boot();
	for (unsigned i = 0; i < 20; i++) {
		sim_start_vcpu(it);
		sim_run(50 * SIM_MS);
		assert_true(it->vcpu.sched.throttled || it->vcpu.state == VCPU_RUNNING);
		sim_stop_vcpu(it);
		assert_int_equal(it->vm.pool.throttled, 0);
		assert_int_equal(it->vm.pool.granted, 0);
		assert_int_equal(hart_get(0)->timed.count, 0);
	}
	check_cap(WINDOW / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cap_holds_over_any_window),
		cmocka_unit_test(alone_it_gets_nearly_its_cap),
		cmocka_unit_test(the_vcpus_of_a_capped_vm_get_equal_parts),
		cmocka_unit_test(others_have_what_the_cap_leaves),
		cmocka_unit_test(stopped_while_held_back_it_starts_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
