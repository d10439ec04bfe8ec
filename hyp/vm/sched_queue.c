/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hart's queues, and the counts and masks that tell other harts of them. Owns queue, movable and
 * throttled of each vCPU, and the counts of struct hart.
 *
 * ready_count and the mask of stealable harts are written before the masks of idle and unsliced
 * harts are read by who adds a vCPU, and read after these are written by who goes to sleep or on
 * without a slice: one of the two sees the other, as all four accesses are sequentially consistent
 * (Unprivileged ISA, "RVWMO").
 */
#include "hyp/vm/sched_internal.h"

#include "hyp/check.h"

/* Whether any hart could take it: one that names no harts counts although all others may be VMs'
 * own now, as that can change while it waits. */
static bool is_movable(const struct vcpu *vcpu)
{
	return !is_rt(vcpu) &&
	       (vcpu->sched.harts == 0 || (vcpu->sched.harts & (vcpu->sched.harts - 1)) != 0);
}

static void count_in(struct hart *hart, struct vcpu *vcpu)
{
	vcpu->sched.movable = is_movable(vcpu);
	if (vcpu->sched.movable && hart->movable_count++ == 0)
		set_mask(&sched.stealable, hart->index);
	__atomic_store_n(&hart->ready_count, hart->ready_count + 1, __ATOMIC_SEQ_CST);
}

static void count_out(struct hart *hart, struct vcpu *vcpu)
{
	if (vcpu->sched.movable && --hart->movable_count == 0)
		clear_mask(&sched.stealable, hart->index);
	vcpu->sched.movable = false;
	__atomic_store_n(&hart->ready_count, hart->ready_count - 1, __ATOMIC_SEQ_CST);
}

static NOINLINE void insert_rt(struct hart *hart, struct vcpu *vcpu, enum arrival arrival, u64 now)
{
	if (arrival == ARRIVE_NEW)
		vcpu->sched.period_end = now; /* over: a period begins */
	if (arrival != ARRIVE_BACK)
		rt_wake(vcpu, now);
	if (!rt_has_budget(vcpu, now)) {
		vcpu->sched.throttled = true;
		queue_timed(hart, vcpu, vcpu->sched.period_end);
		return;
	}
	heap_insert(&hart->rt, &vcpu->sched.node, vcpu->sched.period_end);
	vcpu->sched.queue = QUEUE_RT;
	count_in(hart, vcpu);
}

static void insert_fair(struct hart *hart, struct vcpu *vcpu, enum arrival arrival)
{
	if (arrival == ARRIVE_BACK)
		fair_renew(vcpu);
	else
		fair_join(hart, vcpu, arrival);
	if (fair_is_eligible(hart, vcpu)) {
		heap_insert(&hart->eligible, &vcpu->sched.node, vcpu->sched.deadline);
		vcpu->sched.queue = QUEUE_ELIGIBLE;
	} else {
		heap_insert(&hart->pending, &vcpu->sched.node, vcpu->sched.start);
		vcpu->sched.queue = QUEUE_PENDING;
	}
	count_in(hart, vcpu);
}

void queue_ready(struct hart *hart, struct vcpu *vcpu, enum arrival arrival, u64 now)
{
	CHECK(vcpu->sched.queue == QUEUE_NONE);
	if (is_rt(vcpu))
		insert_rt(hart, vcpu, arrival, now);
	else
		insert_fair(hart, vcpu, arrival);
}

static void set_next_wakeup(struct hart *hart)
{
	struct heap_node *first = heap_first(&hart->timed);

	__atomic_store_n(&hart->pcpu->next_wakeup, first ? first->key : UINT64_MAX,
			 __ATOMIC_RELAXED);
}

void queue_timed(struct hart *hart, struct vcpu *vcpu, u64 time)
{
	/* Keys of one heap lie within half of all values of each other. */
	heap_insert(&hart->timed, &vcpu->sched.node, min_u64(time, INT64_MAX));
	vcpu->sched.queue = QUEUE_TIMED;
	if (vcpu->sched.throttled && has_quota(vcpu))
		quota_throttle(vcpu);
	set_next_wakeup(hart);
}

static void remove_timed(struct hart *hart, struct vcpu *vcpu)
{
	heap_remove(&hart->timed, &vcpu->sched.node);
	if (vcpu->sched.throttled && has_quota(vcpu))
		quota_unthrottle(vcpu);
	vcpu->sched.throttled = false;
	set_next_wakeup(hart);
}

void queue_take(struct hart *hart, struct vcpu *vcpu)
{
	struct heap *heap = &hart->rt;

	if (vcpu->sched.queue == QUEUE_ELIGIBLE)
		heap = &hart->eligible;
	else if (vcpu->sched.queue == QUEUE_PENDING)
		heap = &hart->pending;
	heap_remove(heap, &vcpu->sched.node);
	vcpu->sched.queue = QUEUE_NONE;
	count_out(hart, vcpu);
}

void queue_remove(struct hart *hart, struct vcpu *vcpu)
{
	if (vcpu->sched.queue == QUEUE_TIMED) {
		remove_timed(hart, vcpu);
	} else if (vcpu->sched.queue != QUEUE_NONE) {
		queue_take(hart, vcpu);
		if (!is_rt(vcpu))
			fair_leave(hart, vcpu);
	}
	vcpu->sched.queue = QUEUE_NONE;
}
