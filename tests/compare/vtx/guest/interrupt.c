/* SPDX-License-Identifier: BSD-2-Clause */
/* The timer that the guest arms, and interrupts of the host while the guest runs. */
#include "measure.h"

#define TIMER_DELTA   600
#define TIMER_LATEST  400 /* after the deadline: the exits, and the round around them */
#define HOST_PERIOD   4000
#define GAP_THRESHOLD 30

/* ---- Timer ---- */

/* What waiting took is the timer's affair: three instructions a round. */
static NOINLINE u64 timer_ticks(timer_function *loop, u64 count, u64 delta)
{
	u64 start = time_now();
	struct value_and_spins result = loop(count, delta);
	u64 ticks = time_now() - start;

	expect("timer handler", result.value, 1);
	return ticks - 3 * result.spins;
}

static void measure_timer(const char *name, u64 delta)
{
	struct result result = {.n = params.count};
	u64 before;

	loop_timer(WARM_UP, delta);
	if (tracing()) {
		marker();
		loop_timer(1, delta);
		marker();
		traced(name);
		return;
	}
	before = timer_count;
	result.total = timer_ticks(loop_timer, result.n, delta);
	expect("timer interrupts", timer_count - before, result.n);
	result.guest = timer_ticks(base_timer, result.n, delta);
	for (u64 i = 0; i < result.n; i++) {
		u64 start = time_now();
		u64 host = timer_ticks(loop_timer, 1, delta);
		u64 passed = time_now() - start;

		if (passed < delta || passed > delta + TIMER_LATEST)
			expect("time until the timer rang", passed, delta);
		result_add(&result, host - timer_ticks(base_timer, 1, delta));
	}
	result_print(name, &result);
}

void measure_timers(void)
{
	write_msr(0x832, 0x40000 | VECTOR_TIMER); /* local APIC timer: TSC-deadline mode */
	measure_timer("timer", TIMER_DELTA);
	measure_timer("timer_due", 0);
}

/* ---- External interrupts ---- */

struct gaps {
	u64 usual, count, total;
	struct result each;
};

/* Reads the time over and over. What is missing between two readings, but for the usual, is one
 * interrupt of the host's: its period is longer than anything that this loop does in between. */
static NOINLINE void watch(struct gaps *gaps, u64 interrupts, u64 rounds)
{
	u64 last;

	/* The interrupts are the host's whether the guest would take them or not; but this emulator
	 * lets none through to a guest that it entered with RFLAGS.IF clear. */
	__asm__ volatile("sti");
	last = time_now();
	while (gaps->count < interrupts && rounds--) {
		u64 now = time_now();
		u64 gap = now - last;

		last = now;
		if (gap > gaps->usual + GAP_THRESHOLD) {
			gaps->count++;
			gaps->total += gap - gaps->usual;
			result_add(&gaps->each, gap - gaps->usual);
			last = time_now();
		}
	}
	__asm__ volatile("cli");
}

static u64 usual_gap(void)
{
	struct gaps gaps = {.usual = 0};
	u64 usual;

	/* With a threshold that nothing exceeds the loop's own gap cannot be seen: find the least
	 * value at which it counts none. */
	for (usual = 0; usual < 200; usual++) {
		gaps = (struct gaps){.usual = usual};
		gaps.usual -= GAP_THRESHOLD;
		watch(&gaps, 1, 16);
		if (!gaps.count)
			return usual;
	}
	return usual;
}

void measure_interrupt(void)
{
	struct gaps gaps = {.usual = usual_gap()};
	u64 before, taken = timer_count, interrupts, n = tracing() ? 1 : params.count;

	if (tracing()) {
		struct gaps warm = gaps;

		hypercall(HC_HOST_TIMER, HOST_PERIOD, 0);
		watch(&warm, WARM_UP, ~0ul);
		marker();
		watch(&gaps, 1, ~0ul);
		marker();
		hypercall(HC_HOST_TIMER, 0, 0);
		traced("interrupt");
		return;
	}
	before = hypercall(HC_HOST_TIMER, 0, 0);
	hypercall(HC_HOST_TIMER, HOST_PERIOD, 0);
	watch(&gaps, n, ~0ul);
	interrupts = hypercall(HC_HOST_TIMER, 0, 0) - before;
	expect("interrupts seen", gaps.count, n);
	expect("interrupts that the host took", interrupts, n);
	expect("interrupts that reached the guest", timer_count - taken, 0);
	gaps.each.n = n;
	gaps.each.total = gaps.total + n * gaps.usual;
	gaps.each.guest = n * gaps.usual;
	result_print("interrupt", &gaps.each);
}
