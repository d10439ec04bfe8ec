/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What vCPUs have done between two looks of the operator. Counters of other harts are read as they
 * are, each for itself: what comes out is a snapshot, not a balance.
 */
#pragma once

#include "hyp/vm/guest.h"

struct look {
	u64 span;    /* ticks since the last look, or since the VM started if that is later */
	u64 run;     /* of these: on a hart, */
	u64 ready;   /* waiting for one, */
	u64 waiting; /* waiting for an interrupt */
	u64 exits[EXIT_COUNT_MAX];
	u64 exit_total;
};

/* Since the last call for that vCPU. Shell's work only. */
void look_at_vcpu(struct guest *guest, unsigned id, struct look *look);
/* The sum over all vCPUs; span is that of one. */
void look_at_guest(struct guest *guest, struct look *sum);

/* Ticks that the hart was idle since the last call for it; *span likewise. */
u64 look_at_hart(unsigned hart, u64 *span);

/* In tenths of a percent; at most 1000 for each vCPU or hart. */
static inline u64 look_permille(u64 part, u64 span)
{
	return span ? min_u64(part, span) * 1000 / span : 0;
}

#ifdef HW_TEST
void look_forget_all(void);
#endif
