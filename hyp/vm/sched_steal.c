/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hart takes ready vCPUs from others: any when it has nothing to run, and one from the hart most
 * behind when its own virtual time is ahead of that one's by about a slice. Nobody pushes: who
 * has too little to do has the time to look.
 *
 * A vCPU on its way is READY and in no queue, at home where it goes; who stops or parks it then
 * finds it so, and it does not arrive.
 */
#include "hyp/vm/sched_internal.h"

/* How many of a victim's vCPUs a busy hart looks at, for one that it may run and whose weight fits.
 * An idle one looks at as many as there are: with its lock held that long, but a hart has to be
 * idle and the victim's vCPUs all pinned elsewhere. */
#define LOOK_MAX 8

static u64 distance(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

/* Of the first few in that heap that may run there, the one whose weight comes closest. */
static struct vcpu *look_in(const struct heap *heap, unsigned hart, u64 weight, u64 look_max)
{
	struct vcpu *best = NULL;
	u64 seen = 0;

	for (struct heap_node *node = heap_first(heap); node; node = heap_next(node)) {
		struct vcpu *vcpu = vcpu_at(node);

		if (seen == look_max || (best && seen >= LOOK_MAX))
			break;
		seen++;
		if (!vcpu->sched.movable || !(harts_of(vcpu) >> hart & 1))
			continue;
		if (!best ||
		    distance(vcpu->sched.weight, weight) < distance(best->sched.weight, weight))
			best = vcpu;
	}
	return best;
}

/* Moving half of what the two differ by would make them equal. */
static struct vcpu *choose(const struct hart *victim, const struct hart *hart, u64 look_max)
{
	u64 weight = __atomic_load_n(&hart->published_weight, __ATOMIC_RELAXED);
	u64 half = victim->weight > weight ? (victim->weight - weight) / 2 : 0;
	struct vcpu *vcpu = look_in(&victim->eligible, hart->index, half, look_max);

	return vcpu ? vcpu : look_in(&victim->pending, hart->index, half, look_max);
}

static struct vcpu *take_from(struct hart *victim, const struct hart *hart, u64 look_max)
{
	lock_acquire(&victim->lock);
	struct vcpu *vcpu = choose(victim, hart, look_max);

	if (vcpu) {
		queue_remove(victim, vcpu);
		__atomic_store_n(&vcpu->sched.home, (s32)hart->index, __ATOMIC_RELEASE);
	}
	lock_release(&victim->lock);
	return vcpu;
}

static bool bring(struct hart *hart, struct vcpu *vcpu)
{
	bool arrived = false;

	lock_acquire(&hart->lock);
	if (vcpu->sched.home == (s32)hart->index && vcpu->state == VCPU_READY &&
	    vcpu->sched.queue == QUEUE_NONE) {
		queue_ready(hart, vcpu, ARRIVE_MOVED, hw_time());
		arrived = true;
	}
	lock_release(&hart->lock);
	return arrived;
}

/* How far the hart's time is behind ours; negative: ahead. */
static s64 lag_of(const struct hart *victim, const struct hart *hart)
{
	return (s64)(__atomic_load_n(&hart->published_now, __ATOMIC_RELAXED) -
		     __atomic_load_n(&victim->published_now, __ATOMIC_RELAXED));
}

/* Of one victim at least. */
static struct hart *most_behind(const struct hart *hart, u64 victims)
{
	struct hart *found = hart_get(lowest_bit(victims));

	while (victims &= victims - 1) {
		struct hart *victim = hart_get(lowest_bit(victims));

		if (lag_of(victim, hart) > lag_of(found, hart))
			found = victim;
	}
	return found;
}

u64 steal_victims(const struct hart *hart)
{
	return in_mask(&sched.dedicated, hart->index)
		       ? 0
		       : load_mask(&sched.stealable) & ~BIT(hart->index);
}

/* By more than a slice of the one of the two that has more to do. */
static bool is_far_behind(const struct hart *victim, const struct hart *hart)
{
	u64 weight = max_u64(__atomic_load_n(&hart->published_weight, __ATOMIC_RELAXED),
			     __atomic_load_n(&victim->published_weight, __ATOMIC_RELAXED));

	return weight && lag_of(victim, hart) > (s64)fair_virtual(sched.slice, weight);
}

bool steal_for_balance(struct hart *hart)
{
	u64 victims = steal_victims(hart);
	struct hart *victim = victims ? most_behind(hart, victims) : NULL;

	if (!victim || !__atomic_load_n(&hart->published_weight, __ATOMIC_RELAXED) ||
	    !is_far_behind(victim, hart))
		return false;
	struct vcpu *vcpu = take_from(victim, hart, LOOK_MAX);

	return vcpu && bring(hart, vcpu);
}

bool steal_for_idle(struct hart *hart)
{
	/* Each victim once; one that gets somebody meanwhile wakes an idle hart by itself. */
	for (u64 victims = steal_victims(hart); victims;) {
		struct hart *victim = most_behind(hart, victims);
		struct vcpu *vcpu = take_from(victim, hart, UINT64_MAX);

		/* Stopped or parked on the way, it may have left others behind. */
		if (!vcpu)
			victims &= ~BIT(victim->index);
		else if (bring(hart, vcpu))
			return true;
	}
	return false;
}

/* ---- Where nobody takes ---- */

/* The idle hart that it may use, or else the one with the least weight. */
unsigned steal_choose_home(const struct vcpu *vcpu)
{
	u64 mask = harts_of(vcpu);
	u64 idle = load_mask(&sched.idle) & mask;
	unsigned home = (unsigned)vcpu->sched.home;
	u64 least = UINT64_MAX;

	if (idle)
		return idle >> home & 1 ? home : lowest_bit(idle);
	for (; mask; mask &= mask - 1) {
		unsigned index = lowest_bit(mask);
		u64 weight = __atomic_load_n(&hart_get(index)->published_weight, __ATOMIC_RELAXED);

		if (weight < least) {
			least = weight;
			home = index;
		}
	}
	return home;
}

static struct vcpu *find_stranger(const struct heap *heap, unsigned hart)
{
	for (struct heap_node *node = heap_first(heap); node; node = heap_next(node))
		if (!(harts_of(vcpu_at(node)) >> hart & 1))
			return vcpu_at(node);
	return NULL;
}

static struct vcpu *find_any_stranger(const struct hart *hart)
{
	struct vcpu *vcpu = find_stranger(&hart->eligible, hart->index);

	if (!vcpu)
		vcpu = find_stranger(&hart->pending, hart->index);
	return vcpu ? vcpu : find_stranger(&hart->timed, hart->index);
}

static void arrive(struct hart *hart, struct vcpu *vcpu)
{
	u64 mask = 0;

	lock_acquire(&hart->lock);
	if (vcpu->sched.home == (s32)hart->index && vcpu->sched.queue == QUEUE_NONE) {
		if (vcpu->state == VCPU_READY)
			mask = sched_make_ready(hart, vcpu, ARRIVE_MOVED, hw_time(), false);
		if (vcpu->state == VCPU_WAITING && vcpu->wait_deadline != UINT64_MAX) {
			queue_timed(hart, vcpu, vcpu->wait_deadline);
			mask = BIT(hart->index); /* to set its timer */
		}
	}
	/* If this hart has become a VM's own too, the vCPU is a stranger here as well, and is found
	 * by who evicts: the mask was changed before. */
	hart_unlock(hart, mask);
}

/* One at a time, as many as there are. Who waits without a deadline is in no queue, and goes when
 * it wakes. */
void steal_evict(struct hart *hart)
{
	for (;;) {
		lock_acquire(&hart->lock);
		struct vcpu *vcpu = find_any_stranger(hart);
		unsigned home = vcpu ? steal_choose_home(vcpu) : 0;

		if (vcpu) {
			queue_remove(hart, vcpu);
			__atomic_store_n(&vcpu->sched.home, (s32)home, __ATOMIC_RELEASE);
		}
		/* Once is enough: an interrupt follows whoever sets it, until it is looked at. */
		bool told = !runs_stranger(hart) || hart->resched;

		if (!told)
			__atomic_store_n(&hart->resched, true, __ATOMIC_RELAXED);
		lock_release(&hart->lock);
		if (!told)
			hw_send_ipi(BIT(hart->index));
		if (!vcpu)
			return;
		arrive(hart_get(home), vcpu);
	}
}
