/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that does its worst. Boot arguments:
 *
 *	seed=N		what everything random is derived from (1)
 *	life_ms=N	after so many milliseconds the VM reboots (4000)
 *	insn csr paging mmio sbi storm hsm smc exhaust	only these kinds of attacks
 *
 * All vCPUs attack. Each 100 ms, and at the end of a life, a line tells what has been done in it:
 * rounds and single acts by kind, exceptions by cause, interrupts by number, vCPUs that are lost at
 * present, and how often one had to begin anew. It ends with a sum of its characters, since the
 * attacks write to the console too.
 */
#include "boot.h"
#include "hart.h"
#include "hostile.h"
#include "sbi.h"
#include "timer.h"

struct machine machine;

extern const char __image_end[];
void worker_again(struct worker *worker) __attribute__((noreturn));

void guest_main(void)
{
	machine.seed = random_mix(boot_number("seed", 1), boot_random());
	machine.ram_start = boot_ram_start();
	machine.ram_end = boot_ram_end();
	machine.free_start = (u64)__image_end;
	machine.ticks_per_ms = boot_timebase() / 1000;
	timer_is_sstc();
	rounds_choose();
	worker_count = hart_count < WORKER_MAX ? hart_count : WORKER_MAX;
	for (unsigned int i = 0; i < worker_count; i++) {
		worker_set_up(i, harts[i].id);
		workers[i].alive_at = time_now();
	}
	for (unsigned int i = 1; i < worker_count; i++)
		sbi_call(SBI_HSM, HSM_START, workers[i].hart_id, (u64)worker_entry,
			 (u64)&workers[i], 0);
	worker_again(&workers[0]);
}
