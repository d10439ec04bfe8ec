/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Work besides vCPUs: loading and freeing VMs, the shell. It is done in bounded steps between
 * vCPUs, by an idle hart if there is one, else by one that then gives its vCPUs at least as long
 * as the step took; by one that is dedicated or home of real-time vCPUs only if there is no other.
 * Rooms above vm/ register theirs.
 */
#pragma once

#include "hyp/heap.h"
#include "hyp/types.h"
#include "hyp/vm/pcpu.h"

struct work {
	/* Does a bounded piece, a millisecond at the very most. True: there is more to do at once.
	 * No lock is held; never on two harts at a time. */
	bool (*step)(struct work *work);
	struct heap_node node;
	u64 due;    /* hart time from which on it is wanted, UINT64_MAX: it is not */
	bool taken; /* a hart is at it, and it is not among the wanted */
};

/* Boot hart, before the first work_init(). */
void work_start(void);

/* Boot hart. Nobody wants it yet. */
void work_init(struct work *work, bool (*step)(struct work *work));

/* Wants a step now, or at that hart time at the latest. Any hart, locks held or
 * not that rank below LOCK_WORK. */
void work_ask(struct work *work);
void work_ask_at(struct work *work, u64 time);

/* The run loop's part: does one step of what is due. after_vcpu: the hart has just run a vCPU, and
 * maybe not for long enough yet since its last step. False: nothing was done. */
bool work_do(struct pcpu *pcpu, bool after_vcpu);

/* True if the hart shall leave its vCPU for work. Its timer is to be updated afterwards. */
bool work_is_due(struct pcpu *pcpu);
