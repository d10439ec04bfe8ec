/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work of three kinds for the Linux guest, for the counting of instructions (tests/count/count.c).
 *
 *	work boot		nothing; only shows that the system has come up
 *	work cpu [ROUNDS]	computes: primes by a sieve, a product of matrices, a hash
 *	work calls [ROUNDS]	system calls, a pipe, processes that begin and end
 *	work timers [ROUNDS]	sleeps, and a timer that rings periodically
 *
 * Just before and after it executes a mark; the guest's clock is the mark's value. What it computes
 * is checked: status 1 if it is wrong.
 */
#include "linux/lib/calls.h"
#include "work.h"

void fail(const char *what, s64 got)
{
	say("work: FAILED: %s: %ld\n", what, got);
	leave(1);
}

/* `rdtime a0; slti x0, a0, MARK`: the first of a pair is even, the second one more. */
#define MARK(number) __asm__ volatile("rdtime a0\n\tslti x0, a0, " #number ::: "a0", "memory")

static u64 number_of(const char *digits)
{
	u64 value = 0;

	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9' || value > 1000000)
			fail("no number of rounds", *digits);
		value = 10 * value + (u64)(*digits - '0');
	}
	return value;
}

/* From _start, with the stack as the kernel made it. */
void program(const u64 *stack);

void program(const u64 *stack)
{
	u64 count = stack[0];
	const char *name = count > 1 ? (const char *)stack[2] : "";
	u64 rounds = count > 2 ? number_of((const char *)stack[3]) : 0;

	if (strcmp(name, "boot") == 0) {
		MARK(1);
	} else if (strcmp(name, "cpu") == 0) {
		MARK(2);
		work_cpu(rounds ? rounds : 8);
		MARK(3);
	} else if (strcmp(name, "calls") == 0) {
		MARK(4);
		work_calls(rounds ? rounds : 100);
		MARK(5);
	} else if (strcmp(name, "timers") == 0) {
		MARK(6);
		work_timers(rounds ? rounds : 1000);
		MARK(7);
	} else {
		fail("which work: boot, cpu, calls, timers", 0);
	}
	say("work: %s done\n", name);
	leave(0);
}
