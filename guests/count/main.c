/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes known numbers of instructions between marks (tests/count/count.c), to see that the
 *counts are right. Run under `-icount shift=0`, one vCPU. For each loop it prints
 *
 *	count: <name> <mark> <turns> <begun> <uncounted> <clock>
 *
 * the first mark's number, how often the loop was run, the guest's instructions between the marks,
 * how many of them QEMU's clock leaves out, and how far the clock went: 100 instructions a tick.
 *
 * The clock leaves out what is undone by a trap in its middle, as a load that faults, and has
 * what traps at its end, as an ECALL.
 */
#include "boot.h"
#include "check.h"
#include "cost.h"
#include "print.h"
#include "trap.h"
#include "vm.h"

#define TURNS 1000

typedef u64 loop_function(u64 count, u64 a);

loop_function loop_empty, loop_arithmetic, loop_memory, loop_page_fault, loop_page_fault_compressed,
	loop_breakpoint, loop_sbi_base, loop_uart_read;
extern const char vector_skip[];

static u64 memory[8];

/* Of a turn, without the loop's own two. */
static const struct loop {
	const char *name;
	loop_function *run;
	u64 a;
	unsigned int mark, begun, uncounted;
} loops[] = {
	{"empty", loop_empty, 0, 16, 0, 0},
	{"arithmetic", loop_arithmetic, 0, 18, 10, 0},
	{"memory", loop_memory, (u64)memory, 20, 9, 0},
	{"page-fault", loop_page_fault, VM_FREE, 22, 7, 1},
	{"page-fault-compressed", loop_page_fault_compressed, VM_FREE, 30, 13, 2},
	{"breakpoint", loop_breakpoint, 0, 24, 6, 0},
	{"sbi-base", loop_sbi_base, 0, 26, 3, 0},
	{"uart-read", loop_uart_read, UART_BASE + UART_LSR, 28, 1, 1},
};

void guest_main(void)
{
	u64 usual = csr_read(stvec);

	vm_on(vm_identity(), 0);
	csr_write(stvec, vector_skip);
	for (size_t i = 0; i < ARRAY_COUNT(loops); i++) {
		const struct loop *loop = &loops[i];
		u64 ticks;

		loop->run(1, loop->a); /* whatever a first use costs */
		ticks = loop->run(TURNS, loop->a);
		/* The second read of the clock lies between the marks too. */
		print("count: %s %u %u %u %u %lu\n", loop->name, loop->mark, TURNS,
		      TURNS * (loop->begun + 2) + 1, TURNS * loop->uncounted, ticks);
	}
	csr_write(stvec, usual);
	vm_off();
}
