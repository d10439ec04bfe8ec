/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real-time class: each vCPU is a constant-bandwidth server (Abeni and Buttazzo, "Integrating
 * Multimedia Applications in Hard Real-Time Systems", RTSS 1998) in its hard form: one that has
 * used up its budget is held back until its deadline, and gets the next budget then. The servers of
 * a hart run earliest deadline first (sched_queue.c), before all fair vCPUs, and do not move;
 * sched_admit.c sees to it that their loads fit. Owns budget_left and period_end.
 */
#include "hyp/vm/sched_internal.h"

static void begin_period(struct vcpu *vcpu, u64 start)
{
	vcpu->sched.budget_left = vcpu->vm->limits.rt_budget;
	vcpu->sched.period_end = start + vcpu->vm->limits.rt_period;
}

/* What is left may be used by the old deadline if that is no more than its share of the time until
 * then; else it would take what is others', and a new period begins. */
void rt_wake(struct vcpu *vcpu, u64 now)
{
	const struct sched_limits *limits = &vcpu->vm->limits;
	u64 time_left = vcpu->sched.period_end - now;

	if (vcpu->sched.period_end <= now ||
	    (unsigned __int128)vcpu->sched.budget_left * limits->rt_period >
		    (unsigned __int128)time_left * limits->rt_budget)
		begin_period(vcpu, now);
}

void rt_charge(struct vcpu *vcpu, u64 ticks)
{
	vcpu->sched.budget_left -= min_u64(ticks, vcpu->sched.budget_left);
}

bool rt_has_budget(struct vcpu *vcpu, u64 now)
{
	if (vcpu->sched.budget_left)
		return true;
	if (vcpu->sched.period_end > now)
		return false;
	/* The next period follows the last without a gap, unless the hart comes far too late. */
	u64 late = now - vcpu->sched.period_end;

	begin_period(vcpu, late < vcpu->vm->limits.rt_period ? vcpu->sched.period_end : now);
	return true;
}
