/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What holds of the scheduler's own books whatever has happened: every vCPU is in exactly one
 * place, heaps are in order, and sums are the sums of their parts. And what a hard cap promises.
 */
#pragma once

#include "tests/fuzz/odd_number.h"
#include "tests/fuzz/require.h"
#include "tests/unit/sched_sim.h"

static inline void check_heap(const struct heap *heap, enum sched_queue queue, unsigned hart)
{
	u32 count = 0;

	for (struct heap_node *node = heap_first(heap); node; node = heap_next(node)) {
		const struct vcpu *vcpu = vcpu_at(node);

		REQUIRE(!node->parent || (s64)(node->key - node->parent->key) >= 0);
		REQUIRE(vcpu->sched.queue == queue);
		REQUIRE(vcpu->sched.home == (s32)hart);
		REQUIRE(vcpu->state == VCPU_READY ||
			(queue == QUEUE_TIMED && vcpu->state == VCPU_WAITING));
		count++;
	}
	REQUIRE(count == heap->count);
}

/* How far a fair vCPU may be from its hart's virtual time: clamped on arrival to LEAN requests of
 * the longer of the two (sched_fair.c), and a stretch of at most 4 slices may be charged at once,
 * which moves the mean as well. */
static inline bool lag_is_bounded(const struct hart *hart, const struct vcpu *vcpu, u64 lightest)
{
	s64 lag = (s64)(vcpu->sched.start - hart->virtual_now);
	u64 most = (2 * 64 + 8) * fair_virtual(sched.slice, lightest);

	return (u64)(lag < 0 ? -lag : lag) <= most;
}

static inline void check_hart(unsigned index)
{
	struct hart *hart = hart_get(index);
	u64 weight = 0, lightest = UINT64_MAX;
	__int128 surplus = 0;
	u32 movable = 0;

	check_heap(&hart->eligible, QUEUE_ELIGIBLE, index);
	check_heap(&hart->pending, QUEUE_PENDING, index);
	check_heap(&hart->rt, QUEUE_RT, index);
	check_heap(&hart->timed, QUEUE_TIMED, index);
	REQUIRE(hart->ready_count == hart->eligible.count + hart->pending.count + hart->rt.count);
	for (unsigned i = 0; i < sim.vcpu_count; i++) {
		const struct vcpu *vcpu = &sim.vcpus[i].vcpu;
		bool runs = vcpu->state == VCPU_RUNNING;

		if (vcpu->sched.home != (s32)index)
			continue;
		REQUIRE(runs == (hart->running == vcpu));
		movable += vcpu->sched.movable;
		if (is_rt(vcpu) || (vcpu->sched.queue != QUEUE_ELIGIBLE &&
				    vcpu->sched.queue != QUEUE_PENDING && !runs))
			continue;
		weight += vcpu->sched.weight;
		lightest = min_u64(lightest, vcpu->sched.weight);
		surplus += (__int128)(s64)(vcpu->sched.start - hart->virtual_now) *
			   (s64)vcpu->sched.weight;
	}
	REQUIRE(movable == hart->movable_count);
	REQUIRE((movable != 0) == (sched.stealable >> index & 1));
	REQUIRE(weight == hart->weight && surplus == hart->surplus);
	REQUIRE((weight != 0) == (sched.loaded >> index & 1));
	/* The mean is the mean. */
	REQUIRE(surplus < (__int128)max_u64(weight, 1) && -surplus < (__int128)max_u64(weight, 1));
	for (unsigned i = 0; i < sim.vcpu_count; i++) {
		const struct vcpu *vcpu = &sim.vcpus[i].vcpu;

		if (vcpu->sched.home == (s32)index && !is_rt(vcpu) &&
		    (vcpu->sched.queue == QUEUE_ELIGIBLE || vcpu->sched.queue == QUEUE_PENDING))
			REQUIRE(lag_is_bounded(hart, vcpu, lightest));
	}
}

/* In the one queue that its state allows. */
static inline void check_place(const struct vcpu *vcpu)
{
	enum sched_queue queue = (enum sched_queue)vcpu->sched.queue;

	switch (vcpu->state) {
	case VCPU_READY:
		REQUIRE(queue != QUEUE_NONE);
		REQUIRE((queue == QUEUE_TIMED) == vcpu->sched.throttled);
		REQUIRE((queue == QUEUE_RT) <= is_rt(vcpu));
		break;
	case VCPU_WAITING:
		REQUIRE(queue == (vcpu->wait_deadline == UINT64_MAX ? QUEUE_NONE : QUEUE_TIMED));
		break;
	default:
		REQUIRE(queue == QUEUE_NONE);
		break;
	}
	if (vcpu->state != VCPU_RUNNING)
		REQUIRE(vcpu->sched.grant == 0);
	if (queue != QUEUE_NONE)
		REQUIRE(harts_of(vcpu) >> vcpu->sched.home & 1);
}

static inline void check_pool(const struct sim_vcpu *first)
{
	const struct sched_pool *pool = &first->vm.pool;
	u64 used = 0, granted = 0;
	u32 throttled = 0;

	if (!pool->cap)
		return;
	for (unsigned i = 0; i < ARRAY_SIZE(pool->used_in); i++)
		used += pool->used_in[i];
	for (unsigned i = 0; i < first->vm.vcpu_count; i++) {
		granted += first[i].vcpu.sched.grant;
		throttled += first[i].vcpu.sched.throttled;
	}
	REQUIRE(used == pool->used && granted == pool->granted);
	REQUIRE(used + granted <= pool->cap);
	REQUIRE(throttled == pool->throttled);
}

/* At most 90 % of a hart is promised. */
static inline void check_promises(void)
{
	u64 load[HW_HART_MAX] = {0};

	for (unsigned i = 0; i < sim.vcpu_count; i++) {
		const struct vcpu *vcpu = &sim.vcpus[i].vcpu;

		if (vcpu->sched.load)
			load[__builtin_ctzll(vcpu->sched.harts)] += vcpu->sched.load;
	}
	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		REQUIRE(load[i] <= 900000);
		REQUIRE((load[i] != 0) == (sched.realtime >> i & 1));
	}
}

static inline void check_books(void)
{
	for (unsigned i = 0; i < hw_machine()->hart_count; i++)
		check_hart(i);
	for (unsigned i = 0; i < sim.vcpu_count; i++) {
		check_place(&sim.vcpus[i].vcpu);
		if (sim.vcpus[i].vcpu.id == 0)
			check_pool(&sim.vcpus[i]);
	}
	check_promises();
}

/* ------------------------------------------------------------------------------------------------
 * Caps: over any window of 100 ms. What a window has is largest where it begins or ends with a
 * stretch.
 */

#define WINDOW	    (SIM_HZ / 10)
#define STRETCH_MAX 512

static struct {
	const struct vm *vm;
	unsigned count;
	u64 from[STRETCH_MAX], to[STRETCH_MAX];
} capped;

static inline void note_capped(struct sim_vcpu *it, u64 from, u64 to)
{
	if (it->vcpu.vm != capped.vm || capped.count == STRETCH_MAX)
		return;
	capped.from[capped.count] = from;
	capped.to[capped.count++] = to;
}

static inline u64 capped_between(u64 from, u64 to)
{
	u64 ran = 0;

	for (unsigned i = 0; i < capped.count; i++) {
		u64 start = max_u64(capped.from[i], from), end = min_u64(capped.to[i], to);

		ran += end > start ? end - start : 0;
	}
	return ran;
}

static inline void check_cap(void)
{
	u64 cap = capped.vm ? WINDOW * capped.vm->limits.quota / 100 : 0;

	for (unsigned i = 0; i < capped.count; i++) {
		REQUIRE(capped_between(capped.from[i], capped.from[i] + WINDOW) <= cap);
		REQUIRE(capped_between(capped.to[i] - WINDOW, capped.to[i]) <= cap);
	}
}
