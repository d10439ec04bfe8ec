/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fair class. On its hart a vCPU is served earliest eligible virtual deadline first (Stoica and
 * Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995): its virtual start advances by
 * ticks / weight while it runs; the hart's virtual time is the weighted mean of all virtual starts,
 * so that the sum of what vCPUs are ahead and behind is zero; eligible is who is not ahead of it;
 * and of those the one runs whose request, a slice, is due first. None gets ahead of or falls
 * behind its share of the hart by more than about a slice, whatever the weights of the others
 * (start-time fair queueing lets a heavy one wait for a slice of each light one).
 *
 * Between harts fairness is that of their virtual times, which are comparable, as in deadline fair
 * scheduling (Chandra, Adler, Shenoy, RTAS 2001): a hart whose time is ahead has too little to do,
 * and takes vCPUs from the one that is most behind (sched_steal.c). Whatever weights can be served
 * in proportion are, then. Weights that cannot (more than a hart's worth for one vCPU, or pinned
 * vCPUs) pull the harts' times apart; so that this is not paid back later to whoever happens to
 * be there, a hart's scale leans towards the mean of the others' once it is far off. (Surplus fair
 * scheduling, Chandra et al., OSDI 2000, reweighs to that end, which needs one queue for all.)
 *
 * Virtual times wrap; all that are compared lie close together.
 */
#include "hyp/vm/sched_internal.h"

/* A hart's scale is left alone up to OFF_MAX slices off, leans by one part in LEAN from there on,
 * and is never further off than LEAN slices; nor is a vCPU that comes there. (Closer bounds cut off
 * what is owed to heavy vCPUs whose neighbours sleep and wake.) Who wakes keeps a debt of OFF_MAX.
 */
#define OFF_MAX 4
#define LEAN	64
/* The first request after a wait is this much shorter, hence due earlier: who waited for an
 * interrupt and has little to do gets to it soon, and what it uses is accounted for all the same.
 */
#define WOKEN_PART 8

u64 fair_virtual(u64 ticks, u64 weight)
{
	return (ticks << sched.shift) / weight;
}

u64 fair_ticks(u64 virtual_time, u64 weight)
{
	return (virtual_time * weight) >> sched.shift;
}

static u64 slice_of(const struct vcpu *vcpu)
{
	return fair_virtual(sched.slice, vcpu->sched.weight);
}

/* What the hart's own time advances in a slice. */
static u64 unit_of(u64 weight)
{
	return weight ? fair_virtual(sched.slice, weight) : 0;
}

static void publish(struct hart *hart)
{
	__atomic_store_n(&hart->published_now, hart->base + hart->virtual_now, __ATOMIC_RELAXED);
	__atomic_store_n(&hart->published_weight, hart->weight, __ATOMIC_RELAXED);
}

/* Only a heavy vCPU that comes to a light hart makes the surplus longer than a register. */
static NOINLINE void settle_long(struct hart *hart)
{
	s64 step = (s64)(hart->surplus / (s64)hart->weight);

	hart->virtual_now += (u64)step;
	hart->surplus -= (__int128)step * (s64)hart->weight;
	publish(hart);
}

/* virtual_now becomes the mean again. The quotient rounds to zero: what is left stays. */
static void settle(struct hart *hart)
{
	s64 surplus = (s64)hart->surplus;

	if (!hart->weight) {
		hart->surplus = 0;
	} else if (LIKELY(surplus == hart->surplus)) {
		hart->virtual_now += (u64)(surplus / (s64)hart->weight);
		hart->surplus = surplus % (s64)hart->weight;
	} else {
		settle_long(hart);
		return;
	}
	publish(hart);
}

/* The vCPU's part of the sum. */
static __int128 part_of(const struct hart *hart, const struct vcpu *vcpu)
{
	return (__int128)(s64)(vcpu->sched.start - hart->virtual_now) * (s64)vcpu->sched.weight;
}

/* The other harts that have a time. */
static u64 others_of(const struct hart *hart)
{
	return peek_mask(&sched.loaded) & ~BIT(hart->index) & ~peek_mask(&sched.dedicated);
}

/* How far these harts' times are ahead of this one's on the average, and the longest of their
 * slices and ours. */
static s64 find_ahead(const struct hart *hart, u64 others, u64 *unit)
{
	s64 count = __builtin_popcountll(others);
	u64 now = hart->base + hart->virtual_now;
	s64 ahead = 0;

	*unit = unit_of(hart->weight);
	for (u64 rest = others; rest; rest &= rest - 1) {
		const struct hart *other = hart_get(lowest_bit(rest));
		u64 its_now = __atomic_load_n(&other->published_now, __ATOMIC_RELAXED);
		u64 its_weight = __atomic_load_n(&other->published_weight, __ATOMIC_RELAXED);

		ahead += (s64)(its_now - now) / count;
		*unit = max_u64(*unit, unit_of(its_weight));
	}
	return ahead;
}

static NOINLINE void adjust_scale_to(struct hart *hart, u64 others)
{
	u64 unit;
	s64 ahead = find_ahead(hart, others, &unit);
	bool behind = ahead > 0;
	u64 off = behind ? (u64)ahead : 0 - (u64)ahead;

	if (off <= OFF_MAX * unit)
		return;
	u64 excess = off - OFF_MAX * unit;
	u64 shift = excess > LEAN * unit ? excess - LEAN * unit : excess / LEAN;

	hart->base += behind ? shift : 0 - shift;
	publish(hart);
}

void fair_adjust_scale(struct hart *hart)
{
	u64 others = others_of(hart);

	if (others)
		adjust_scale_to(hart, others);
}

/* The value, or what of the range is nearest to it. */
static u64 clamp(u64 value, u64 least, u64 most)
{
	if ((s64)(value - least) < 0)
		return least;
	return (s64)(value - most) > 0 ? most : value;
}

/* The hart is empty: there is no mean, and its time goes where the vCPU is. */
static NOINLINE void join_empty(struct hart *hart, struct vcpu *vcpu, enum arrival arrival)
{
	u64 reference = hart->virtual_now, others = others_of(hart), unit;

	if (others)
		reference += (u64)find_ahead(hart, others, &unit);
	if (arrival == ARRIVE_NEW)
		vcpu->sched.start = reference;
	else if (arrival == ARRIVE_WOKEN)
		vcpu->sched.start =
			clamp(vcpu->sched.start, reference, reference + OFF_MAX * slice_of(vcpu));
	hart->virtual_now = vcpu->sched.start;
}

static void join_others(struct hart *hart, struct vcpu *vcpu, enum arrival arrival)
{
	u64 now = hart->virtual_now;
	u64 off = LEAN * max_u64(slice_of(vcpu), unit_of(hart->weight));

	if (arrival == ARRIVE_NEW)
		vcpu->sched.start = now;
	else if (arrival == ARRIVE_WOKEN)
		vcpu->sched.start = clamp(vcpu->sched.start, now, now + OFF_MAX * slice_of(vcpu));
	else
		vcpu->sched.start = clamp(vcpu->sched.start, now - off, now + off);
}

void fair_join(struct hart *hart, struct vcpu *vcpu, enum arrival arrival)
{
	u64 left = vcpu->sched.deadline - vcpu->sched.start;

	vcpu->sched.start -= hart->base;
	if (hart->weight == 0)
		join_empty(hart, vcpu, arrival);
	else
		join_others(hart, vcpu, arrival);
	if (arrival == ARRIVE_WOKEN)
		left = slice_of(vcpu) / WOKEN_PART;
	else if (arrival == ARRIVE_NEW)
		left = slice_of(vcpu);
	vcpu->sched.deadline = vcpu->sched.start + left;
	hart->surplus += part_of(hart, vcpu);
	if (hart->weight == 0)
		set_mask(&sched.loaded, hart->index);
	hart->weight += vcpu->sched.weight;
	settle(hart);
}

void fair_leave(struct hart *hart, struct vcpu *vcpu)
{
	hart->surplus -= part_of(hart, vcpu);
	hart->weight -= vcpu->sched.weight;
	if (hart->weight == 0)
		clear_mask(&sched.loaded, hart->index);
	settle(hart);
	vcpu->sched.start += hart->base;
	vcpu->sched.deadline += hart->base;
}

void fair_charge(struct hart *hart, struct vcpu *vcpu, u64 ticks)
{
	/* A hart that had no reason to look for longer was nobody else's wish. */
	u64 advance = fair_virtual(min_u64(ticks, OFF_MAX * sched.slice), vcpu->sched.weight);

	vcpu->sched.start += advance;
	hart->surplus += (s64)(advance * vcpu->sched.weight);
	settle(hart);
}

void fair_renew(struct vcpu *vcpu)
{
	if ((s64)(vcpu->sched.start - vcpu->sched.deadline) >= 0)
		vcpu->sched.deadline = vcpu->sched.start + slice_of(vcpu);
}

/* A pick removes one from the queues, and only a served vCPU comes to be pending: with two at a
 * time none stays there for long although it is eligible, and the work stays O(log n). */
#define PROMOTE_MAX 2

static NOINLINE void promote(struct hart *hart)
{
	for (unsigned i = 0; i < PROMOTE_MAX; i++) {
		struct vcpu *vcpu = vcpu_at(heap_first(&hart->pending));

		if (!vcpu || !fair_is_eligible(hart, vcpu))
			return;
		heap_remove(&hart->pending, &vcpu->sched.node);
		heap_insert(&hart->eligible, &vcpu->sched.node, vcpu->sched.deadline);
		vcpu->sched.queue = QUEUE_ELIGIBLE;
	}
}

struct vcpu *fair_first(struct hart *hart)
{
	if (heap_first(&hart->pending))
		promote(hart);
	struct vcpu *vcpu = vcpu_at(heap_first(&hart->eligible));

	return vcpu ? vcpu : vcpu_at(heap_first(&hart->pending));
}
