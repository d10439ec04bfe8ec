/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures what an exit costs, in instructions, from inside the guest: the time-stamp counter of the
 * emulator counts one for each instruction, whoever executes it. Each operation twice: `count` rounds
 * in one go, and each round by itself, for the least and the greatest, and to check what it did.
 *
 *	result op=<name> n=<count> total=<all> guest=<baseline> host=<difference> min= max=
 *
 * With several CPUs only the move to another CPU is measured; the emulator's clock ticks in rounds
 * among its CPUs there, so that a number is the time it took while one CPU works and the others halt.
 */
#include "guest.h"

#define WARM_UP	      4
#define TIMER_DELTA   600
#define HOST_PERIOD   4000
#define GAP_THRESHOLD 30
#define VENDOR_GENU   0x756e6547

struct gate {
	u16 offset_low, selector, flags, offset_middle;
	u32 offset_high, zero;
};

struct result {
	u64 n, total, guest, min, max;
};

struct gate idt[80];
static struct params params;

/* ---- Bookkeeping ---- */

static void result_add(struct result *result, u64 host)
{
	if (!result->min || host < result->min)
		result->min = host;
	if (host > result->max)
		result->max = host;
}

static void result_print(const char *name, const struct result *result)
{
	print("result op=");
	print(name);
	print_decimal(" n=", result->n);
	print_decimal(" total=", result->total);
	print_decimal(" guest=", result->guest);
	print_decimal(" host=", result->total - result->guest);
	print_decimal(" min=", result->min);
	print_decimal(" max=", result->max);
	print("\n");
}

static bool tracing(void)
{
	return params.flags & FLAG_TRACE;
}

static void traced(const char *name)
{
	print("traced op=");
	print(name);
	print("\n");
}

/* Not inlined, so that a loop and its baseline are timed by the same instructions. */
static NOINLINE u64 ticks_of(loop_function *loop, u64 count, u64 a, u64 b, u64 *value)
{
	u64 start = time_now();

	*value = loop(count, a, b);
	return time_now() - start;
}

/* ---- Operations that are one loop ---- */

struct operation {
	const char *name;
	loop_function *loop, *base;
	u64 a, b;
	void (*verify)(u64 round, u64 value);
};

static void trace_loop(const struct operation *op)
{
	for (u64 i = 0; i < WARM_UP; i++)
		op->loop(1, op->a + i * op->b, op->b);
	marker();
	op->loop(1, op->a + WARM_UP * op->b, op->b);
	marker();
	traced(op->name);
}

static void measure_each(const struct operation *op, struct result *result, u64 first)
{
	u64 value;

	for (u64 i = 0; i < result->n; i++) {
		u64 a = op->a + (first + i) * op->b;
		u64 total = ticks_of(op->loop, 1, a, op->b, &value);

		if (op->verify)
			op->verify(i, value);
		result_add(result, total - ticks_of(op->base, 1, a, op->b, &value));
	}
}

/* A loop with a step gets fresh memory for each of its rounds. */
static void measure(const struct operation *op, void (*between)(void))
{
	struct result result = {.n = params.count};
	u64 value;

	if (tracing()) {
		trace_loop(op);
		return;
	}
	op->loop(1, op->a, op->b);
	result.total = ticks_of(op->loop, result.n, op->a + op->b, op->b, &value);
	result.guest = ticks_of(op->base, result.n, op->a + op->b, op->b, &value);
	if (between)
		between();
	measure_each(op, &result, 1);
	result_print(op->name, &result);
}

static void verify_hypercall(u64 round, u64 value)
{
	(void)round;
	expect("hypercall", value, VERSION);
}

static void verify_cpuid(u64 round, u64 value)
{
	(void)round;
	expect("CPUID leaf 0", value >> 32, VENDOR_GENU);
}

static u64 device_first;

static void verify_device(u64 round, u64 value)
{
	if (!round)
		device_first = value;
	expect("device counter", value, device_first + round);
}

static void verify_zero(u64 round, u64 value)
{
	(void)round;
	expect("fresh page", value, 0);
}

static void verify_fault(u64 round, u64 value)
{
	(void)round;
	(void)value;
	expect("faults taken", fault_count, 1);
	fault_count = 0;
}

static void measure_loops(void)
{
	static const struct operation ops[] = {
		{"hypercall", loop_hypercall, base_hypercall, 0, 0, verify_hypercall},
		{"cpuid", loop_cpuid, base_cpuid, 0, 0, verify_cpuid},
		{"device_read", loop_device, base_device,
		 (u64)GUEST_OFFSET + GUEST_DEVICE + DEVICE_COUNTER, 0, verify_device},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		measure(&ops[i], NULL);
}

/* ---- Exceptions ---- */

static void measure_exception(void)
{
	static const struct operation op = {
		"exception", loop_refused, base_refused, 0, 0, NULL};
	static const struct operation checked = {
		"exception_checked", loop_refused, base_refused, 0, 0, verify_fault};
	struct result each = {.n = tracing() ? 1 : params.count};

	fault_count = 0;
	measure(&op, NULL);
	if (tracing())
		return;
	expect("faults of all rounds", fault_count, 1 + 4 * params.count);
	for (u64 i = 0; i < each.n; i++) {
		fault_count = 0;
		verify_fault(i, checked.loop(1, 0, 0));
	}
}

/* ---- Pages ---- */

static void drop_pages(void)
{
	/* What the next owner of these pages must not see. */
	for (u64 i = 0; i <= params.count; i++)
		*(volatile u64 *)((u64)GUEST_OFFSET + GUEST_LAZY_BASE + i * PAGE_SIZE) = ~i;
	hypercall(HC_DROP_PAGES, 0, 0);
}

static void measure_pages(void)
{
	const u64 base = (u64)GUEST_OFFSET + GUEST_LAZY_BASE;
	const struct operation zeroed = {"page_zeroed", loop_touch, base_touch,
					 base,		PAGE_SIZE,  verify_zero};
	const struct operation plain = {"page", loop_touch, base_touch, base, PAGE_SIZE, NULL};

	measure(&zeroed, drop_pages);
	drop_pages();
	hypercall(HC_ZEROING, false, 0);
	measure(&plain, drop_pages);
	for (u64 i = 0; i <= params.count; i++)
		*(volatile u64 *)(base + i * PAGE_SIZE) = i;
	for (u64 i = 0; i <= params.count; i++)
		expect("page's content", *(volatile u64 *)(base + i * PAGE_SIZE), i);
	drop_pages();
	hypercall(HC_ZEROING, true, 0);
}

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

		if (time_now() - start < delta)
			expect("time until the timer rang", time_now() - start, delta);
		result_add(&result, host - timer_ticks(base_timer, 1, delta));
	}
	result_print(name, &result);
}

static void write_msr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)));
}

static void measure_timers(void)
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

static void measure_interrupt(void)
{
	struct gaps gaps = {.usual = usual_gap()};
	u64 before, interrupts, n = tracing() ? 1 : params.count;

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
	gaps.each.n = n;
	gaps.each.total = gaps.total + n * gaps.usual;
	gaps.each.guest = n * gaps.usual;
	result_print("interrupt", &gaps.each);
}

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

/* ---- First entry ---- */

static void measure_first_entry(void)
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

static void measure_move(void)
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

/* ---- Start ---- */

void unexpected(u64 vector, u64 a, u64 b);
void unexpected(u64 vector, u64 a, u64 b)
{
	print_decimal("failure: exception ", vector);
	print_decimal(" error or rip ", a);
	print_decimal(" ", b);
	print("\n");
	hypercall(HC_DONE, 1, 0);
}

static void set_gate(unsigned vector, const char *handler)
{
	u64 at = (u64)handler;

	idt[vector] = (struct gate){(u16)at, 8, 0x8e00, (u16)(at >> 16), (u32)(at >> 32), 0};
}

void guest_main(void);
void guest_main(void)
{
	params = *(const struct params *)((u64)GUEST_OFFSET + GUEST_PARAMS);
	for (unsigned i = 0; i < 32; i++)
		set_gate(i, vector_others + 16 * i);
	set_gate(VECTOR_UD, vector_ud);
	set_gate(VECTOR_GP, vector_gp);
	set_gate(VECTOR_TIMER, vector_timer);
	set_gate(VECTOR_TIMER_BASE, vector_timer_base);
	if (params.cpus > 1) {
		measure_move();
	} else {
		test_device();
		measure_loops();
		measure_pages();
		measure_timers();
		measure_interrupt();
		measure_exception();
		measure_switch("switch", loop_yield, base_yield, partner_plain, false);
		measure_first_entry();
		measure_switch("switch_fp", loop_yield_fp, base_yield_fp, partner_fp, true);
	}
	hypercall(HC_DONE, failure_count, 0);
}
