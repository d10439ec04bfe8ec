/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From RUNNING or PAUSED to OFF, or to the next life: who may end a VM, that nothing of it is in
 * use any more before its memory goes back, and what follows.
 */
#include "hyp/vm/lifecycle.h"

#include "hyp/vm/pcpu.h"
#include "hyp/vm/recycle.h"
#include "hyp/vm/requests.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/stats.h"

/* How often an ending VM looks whether all harts have let go of it. */
#define ENDING_POLL_HZ 10000

/* A restart waits for a second, twice as long each time, a minute at most. Who has run for a minute
 * begins with a second again. */
#define BACKOFF_MAX_SECONDS 60

/* A guest that reboots sooner than that waits for the rest of it. */
#define LIFE_MIN_SECONDS 1

static const char *const end_words[] = {
	[VM_END_SHUTDOWN] = "off",    [VM_END_REBOOT] = "restarting", [VM_END_FAILED] = "stopped",
	[VM_END_STOPPED] = "stopped", [VM_END_RESET] = "restarting",
};

/* With nothing left of it but its name. */
static void turn_off_locked(struct guest *guest)
{
	if (guest->admitted)
		sched_release(&guest->vm);
	guest->admitted = false;
	lifecycle_set_state_locked(guest, GUEST_OFF);
}

/* Each of these may call the next, and the last one guest_end() again, but once only: after that
 * the VM is ending, and its end is taken already. */
/* NOLINTBEGIN(misc-no-recursion) */
void lifecycle_drive_out(struct guest *guest)
{
	for (unsigned i = 0; i < guest->vm.vcpu_count; i++) {
		struct vcpu *vcpu = guest->vcpus[i];

		__atomic_fetch_or(&vcpu->requests, REQUEST_LEAVE, __ATOMIC_SEQ_CST);
		if (sched_stop(vcpu))
			guest_vcpu_left(guest);
		else
			requests_notify(vcpu);
	}
}

static bool take_end_locked(struct guest *guest, enum vm_end end, const char *reason)
{
	bool alive = guest->state == GUEST_RUNNING || guest->state == GUEST_PAUSED;

	guest->end = end;
	guest->reason = reason;
	if (alive) {
		guest->asking_count++;
		lifecycle_set_state_locked(guest, GUEST_ENDING);
	}
	return alive;
}

void lifecycle_end_asking(struct guest *guest)
{
	lock_acquire(&guest->lock);
	guest->asking_count--;
	lock_release(&guest->lock);
	work_ask(&guest->work);
}

static void leave_life(struct guest *guest, enum vm_end end, const char *reason)
{
	log_guest(&guest->vm.log, "%s: %s: %s", guest->vm.name, end_words[end], reason);
	lifecycle_drive_out(guest);
	lifecycle_end_asking(guest);
}

void guest_end(struct vm *vm, enum vm_end end, const char *reason)
{
	struct guest *guest = guest_of(vm);

	lock_acquire(&guest->lock);
	bool taken = !guest_is_ending(guest) && take_end_locked(guest, end, reason);

	lock_release(&guest->lock);
	if (taken)
		leave_life(guest, end, reason);
}

void guest_vcpu_left(struct guest *guest)
{
	lock_acquire(&guest->lock);
	unsigned left = --guest->active_count;
	enum guest_state state = guest->state;
	bool resume = guest->resume_asked;

	lock_release(&guest->lock);
	if (left != 0) {
		/* It may be the last one that a resume waits for. */
		if (state == GUEST_PAUSED && resume)
			work_ask(&guest->work);
		return;
	}
	if (state == GUEST_ENDING)
		work_ask(&guest->work);
	else
		guest_end(&guest->vm, VM_END_FAILED,
			  "its last vCPU stopped, and nothing can start one");
}
/* NOLINTEND(misc-no-recursion) */

/* Instead of whatever would follow. In LOADING, ENDING and FREEING it is enough to say so. */
static enum status end_by_operator(struct guest *guest, enum vm_end end)
{
	const char *reason = "by the operator";
	bool alive = false;

	lock_acquire(&guest->lock);
	enum guest_state state = guest->state;

	if (state != GUEST_OFF)
		lifecycle_keep_off_locked(guest, end == VM_END_STOPPED);
	if (state == GUEST_QUEUED && end == VM_END_STOPPED)
		turn_off_locked(guest);
	else if (state == GUEST_QUEUED)
		guest->start_at = hw_time();
	else if (state != GUEST_OFF)
		alive = take_end_locked(guest, end, reason);
	lock_release(&guest->lock);
	if (state == GUEST_OFF)
		return STATUS_DENIED;
	if (alive)
		leave_life(guest, end, reason);
	work_ask(&guest->work);
	lifecycle_ask_queued();
	return STATUS_OK;
}

enum status guest_stop(struct guest *guest)
{
	return end_by_operator(guest, VM_END_STOPPED);
}

enum status guest_reset(struct guest *guest)
{
	return end_by_operator(guest, VM_END_RESET);
}

/* The harts that still have the VM's tables active. */
static u64 holders_of(const struct guest *guest)
{
	u64 holders = 0;

	for (unsigned i = 0; i < hw_machine()->hart_count; i++) {
		const struct vcpu *loaded = __atomic_load_n(&pcpu_get(i)->loaded, __ATOMIC_ACQUIRE);

		if (loaded && loaded->vm == &guest->vm)
			holders |= BIT(i);
	}
	return holders;
}

static u64 harts_that_ran(const struct guest *guest)
{
	u64 harts = 0;

	for (unsigned i = 0; i < hw_machine()->hart_count; i++)
		if (__atomic_load_n(&guest->last_vcpu[i], __ATOMIC_RELAXED))
			harts |= BIT(i);
	return harts;
}

/* No vCPU runs, no hart may walk the VM's tables, not even speculatively, and none may execute
 * from its pages any more. */
static bool is_quiet(struct guest *guest)
{
	lock_acquire(&guest->lock);
	bool quiet = guest->active_count == 0 && guest->asking_count == 0;

	lock_release(&guest->lock);
	if (!quiet)
		return false;
	u64 holders = holders_of(guest);

	if (holders) {
		hw_send_ipi(holders); /* they leave hw_wait() and let go */
		return false;
	}
	if (!guest->recycle_ticket)
		guest->recycle_ticket = recycle_begin(harts_that_ran(guest));
	return recycle_is_done(guest->recycle_ticket, harts_that_ran(guest));
}

bool lifecycle_ending_step(struct guest *guest)
{
	if (!is_quiet(guest)) {
		u64 poll = max_u64(1, hw_machine()->timebase_hz / ENDING_POLL_HZ);

		work_ask_at(&guest->work, hw_time() + poll);
		return false;
	}
	guest->recycle_ticket = 0;
	if (guest->end != VM_END_REBOOT && guest->end != VM_END_RESET)
		stats_log_exits(&guest->vm);
	lock_acquire(&guest->lock);
	lifecycle_set_state_locked(guest, GUEST_FREEING);
	lock_release(&guest->lock);
	return true;
}

static u64 backoff(struct guest *guest)
{
	u64 second = hw_machine()->timebase_hz;

	if (hw_time() - guest->started_at >= BACKOFF_MAX_SECONDS * second)
		guest->restart_count = 0;
	u64 seconds = min_u64(BACKOFF_MAX_SECONDS, 1ULL << min_u64(guest->restart_count, 16));

	guest->restart_count++;
	log_guest(&guest->vm.log, "%s: restarts in %llu s", guest->vm.name,
		  (unsigned long long)seconds);
	return seconds * second;
}

/* Freeing and loading are nobody's time: who reboots all the time gets a life each second. */
static u64 time_to_reboot(const struct guest *guest)
{
	u64 lived = hw_time() - guest->started_at;

	return LIFE_MIN_SECONDS * hw_machine()->timebase_hz -
	       min_u64(lived, LIFE_MIN_SECONDS * hw_machine()->timebase_hz);
}

/* Whether another life follows, and after which delay. */
static bool restarts_locked(struct guest *guest, u64 *delay)
{
	enum guest_restart policy = guest->config.restart;

	*delay = 0;
	switch (guest->end) {
	case VM_END_REBOOT:
		*delay = time_to_reboot(guest);
		return true;
	case VM_END_RESET:
		return true;
	case VM_END_STOPPED:
		return false;
	case VM_END_SHUTDOWN:
		if (policy != GUEST_RESTART_ALWAYS)
			return false;
		break;
	default:
		if (policy == GUEST_RESTART_NEVER)
			return false;
	}
	*delay = backoff(guest);
	return true;
}

/* All is given back. What now? */
static void finish(struct guest *guest)
{
	u64 delay;

	lock_acquire(&guest->lock);
	bool again = restarts_locked(guest, &delay);

	if (again)
		lifecycle_queue_locked(guest, hw_time() + delay);
	else
		turn_off_locked(guest);
	lock_release(&guest->lock);
	if (!again)
		lifecycle_ask_queued();
}

bool lifecycle_freeing_step(struct guest *guest)
{
	if (guest->has_memory && !guest_memory_destroy_step(&guest->memory))
		return true;
	guest->has_memory = false;
	finish(guest);
	return true;
}
