/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the list of works, which only grows at boot, and who is at which of them, guarded by
 * work_lock. When something is due is known without the lock: each work's own due, and earliest,
 * which is never later than the first due of a work that nobody is at. Who asks lowers due first
 * and earliest second; who recomputes earliest raises it first and looks at every due second; so
 * that one of the two sees the other (all sequentially consistent; Unprivileged ISA, "RVWMO").
 *
 * One hart, the keeper, has its timer set for what is due later. It is chosen anew each time
 * somebody asks.
 */
#include "hyp/vm/work.h"

#include "hyp/hw.h"
#include "hyp/lock.h"
#include "hyp/vm/sched.h"

static struct list works;
static struct lock work_lock;
static u64 earliest;
static u32 keeper;

void work_start(void)
{
	lock_init(&work_lock, LOCK_WORK);
	list_init(&works);
	earliest = UINT64_MAX;
	keeper = 0;
}

void work_init(struct work *work, bool (*step)(struct work *work))
{
	work->step = step;
	work->due = UINT64_MAX;
	work->taken = false;
	list_push_back(&works, &work->link);
}

static void lower(u64 *to, u64 time)
{
	u64 old = __atomic_load_n(to, __ATOMIC_SEQ_CST);

	while (time < old && !__atomic_compare_exchange_n(to, &old, time, false, __ATOMIC_SEQ_CST,
							  __ATOMIC_SEQ_CST))
		;
}

void work_ask_at(struct work *work, u64 time)
{
	unsigned hart = sched_hart_for_work();

	lower(&work->due, time);
	lower(&earliest, time);
	__atomic_store_n(&keeper, hart, __ATOMIC_SEQ_CST);
	hw_send_ipi(BIT(hart));
}

void work_ask(struct work *work)
{
	work_ask_at(work, hw_time());
}

static void find_earliest_locked(void)
{
	__atomic_store_n(&earliest, UINT64_MAX, __ATOMIC_SEQ_CST);
	for (struct list *link = works.next; link != &works; link = link->next) {
		struct work *work = container_of(link, struct work, link);

		if (!work->taken)
			lower(&earliest, __atomic_load_n(&work->due, __ATOMIC_SEQ_CST));
	}
}

/* One that is due, the one that has waited longest; none is left out for good that way. */
static struct work *take(u64 now)
{
	struct work *found = NULL;
	u64 due = UINT64_MAX;

	lock_acquire(&work_lock);
	for (struct list *link = works.next; link != &works; link = link->next) {
		struct work *work = container_of(link, struct work, link);
		u64 its_due = __atomic_load_n(&work->due, __ATOMIC_SEQ_CST);

		if (!work->taken && its_due <= now && its_due < due) {
			found = work;
			due = its_due;
		}
	}
	if (found) {
		found->taken = true;
		/* What is asked from here on is asked for another step. */
		__atomic_store_n(&found->due, UINT64_MAX, __ATOMIC_SEQ_CST);
	}
	find_earliest_locked();
	lock_release(&work_lock);
	return found;
}

static void put_back(struct work *work, bool more)
{
	if (more)
		lower(&work->due, hw_time());
	lock_acquire(&work_lock);
	work->taken = false;
	find_earliest_locked();
	lock_release(&work_lock);
}

static bool may_work(const struct pcpu *pcpu)
{
	return !sched_is_dedicated(pcpu->index) || sched_hart_for_work() == pcpu->index;
}

/* The keeper has become a VM's own. */
static void hand_over(void)
{
	unsigned hart = sched_hart_for_work();

	__atomic_store_n(&keeper, hart, __ATOMIC_SEQ_CST);
	hw_send_ipi(BIT(hart));
}

static void set_timer(struct pcpu *pcpu)
{
	u64 time = __atomic_load_n(&earliest, __ATOMIC_SEQ_CST);

	pcpu->next_work = UINT64_MAX;
	if (time == UINT64_MAX || __atomic_load_n(&keeper, __ATOMIC_SEQ_CST) != pcpu->index)
		return;
	if (may_work(pcpu))
		pcpu->next_work = max_u64(time, pcpu->work_pause);
	else
		hand_over();
}

bool work_do(struct pcpu *pcpu, bool after_vcpu)
{
	u64 start = hw_time();
	struct work *work = NULL;

	if (__atomic_load_n(&earliest, __ATOMIC_SEQ_CST) <= start &&
	    !(after_vcpu && start < pcpu->work_pause) && may_work(pcpu))
		work = take(start);
	if (work) {
		bool more = work->step(work);

		put_back(work, more);
		u64 end = hw_time();

		pcpu->work_pause = end + (end - start);
		/* A hart that was asked while the step went on has found the work taken, and has
		 * forgotten about it. */
		__atomic_store_n(&keeper, pcpu->index, __ATOMIC_SEQ_CST);
	}
	set_timer(pcpu);
	return work != NULL;
}

bool work_is_due(struct pcpu *pcpu)
{
	set_timer(pcpu);
	return pcpu->next_work <= hw_time();
}
