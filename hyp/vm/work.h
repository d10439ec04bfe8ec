/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work besides vCPUs: loading and freeing VMs, the shell. It is done in bounded steps between
 * vCPUs, by an idle hart if there is one, else by a hart that then gives its vCPU at least as long
 * between two steps; never by a dedicated hart unless all are. Rooms above vm/ register theirs.
 */
#pragma once

#include "hyp/list.h"
#include "hyp/types.h"
#include "hyp/vm/pcpu.h"

struct work {
	/* Does a bounded piece, a millisecond at the very most. True: there is more to do at once.
	 * No lock is held; never on two harts at a time. */
	bool (*step)(struct work *work);
	struct list link;
	u64 due;   /* hart time from which on it is wanted, UINT64_MAX: it is not; atomic */
	u32 taken; /* a hart is at it; atomic */
};

/* Boot hart. */
void work_init(struct work *work, bool (*step)(struct work *work));

/* Wants a step now, or at that hart time at the latest. Any hart, any lock held that ranks below
 * LOCK_WORK. */
void work_ask(struct work *work);
void work_ask_at(struct work *work, u64 time);

/* The run loop's part: does one step of what is due. False: nothing was. */
bool work_do(struct pcpu *pcpu);

/* True if the hart shall leave its vCPU for work that is due. */
bool work_is_due(struct pcpu *pcpu);
