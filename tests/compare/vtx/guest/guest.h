/* SPDX-License-Identifier: BSD-2-Clause */
/* What the guest's files offer each other. */
#pragma once

#include "../layout.h"

#define VECTOR_UD	  6
#define VECTOR_GP	  13
#define VECTOR_TIMER	  0x40
#define VECTOR_TIMER_BASE 0x41 /* the same handler without the EOI's exit, for the baseline */
#define VECTOR_LEAVE_USER 0x42
#define MSR_REFUSED	  0x13a
#define VENDOR_GENU	  0x756e6547
#define VENDOR_INEI	  0x49656e69
#define VENDOR_NTEL	  0x6c65746e

#ifndef __ASSEMBLER__
struct value_and_spins {
	u64 value, spins;
};

/* loops.S: each runs `count` times and returns what the last round produced. */
typedef u64 loop_function(u64 count, u64 a, u64 b);
typedef struct value_and_spins timer_function(u64 count, u64 delta);

loop_function loop_hypercall, base_hypercall, loop_cpuid, base_cpuid, loop_device, base_device,
	loop_touch, base_touch, loop_refused, base_refused, loop_yield, base_yield, loop_yield_fp,
	base_yield_fp, loop_move, base_move;
timer_function loop_timer, base_timer;
extern const char vector_ud[], vector_gp[], vector_timer[], vector_timer_base[], vector_others[];
extern const char leave_user[];
extern const char partner_plain[], partner_fp[], partner_registers[], first_entry[];

/* Changed by loops.S. */
extern u64 fault_count, fault_code, timer_count, spawn_count, spawn_ticks, spawn_registers;
extern u64 gdt[];

/* FP registers for loop_yield_fp: ymm0 to ymm14 hold seed + their number in each lane, ymm15 ones.
 */
void fp_fill(u64 seed);
void fp_read(u64 (*lanes)[4]);

u64 hypercall(u64 number, u64 a, u64 b);
u64 user_hypercall(void);
u64 registers_after_hypercall(u64 number);
u64 registers_after_device(u64 any);

static inline u64 time_now(void)
{
	u32 low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

static inline void write_msr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

/* Where the debugger, when it traces, starts and stops. */
static inline void marker(void)
{
	__asm__ volatile("xchg %%bx, %%bx" : : : "memory");
}

/* print.c */
void print(const char *text);
void print_decimal(const char *name, u64 value);
void expect(const char *what, u64 value, u64 expected);
extern u64 failure_count;

/* device.c */
void test_device(void);

/* checks.c */
void test_events(void);
void registers_set_first(void);
void registers_check_first(void);
#endif
