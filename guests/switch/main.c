/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures what it costs to go from one vCPU to another, in instructions, from inside guests. Run
 * under `-icount shift=0,sleep=off`. All harts of the emulator share one clock that counts every
 * hart's instructions, so a number is what all harts together executed for the operation.
 *
 *	exits: <name> <instructions>.<tenth>
 *
 * ping (2 vCPUs): each signals the other and waits, 10,000 times; a number is one signal, one wait
 *	and one change over, loop included. On one hart that is a switch between vCPUs of a VM, on
 *	two harts the wake-up of a vCPU that sleeps on the other: one hart runs at a time, and that
 *	is what makes the sum exact. ping-fp and ping-v: both sides write FP or vector registers in
 *	between. ping-suspend: waits by HSM suspend, which always leaves the hart, and WFI may not.
 *
 * ipi (2 vCPUs on 2 harts): to a vCPU that runs: from the call to the caller's having seen that the
 *	handler ran there. fence-1, fence-3 (2 and 4 vCPUs, a hart for each): remote sfence of one
 *	page to that many vCPUs that run. Everything that the harts executed meanwhile in loops of
 *	ours is counted by these and taken off. running.c tells what the emulator does to a wait.
 *
 * spin (spinners=N in the boot arguments): N vCPUs spin on one hart: all of this VM, and those of
 *	others with `spin quiet`. Everything but the spinning, divided by the number of switches,
 *	that is: timer interrupt, choice, and change over. spin.c tells how. With `fp` or `v` each
 *	has dirty registers to save and load; the name is spin-N, spin-fp-N, spin-v-N.
 */
#include "tests.h"

static const struct boot_group groups[] = {
	{"ping", test_ping, false},
	{"ipi", test_ipi, false},
	{"fence", test_fence, false},
	{"spin", test_spin, true},
};

bool has_fp(void)
{
	return boot_isa_has("d");
}

bool has_vector(void)
{
	return boot_isa_has("v");
}

void units_on(void)
{
	if (has_fp())
		context_set_fs(CONTEXT_INITIAL);
	if (has_vector()) {
		context_set_vs(CONTEXT_INITIAL);
		vector_ready();
	}
}

void guest_main(void)
{
	boot_run_groups(groups, ARRAY_COUNT(groups));
}
