/* SPDX-License-Identifier: BSD-2-Clause */
/* The real-time class: budgets are there in every period, deadlines are met, and what is admitted
 * is what can be kept. */
#include "tests/unit/sched_sim.h"

static struct sched_limits server(u64 budget, u64 period, u64 harts)
{
	return (struct sched_limits){.rt_budget = budget, .rt_period = period, .harts = harts};
}

static void add_spinners(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		sim_create((struct sched_limits){.shares = 1 + 100 * i}, 1);
}

static void add_sleepers(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct sim_vcpu *it = sim_create((struct sched_limits){}, 1);

		it->run_min = 10;
		it->run_max = 3 * SIM_MS;
		it->sleep_min = 10;
		it->sleep_max = 10 * SIM_MS;
	}
}

static void start_all(void)
{
	sim_boot();
	for (unsigned i = 0; i < sim.vcpu_count; i++)
		sim_start_vcpu(&sim.vcpus[i]);
}

/* ---- Deadlines ---- */

/* A job is done: before the next may be released, a period after it was. mark is when it was. */
static void finish_job(struct sim_vcpu *it)
{
	u64 period = it->vm.limits.rt_period;

	assert_true(hw_time() <= it->mark + period);
	/* The next is released then, or later. */
	it->sleep_min = it->mark + period - hw_time();
	it->sleep_max = it->sleep_min + (fake_random_below(&sim.random, 3) ? 0 : period / 2);
	if (it->sleep_min == 0)
		it->sleep_min = it->sleep_max = 1;
	it->vcpu.wait_deadline =
		hw_time() + sim_between(it->sleep_min, max_u64(it->sleep_min, it->sleep_max));
}

/* As many random tasks as are admitted, each needing up to its whole budget. */
static unsigned admit_tasks(void)
{
	unsigned admitted = 0;

	for (unsigned attempt = 0; attempt < 40; attempt++) {
		enum status status;
		u64 period = sim_between(SIM_MS / 2, 50 * SIM_MS);
		u64 budget = max_u64(10, period * sim_between(1, 60) / 100);
		struct sim_vcpu *it = sim_try_create(server(budget, period, 0), 1, &status);

		if (status != STATUS_OK)
			continue;
		it->run_min = max_u64(1, budget / 2);
		it->run_max = budget;
		it->slept = finish_job;
		admitted++;
	}
	return admitted;
}

static void no_admissible_set_misses_a_deadline(void **state)
{
	(void)state;
	for (unsigned harts = 1; harts <= 4; harts *= 2) {
		for (u64 seed = 1; seed <= 8; seed++) {
			sim_start(harts, seed);
			assert_true(admit_tasks() >= harts);
			add_spinners(harts + 1);
			add_sleepers(harts);
			sim_boot();
			for (unsigned i = 0; i < sim.vcpu_count; i++) {
				sim.vcpus[i].mark = hw_time();
				sim_start_vcpu(&sim.vcpus[i]);
			}
			sim_run(3 * SIM_HZ);
		}
	}
}

/* ---- Budgets ---- */

static u64 stretches[4096][2];
static unsigned stretch_count;

static void note_stretch(struct sim_vcpu *it, u64 from, u64 to)
{
	(void)it;
	if (stretch_count && stretches[stretch_count - 1][1] == from) {
		stretches[stretch_count - 1][1] = to;
		return;
	}
	assert_true(stretch_count < ARRAY_SIZE(stretches));
	stretches[stretch_count][0] = from;
	stretches[stretch_count++][1] = to;
}

static u64 ran_between(u64 from, u64 to)
{
	u64 ran = 0;

	for (unsigned i = 0; i < stretch_count; i++) {
		u64 start = max_u64(stretches[i][0], from), end = min_u64(stretches[i][1], to);

		ran += end > start ? end - start : 0;
	}
	return ran;
}

static void who_never_sleeps_gets_its_budget_in_every_period_and_no_more(void **state)
{
	const u64 budget = 2 * SIM_MS, period = 10 * SIM_MS;

	(void)state;
	sim_start(1, 1);
	stretch_count = 0;
	struct sim_vcpu *it = sim_create(server(budget, period, 0), 1);

	sim_create(server(3 * SIM_MS, 7 * SIM_MS, 0), 1);
	add_spinners(2);
	it->ran = note_stretch;
	start_all();
	sim_run(2 * SIM_HZ);
	for (u64 start = it->begun; start + period <= hw_time(); start += period)
		assert_int_equal(ran_between(start, start + period), budget);
}

static void held_back_it_does_not_run_although_the_hart_is_idle(void **state)
{
	(void)state;
	sim_start(2, 1);
	struct sim_vcpu *it = sim_create(server(SIM_MS, 10 * SIM_MS, 1), 1);

	start_all();
	sim_run(SIM_HZ);
	assert_int_equal(it->run, SIM_HZ / 10);
	struct sched_times times = sched_get_times(&it->vcpu);

	assert_int_equal(times.ready, SIM_HZ * 9 / 10); /* stolen, as far as it can see */
}

static void it_runs_as_soon_as_it_wakes(void **state)
{
	(void)state;
	sim_start(1, 3);
	struct sim_vcpu *it = sim_create(server(SIM_MS, 5 * SIM_MS, 0), 1);

	add_spinners(3);
	it->run_min = it->run_max = SIM_MS / 2;
	it->sleep_min = it->sleep_max = 7 * SIM_MS;
	start_all();
	sim_run(SIM_HZ);
	struct sched_times times = sched_get_times(&it->vcpu);

	assert_int_equal(times.ready, 0);
	assert_true(it->run >= SIM_HZ / 16);
}

/* The constant-bandwidth rule: what was left over is not taken along into a later burst. */
static void a_server_that_slept_takes_no_more_than_its_bandwidth(void **state)
{
	(void)state;
	for (u64 seed = 1; seed <= 5; seed++) {
		sim_start(1, seed);
		stretch_count = 0;
		struct sim_vcpu *it = sim_create(server(4 * SIM_MS, 10 * SIM_MS, 0), 1);

		add_spinners(1);
		it->run_min = 10;
		it->run_max = 6 * SIM_MS;
		it->sleep_min = 10;
		it->sleep_max = 6 * SIM_MS;
		it->ran = note_stretch;
		start_all();
		sim_run(SIM_HZ);
		/* Over any window: a budget more than its part of the window at most. */
		for (unsigned i = 0; i < stretch_count; i++) {
			u64 from = stretches[i][0];

			for (u64 length = SIM_MS; length <= 200 * SIM_MS; length *= 2)
				assert_true(ran_between(from, from + length) <=
					    length * 4 / 10 + 2 * 4 * SIM_MS);
		}
	}
}

/* ---- Admission ---- */

static enum status try(struct sched_limits limits, unsigned count)
{
	enum status status;

	sim_try_create(limits, count, &status);
	return status;
}

static void admission_leaves_a_tenth_of_each_hart(void **state)
{
	(void)state;
	sim_start(2, 1);
	assert_int_equal(try(server(60, 100, 0), 1), STATUS_OK);
	assert_int_equal(try(server(60, 100, 0), 1), STATUS_OK); /* on the other hart */
	assert_int_equal(try(server(31, 100, 0), 1), STATUS_DENIED);
	assert_int_equal(try(server(30, 100, 0), 3), STATUS_DENIED); /* two would fit */
	assert_int_equal(try(server(30, 100, 0), 2), STATUS_OK);
	assert_int_equal(try(server(10, 1000, 0), 1), STATUS_DENIED);
	sched_release(&sim.vcpus[0].vm);
	assert_int_equal(try(server(60, 100, 0), 1), STATUS_OK);
}

static void limits_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	sim_start(2, 1);
	assert_int_equal(try(server(101, 100, 0), 1), STATUS_INVALID);
	assert_int_equal(try(server(0, 100, 0), 1), STATUS_INVALID);
	assert_int_equal(try(server(10, 0, 0), 1), STATUS_INVALID);
	assert_int_equal(try(server(50, 99, 0), 1), STATUS_INVALID);
	assert_int_equal(try(server(100, 10 * SIM_HZ + 1, 0), 1), STATUS_INVALID);
	assert_int_equal(try(server(UINT64_MAX, UINT64_MAX, 0), 1), STATUS_INVALID);
	assert_int_equal(try(server(50, 100, 4), 1), STATUS_INVALID);
	assert_int_equal(try((struct sched_limits){.shares = 10001}, 1), STATUS_INVALID);
	assert_int_equal(try((struct sched_limits){.quota = 201}, 2), STATUS_INVALID);
	assert_int_equal(try((struct sched_limits){.dedicated = true}, 1), STATUS_INVALID);
	assert_int_equal(try((struct sched_limits){.dedicated = true, .harts = 1}, 2),
			 STATUS_INVALID);
	assert_int_equal(try((struct sched_limits){.dedicated = true, .harts = 1, .quota = 50}, 1),
			 STATUS_INVALID);
	assert_int_equal(
		try((struct sched_limits){.quota = 1, .rt_budget = 50, .rt_period = 100}, 1),
		STATUS_INVALID);
	/* Nothing has been taken by those. */
	assert_int_equal(try(server(90, 100, 0), 2), STATUS_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_admissible_set_misses_a_deadline),
		cmocka_unit_test(who_never_sleeps_gets_its_budget_in_every_period_and_no_more),
		cmocka_unit_test(held_back_it_does_not_run_although_the_hart_is_idle),
		cmocka_unit_test(it_runs_as_soon_as_it_wakes),
		cmocka_unit_test(a_server_that_slept_takes_no_more_than_its_bandwidth),
		cmocka_unit_test(admission_leaves_a_tenth_of_each_hart),
		cmocka_unit_test(limits_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
