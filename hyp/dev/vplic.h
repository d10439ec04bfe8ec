/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual PLIC (RISC-V Platform-Level Interrupt Controller Specification 1.0.0), laid out and
 * sized as on QEMU virt: two contexts a hart, 2h for M-mode (there is none: all its registers read
 * zero and ignore writes) and 2h + 1 for S-mode. Sources count from 1.
 */
#pragma once

#include "hyp/dev/device.h"
#include "hyp/lock.h"

#define VPLIC_BASE	   0x0c000000ULL
#define VPLIC_SIZE	   0x00600000ULL
#define VPLIC_SOURCE_COUNT 95 /* sources 1 to 95 */
#define VPLIC_PRIORITY_MAX 7  /* one less than a power of two: the field is WARL bit by bit */
#define VPLIC_HART_MAX	   64
#define VPLIC_WORDS	   ((VPLIC_SOURCE_COUNT + 1 + 31) / 32)

struct vplic_context {
	u32 enable[VPLIC_WORDS];
	u32 threshold;
	bool asserted; /* the level last reported */
};

struct vplic {
	struct device device;	    /* first: the bus sees only this */
	struct lock lock;	    /* guards all below; single registers may be read without it */
	unsigned hart_count;	    /* constant */
	u32 level[VPLIC_WORDS];	    /* the wires */
	u32 pending[VPLIC_WORDS];   /* requests that no context has claimed */
	u32 forwarded[VPLIC_WORDS]; /* gateways that made a request and await its completion */
	u8 priority[VPLIC_SOURCE_COUNT + 1];
	struct vplic_context contexts[VPLIC_HART_MAX]; /* the S-mode one of each hart */

	/* The external-interrupt wire of a hart changed. Called with the lock held, so it may
	 * take only locks that rank below LOCK_PLIC. */
	void (*set_external)(void *owner, unsigned hart, bool level);
	void *owner;
};

/* All wires low, all registers zero, at VPLIC_BASE; for 1 to VPLIC_HART_MAX harts. */
void vplic_init(struct vplic *plic, unsigned hart_count,
		void (*set_external)(void *owner, unsigned hart, bool level), void *owner);
/* Back to the state after vplic_init(), except that wires keep their level. Takes LOCK_PLIC. */
void vplic_reset(struct vplic *plic);
/* Level-triggered source 1 to VPLIC_SOURCE_COUNT; others are an error of ours. Any hart; takes
 * LOCK_PLIC. */
void vplic_set_level(struct vplic *plic, unsigned source, bool level);
