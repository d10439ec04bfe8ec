/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files that run a VM's life share with each other, with guest.c and with the run loop.
 * "_locked": the caller holds guest->lock. */
#pragma once

#include "hyp/vm/guest.h"

/* One step of the VM's life; guest->work is registered with it. */
bool lifecycle_step(struct work *work);

/* Its parts, by state. True: there is more to do at once. */
bool lifecycle_queued_step(struct guest *guest);
bool lifecycle_loading_step(struct guest *guest);
bool lifecycle_paused_step(struct guest *guest);
bool lifecycle_ending_step(struct guest *guest);
bool lifecycle_freeing_step(struct guest *guest);

void lifecycle_set_state_locked(struct guest *guest, enum guest_state state);
/* Whether the VM being OFF is what somebody wants: then the machine stays on. */
void lifecycle_keep_off_locked(struct guest *guest, bool keep);
/* It will start again, or for the first time, at that hart time. */
void lifecycle_queue_locked(struct guest *guest, u64 start_at);
/* Those that wait for others to get somewhere look again. No lock held. */
void lifecycle_ask_queued(void);

/* Fresh memory and devices for another life. STATUS_UNSUPPORTED: no G-stage mode has room for that
 * much RAM; STATUS_NO_MEMORY. */
enum status guest_reset_parts(struct guest *guest) MUST_CHECK;

/* Makes every vCPU leave for good. Once the VM is ENDING, before end_asking(). No lock held. */
void lifecycle_drive_out(struct guest *guest);
/* Who has counted itself in asking_count is done: no step goes on to the VM's next state before, or
 * what is meant for this one would reach vCPUs of the next. No lock held. */
void lifecycle_end_asking(struct guest *guest);

/* Part of vm_ops; see there. */
void guest_end(struct vm *vm, enum vm_end end, const char *reason);

/* ---- The run loop's and HSM's part ---- */

/* A vCPU in START_PENDING becomes ready to run from pc. STATUS_DENIED: the VM is ending. */
enum status guest_start_vcpu(struct vcpu *vcpu, u64 pc, u64 opaque) MUST_CHECK;

/* One of its vCPUs has gone OFF, for whatever reason. */
void guest_vcpu_left(struct guest *guest);

/* One of its vCPUs has left its hart while the VM may not run: if that is because of a pause, the
 * guest's clock stops now. Before anybody can see that the vCPU has left. */
void guest_stop_clock(struct guest *guest);

/* One of its vCPUs has parked itself. */
void guest_vcpu_parked(struct guest *guest);

/* False: its vCPUs are to leave, for good (is_ending) or to be parked. */
bool guest_may_run(const struct guest *guest);
bool guest_is_ending(const struct guest *guest);

#ifdef HW_TEST
void lifecycle_forget(void);
#endif
