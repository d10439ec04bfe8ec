/* SPDX-License-Identifier: BSD-2-Clause */
/* Shares of the fair class, simulated on many harts. */
#include "tests/unit/sched_sim.h"

#define SECONDS 10

/* How many slices a vCPU may have got more or less than its share in SECONDS: half a percent of a
 * hart. */
#define OFF_MAX_SLICES 5

static u64 difference(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

static u64 sum_of(const u64 *shares, unsigned count)
{
	u64 sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += shares[i];
	return sum;
}

/* None of them more than so many percent of a hart's worth: what is more is cut off, until that
 * makes no other too much. There are more vCPUs than harts, and so it ends. */
static u64 draw_feasible(u64 *shares, unsigned count, unsigned harts, unsigned percent)
{
	for (unsigned i = 0; i < count; i++)
		shares[i] = fake_random_magnitude(&sim.random, 10000);
	for (bool cut = true; cut;) {
		u64 most = max_u64(1, sum_of(shares, count) * percent / 100 / harts);

		cut = false;
		for (unsigned i = 0; i < count; i++) {
			cut |= shares[i] > most;
			shares[i] = min_u64(shares[i], most);
		}
	}
	return sum_of(shares, count);
}

static void add_sleepers(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		u32 shares = 1 + (u32)fake_random_below(&sim.random, 100);
		struct sim_vcpu *it = sim_create((struct sched_limits){.shares = shares}, 1);

		it->run_min = 10;
		it->run_max = 2 * SIM_MS;
		it->sleep_min = 10;
		it->sleep_max = 30 * SIM_MS;
	}
}

static void start_all(void)
{
	sim_boot();
	for (unsigned i = 0; i < sim.vcpu_count; i++)
		sim_start_vcpu(&sim.vcpus[i]);
}

/* What the first count vCPUs got together is divided by their shares. */
static void check_shares(const u64 *shares, unsigned count, u64 total)
{
	u64 got = 0;

	for (unsigned i = 0; i < count; i++)
		got += sim.vcpus[i].run;
	for (unsigned i = 0; i < count; i++)
		assert_true(difference(sim.vcpus[i].run, got * shares[i] / total) <=
			    OFF_MAX_SLICES * SIM_SLICE);
}

static void cpu_time_is_in_proportion_to_shares(void **state)
{
	u64 shares[SIM_VCPU_MAX];

	(void)state;
	for (unsigned harts = 1; harts <= 8; harts *= 2) {
		for (u64 seed = 1; seed <= 12; seed++) {
			sim_start(harts, seed);
			unsigned count =
				harts + 1 + (unsigned)fake_random_below(&sim.random, 4 * harts + 4);
			u64 total = draw_feasible(shares, count, harts, 100);

			for (unsigned i = 0; i < count; i++)
				sim_create((struct sched_limits){.shares = (u32)shares[i]}, 1);
			start_all();
			sim_run(SECONDS * SIM_HZ);
			check_shares(shares, count, total);
			/* All of the machine was used. */
			u64 got = 0;

			for (unsigned i = 0; i < count; i++)
				got += sim.vcpus[i].run;
			assert_int_equal(got, harts * SECONDS * SIM_HZ);
		}
	}
}

static void sleepers_leave_the_proportion_of_the_others_as_it_is(void **state)
{
	u64 shares[SIM_VCPU_MAX];

	(void)state;
	for (unsigned harts = 1; harts <= 8; harts *= 2) {
		for (u64 seed = 1; seed <= 6; seed++) {
			sim_start(harts, seed);
			unsigned count = 2 * harts + 2;
			u64 total = draw_feasible(shares, count, harts, 80);

			for (unsigned i = 0; i < count; i++)
				sim_create((struct sched_limits){.shares = (u32)shares[i]}, 1);
			add_sleepers(2 * harts);
			start_all();
			sim_run(SECONDS * SIM_HZ);
			check_shares(shares, count, total);
		}
	}
}

static void a_vms_shares_are_divided_among_its_vcpus(void **state)
{
	static const unsigned counts[] = {1, 2, 3, 5};

	(void)state;
	sim_start(2, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++)
		sim_create((struct sched_limits){.shares = 100}, counts[i]);
	start_all();
	sim_run(SECONDS * SIM_HZ);
	for (unsigned i = 0, first = 0; i < ARRAY_SIZE(counts); first += counts[i++])
		for (unsigned j = 0; j < counts[i]; j++)
			assert_true(difference(sim.vcpus[first + j].run,
					       2 * SECONDS * SIM_HZ / 4 / counts[i]) <=
				    OFF_MAX_SLICES * SIM_SLICE);
}

/* More than a hart's worth of shares: a whole hart, and the others divide the rest. */
static void who_deserves_more_than_a_hart_has_one_whole(void **state)
{
	(void)state;
	sim_start(3, 1);
	sim_create((struct sched_limits){.shares = 10000}, 1);
	for (unsigned i = 0; i < 4; i++)
		sim_create((struct sched_limits){.shares = 100}, 1);
	start_all();
	sim_run(SECONDS * SIM_HZ);
	assert_true(sim.vcpus[0].run >= SECONDS * SIM_HZ * 99 / 100);
	for (unsigned i = 1; i <= 4; i++)
		assert_true(difference(sim.vcpus[i].run, 2 * SECONDS * SIM_HZ / 4) <=
			    OFF_MAX_SLICES * SIM_SLICE);
}

/* Pinned, but so that all can have their shares: two harts with the same weight on each. */
static void pinned_vcpus_have_their_shares_of_their_hart(void **state)
{
	(void)state;
	sim_start(2, 1);
	sim_create((struct sched_limits){.shares = 300, .harts = 1}, 1);
	sim_create((struct sched_limits){.shares = 100, .harts = 1}, 1);
	sim_create((struct sched_limits){.shares = 100, .harts = 2}, 1);
	sim_create((struct sched_limits){.shares = 300}, 1);
	start_all();
	sim_run(SECONDS * SIM_HZ);
	for (unsigned i = 0; i < 4; i++)
		assert_true(difference(sim.vcpus[i].run,
				       2 * SECONDS * SIM_HZ * sim.vcpus[i].vm.limits.shares /
					       800) <= OFF_MAX_SLICES * SIM_SLICE);
}

/* Nine vCPUs that all weigh the same on pinned and free harts; the free ones even it out. */
static void free_vcpus_even_out_what_pinned_ones_leave(void **state)
{
	(void)state;
	sim_start(3, 4);
	for (unsigned i = 0; i < 3; i++)
		sim_create((struct sched_limits){.harts = 1}, 1);
	sim_create((struct sched_limits){.harts = 2}, 1);
	for (unsigned i = 0; i < 5; i++)
		sim_create((struct sched_limits){.harts = 7 & ~(i % 2)}, 1);
	start_all();
	sim_run(SECONDS * SIM_HZ);
	for (unsigned i = 0; i < 9; i++)
		assert_true(difference(sim.vcpus[i].run, SECONDS * SIM_HZ / 3) <=
			    OFF_MAX_SLICES * SIM_SLICE);
}

/* ------------------------------------------------------------------------------------------------
 * What was is not paid back.
 */

static u64 runs[SIM_VCPU_MAX];

static void note_runs(void)
{
	for (unsigned i = 0; i < sim.vcpu_count; i++)
		runs[i] = sim.vcpus[i].run;
}

static u64 ran(unsigned i)
{
	return sim.vcpus[i].run - runs[i];
}

/* The light one's virtual time runs thousands of times as fast while it is alone. */
static void alone_for_long_a_vcpu_neither_starves_nor_starves_others_later(void **state)
{
	static const u32 shares[] = {1, 10000};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		sim_start(2, i);
		sim_create((struct sched_limits){.shares = shares[i], .harts = 1}, 1);
		sim_create((struct sched_limits){.shares = 100, .harts = 2}, 1);
		sim_create((struct sched_limits){.shares = 100, .harts = 2}, 1);
		for (unsigned j = 0; j < 3; j++)
			sim_create((struct sched_limits){.shares = shares[i]}, 1);
		sim_boot();
		for (unsigned j = 0; j < 3; j++)
			sim_start_vcpu(&sim.vcpus[j]);
		sim_run(60 * SIM_HZ);
		/* Others come that weigh the same as the lone one, and those beside go. */
		for (unsigned j = 3; j < 6; j++)
			sim_start_vcpu(&sim.vcpus[j]);
		sim_stop_vcpu(&sim.vcpus[1]);
		sim_stop_vcpu(&sim.vcpus[2]);
		note_runs();
		/* A second to come near each other, and then all is equal. */
		sim_run(SIM_HZ);
		for (unsigned j = 3; j < 6; j++)
			assert_true(ran(j) > SIM_HZ / 10);
		note_runs();
		sim_run(SECONDS * SIM_HZ);
		for (unsigned j = 0; j < 6; j++)
			if (j != 1 && j != 2)
				assert_true(difference(ran(j), SECONDS * SIM_HZ / 2) <=
					    OFF_MAX_SLICES * SIM_SLICE);
	}
}

static void who_slept_has_no_credit(void **state)
{
	(void)state;
	sim_start(1, 1);
	struct sim_vcpu *sleeper = sim_create((struct sched_limits){}, 1);

	sim_create((struct sched_limits){}, 1);
	sleeper->run_min = sleeper->run_max = 1;
	sleeper->sleep_min = sleeper->sleep_max = 100 * SIM_HZ;
	start_all();
	sim_run(99 * SIM_HZ);
	sleeper->run_min = sleeper->run_max = 1000 * SIM_HZ;
	sleeper->run_left = 1000 * SIM_HZ;
	sim_run(SIM_HZ + 10 * SIM_MS);
	note_runs();
	sim_run(SIM_HZ);
	assert_true(difference(ran(0), SIM_HZ / 2) <= 2 * SIM_SLICE);
}

/* ------------------------------------------------------------------------------------------------
 * Cost.
 */

static u64 heap_steps(void)
{
	u64 steps = 0;

	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		const struct hart *hart = hart_get(i);

		steps += hart->eligible.steps + hart->pending.steps + hart->timed.steps +
			 hart->rt.steps;
	}
	return steps;
}

static u64 steps_for_a_pick(unsigned count)
{
	sim_start(2, 1);
	for (unsigned i = 0; i < count; i++)
		sim_create((struct sched_limits){.shares = 1 + i % 7}, 1);
	start_all();
	u64 before = heap_steps(), events = sim.event_count;

	sim_run(SECONDS * SIM_HZ);
	return (heap_steps() - before) / (sim.event_count - events);
}

static void a_pick_costs_the_logarithm_of_the_queues_length(void **state)
{
	(void)state;
	u64 few = steps_for_a_pick(8), many = steps_for_a_pick(128);

	/* Four doublings; each of a pick's few operations may take a step or two more. */
	assert_true(many <= few + 4 * 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_time_is_in_proportion_to_shares),
		cmocka_unit_test(sleepers_leave_the_proportion_of_the_others_as_it_is),
		cmocka_unit_test(a_vms_shares_are_divided_among_its_vcpus),
		cmocka_unit_test(who_deserves_more_than_a_hart_has_one_whole),
		cmocka_unit_test(pinned_vcpus_have_their_shares_of_their_hart),
		cmocka_unit_test(free_vcpus_even_out_what_pinned_ones_leave),
		cmocka_unit_test(alone_for_long_a_vcpu_neither_starves_nor_starves_others_later),
		cmocka_unit_test(who_slept_has_no_credit),
		cmocka_unit_test(a_pick_costs_the_logarithm_of_the_queues_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
