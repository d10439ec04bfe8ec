/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures what an exit costs, in instructions, from inside the guest: the time-stamp counter of
 *the emulator counts one for each instruction, whoever executes it. Each operation twice: `count`
 *rounds in one go, and each round by itself, for the least and the greatest, and to check what it
 *did.
 *
 *	result op=<name> n=<count> total=<all> guest=<baseline> host=<difference> min= max=
 *
 * With several CPUs only the move to another CPU is measured; the emulator's clock ticks in rounds
 * among its CPUs there, so that a number is the time it took while one CPU works and the others
 *halt.
 */
#include "measure.h"

#define GATE_INTERRUPT 0x8e00
#define GATE_FOR_USERS 0x6000

struct gate {
	u16 offset_low, selector, flags, offset_middle;
	u32 offset_high, zero;
};

struct gate idt[80];

/* ---- Operations that are one loop ---- */

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
	expect("error code of the fault", fault_code, 0);
	fault_count = 0;
	fault_code = ~0ul;
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
	static const struct operation op = {"exception", loop_refused, base_refused, 0, 0, NULL};
	static const struct operation checked = {
		"exception_checked", loop_refused, base_refused, 0, 0, verify_fault};
	struct result each = {.n = tracing() ? 1 : params.count};

	fault_count = 0;
	measure(&op, NULL);
	if (tracing())
		return;
	expect("faults of all rounds", fault_count, 1 + 2 * params.count);
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

static void set_gate(unsigned vector, const char *handler, u16 rights)
{
	u64 at = (u64)handler;

	idt[vector] = (struct gate){(u16)at, 8, rights, (u16)(at >> 16), (u32)(at >> 32), 0};
}

void guest_main(void);
void guest_main(void)
{
	params = *(const struct params *)((u64)GUEST_OFFSET + GUEST_PARAMS);
	for (unsigned i = 0; i < 32; i++)
		set_gate(i, vector_others + 16 * i, GATE_INTERRUPT);
	set_gate(VECTOR_UD, vector_ud, GATE_INTERRUPT);
	set_gate(VECTOR_GP, vector_gp, GATE_INTERRUPT);
	set_gate(VECTOR_TIMER, vector_timer, GATE_INTERRUPT);
	set_gate(VECTOR_TIMER_BASE, vector_timer_base, GATE_INTERRUPT);
	set_gate(VECTOR_LEAVE_USER, leave_user, GATE_INTERRUPT | GATE_FOR_USERS);
	if (params.cpus > 1) {
		measure_move();
	} else {
		test_device();
		test_events();
		measure_loops();
		measure_pages();
		measure_timers();
		measure_interrupt();
		measure_exception();
		measure_switches();
		measure_first_entry();
	}
	hypercall(HC_DONE, failure_count, 0);
}
