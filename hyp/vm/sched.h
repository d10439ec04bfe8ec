/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who runs where: one queue of ready vCPUs for all harts, served in turn, a slice each while others
 * wait. A vCPU that is alone on its hart takes no tick, and its WFI is left to the hardware.
 *
 * One lock (LOCK_SCHED) guards the queue, every vCPU's state, and who waits where.
 */
#pragma once

#include "hyp/vcpu.h"
#include "hyp/vm/pcpu.h"

/* A slice while others are ready, in milliseconds. */
#define SCHED_SLICE_MS 10

void sched_init(void);

/* A vCPU that was OFF becomes ready. */
void sched_start(struct vcpu *vcpu);

/* A vCPU that was ready or waiting becomes OFF. False: it is running somewhere, or OFF already. */
bool sched_stop(struct vcpu *vcpu);

/* Takes the next ready vCPU for the calling hart and makes it RUNNING there; NULL when there is
 * none. A slice is set if more are ready. */
struct vcpu *sched_pick(struct pcpu *pcpu);

/* The calling hart gives up its RUNNING vCPU, which has been put: to the end of the queue, to wait
 * until wait_deadline or an interrupt that it has enabled, or off. */
void sched_requeue(struct pcpu *pcpu, struct vcpu *vcpu);
void sched_wait(struct pcpu *pcpu, struct vcpu *vcpu);
void sched_exit(struct pcpu *pcpu, struct vcpu *vcpu);

/* A waiting vCPU may have got what it waits for: makes it ready if so. */
void sched_wake(struct vcpu *vcpu);

/* The calling hart's timer has rung, or it was interrupted because the queue has changed: wakes who
 * is due, and decides whether the current vCPU goes on. False: its slice is over. */
bool sched_tick(struct pcpu *pcpu);

/* There is work besides vCPUs for guest_work(): until it is finished, a vCPU that is alone on its
 * hart gives it up once a slice. The worker reads the count before it looks for work, and gives
 * that back when it has found none: what was asked meanwhile stays asked. */
void sched_add_work(void);
u32 sched_work_asked(void);
void sched_finish_work(u32 asked);

/* Sleeps until there may be something to do. Returns at once if there is. */
void sched_idle(struct pcpu *pcpu);

/* True while there are more vCPUs than harts, so that a WFI should leave its hart to others. */
bool sched_trap_wfi(void);
