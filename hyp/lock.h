/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticket spinlocks, and the order in which they may nest.
 *
 * A hart takes locks in the order of this table, from top to bottom, and never two of one rank.
 * Debug builds (HW_DEBUG) check that on every acquisition. The hypervisor runs with interrupts
 * off, so a lock is never taken again by its own hart's interrupt path.
 */
#pragma once

#include "hyp/types.h"

enum lock_rank {
	LOCK_VM,      /* struct vm: life cycle, HSM state of its vCPUs */
	LOCK_DEVICE,  /* one emulated UART */
	LOCK_PLIC,    /* one emulated interrupt controller */
	LOCK_SCHED,   /* one hart's run queues */
	LOCK_QUOTA,   /* what one VM has used of its quota */
	LOCK_MEMORY,  /* one VM's G-stage tables and guest RAM */
	LOCK_VMID,    /* VMID generation */
	LOCK_PAGE,    /* the page allocator */
	LOCK_RANDOM,  /* hw_random(), which serves one hart at a time */
	LOCK_CONSOLE, /* the console multiplexer's rings */
	LOCK_WORK,    /* who is at which work */
	LOCK_LOG,     /* whole lines to the physical console */
	LOCK_RANK_COUNT
};

struct lock {
	u32 next;    /* the ticket that the next hart will draw */
	u32 serving; /* the ticket that holds the lock now */
	u8 rank;
};

#define LOCK_INIT(r)                                 \
	{                                            \
		.next = 0, .serving = 0, .rank = (r) \
	}

void lock_init(struct lock *lock, enum lock_rank rank);
void lock_acquire(struct lock *lock);
void lock_release(struct lock *lock);

#ifdef HW_TEST
/* After a test that left a lock held on purpose. */
void lock_forget_held(void);
#endif
