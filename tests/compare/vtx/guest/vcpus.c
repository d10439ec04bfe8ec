/* SPDX-License-Identifier: BSD-2-Clause */
/* More than one vCPU on a CPU, a new one, and one that changes its CPU. */
#include "measure.h"

/* ---- Two vCPUs on a CPU ---- */

static u64 fp_lanes[15][4];

static void fp_check(u64 seed, u64 rounds)
{
	fp_read(fp_lanes);
	for (u64 i = 0; i < 15; i++)
		for (u64 lane = 0; lane < 4; lane++)
			expect("FP register", fp_lanes[i][lane], seed + i + rounds);
}

#define SEED_FIRST  1000000
#define SEED_SECOND 500000000

static u64 partner_rounds;

void partner_fp_begin(void);
void partner_fp_begin(void)
{
	fp_fill(SEED_SECOND);
}

void partner_fp_end(void);
void partner_fp_end(void)
{
	fp_check(SEED_SECOND, partner_rounds);
}

/* Each round is two switches and a round of the loop on either side. */
static void measure_switch(const char *name, loop_function *loop, loop_function *base,
			   const char *partner, bool fp)
{
	u64 rounds = tracing() ? 1 : params.count / 2, value, before, once, body;
	struct result result = {.n = 2 * rounds};

	partner_rounds = tracing() ? WARM_UP + 1 : WARM_UP + 2 * rounds;
	hypercall(HC_START, (u64)partner, partner_rounds);
	if (fp)
		fp_fill(SEED_FIRST);
	loop(WARM_UP, 0, 0);
	if (tracing()) {
		marker();
		loop(1, 0, 0);
		marker();
		hypercall(HC_YIELD, 0, 0);
		traced(name);
		return;
	}
	before = hypercall(HC_SWITCHES, 0, 0);
	result.total = ticks_of(loop, rounds, 0, 0, &value);
	expect("switches", hypercall(HC_SWITCHES, 0, 0) - before, result.n);
	for (u64 i = 0; i < rounds; i++) {
		u64 ticks = ticks_of(loop, 1, 0, 0, &value);

		result_add(&result, ticks);
	}
	if (fp)
		fp_check(SEED_FIRST, partner_rounds);
	hypercall(HC_YIELD, 0, 0); /* lets the other see its last round, and end */
	/* The other side's loop goes round as often, without being called in this time. */
	once = ticks_of(base, 1, 0, 0, &value);
	body = ticks_of(base, 2, 0, 0, &value) - once;
	result.guest = ticks_of(base, rounds, 0, 0, &value) + rounds * body;
	result.min = (result.min - once - body) / 2;
	result.max = (result.max - once - body + 1) / 2;
	result_print(name, &result);
}

void measure_switches(void)
{
	measure_switch("switch", loop_yield, base_yield, partner_plain, false);
	measure_switch("switch_fp", loop_yield_fp, base_yield_fp, partner_fp, true);
}

/* ---- First entry ---- */

void measure_first_entry(void)
{
	struct result result = {.n = tracing() ? 1 : params.count};

	spawn_count = 0;
	for (u64 i = 0; i < WARM_UP; i++)
		hypercall(HC_SPAWN, (u64)first_entry, 0);
	if (tracing()) {
		marker();
		hypercall(HC_SPAWN, (u64)first_entry, 0);
		marker();
		traced("first_entry");
		return;
	}
	for (u64 i = 0; i < result.n; i++) {
		hypercall(HC_SPAWN, (u64)first_entry, 0);
		result.total += spawn_ticks;
		result_add(&result, spawn_ticks - 1);
	}
	result.guest = result.n; /* the RDTSC that reads the end */
	expect("vCPUs that ran", spawn_count, WARM_UP + result.n);
	result_print("first_entry", &result);
}

/* ---- Another CPU ---- */

void measure_move(void)
{
	static const struct operation op = {"move", loop_move, base_move, 0, 0, NULL};
	u64 cpu = hypercall(HC_CPU, 0, 0);

	for (u64 i = 0; i < params.count; i++) {
		hypercall(HC_MOVE, 0, 0);
		u64 now = hypercall(HC_CPU, 0, 0);

		expect("CPU after a move", now, (cpu + 1) % params.cpus);
		cpu = now;
	}
	fp_fill(SEED_FIRST);
	measure(&op, NULL);
	fp_check(SEED_FIRST, 0);
}
