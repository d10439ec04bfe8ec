/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a VM (guest.h has the picture): its states, and who takes which step. Owns each
 * guest's state, end and what follows from it, guarded by guest->lock; the state is also read
 * without, by harts that run its vCPUs. The transitions are in lifecycle_start.c, lifecycle_pause.c
 * and lifecycle_end.c.
 *
 * What takes long is a step of guest->work, and only such a step takes a VM out of QUEUED, LOADING,
 * ENDING and FREEING, but for stop and reset in QUEUED. Calls from outside leave a wish behind and
 * ask for a step.
 */
#include "hyp/vm/lifecycle.h"

#include "hyp/trace.h"
#include "hyp/vm/sched.h"

static u32 awake_count; /* VMs that are not OFF */
static u32 kept_count;	/* VMs that are OFF because the operator or the bundle wants it so */
static u32 is_held;

void lifecycle_set_state_locked(struct guest *guest, enum guest_state state)
{
	if (guest->state == GUEST_OFF && state != GUEST_OFF)
		__atomic_fetch_add(&awake_count, 1, __ATOMIC_SEQ_CST);
	if (guest->state != GUEST_OFF && state == GUEST_OFF)
		__atomic_fetch_sub(&awake_count, 1, __ATOMIC_SEQ_CST);
	/* Seen by harts that have just announced that they run one of its vCPUs, or else they are
	 * seen by whoever changes the state. */
	__atomic_store_n(&guest->state, state, __ATOMIC_SEQ_CST);
	trace(TRACE_LIFE, guest->vcpus[0], state);
}

void lifecycle_keep_off_locked(struct guest *guest, bool keep)
{
	if (keep && !guest->kept_off)
		__atomic_fetch_add(&kept_count, 1, __ATOMIC_SEQ_CST);
	if (!keep && guest->kept_off)
		__atomic_fetch_sub(&kept_count, 1, __ATOMIC_SEQ_CST);
	guest->kept_off = keep;
}

/* Those that wait for others look again. */
void lifecycle_ask_queued(void)
{
	for (struct guest *guest = guest_next(NULL); guest; guest = guest_next(guest))
		if (guest_state(guest) == GUEST_QUEUED &&
		    __atomic_load_n(&guest->needs_others, __ATOMIC_RELAXED))
			work_ask(&guest->work);
}

bool lifecycle_step(struct work *work)
{
	struct guest *guest = container_of(work, struct guest, work);

	switch (guest_state(guest)) {
	case GUEST_QUEUED:
		return lifecycle_queued_step(guest);
	case GUEST_LOADING:
		return lifecycle_loading_step(guest);
	case GUEST_PAUSED:
		return lifecycle_paused_step(guest);
	case GUEST_ENDING:
		return lifecycle_ending_step(guest);
	case GUEST_FREEING:
		return lifecycle_freeing_step(guest);
	default:
		return false;
	}
}

bool guest_may_run(const struct guest *guest)
{
	return __atomic_load_n(&guest->state, __ATOMIC_SEQ_CST) == GUEST_RUNNING;
}

bool guest_is_ending(const struct guest *guest)
{
	enum guest_state state = __atomic_load_n(&guest->state, __ATOMIC_SEQ_CST);

	return state != GUEST_RUNNING && state != GUEST_PAUSED;
}

void guest_hold_machine(bool hold)
{
	__atomic_store_n(&is_held, hold, __ATOMIC_SEQ_CST);
	if (!hold)
		hw_send_ipi(BIT(sched_hart_for_work())); /* which may be to end the machine now */
}

bool guest_all_off(void)
{
	return __atomic_load_n(&awake_count, __ATOMIC_SEQ_CST) == 0 &&
	       __atomic_load_n(&kept_count, __ATOMIC_SEQ_CST) == 0 &&
	       !__atomic_load_n(&is_held, __ATOMIC_SEQ_CST);
}

void guest_keep_off(struct guest *guest)
{
	lock_acquire(&guest->lock);
	lifecycle_keep_off_locked(guest, true);
	lock_release(&guest->lock);
}

#ifdef HW_TEST
void lifecycle_forget(void)
{
	awake_count = 0;
	kept_count = 0;
	is_held = 0;
}
#endif
