/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The states of vCPUs, and who is interrupted when one becomes ready. Owns state, since and the
 * times of each vCPU, guarded by the lock of its home hart (sched_internal.h).
 */
#include "hyp/vm/sched_internal.h"

#include "hyp/check.h"
#include "hyp/csr.h"
#include "hyp/trace.h"

/* A slice times 2^shift is below that many bits: divided by the largest weight (24 bits) it still
 * has 20, which is fine enough, and the lightest vCPU's time wraps after a day, which nobody
 * compares. */
#define VIRTUAL_SLICE_BITS 45

struct sched sched;
static struct hart harts[HW_HART_MAX];

struct hart *hart_get(unsigned index)
{
	CHECK(index < HW_HART_MAX);
	return &harts[index];
}

void sched_init(u64 slice)
{
	unsigned count = hw_machine()->hart_count;

	sched = (struct sched){.all = count == 64 ? ~0ULL : BIT(count) - 1};
	sched.shared_count = count;
	sched.slice = slice ? slice : max_u64(1, hw_machine()->timebase_hz * SCHED_SLICE_MS / 1000);
	sched.shift = VIRTUAL_SLICE_BITS - (64 - (unsigned)__builtin_clzll(sched.slice));
	for (unsigned i = 0; i < HW_HART_MAX; i++) {
		harts[i] = (struct hart){.index = i, .pcpu = pcpu_get(i), .idle_since = hw_time()};
		lock_init(&harts[i].lock, LOCK_SCHED);
	}
	sched_forget_admitted();
}

struct hart *hart_lock_home(const struct vcpu *vcpu)
{
	/* It moves while we wait, but not as often as we look: a move takes longer. */
	for (;;) {
		s32 home = __atomic_load_n(&vcpu->sched.home, __ATOMIC_ACQUIRE);
		struct hart *hart = hart_get((unsigned)home);

		lock_acquire(&hart->lock);
		if (vcpu->sched.home == home)
			return hart;
		lock_release(&hart->lock);
	}
}

/* ---- Accounts ---- */

static u64 *account_of(struct vcpu *vcpu)
{
	switch (vcpu->state) {
	case VCPU_READY:
		return &vcpu->ready_time;
	case VCPU_RUNNING:
		return &vcpu->run_time;
	case VCPU_WAITING:
		return &vcpu->waiting_time;
	default:
		return NULL;
	}
}

void vcpu_set_state(struct vcpu *vcpu, enum vcpu_run_state state, u64 now)
{
	u64 *account = account_of(vcpu);

	/* Another hart may have read the clock later and got the lock first. */
	now = max_u64(now, vcpu->sched.since);
	if (account)
		*account += now - vcpu->sched.since;
	vcpu->sched.since = now;
	__atomic_store_n(&vcpu->state, state, __ATOMIC_RELAXED);
}

void sched_reset_accounts(struct vcpu *vcpu)
{
	struct hart *hart = hart_lock_home(vcpu);

	vcpu->run_time = vcpu->ready_time = vcpu->waiting_time = 0;
	vcpu->pick_count = vcpu->move_count = 0;
	vcpu->sched.since = hw_time();
	lock_release(&hart->lock);
}

struct sched_times sched_get_times(struct vcpu *vcpu)
{
	struct hart *hart = hart_lock_home(vcpu);

	vcpu_set_state(vcpu, vcpu->state, hw_time());
	struct sched_times times = {vcpu->run_time, vcpu->ready_time, vcpu->waiting_time};

	lock_release(&hart->lock);
	return times;
}

u64 sched_idle_time(unsigned hart)
{
	const struct hart *it = hart_get(hart);
	u64 since = __atomic_load_n(&it->idle_since, __ATOMIC_RELAXED);
	u64 time = __atomic_load_n(&it->idle_time, __ATOMIC_RELAXED);
	u64 now = hw_time();

	return since < now ? time + (now - since) : time;
}

/* ---- Who is interrupted ---- */

u64 sched_claim_one(u64 wanted, unsigned preferred)
{
	u64 idle;

	/* Lost to somebody else, it is gone from the mask: the next round has fewer. */
	while ((idle = load_mask(&sched.idle) & wanted) != 0) {
		unsigned index = idle >> preferred & 1 ? preferred : lowest_bit(idle);

		if (clear_mask(&sched.idle, index))
			return BIT(index);
	}
	return 0;
}

static bool preempts(struct hart *hart, const struct vcpu *vcpu)
{
	const struct vcpu *running = hart->running;

	if (!running)
		return false;
	if (is_rt(vcpu))
		return !is_rt(running) || vcpu->sched.period_end < running->sched.period_end;
	if (is_rt(running) || !fair_is_eligible(hart, vcpu))
		return false;
	fair_renew(hart->running);
	/* Not for less than what the running one may keep the hart for anyway. */
	return (s64)(running->sched.deadline - vcpu->sched.deadline) > 0 ||
	       !fair_is_eligible(hart, running);
}

/* The running one could go on on an idle hart, and the new one cannot. */
static bool displaces(const struct hart *hart)
{
	const struct vcpu *running = hart->running;

	return running && !is_rt(running) && (harts_of(running) & load_mask(&sched.idle)) != 0;
}

static u64 kick(struct hart *hart, const struct vcpu *vcpu, u64 now, bool soon)
{
	u64 found;
	u64 wanted = is_rt(vcpu) ? BIT(hart->index) : harts_of(vcpu);

	if (vcpu->sched.queue == QUEUE_TIMED)
		/* Held back: its hart sets its timer, on its way to a pick or now. */
		return soon ? 0 : BIT(hart->index);
	if (!(wanted >> hart->index & 1))
		return 0; /* a stranger: hart_unlock() sees to it that it goes elsewhere */
	if (soon && hart->ready_count == 1)
		return 0;
	found = sched_claim_idle(wanted, hart->index);
	if (found)
		return found;
	found = load_mask(&sched.unsliced) & wanted;
	if (preempts(hart, vcpu) || displaces(hart)) {
		__atomic_store_n(&hart->resched, true, __ATOMIC_RELAXED);
		found |= BIT(hart->index);
	}
	if (soon || ((found >> hart->index & 1) && hart->index == hw_hart_index() &&
		     hart_goes_on(hart, now)))
		found &= ~BIT(hart->index);
	return found;
}

/* It has become a VM's own meanwhile: somebody else may have woken up there, or wait, or have been
 * picked before who put it there got to sending it elsewhere. */
static NOINLINE void unlock_dedicated(struct hart *hart, u64 interrupted)
{
	bool strangers = hart->ready_count || hart->timed.count || runs_stranger(hart);

	lock_release(&hart->lock);
	if (interrupted)
		hw_send_ipi(interrupted);
	if (strangers)
		steal_evict(hart);
}

void hart_unlock(struct hart *hart, u64 interrupted)
{
	if (UNLIKELY(in_mask(&sched.dedicated, hart->index))) {
		unlock_dedicated(hart, interrupted);
		return;
	}
	lock_release(&hart->lock);
	if (interrupted)
		hw_send_ipi(interrupted);
}

/* ---- Becoming ready ---- */

u64 sched_make_ready(struct hart *hart, struct vcpu *vcpu, enum arrival arrival, u64 now, bool soon)
{
	hart_charge(hart, now);
	if (vcpu->state == VCPU_WAITING)
		trace(TRACE_WAKE, vcpu, hart->index);
	vcpu_set_state(vcpu, VCPU_READY, now);
	queue_ready(hart, vcpu, arrival, now);
	return kick(hart, vcpu, now, soon);
}

/* What ends the wait of a vCPU that has been put: an interrupt, pending and enabled in its sie
 * whatever its sstatus.SIE (Privileged ISA, "Wait for Interrupt"), or being told to leave. vsie
 * has the VS bits of hvip one place down. */
static bool has_wakeup(const struct vcpu *vcpu)
{
	u64 pending = vcpu->csr.hvip | __atomic_load_n(&vcpu->irq_posted, __ATOMIC_SEQ_CST) |
		      __atomic_load_n(&vcpu->irq_level, __ATOMIC_SEQ_CST);

	return ((pending >> 1) & vcpu->csr.vsie) != 0 ||
	       (__atomic_load_n(&vcpu->requests, __ATOMIC_SEQ_CST) & REQUEST_LEAVE) ||
	       vcpu->wait_deadline <= hw_time();
}

void sched_wake(struct vcpu *vcpu)
{
	u64 mask = 0;
	struct hart *hart = hart_lock_home(vcpu);

	if (vcpu->state == VCPU_WAITING && has_wakeup(vcpu)) {
		queue_remove(hart, vcpu);
		mask = sched_make_ready(hart, vcpu, ARRIVE_WOKEN, hw_time(), false);
	}
	hart_unlock(hart, mask);
}

u64 sched_wake_due(struct hart *hart, u64 now, bool soon)
{
	u64 mask = 0;

	/* As many as are due: each was armed for by one exit of its own. */
	for (;;) {
		struct vcpu *vcpu = vcpu_at(heap_first(&hart->timed));

		if (!vcpu || vcpu->sched.node.key > now)
			return mask;
		bool throttled = vcpu->sched.throttled;

		queue_remove(hart, vcpu);
		mask |= sched_make_ready(hart, vcpu,
					 throttled && is_rt(vcpu) ? ARRIVE_BACK : ARRIVE_WOKEN, now,
					 soon);
	}
}

void sched_start(struct vcpu *vcpu)
{
	CHECK(vcpu->sched.weight != 0);
	struct hart *hart = hart_lock_home(vcpu);

	CHECK(vcpu->state == VCPU_OFF);
	/* While it is OFF only the one who starts it cares where it is at home. */
	unsigned home = steal_choose_home(vcpu);

	__atomic_store_n(&vcpu->sched.home, (s32)home, __ATOMIC_RELEASE);
	lock_release(&hart->lock);
	hart = hart_get(home);
	lock_acquire(&hart->lock);
	u64 mask = sched_make_ready(hart, vcpu, ARRIVE_NEW, hw_time(), false);

	hart_unlock(hart, mask | sched_count_active(vcpu, 1));
}

/* ---- Out of the queues, from outside ---- */

/* False: it is in a state in which it cannot be taken out. */
static bool take_out(struct hart *hart, struct vcpu *vcpu, enum vcpu_run_state state)
{
	if (vcpu->state != VCPU_READY && vcpu->state != VCPU_WAITING)
		return false;
	queue_remove(hart, vcpu);
	vcpu_set_state(vcpu, state, hw_time());
	return true;
}

bool sched_stop(struct vcpu *vcpu)
{
	struct hart *hart = hart_lock_home(vcpu);
	bool stopped = take_out(hart, vcpu, VCPU_OFF);

	if (vcpu->state == VCPU_PARKED) {
		vcpu_set_state(vcpu, VCPU_OFF, hw_time());
		stopped = true;
	}
	hart_unlock(hart, stopped ? sched_count_active(vcpu, -1) : 0);
	return stopped;
}

bool sched_park(struct vcpu *vcpu)
{
	struct hart *hart = hart_lock_home(vcpu);
	bool waiting = vcpu->state == VCPU_WAITING;
	bool parked = take_out(hart, vcpu, VCPU_PARKED);

	if (parked)
		vcpu->sched.parked_waiting = waiting;
	lock_release(&hart->lock);
	return parked;
}

static void start_waiting(struct hart *hart, struct vcpu *vcpu)
{
	vcpu_set_state(vcpu, VCPU_WAITING, hw_time());
	if (vcpu->wait_deadline != UINT64_MAX)
		queue_timed(hart, vcpu, vcpu->wait_deadline);
}

void sched_unpark(struct vcpu *vcpu)
{
	u64 mask = 0;
	struct hart *hart = hart_lock_home(vcpu);

	if (vcpu->state == VCPU_PARKED && vcpu->sched.parked_waiting && !has_wakeup(vcpu)) {
		start_waiting(hart, vcpu);
		/* Its home hart's timer is for that hart to set, if it stays there. */
		if (vcpu->wait_deadline != UINT64_MAX && (harts_of(vcpu) >> hart->index & 1))
			mask = BIT(hart->index);
	} else if (vcpu->state == VCPU_PARKED) {
		mask = sched_make_ready(hart, vcpu, ARRIVE_WOKEN, hw_time(), false);
	}
	hart_unlock(hart, mask);
}

/* ---- The calling hart gives up its vCPU ---- */

static struct hart *leave_hart(struct pcpu *pcpu, struct vcpu *vcpu)
{
	struct hart *hart = hart_of(pcpu);

	lock_acquire(&hart->lock);
	/* From here on notify() no longer interrupts this hart but calls sched_wake(). */
	__atomic_store_n(&vcpu->running_on, -1, __ATOMIC_SEQ_CST);
	hart_vacate(hart, vcpu, hw_time());
	return hart;
}

/* Out of the fair class's accounts, where it stayed while it ran. */
static void leave_class(struct hart *hart, struct vcpu *vcpu)
{
	if (!is_rt(vcpu))
		fair_leave(hart, vcpu);
}

void sched_requeue(struct pcpu *pcpu, struct vcpu *vcpu)
{
	struct hart *hart = leave_hart(pcpu, vcpu);
	u64 mask = sched_make_ready(hart, vcpu, ARRIVE_BACK, hw_time(), true);

	trace(TRACE_LEAVE, vcpu, VCPU_READY);
	hart_unlock(hart, mask);
}

void sched_wait(struct pcpu *pcpu, struct vcpu *vcpu)
{
	u64 mask = 0;
	struct hart *hart = leave_hart(pcpu, vcpu);

	if (has_wakeup(vcpu)) {
		mask = sched_make_ready(hart, vcpu, ARRIVE_BACK, hw_time(), true);
	} else {
		leave_class(hart, vcpu);
		start_waiting(hart, vcpu);
	}
	trace(TRACE_LEAVE, vcpu, vcpu->state);
	hart_unlock(hart, mask);
}

void sched_park_self(struct pcpu *pcpu, struct vcpu *vcpu, bool waiting)
{
	struct hart *hart = leave_hart(pcpu, vcpu);

	leave_class(hart, vcpu);
	vcpu_set_state(vcpu, VCPU_PARKED, hw_time());
	vcpu->sched.parked_waiting = waiting;
	trace(TRACE_LEAVE, vcpu, VCPU_PARKED);
	lock_release(&hart->lock);
}

void sched_exit(struct pcpu *pcpu, struct vcpu *vcpu)
{
	struct hart *hart = leave_hart(pcpu, vcpu);

	leave_class(hart, vcpu);
	vcpu_set_state(vcpu, VCPU_OFF, hw_time());
	trace(TRACE_LEAVE, vcpu, VCPU_OFF);
	hart_unlock(hart, sched_count_active(vcpu, -1));
}
