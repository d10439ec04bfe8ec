/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hart runs and when it looks again. Owns running, picked_at, resched and unsliced of each
 * hart, charged of each vCPU, and slice_end and budget_end of struct pcpu.
 *
 * A hart has a slice only while somebody is ready who may run there; one that has none is told by
 * whoever makes such a vCPU ready. Dedicated harts never have any.
 */
#include "hyp/vm/sched_internal.h"

#include "hyp/trace.h"

/* A vCPU keeps its hart for at least that part of a slice, real-time ones aside. */
#define LEAST_PART 8

static u64 least_run(void)
{
	return max_u64(1, sched.slice / LEAST_PART);
}

void hart_charge(struct hart *hart, u64 now)
{
	struct vcpu *vcpu = hart->running;

	if (!vcpu || now <= vcpu->sched.charged)
		return;
	if (is_rt(vcpu))
		rt_charge(vcpu, now - vcpu->sched.charged);
	else
		fair_charge(hart, vcpu, now - vcpu->sched.charged);
	if (has_quota(vcpu))
		quota_charge(vcpu, vcpu->sched.charged, now);
	vcpu->sched.charged = now;
}

/* Somebody who is ready may want the hart, if it is no VM's own. */
static bool is_wanted(const struct hart *hart)
{
	return __atomic_load_n(&hart->ready_count, __ATOMIC_SEQ_CST) != 0 ||
	       (load_mask(&sched.stealable) & ~BIT(hart->index)) != 0;
}

static void set_unsliced(struct hart *hart, bool unsliced)
{
	if (hart->unsliced == unsliced)
		return;
	hart->unsliced = unsliced;
	if (unsliced)
		set_mask(&sched.unsliced, hart->index);
	else
		clear_mask(&sched.unsliced, hart->index);
}

/* How long the running vCPU goes on if nothing happens. */
static u64 slice_left(const struct vcpu *vcpu)
{
	s64 left = (s64)(vcpu->sched.deadline - vcpu->sched.start);
	u64 ticks = left > 0 ? fair_ticks((u64)left, vcpu->sched.weight) + 1 : 0;

	return min_u64(max_u64(ticks, least_run()), sched.slice);
}

/* If nobody is ready, that is said first and looked at again second (sched_queue.c). */
static void set_slice(struct hart *hart, u64 now)
{
	struct pcpu *pcpu = hart->pcpu;
	struct vcpu *vcpu = hart->running;
	bool fair = !is_rt(vcpu), shared = !in_mask(&sched.dedicated, hart->index);

	pcpu->budget_end = UINT64_MAX;
	if (!fair)
		pcpu->budget_end = vcpu->sched.charged + vcpu->sched.budget_left;
	else if (has_quota(vcpu))
		pcpu->budget_end = vcpu->sched.charged + vcpu->sched.grant;
	set_unsliced(hart, fair && !(shared && is_wanted(hart)));
	if (hart->unsliced && shared && is_wanted(hart))
		set_unsliced(hart, false);
	pcpu->slice_end = fair && !hart->unsliced ? now + slice_left(vcpu) : UINT64_MAX;
}

void hart_vacate(struct hart *hart, struct vcpu *vcpu, u64 now)
{
	struct pcpu *pcpu = hart->pcpu;

	hart_charge(hart, now);
	if (has_quota(vcpu))
		quota_give_back(vcpu);
	hart->running = NULL;
	hart->resched = false;
	set_unsliced(hart, false);
	pcpu->slice_end = UINT64_MAX;
	pcpu->budget_end = UINT64_MAX;
}

/* ---- Picking ---- */

/* The quota is used up. The vCPU is out of the fair class's accounts until it gets more. */
static void hold_back(struct hart *hart, struct vcpu *vcpu, u64 until)
{
	fair_leave(hart, vcpu);
	vcpu->sched.throttled = true;
	queue_timed(hart, vcpu, until);
}

/* Who is next, out of its queue. Each vCPU whose quota is used up is met once, and then it is not
 * ready any more. */
static struct vcpu *take_next(struct hart *hart, u64 now)
{
	for (;;) {
		struct vcpu *vcpu = vcpu_at(heap_first(&hart->rt));

		if (!vcpu)
			vcpu = fair_first(hart);
		if (!vcpu)
			return NULL;
		queue_take(hart, vcpu);
		u64 retry = has_quota(vcpu) ? quota_take(vcpu, now) : 0;

		if (!retry)
			return vcpu;
		hold_back(hart, vcpu, retry);
	}
}

static void count_pick(const struct hart *hart, struct vcpu *vcpu)
{
	vcpu->pick_count++;
	if (vcpu->last_hart >= 0 && vcpu->last_hart != (s32)hart->index) {
		vcpu->move_count++;
		trace(TRACE_MOVE, vcpu, (u64)vcpu->last_hart);
	}
}

static void note_idle(struct hart *hart, bool idle, u64 now)
{
	u64 since = hart->idle_since;

	if (idle == (since != UINT64_MAX))
		return;
	if (!idle)
		__atomic_store_n(&hart->idle_time, hart->idle_time + (now - since),
				 __ATOMIC_RELAXED);
	__atomic_store_n(&hart->idle_since, idle ? now : UINT64_MAX, __ATOMIC_RELAXED);
}

static u64 find_harts_for(const struct heap *heap, unsigned preferred)
{
	u64 found = 0;

	for (struct heap_node *node = heap_first(heap); node && load_mask(&sched.idle);
	     node = heap_next(node))
		found |= sched_claim_idle(harts_of(vcpu_at(node)), preferred);
	return found;
}

/* Who was expected to be picked, and was not, since somebody with more right to it woke up just
 * now. Looks through the queue only while harts are idle that none of these, mostly, may use. */
static u64 kick_left_over(const struct hart *hart)
{
	if (!hart->movable_count || !(load_mask(&sched.idle) & ~load_mask(&sched.dedicated)))
		return 0;
	return find_harts_for(&hart->eligible, hart->index) |
	       find_harts_for(&hart->pending, hart->index);
}

/* Likewise when the hart was woken for somebody in another hart's queue and found something of its
 * own to do: idle ones that may take who is there go instead. Any idle one would not do: it may be
 * of no use to anybody, and the claim would end there. No lock held. */
static void pass_on_claim(struct hart *hart)
{
	u64 others = load_mask(&sched.stealable) & ~BIT(hart->index);

	for (; others && load_mask(&sched.idle); others &= others - 1) {
		struct hart *other = hart_get(lowest_bit(others));

		lock_acquire(&other->lock);
		hart_unlock(other, kick_left_over(other));
	}
}

static struct vcpu *pick_locked(struct hart *hart, u64 now)
{
	struct vcpu *vcpu = take_next(hart, now);

	note_idle(hart, vcpu == NULL, now);
	if (!vcpu)
		return NULL;
	vcpu_set_state(vcpu, VCPU_RUNNING, now);
	vcpu->sched.charged = now;
	hart->running = vcpu;
	hart->picked_at = now;
	hart->resched = false;
	set_slice(hart, now);
	count_pick(hart, vcpu);
	return vcpu;
}

struct vcpu *sched_pick(struct pcpu *pcpu)
{
	struct hart *hart = hart_of(pcpu);
	bool stole = false;

	lock_acquire(&hart->lock);
	u64 now = hw_time();
	u64 harts = sched_wake_due(hart, now, true);

	if (!in_mask(&sched.dedicated, hart->index))
		fair_adjust_scale(hart);
	if (steal_victims(hart)) {
		bool is_busy = hart->ready_count != 0;

		hart_unlock(hart, harts);
		stole = is_busy ? steal_for_balance(hart) : steal_for_idle(hart);
		lock_acquire(&hart->lock);
		now = hw_time();
		harts = 0;
	}
	struct vcpu *vcpu = pick_locked(hart, now);

	hart_unlock(hart, harts | kick_left_over(hart));
	if (UNLIKELY(hart->claimed)) {
		hart->claimed = false;
		if (vcpu && !stole)
			pass_on_claim(hart);
	}
	trace(TRACE_SWITCH, vcpu, 0);
	return vcpu;
}

/* ---- Going on ---- */

/* A fair vCPU against those that are ready. */
static bool stays_first(struct hart *hart, struct vcpu *vcpu)
{
	const struct vcpu *first = fair_first(hart);

	if (!first || first->sched.queue != QUEUE_ELIGIBLE)
		return true;
	return fair_is_eligible(hart, vcpu) &&
	       (s64)(vcpu->sched.deadline - first->sched.deadline) <= 0;
}

static bool stays(struct hart *hart, struct vcpu *vcpu, u64 now, bool slice_over)
{
	const struct vcpu *first_rt = vcpu_at(heap_first(&hart->rt));

	if (is_rt(vcpu))
		return rt_has_budget(vcpu, now) &&
		       !(first_rt && first_rt->sched.period_end < vcpu->sched.period_end);
	if (first_rt || !(harts_of(vcpu) >> hart->index & 1))
		return false;
	if (has_quota(vcpu) && vcpu->sched.grant == 0 && quota_take(vcpu, now) != 0)
		return false;
	if (!slice_over)
		return true;
	fair_renew(vcpu);
	return stays_first(hart, vcpu);
}

/* Somebody new wants the hart: real-time ones get it at once, others not before the running one had
 * a reasonable turn. */
static bool is_slice_over(struct hart *hart, const struct pcpu *pcpu, u64 now)
{
	if (pcpu->slice_end <= now)
		return true;
	return hart->resched && now - hart->picked_at >= least_run();
}

/* Until a reasonable turn is over. */
static void shorten_slice(struct hart *hart, struct pcpu *pcpu)
{
	pcpu->slice_end = min_u64(pcpu->slice_end, hart->picked_at + least_run());
}

/* Has been charged up to now. */
static bool go_on_locked(struct hart *hart, struct pcpu *pcpu, u64 now, bool slice_over)
{
	struct vcpu *vcpu = hart->running;
	bool resched = hart->resched && !slice_over;

	if (!stays(hart, vcpu, now, slice_over))
		return false;
	hart->resched = false;
	if (slice_over || pcpu->slice_end == UINT64_MAX || pcpu->budget_end <= now)
		set_slice(hart, now);
	if (resched)
		shorten_slice(hart, pcpu);
	return true;
}

bool hart_goes_on(struct hart *hart, u64 now)
{
	struct pcpu *pcpu = hart->pcpu;

	if (!hart->running || is_slice_over(hart, pcpu, now) ||
	    !go_on_locked(hart, pcpu, now, false))
		return false;
	pcpu_update_timer(pcpu);
	return true;
}

static NOINLINE bool tick_slowly(struct hart *hart, struct pcpu *pcpu)
{
	bool goes_on = true;

	lock_acquire(&hart->lock);
	u64 now = hw_time();
	u64 harts = sched_wake_due(hart, now, !hart->running);
	bool slice_over = hart->running && is_slice_over(hart, pcpu, now);

	if (slice_over) {
		hart_charge(hart, now);
		fair_adjust_scale(hart);
		lock_release(&hart->lock);
		steal_for_balance(hart);
		lock_acquire(&hart->lock);
	}
	if (hart->running) {
		now = hw_time();
		hart_charge(hart, now);
		goes_on = go_on_locked(hart, pcpu, now, slice_over);
	}
	hart_unlock(hart, harts & ~BIT(hart->index));
	return goes_on;
}

bool sched_tick(struct pcpu *pcpu)
{
	struct hart *hart = hart_of(pcpu);
	u64 next = min_u64(
		pcpu->slice_end,
		min_u64(pcpu->budget_end, __atomic_load_n(&pcpu->next_wakeup, __ATOMIC_RELAXED)));

	if (next > hw_time() && !__atomic_load_n(&hart->resched, __ATOMIC_RELAXED) &&
	    !(hart->unsliced && !in_mask(&sched.dedicated, hart->index) && is_wanted(hart)))
		return true;
	return tick_slowly(hart, pcpu);
}

/* ---- Idling ---- */

/* WFI also ends for what is delegated to a guest and enabled by it, and the hart still has the
 * last guest's CSRs (Privileged ISA, "Wait for Interrupt"). When a vCPU that waits is to be woken,
 * next_wakeup says. */
static void sleep_undisturbed(void)
{
	u64 vsie = hw_read_vsie();

	hw_write_vsie(0);
	hw_wait();
	hw_write_vsie(vsie);
}

/* Who makes a vCPU ready after our bit is set claims us and sends an IPI, which ends the sleep; one
 * that was ready before is found. */
bool hart_begin_idle(struct hart *hart)
{
	set_mask(&sched.idle, hart->index);
	if (__atomic_load_n(&hart->ready_count, __ATOMIC_SEQ_CST) || steal_for_idle(hart))
		return false;
	pcpu_update_timer(hart->pcpu);
	return true;
}

void hart_end_idle(struct hart *hart)
{
	struct pcpu *pcpu = hart->pcpu;

	hart->claimed = !clear_mask(&sched.idle, hart->index);
	pcpu->timer_set = PCPU_TIMER_UNKNOWN;
	hw_serve_pending();
	sched_tick(pcpu);
}

void sched_idle(struct pcpu *pcpu)
{
	struct hart *hart = hart_of(pcpu);

	if (hart_begin_idle(hart))
		sleep_undisturbed();
	hart_end_idle(hart);
}
