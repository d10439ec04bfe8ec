/* SPDX-License-Identifier: BSD-2-Clause */
/* What the hypervisor knows of each hart that it runs on. */
#pragma once

#include "hyp/hw.h"
#include "hyp/vcpu.h"

/* pcpu->timer_set when the timer may have rung since it was set. */
#define PCPU_TIMER_UNKNOWN (UINT64_MAX - 1)

struct pcpu {
	unsigned index;
	struct vcpu *current; /* RUNNING on this hart; this hart only */
	struct vcpu *loaded;  /* whose VS CSRs are in the hart; written by this hart, atomic */
	u64 slice_end;	      /* hart time at which current has to share, UINT64_MAX: alone */
	u64 budget_end;	      /* when its budget or quota has to be looked at, or UINT64_MAX */
	u64 next_wakeup;      /* when the first in the hart's timed queue is due; atomic */
	u64 next_poll;	      /* when to look after a console without interrupts; atomic */
	u64 next_work;	      /* when to leave the vCPU for work; work.c's, as is the next */
	u64 work_pause;	      /* until then it is the vCPUs' turn */
	u64 timer_set;	      /* what hw_set_timer() was told last */
	u64 recycled;	      /* see recycle.h; written by this hart, atomic */
	const struct vcpu *fp_owner;	 /* whose values are in the FP unit, if that one agrees */
	const struct vcpu *vector_owner; /* likewise */
};

/* All of them; index below hw_machine()->hart_count. The one place that turns an index into one. */
struct pcpu *pcpu_get(unsigned index);
static inline struct pcpu *pcpu_this(void)
{
	return pcpu_get(hw_hart_index());
}

/* Boot hart, before any VM. */
void pcpu_init(void);

/* Sets the hart's timer to the earliest thing it has to do. Any change of the fields above or of
 * the current vCPU's timer is followed by it, on the hart itself. */
void pcpu_update_timer(struct pcpu *pcpu);
