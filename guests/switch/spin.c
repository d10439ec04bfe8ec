/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * N vCPUs that spin on one hart, all in the same loop of rounds of 100 instructions, so that the
 * hypervisor divides the time among them. A vCPU sees of that: a stint of rounds, then a gap, in
 * which each of the others has its stint, and N switches are made. Stints are of equal length in
 * the mean, as all are the same. So, with S the instructions of a mean stint, all of them rounds of
 * ours, and P those from the end of one gap to the end of the next,
 *
 *	P = N (S + switch)	=>	switch = P / N - S
 *
 * where P is time (the clock is exact, for there is one hart that is never idle) and S is counted.
 * It is everything that is not spinning: the timer interrupt, the choice, and the change over.
 */
#include "tests.h"

#define WARM_UP 4 /* gaps in a try */
#define TRIES	200

struct stints {
	u64 rounds;
	u64 ticks;
};

typedef void stints_function(u64 gaps, u64 threshold, struct stints *stints);

stints_function stints_plain, stints_fp, stints_v;

#define ROUND_INSTRUCTIONS 100

static stints_function *kind;

static void spin_for_ever(void *unused)
{
	struct stints ignored;

	(void)unused;
	units_on();
	kind(~0ul >> 1, ~0ul, &ignored);
}

/* Tenths of an instruction from the means of stint and period; or ~0 if they make no sense. */
static u64 switch_cost(const struct stints *stints, u64 gaps, u64 spinners)
{
	u64 period = stints->ticks * cost_tick() * 10 / gaps / spinners;
	u64 stint = stints->rounds * ROUND_INSTRUCTIONS * 10 / gaps;

	return period >= stint ? period - stint : ~0ul;
}

/* Whether all spin: the others may not have begun, or somebody may still be at work on something
 * else. A switch is a small part of a stint then. */
static bool is_steady(u64 spinners, u64 threshold)
{
	struct stints stints;
	u64 cost;

	kind(WARM_UP, threshold, &stints);
	cost = switch_cost(&stints, WARM_UP, spinners);
	return cost != ~0ul && cost < stints.rounds * ROUND_INSTRUCTIONS * 10 / WARM_UP / 20;
}

void test_spin(void)
{
	u64 spinners = boot_number("spinners", hart_count), gaps = boot_number("gaps", 50);
	/* Shorter gaps are exits that switch to nobody. */
	u64 threshold = ticks_from_us(boot_number("threshold_us", 300));
	bool fp = boot_has("fp") && has_fp(), v = boot_has("v") && has_vector();
	struct stints stints;
	char name[24];
	int tries = 0;

	kind = fp ? stints_fp : v ? stints_v : stints_plain;
	for (unsigned int i = 1; i < hart_count; i++)
		hart_start(&harts[i], spin_for_ever, NULL);
	if (boot_has("quiet"))
		spin_for_ever(NULL);
	units_on();
	format_to(name, sizeof(name), "spin%s-%lu", fp ? "-fp" : v ? "-v" : "", spinners);
	if (spinners < 2) { /* nobody to switch to, and no gap ever */
		cost_print_none("exits", name);
		return;
	}
	while (!is_steady(spinners, threshold)) {
		if (++tries == TRIES) {
			cost_print_none("exits", name);
			return;
		}
	}
	kind(gaps, threshold, &stints);
	cost_print_tenths("exits", name, switch_cost(&stints, gaps, spinners));
	print("exits+: %s-stint %lu\n", name, stints.rounds * ROUND_INSTRUCTIONS / gaps);
}
