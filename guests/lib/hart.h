/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The harts of this machine: who they are, their stacks and trap frames, and starting code on them
 * through SBI HSM. sscratch points at the running hart's struct at all times; tp and gp are free.
 */
#pragma once

/* Offsets into struct hart for start.S; hart.c asserts that they are right. */
#define FRAME_X(n)	((n)*8)
#define FRAME_SEPC	256
#define FRAME_SSTATUS	264
#define FRAME_SCAUSE	272
#define FRAME_STVAL	280
#define HART_STACK	288
#define HART_TRAP_STACK 296
#define HART_IN_TRAP	304
#define HART_TRY_SP	312

#define HART_MAX 16

#ifndef __ASSEMBLER__
#include "csr.h"
#include "types.h"

struct trap_frame {
	u64 x[32];
	u64 sepc;
	u64 sstatus;
	u64 scause;
	u64 stval;
};

/* What came of a trap_try(): no trap and the function's value, or the trap it took. */
struct trap_info {
	bool trapped;
	bool from_user;
	u64 cause;
	u64 tval;
	u64 epc;
	u64 value;
};

struct hart {
	struct trap_frame frame;
	u64 stack_top;
	u64 trap_stack_top;
	u64 in_trap;
	u64 try_sp; /* not zero while a trap_try() is under way */
	struct trap_info try_info;

	u64 id;
	unsigned int index; /* in harts[]; the boot hart is 0 */
	void (*run)(void *);
	void *run_argument;
	volatile u64 interrupt_count[16]; /* counted by the default trap_handler() */
};

/* The harts that exist, the boot hart first, then by rising id. */
extern struct hart harts[HART_MAX];
extern unsigned int hart_count;

/* Any hart, also within a trap. */
static inline struct hart *hart_self(void)
{
	return (struct hart *)csr_read(sscratch);
}

/* Boot only: gives hart 0 its identity, then asks HSM which other harts there are. */
void hart_boot(u64 hart_id);
void hart_probe(void);

/*
 * Starts a stopped hart: it calls run(argument) on its own stack with interrupts off, and stops
 * itself when that returns. Returns the SBI error.
 */
s64 hart_start(struct hart *hart, void (*run)(void *), void *argument);

/* Readies the stacks for a start at an entry of the caller's; that must end in secondary_start. */
void hart_prepare(struct hart *hart, void (*run)(void *), void *argument);

/* HSM state of a hart, or a negative SBI error. */
s64 hart_status(const struct hart *hart);

/* Waits until HSM reports the state; false when that took too long. */
bool hart_wait_status(const struct hart *hart, s64 status);

/* Assembly entry (a1 = struct hart *) for SBI HSM; not a C function to call. */
void secondary_start(void);
#endif
