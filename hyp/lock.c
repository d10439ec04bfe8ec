/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticket spinlocks: harts get the lock in the order in which they asked, so that no hart, and so no
 * guest on it, can starve another. In debug builds also the set of ranks that each hart holds; each
 * hart touches only its own entry, so nothing guards it. Who may take what when is lock.h's table.
 */
#include "hyp/lock.h"

#include "hyp/check.h"
#include "hyp/hw.h"

#ifdef HW_DEBUG

/* A bit for each rank that the hart holds. */
static u32 held_ranks[HW_HART_MAX];

static void note_acquiring(const struct lock *lock)
{
	u32 *held = &held_ranks[hw_hart_index()];

	CHECK(lock->rank < LOCK_RANK_COUNT);
	/* Nothing at or below this rank in the table may be held. */
	CHECK((*held >> lock->rank) == 0);
	*held |= 1U << lock->rank;
}

static void note_releasing(const struct lock *lock)
{
	u32 *held = &held_ranks[hw_hart_index()];

	CHECK((*held & (1U << lock->rank)) != 0);
	*held &= ~(1U << lock->rank);
}

#else

static void note_acquiring(const struct lock *lock)
{
	(void)lock;
}

static void note_releasing(const struct lock *lock)
{
	(void)lock;
}

#endif

void lock_init(struct lock *lock, enum lock_rank rank)
{
	*lock = (struct lock)LOCK_INIT(rank);
}

void lock_acquire(struct lock *lock)
{
	note_acquiring(lock);

	u32 ticket = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);

	while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != ticket)
		hw_pause();
}

void lock_release(struct lock *lock)
{
	note_releasing(lock);
	/* Only the holder writes serving, so reading it back needs no atomic add. */
	__atomic_store_n(&lock->serving, lock->serving + 1, __ATOMIC_RELEASE);
}

#ifdef HW_TEST
void lock_forget_held(void)
{
#ifdef HW_DEBUG
	for (unsigned i = 0; i < HW_HART_MAX; i++)
		held_ranks[i] = 0;
#endif
}
#endif
