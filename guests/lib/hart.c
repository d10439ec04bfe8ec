/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the table of harts and their stacks. The boot hart fills the table before it starts any
 * other; afterwards each entry belongs to its own hart, but for the counters others may read.
 */
#include "hart.h"
#include "sbi.h"
#include "trap.h"
#include "wait.h"

_Static_assert(offsetof(struct hart, frame.x[31]) == FRAME_X(31), "FRAME_X");
_Static_assert(offsetof(struct hart, frame.sepc) == FRAME_SEPC, "FRAME_SEPC");
_Static_assert(offsetof(struct hart, frame.sstatus) == FRAME_SSTATUS, "FRAME_SSTATUS");
_Static_assert(offsetof(struct hart, frame.scause) == FRAME_SCAUSE, "FRAME_SCAUSE");
_Static_assert(offsetof(struct hart, frame.stval) == FRAME_STVAL, "FRAME_STVAL");
_Static_assert(offsetof(struct hart, stack_top) == HART_STACK, "HART_STACK");
_Static_assert(offsetof(struct hart, trap_stack_top) == HART_TRAP_STACK, "HART_TRAP_STACK");
_Static_assert(offsetof(struct hart, in_trap) == HART_IN_TRAP, "HART_IN_TRAP");
_Static_assert(offsetof(struct hart, try_sp) == HART_TRY_SP, "HART_TRY_SP");

#define STACK_SIZE 8192

struct hart harts[HART_MAX];
unsigned int hart_count;

static u8 stacks[HART_MAX][STACK_SIZE] __attribute__((aligned(16)));
static u8 trap_stacks[HART_MAX][STACK_SIZE] __attribute__((aligned(16)));

void hart_main(struct hart *hart);

static struct hart *hart_add(u64 id)
{
	struct hart *hart = &harts[hart_count];

	hart->id = id;
	hart->index = hart_count++;
	hart->stack_top = (u64)stacks[hart->index] + STACK_SIZE;
	hart->trap_stack_top = (u64)trap_stacks[hart->index] + STACK_SIZE;
	return hart;
}

void hart_boot(u64 hart_id)
{
	csr_write(sscratch, (u64)hart_add(hart_id));
}

void hart_probe(void)
{
	/* Ids need not be contiguous; every machine we are made for has its own below 64. */
	for (u64 id = 0; id < 64 && hart_count < HART_MAX; id++) {
		if (id != harts[0].id && sbi_call(SBI_HSM, HSM_STATUS, id, 0, 0, 0).error == 0)
			hart_add(id);
	}
}

void hart_prepare(struct hart *hart, void (*run)(void *), void *argument)
{
	hart->in_trap = 0;
	hart->try_sp = 0;
	hart->run = run;
	hart->run_argument = argument;
	fence();
}

s64 hart_start(struct hart *hart, void (*run)(void *), void *argument)
{
	hart_prepare(hart, run, argument);
	return sbi_call(SBI_HSM, HSM_START, hart->id, (u64)secondary_start, (u64)hart, 0).error;
}

/* Where secondary_start goes: on this hart's own stack, interrupts off. */
void hart_main(struct hart *hart)
{
	hart->run(hart->run_argument);
	csr_write(sie, 0ul);
	csr_clear(sstatus, (u64)SSTATUS_SIE);
	sbi_call(SBI_HSM, HSM_STOP, 0, 0, 0, 0);
	trap_panic("hart_stop returned");
}

s64 hart_status(const struct hart *hart)
{
	struct sbi_result r = sbi_call(SBI_HSM, HSM_STATUS, hart->id, 0, 0, 0);

	return r.error ? r.error : (s64)r.value;
}

bool hart_wait_status(const struct hart *hart, s64 status)
{
	return WAIT_FOR(hart_status(hart) == status);
}
