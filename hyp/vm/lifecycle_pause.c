/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RUNNING to PAUSED and back. Every vCPU is taken from its queue, or leaves its hart; when the last
 * one has, the guest's clock stands still. Resuming moves it on by nothing.
 */
#include "hyp/vm/lifecycle.h"

#include "hyp/vm/requests.h"
#include "hyp/vm/sched.h"

enum status guest_pause(struct guest *guest)
{
	lock_acquire(&guest->lock);
	bool taken = guest->state == GUEST_RUNNING;

	if (taken) {
		guest->paused_at = hw_time();
		guest->resume_asked = false;
		guest->asking_count++;
		lifecycle_set_state_locked(guest, GUEST_PAUSED);
	}
	lock_release(&guest->lock);
	if (!taken)
		return STATUS_DENIED;
	for (unsigned i = 0; i < guest->vm.vcpu_count; i++) {
		struct vcpu *vcpu = guest->vcpus[i];

		__atomic_fetch_or(&vcpu->requests, REQUEST_LEAVE, __ATOMIC_SEQ_CST);
		if (!sched_park(vcpu))
			requests_notify(vcpu);
	}
	/* Who has ended it meanwhile may have come by before we parked some. */
	if (guest_is_ending(guest))
		lifecycle_drive_out(guest);
	lifecycle_end_asking(guest);
	return STATUS_OK;
}

enum status guest_resume(struct guest *guest)
{
	lock_acquire(&guest->lock);
	bool paused = guest->state == GUEST_PAUSED;

	if (paused)
		guest->resume_asked = true;
	lock_release(&guest->lock);
	if (paused)
		work_ask(&guest->work);
	return paused ? STATUS_OK : STATUS_DENIED;
}

void guest_stop_clock(struct guest *guest)
{
	lock_acquire(&guest->lock);
	if (guest->state == GUEST_PAUSED)
		guest->paused_at = hw_time();
	lock_release(&guest->lock);
}

void guest_vcpu_parked(struct guest *guest)
{
	lock_acquire(&guest->lock);
	bool resume = guest->resume_asked;

	lock_release(&guest->lock);
	if (resume)
		work_ask(&guest->work);
}

static bool all_parked(const struct guest *guest)
{
	for (unsigned i = 0; i < guest->vm.vcpu_count; i++) {
		enum vcpu_run_state state =
			__atomic_load_n(&guest->vcpus[i]->state, __ATOMIC_ACQUIRE);

		if (state != VCPU_OFF && state != VCPU_PARKED)
			return false;
	}
	return true;
}

/* The guest's clock goes on where it stopped; what is kept in hart time moves along. */
static void shift_clock_locked(struct guest *guest)
{
	u64 paused = hw_time() - guest->paused_at;

	guest->vm.htimedelta -= paused;
	for (unsigned i = 0; i < guest->vm.vcpu_count; i++) {
		struct vcpu *vcpu = guest->vcpus[i];

		if (vcpu->timer < UINT64_MAX - paused)
			vcpu->timer += paused;
		if (vcpu->wait_deadline < UINT64_MAX - paused)
			vcpu->wait_deadline += paused;
		vcpu->last_hart = -1; /* htimedelta in the hart that had it is the old one */
		__atomic_fetch_and(&vcpu->requests, ~(u32)REQUEST_LEAVE, __ATOMIC_SEQ_CST);
	}
}

bool lifecycle_paused_step(struct guest *guest)
{
	lock_acquire(&guest->lock);
	bool resume = guest->state == GUEST_PAUSED && guest->resume_asked &&
		      guest->asking_count == 0 && all_parked(guest);

	if (resume) {
		shift_clock_locked(guest);
		guest->resume_asked = false;
		lifecycle_set_state_locked(guest, GUEST_RUNNING);
	}
	lock_release(&guest->lock);
	if (!resume)
		return false; /* the last one that parks or stops or asks for it asks again */
	for (unsigned i = 0; i < guest->vm.vcpu_count; i++)
		sched_unpark(guest->vcpus[i]);
	return false;
}
