/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hart's own memory: one area, aligned to its size, so that a hart finds what is its own from its
 * stack pointer alone. gp and tp, which other kernels use for this, belong to the guest.
 *
 *	area + 0                   guard page, unmapped
 *	area + 4 KiB               stack, growing down from
 *	area + 32 KiB - reserve    struct hart
 *
 * The assembly includes this file for the constants.
 */
#pragma once

#define HART_AREA_SHIFT 15
#define HART_AREA_SIZE	(1 << HART_AREA_SHIFT)
#define HART_RESERVE	256 /* room for struct hart; a multiple of 16, as it is the initial sp */
#define HART_GUARD_SIZE 4096

#ifndef __ASSEMBLER__

#include "hyp/hw.h"
#include "platform/probe.h"

enum hart_state {
	HART_STARTING,	/* told to run; the boot hart waits for it */
	HART_READY,	/* probed; it waits for hyp_init() to be done */
	HART_REFUSED,	/* cannot be used, for the reason in refusal */
	HART_ABANDONED, /* took too long: must not touch anything when it comes */
};

struct hart {
	u64 id;		  /* the firmware's name for it */
	unsigned index;	  /* the hypervisor's; valid once HART_READY harts have been counted */
	u32 state;	  /* enum hart_state; compare-and-swapped by this hart and the boot hart */
	u32 named;	  /* what the device tree says it has: enum probe_named */
	int node;	  /* in the device tree */
	int plic_context; /* its S-mode context at the PLIC, -1 for none */
	const char *refusal;
	struct probe_result probe;
};

_Static_assert(sizeof(struct hart) <= HART_RESERVE, "struct hart outgrew its place");

/* The calling hart. Not volatile: the area of a running function never changes, so the compiler
 * may compute it once. */
static inline struct hart *hart_self(void)
{
	u64 sp;

	__asm__("mv %0, sp" : "=r"(sp));
	return (struct hart *)((sp | (HART_AREA_SIZE - 1)) + 1 - HART_RESERVE);
}

static inline struct hart *hart_in_area(void *area)
{
	return (struct hart *)((char *)area + HART_AREA_SIZE - HART_RESERVE);
}

/* Makes a struct hart known, from which moment on hart_is_known() finds it. */
void hart_register(struct hart *hart);

/* For addresses that may be anything: is there a hart whose struct hart this is? */
bool hart_is_known(const struct hart *hart);

/* Starts the harts of the array other than the calling one, which is harts[0], waits until they
 * have probed themselves, and moves those that can be used to the front. Prints a line for each
 * other one. Returns how many can be used. */
unsigned hart_start_others(struct hart **harts, unsigned count, u64 timebase_hz);

/* Sets up the CSRs of the calling hart that stay as they are from then on. */
void hart_init_csrs(void);

/* Lets the harts that hart_start_others() left waiting go into hyp_run(). */
void hart_release_others(void);

/* Stops the calling hart for good. */
_Noreturn void hart_park(void);

#endif
