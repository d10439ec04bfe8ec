/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the run queue and the state of every vCPU, guarded by sched.lock. ready_count and
 * active_count are also read without it, as hints: whoever changes them interrupts the harts that
 * have to look again.
 */
#include "hyp/vm/sched.h"

#include "hyp/check.h"

static struct {
	struct lock lock;
	struct list ready;
	u32 ready_count;
	u32 active_count; /* vCPUs that are not OFF */
	u64 slice;	  /* in timebase ticks */
} sched;

void sched_init(u64 slice)
{
	lock_init(&sched.lock, LOCK_SCHED);
	list_init(&sched.ready);
	sched.ready_count = 0;
	sched.active_count = 0;
	sched.slice = max_u64(1, slice ? slice : hw_machine()->timebase_hz * SCHED_SLICE_MS / 1000);
}

enum status sched_admit(struct vm *vm, const char **reason)
{
	(void)vm;
	(void)reason;
	return STATUS_OK;
}

void sched_release(struct vm *vm)
{
	(void)vm;
}

bool sched_is_dedicated(unsigned hart)
{
	(void)hart;
	return false;
}

unsigned sched_hart_for_work(void)
{
	for (unsigned i = 0; i < hw_machine()->hart_count; i++)
		if (pcpu_get(i)->idle)
			return i;
	return 0;
}

static bool trap_wfi(void)
{
	return __atomic_load_n(&sched.active_count, __ATOMIC_RELAXED) > hw_machine()->hart_count;
}

bool sched_trap_wfi(struct pcpu *pcpu)
{
	(void)pcpu;
	return trap_wfi();
}

/* The harts to interrupt when a vCPU has become ready: an idle one, its last if that is idle, or
 * else all that run without a slice and shall take one now. */
static u64 harts_for_locked(const struct vcpu *vcpu)
{
	unsigned count = hw_machine()->hart_count;
	u64 idle = 0, unsliced = 0;

	for (unsigned i = 0; i < count; i++) {
		struct pcpu *pcpu = pcpu_get(i);

		if (pcpu->idle)
			idle |= BIT(i);
		else if (__atomic_load_n(&pcpu->slice_end, __ATOMIC_RELAXED) == UINT64_MAX)
			unsliced |= BIT(i);
	}
	if (vcpu->last_hart >= 0 && (idle & BIT(vcpu->last_hart)))
		return BIT(vcpu->last_hart);
	return idle ? idle & -idle : unsliced;
}

static u64 make_ready_locked(struct vcpu *vcpu)
{
	vcpu->state = VCPU_READY;
	list_push_back(&sched.ready, &vcpu->run_link);
	__atomic_store_n(&sched.ready_count, sched.ready_count + 1, __ATOMIC_RELAXED);
	u64 harts = harts_for_locked(vcpu);

	/* Claimed for this vCPU: the next one to become ready goes to another idle hart. */
	if (harts && (harts & (harts - 1)) == 0)
		pcpu_get((unsigned)__builtin_ctzll(harts))->idle = false;
	return harts;
}

static void remove_ready_locked(struct vcpu *vcpu)
{
	list_remove(&vcpu->run_link);
	__atomic_store_n(&sched.ready_count, sched.ready_count - 1, __ATOMIC_RELAXED);
}

static u64 all_harts(void)
{
	unsigned count = hw_machine()->hart_count;

	return count == 64 ? ~0ULL : BIT(count) - 1;
}

/* With one more or one less of them, WFI may have to trap, or not to any more: returns the harts
 * that have to look again. */
static u64 count_active_locked(int change)
{
	bool before = trap_wfi();

	__atomic_store_n(&sched.active_count, sched.active_count + (u32)change, __ATOMIC_RELAXED);
	return before == trap_wfi() ? 0 : all_harts();
}

void sched_start(struct vcpu *vcpu)
{
	lock_acquire(&sched.lock);
	CHECK(vcpu->state == VCPU_OFF);
	u64 harts = make_ready_locked(vcpu) | count_active_locked(1);

	lock_release(&sched.lock);
	if (harts)
		hw_send_ipi(harts);
}

static void stop_waiting_locked(struct vcpu *vcpu)
{
	list_remove(&vcpu->timer_link);
}

bool sched_stop(struct vcpu *vcpu)
{
	bool stopped = true;
	u64 harts = 0;

	lock_acquire(&sched.lock);
	if (vcpu->state == VCPU_READY)
		remove_ready_locked(vcpu);
	else if (vcpu->state == VCPU_WAITING)
		stop_waiting_locked(vcpu);
	else if (vcpu->state != VCPU_PARKED)
		stopped = false;
	if (stopped) {
		vcpu->state = VCPU_OFF;
		harts = count_active_locked(-1);
	}
	lock_release(&sched.lock);
	if (harts)
		hw_send_ipi(harts);
	return stopped;
}

bool sched_park(struct vcpu *vcpu)
{
	bool parked = true;

	lock_acquire(&sched.lock);
	if (vcpu->state == VCPU_READY)
		remove_ready_locked(vcpu);
	else if (vcpu->state == VCPU_WAITING)
		stop_waiting_locked(vcpu);
	else
		parked = false;
	if (parked) {
		vcpu->parked_waiting = vcpu->state == VCPU_WAITING;
		vcpu->state = VCPU_PARKED;
	}
	lock_release(&sched.lock);
	return parked;
}

static bool is_shared(void)
{
	return __atomic_load_n(&sched.ready_count, __ATOMIC_RELAXED) != 0;
}

/* A slice is due while somebody is ready, and none while nobody is. */
static void set_slice(struct pcpu *pcpu, bool fresh)
{
	if (!is_shared())
		__atomic_store_n(&pcpu->slice_end, UINT64_MAX, __ATOMIC_RELAXED);
	else if (fresh || pcpu->slice_end == UINT64_MAX)
		__atomic_store_n(&pcpu->slice_end, hw_time() + sched.slice, __ATOMIC_RELAXED);
}

struct vcpu *sched_pick(struct pcpu *pcpu)
{
	struct vcpu *vcpu = NULL;

	lock_acquire(&sched.lock);
	pcpu->idle = false;
	if (!list_is_empty(&sched.ready)) {
		vcpu = container_of(sched.ready.next, struct vcpu, run_link);
		remove_ready_locked(vcpu);
		vcpu->state = VCPU_RUNNING;
	}
	set_slice(pcpu, true);
	lock_release(&sched.lock);
	return vcpu;
}

static void leave_hart(struct vcpu *vcpu)
{
	/* From here on notify() no longer interrupts this hart but calls sched_wake(). */
	__atomic_store_n(&vcpu->running_on, -1, __ATOMIC_SEQ_CST);
}

void sched_requeue(struct pcpu *pcpu, struct vcpu *vcpu)
{
	(void)pcpu;
	lock_acquire(&sched.lock);
	leave_hart(vcpu);
	u64 harts = make_ready_locked(vcpu) & ~BIT(pcpu->index);

	lock_release(&sched.lock);
	if (harts)
		hw_send_ipi(harts);
}

void sched_exit(struct pcpu *pcpu, struct vcpu *vcpu)
{
	(void)pcpu;
	lock_acquire(&sched.lock);
	leave_hart(vcpu);
	vcpu->state = VCPU_OFF;
	u64 harts = count_active_locked(-1);

	lock_release(&sched.lock);
	if (harts)
		hw_send_ipi(harts);
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

/* Into the hart's list of waiting vCPUs, which is sorted by deadline. */
static void start_waiting_locked(struct pcpu *pcpu, struct vcpu *vcpu)
{
	struct list *at = pcpu->waiting.prev;

	while (at != &pcpu->waiting &&
	       container_of(at, struct vcpu, timer_link)->wait_deadline > vcpu->wait_deadline)
		at = at->prev;
	list_push_front(at, &vcpu->timer_link);
	vcpu->state = VCPU_WAITING;
}

static void set_next_wakeup_locked(struct pcpu *pcpu)
{
	pcpu->next_wakeup =
		list_is_empty(&pcpu->waiting)
			? UINT64_MAX
			: container_of(pcpu->waiting.next, struct vcpu, timer_link)->wait_deadline;
}

void sched_wait(struct pcpu *pcpu, struct vcpu *vcpu)
{
	u64 harts = 0;

	lock_acquire(&sched.lock);
	leave_hart(vcpu);
	if (has_wakeup(vcpu))
		harts = make_ready_locked(vcpu) & ~BIT(pcpu->index);
	else
		start_waiting_locked(pcpu, vcpu);
	set_next_wakeup_locked(pcpu);
	lock_release(&sched.lock);
	if (harts)
		hw_send_ipi(harts);
}

void sched_park_self(struct pcpu *pcpu, struct vcpu *vcpu, bool waiting)
{
	(void)pcpu;
	lock_acquire(&sched.lock);
	leave_hart(vcpu);
	vcpu->parked_waiting = waiting;
	vcpu->state = VCPU_PARKED;
	lock_release(&sched.lock);
}

void sched_unpark(struct vcpu *vcpu)
{
	u64 harts = 0;

	lock_acquire(&sched.lock);
	if (vcpu->state == VCPU_PARKED && vcpu->parked_waiting && !has_wakeup(vcpu)) {
		start_waiting_locked(pcpu_this(), vcpu);
		set_next_wakeup_locked(pcpu_this());
		harts = BIT(hw_hart_index());
	} else if (vcpu->state == VCPU_PARKED) {
		harts = make_ready_locked(vcpu);
	}
	lock_release(&sched.lock);
	if (harts)
		hw_send_ipi(harts);
}

void sched_wake(struct vcpu *vcpu)
{
	u64 harts = 0;

	lock_acquire(&sched.lock);
	if (vcpu->state == VCPU_WAITING && has_wakeup(vcpu)) {
		stop_waiting_locked(vcpu);
		harts = make_ready_locked(vcpu);
	}
	lock_release(&sched.lock);
	if (harts)
		hw_send_ipi(harts);
}

/* Those whose deadline has passed become ready. */
static u64 wake_due_locked(struct pcpu *pcpu)
{
	u64 now = hw_time();
	u64 harts = 0;

	while (!list_is_empty(&pcpu->waiting)) {
		struct vcpu *vcpu = container_of(pcpu->waiting.next, struct vcpu, timer_link);

		if (vcpu->wait_deadline > now)
			break;
		stop_waiting_locked(vcpu);
		harts |= make_ready_locked(vcpu);
	}
	set_next_wakeup_locked(pcpu);
	return harts;
}

bool sched_tick(struct pcpu *pcpu)
{
	u64 harts = 0;

	if (pcpu->next_wakeup <= hw_time()) {
		lock_acquire(&sched.lock);
		harts = wake_due_locked(pcpu) & ~BIT(pcpu->index);
		lock_release(&sched.lock);
	}
	if (harts)
		hw_send_ipi(harts);
	if (pcpu->slice_end <= hw_time() && is_shared())
		return false;
	set_slice(pcpu, pcpu->slice_end <= hw_time());
	return true;
}

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

void sched_idle(struct pcpu *pcpu)
{
	lock_acquire(&sched.lock);
	bool nothing = !is_shared();

	pcpu->idle = nothing;
	lock_release(&sched.lock);
	if (nothing) {
		pcpu_update_timer(pcpu);
		sleep_undisturbed();
	} else {
		hw_pause(); /* another hart is at the work */
	}
	pcpu->timer_set = PCPU_TIMER_UNKNOWN;
	hw_serve_pending();
	sched_tick(pcpu);
}
