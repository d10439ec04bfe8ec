/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hard caps. The vCPUs of a VM together use no more than the cap in any window of time, wherever
 * it begins. Time is cut into buckets, 64 to a window; what was used in a bucket counts until the
 * window that begins at the bucket's end is over. Any window lies within 65 buckets, and they are
 * all counted. A vCPU is granted what it is about to use and gives back what it has not; grants
 * count as used. (The sporadic server of Sprunt, Sha and Lehoczky, 1989, gives back a stretch
 * one period after its beginning, which for several vCPUs at once would be too early.)
 *
 * Owns struct sched_pool, guarded by its own lock (LOCK_QUOTA).
 */
#include "hyp/vm/sched_internal.h"

#define WINDOW_HZ 10 /* 100 ms */

static u64 *bucket(struct sched_pool *pool, u64 number)
{
	return &pool->used_in[number % ARRAY_SIZE(pool->used_in)];
}

void quota_init(struct vm *vm)
{
	struct sched_pool *pool = &vm->pool;
	u64 hz = hw_machine()->timebase_hz;

	*pool = (struct sched_pool){.bucket_length =
					    max_u64(1, hz / WINDOW_HZ / SCHED_POOL_BUCKETS)};
	lock_init(&pool->lock, LOCK_QUOTA);
	if (vm->limits.quota)
		pool->cap = max_u64(1, pool->bucket_length * SCHED_POOL_BUCKETS * vm->limits.quota /
					       100);
}

/* What is older than 65 buckets counts no more. */
static void advance_locked(struct sched_pool *pool, u64 now)
{
	u64 number = now / pool->bucket_length;

	if (number > pool->newest + ARRAY_SIZE(pool->used_in)) {
		for (size_t i = 0; i < ARRAY_SIZE(pool->used_in); i++)
			pool->used_in[i] = 0;
		pool->used = 0;
		pool->newest = number;
	}
	while (pool->newest < number) {
		u64 *oldest = bucket(pool, ++pool->newest);

		pool->used -= *oldest;
		*oldest = 0;
	}
}

static u64 available_locked(const struct sched_pool *pool)
{
	u64 taken = pool->used + pool->granted;

	return taken < pool->cap ? pool->cap - taken : 0;
}

/* Less than this is not worth a switch. */
static u64 least_grant(const struct sched_pool *pool)
{
	return max_u64(1, min_u64(pool->bucket_length / 2, pool->cap / 4));
}

/* When so much will be available, if nobody takes any before. */
static u64 find_time_locked(struct sched_pool *pool, u64 wanted)
{
	u64 available = available_locked(pool);
	u64 number = pool->newest - min_u64(pool->newest, SCHED_POOL_BUCKETS);

	for (; number < pool->newest; number++) {
		available += *bucket(pool, number);
		if (available >= wanted)
			break;
	}
	/* Grants may be given back early: look again after at most a few buckets. */
	u64 time = (number + ARRAY_SIZE(pool->used_in)) * pool->bucket_length;

	return pool->granted ? min_u64(time, (pool->newest + 4) * pool->bucket_length) : time;
}

u64 quota_take(struct vcpu *vcpu, u64 now)
{
	struct sched_pool *pool = &vcpu->vm->pool;
	u64 retry = 0;

	lock_acquire(&pool->lock);
	/* Another hart may have been here with a later time. */
	advance_locked(pool, now);
	pool->granted -= vcpu->sched.grant;
	u64 available = available_locked(pool), least = least_grant(pool);
	u64 grant = max_u64(least, available / vcpu->vm->vcpu_count);

	if (available < least)
		grant = 0;
	vcpu->sched.grant = min_u64(min_u64(grant, available), sched.slice);
	pool->granted += vcpu->sched.grant;
	if (!grant)
		/* Those who wait already come first. */
		retry = find_time_locked(pool, min_u64(pool->cap, (pool->throttled + 1) * least));
	lock_release(&pool->lock);
	return retry;
}

NOINLINE void quota_charge(struct vcpu *vcpu, u64 from, u64 now)
{
	struct sched_pool *pool = &vcpu->vm->pool;
	u64 window = pool->bucket_length * SCHED_POOL_BUCKETS;
	u64 granted = min_u64(now - from, vcpu->sched.grant);

	from = max_u64(from, now - min_u64(now, window)); /* before does not count any more */
	lock_acquire(&pool->lock);
	advance_locked(pool, now);
	pool->granted -= granted;
	vcpu->sched.grant -= granted;
	while (from < now) {
		u64 number = from / pool->bucket_length;
		u64 end = min_u64(now, (number + 1) * pool->bucket_length);

		*bucket(pool, number) += end - from;
		pool->used += end - from;
		from = end;
	}
	lock_release(&pool->lock);
}

void quota_give_back(struct vcpu *vcpu)
{
	struct sched_pool *pool = &vcpu->vm->pool;

	lock_acquire(&pool->lock);
	pool->granted -= vcpu->sched.grant;
	vcpu->sched.grant = 0;
	lock_release(&pool->lock);
}

void quota_throttle(struct vcpu *vcpu)
{
	__atomic_fetch_add(&vcpu->vm->pool.throttled, 1, __ATOMIC_RELAXED);
}

void quota_unthrottle(struct vcpu *vcpu)
{
	__atomic_fetch_sub(&vcpu->vm->pool.throttled, 1, __ATOMIC_RELAXED);
}
