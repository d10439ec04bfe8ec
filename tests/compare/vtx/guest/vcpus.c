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

static void fp_fill_first(void)
{
	fp_fill(SEED_FIRST);
}

static void fp_check_first(void)
{
	fp_check(SEED_FIRST, partner_rounds);
}

/* Two vCPUs that yield to each other, and what they do before and after. */
struct pair {
	const char *name;
	loop_function *loop, *base;
	const char *partner;
	void (*before)(void);
	void (*after)(void);
};

static void nothing(void)
{
}

static void trace_switch(const struct pair *pair)
{
	marker();
	pair->loop(1, 0, 0);
	marker();
	hypercall(HC_YIELD, 0, 0);
	pair->after();
	traced(pair->name);
}

/* Each round is two switches and a round of the loop on either side. */
static void measure_switch(const struct pair *pair)
{
	u64 rounds = tracing() ? 1 : params.count / 2, value, before, once, body;
	struct result result = {.n = 2 * rounds};

	partner_rounds = tracing() ? WARM_UP + 1 : WARM_UP + 2 * rounds;
	hypercall(HC_START, (u64)pair->partner, partner_rounds);
	pair->before();
	pair->loop(WARM_UP, 0, 0);
	if (tracing()) {
		trace_switch(pair);
		return;
	}
	before = hypercall(HC_SWITCHES, 0, 0);
	result.total = ticks_of(pair->loop, rounds, 0, 0, &value);
	expect("switches", hypercall(HC_SWITCHES, 0, 0) - before, result.n);
	for (u64 i = 0; i < rounds; i++)
		result_add(&result, ticks_of(pair->loop, 1, 0, 0, &value));
	pair->after();
	hypercall(HC_YIELD, 0, 0); /* lets the other see its last round, and end */
	/* The other side's loop goes round as often, without being called in this time. */
	once = ticks_of(pair->base, 1, 0, 0, &value);
	body = ticks_of(pair->base, 2, 0, 0, &value) - once;
	result.guest = ticks_of(pair->base, rounds, 0, 0, &value) + rounds * body;
	result.min = (result.min - once - body) / 2;
	result.max = (result.max - once - body + 1) / 2;
	result_print(pair->name, &result);
}

void measure_switches(void)
{
	static const struct pair pairs[] = {
		{"switch", loop_yield, base_yield, partner_plain, nothing, nothing},
		{"switch_msrs", loop_yield, base_yield, partner_registers, registers_set_first,
		 registers_check_first},
		{"switch_fp", loop_yield_fp, base_yield_fp, partner_fp, fp_fill_first,
		 fp_check_first},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		measure_switch(&pairs[i]);
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
	expect("registers of a new vCPU", spawn_registers, 0);
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
