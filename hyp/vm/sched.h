/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which vCPU runs where, and for how long. Each hart has queues and a lock of its own. Real-time
 * vCPUs (constant-bandwidth servers, earliest deadline first) come before fair ones (earliest
 * eligible virtual deadline first by weight); harts without enough to do take from others; quotas
 * hold over any window of 100 ms. sched_internal.h says what is where.
 *
 * Unless a comment says otherwise a function may be called on any hart with no lock held that ranks
 * at or below LOCK_SCHED.
 */
#pragma once

#include "hyp/vcpu.h"
#include "hyp/vm/pcpu.h"

/* A slice while others are ready, in milliseconds, unless the bundle says otherwise. */
#define SCHED_SLICE_MS 10

/* Boot hart, before any VM. slice in ticks, 0: SCHED_SLICE_MS. */
void sched_init(u64 slice);

/* A VM with these limits exists from now on, all its vCPUs OFF: reserves its dedicated harts and
 * assigns its real-time vCPUs to harts. Any hart. STATUS_INVALID: the limits contradict themselves
 * or name harts that are not there; STATUS_DENIED: the harts are taken by others, or their
 * real-time load would exceed what is admissible. *reason (may be NULL) says which in words. */
enum status sched_admit(struct vm *vm, const char **reason) MUST_CHECK;
/* The VM exists no more; all its vCPUs are OFF. */
void sched_release(struct vm *vm);

/* A vCPU that was OFF, of a VM that is admitted, becomes ready. */
void sched_start(struct vcpu *vcpu);

/* A vCPU that was ready, waiting or parked becomes OFF. False: it is running somewhere, or OFF
 * already. */
bool sched_stop(struct vcpu *vcpu);

/* A vCPU that was ready or waiting becomes parked. False: it is running (ask it to leave, and the
 * run loop parks it), OFF or parked. */
bool sched_park(struct vcpu *vcpu);
/* Parked no more: ready if it was ready, or if it waited and what it waits for has come (its
 * wait_deadline is again valid hart time), else waiting. No effect in any other state. */
void sched_unpark(struct vcpu *vcpu);

/* Takes the next vCPU for the calling hart and makes it RUNNING there; NULL when there is none. */
struct vcpu *sched_pick(struct pcpu *pcpu);

/* The calling hart gives up its RUNNING vCPU, which has been put: back to the queue, to wait until
 * wait_deadline or an interrupt that it has enabled, parked (waiting or ready by the flag), off. */
void sched_requeue(struct pcpu *pcpu, struct vcpu *vcpu);
void sched_wait(struct pcpu *pcpu, struct vcpu *vcpu);
void sched_park_self(struct pcpu *pcpu, struct vcpu *vcpu, bool waiting);
void sched_exit(struct pcpu *pcpu, struct vcpu *vcpu);

/* A waiting vCPU may have got what it waits for: makes it ready if so. */
void sched_wake(struct vcpu *vcpu);

/* The calling hart's timer has rung, or it was interrupted because something has changed: wakes who
 * is due, and decides whether the current vCPU goes on. False: it is to leave. */
bool sched_tick(struct pcpu *pcpu);

/* Sleeps until there may be something to do. Returns at once if there is. */
void sched_idle(struct pcpu *pcpu);

/* True if a WFI of the calling hart's vCPU should leave the hart to others. */
bool sched_trap_wfi(struct pcpu *pcpu);

/* For work.c: work is done by harts that are not dedicated and have no real-time vCPUs at home if
 * there are any, else by those that are not dedicated, else by the first. */
bool sched_may_work(unsigned hart);
/* The one of these that shall do work now: an idle one if there is one. */
unsigned sched_hart_for_work(void);
/* True if the hart belongs to a VM alone. */
bool sched_is_dedicated(unsigned hart);

/* run_time, ready_time and waiting_time with the stretch that is going on. */
struct sched_times {
	u64 run, ready, waiting;
};
struct sched_times sched_get_times(struct vcpu *vcpu);
/* They and the counts begin at zero. */
void sched_reset_accounts(struct vcpu *vcpu);

/* Time that the hart has spent without a vCPU since boot, in ticks. */
u64 sched_idle_time(unsigned hart);
