/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the works that are wanted and that no hart is at, by the time at which they are due; guarded
 * by work_lock. When the first of them is due is known without the lock as well.
 *
 * One hart, the keeper, has its timer set for what is due later. It is chosen anew each time
 * somebody asks, and told so by an IPI; what it reads after that was written before.
 */
#include "hyp/vm/work.h"

#include "hyp/hw.h"
#include "hyp/lock.h"
#include "hyp/vm/sched.h"

static struct lock work_lock;
static struct heap wanted;
static u64 earliest; /* atomic; UINT64_MAX: nothing is wanted */
static u32 keeper;   /* atomic */

void work_start(void)
{
	lock_init(&work_lock, LOCK_WORK);
	heap_init(&wanted);
	earliest = UINT64_MAX;
	keeper = 0;
}

void work_init(struct work *work, bool (*step)(struct work *work))
{
	*work = (struct work){.step = step, .due = UINT64_MAX};
}

static void note_earliest_locked(void)
{
	const struct heap_node *first = heap_first(&wanted);

	__atomic_store_n(&earliest, first ? first->key : UINT64_MAX, __ATOMIC_SEQ_CST);
}

/* Wanted by that time at the latest, at the next chance if a hart is just at it. */
static void want_locked(struct work *work, u64 time)
{
	if (time >= work->due)
		return;
	if (!work->taken && work->due != UINT64_MAX)
		heap_remove(&wanted, &work->node);
	work->due = time;
	if (!work->taken)
		heap_insert(&wanted, &work->node, time);
}

void work_ask_at(struct work *work, u64 time)
{
	unsigned hart = sched_hart_for_work();

	lock_acquire(&work_lock);
	want_locked(work, time);
	note_earliest_locked();
	__atomic_store_n(&keeper, hart, __ATOMIC_SEQ_CST);
	lock_release(&work_lock);
	hw_send_ipi(BIT(hart));
}

void work_ask(struct work *work)
{
	work_ask_at(work, hw_time());
}

/* The one that is due first, if it is due: none waits for good. */
static struct work *take(u64 now)
{
	struct work *work = NULL;

	lock_acquire(&work_lock);
	struct heap_node *first = heap_first(&wanted);

	if (first && first->key <= now) {
		work = container_of(first, struct work, node);
		heap_remove(&wanted, first);
		work->taken = true;
		/* What is asked from here on is asked for another step. */
		work->due = UINT64_MAX;
		note_earliest_locked();
	}
	lock_release(&work_lock);
	return work;
}

/* A hart that was asked meanwhile did not find it among the wanted: this one becomes the keeper. */
static void put_back(struct pcpu *pcpu, struct work *work, bool more)
{
	lock_acquire(&work_lock);
	u64 due = more ? min_u64(work->due, hw_time()) : work->due;

	work->taken = false;
	work->due = UINT64_MAX;
	want_locked(work, due);
	note_earliest_locked();
	__atomic_store_n(&keeper, pcpu->index, __ATOMIC_SEQ_CST);
	lock_release(&work_lock);
}

/* The keeper has become a VM's own, or home of a real-time vCPU. */
static void hand_over(void)
{
	unsigned hart = sched_hart_for_work();

	__atomic_store_n(&keeper, hart, __ATOMIC_SEQ_CST);
	hw_send_ipi(BIT(hart));
}

static NOINLINE void set_timer_for(struct pcpu *pcpu, u64 time)
{
	/* A real-time vCPU has its hart by right, but not for long: there is a look when it goes.
	 */
	if (pcpu->current && pcpu->current->vm->limits.rt_period)
		return;
	if (__atomic_load_n(&keeper, __ATOMIC_SEQ_CST) != pcpu->index)
		return;
	if (sched_may_work(pcpu->index))
		pcpu->next_work = max_u64(time, pcpu->work_pause);
	else
		hand_over();
}

static void set_timer(struct pcpu *pcpu)
{
	u64 time = __atomic_load_n(&earliest, __ATOMIC_SEQ_CST);

	pcpu->next_work = UINT64_MAX;
	if (UNLIKELY(time != UINT64_MAX))
		set_timer_for(pcpu, time);
}

bool work_do(struct pcpu *pcpu, bool after_vcpu)
{
	u64 start = hw_time();
	struct work *work = NULL;

	if (__atomic_load_n(&earliest, __ATOMIC_SEQ_CST) <= start &&
	    !(after_vcpu && start < pcpu->work_pause) && sched_may_work(pcpu->index))
		work = take(start);
	if (work) {
		put_back(pcpu, work, work->step(work));
		u64 end = hw_time();

		pcpu->work_pause = end + (end - start);
	}
	set_timer(pcpu);
	return work != NULL;
}

bool work_is_due(struct pcpu *pcpu)
{
	set_timer(pcpu);
	return pcpu->next_work <= hw_time();
}
