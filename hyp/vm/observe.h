/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Looking at every exit: while somebody traces or profiles, guests are entered so that each of
 * their exits comes back to C with all registers saved, and what happens is recorded and timed
 * here. While nobody does, nothing of this is on any path but for one test when a vCPU gets a hart.
 */
#pragma once

#include "hyp/vcpu.h"

enum observe_mode {
	OBSERVE_TRACE = 1 << 0,	  /* records in the rings of hyp/trace.h */
	OBSERVE_PROFILE = 1 << 1, /* guest_time, exit_time and exit_timed of each vCPU */
};

/* The build with EXIT=full: as if there were no light path, for comparison. */
#ifndef HW_FULL_EXITS
#define HW_FULL_EXITS 0
#endif

extern u32 observe_modes;

/* The run loop asks when it has said that it runs the vCPU (running_on), and not before: of that
 * and observe_start()'s look at running_on, one sees the other. */
static inline bool observe_is_on(void)
{
	return HW_FULL_EXITS || UNLIKELY(__atomic_load_n(&observe_modes, __ATOMIC_SEQ_CST) != 0);
}

static inline bool observe_has(enum observe_mode mode)
{
	return (__atomic_load_n(&observe_modes, __ATOMIC_RELAXED) & mode) != 0;
}

/* Switch a mode on and off. Starting forgets what was recorded or counted before. All harts follow
 * as soon as their next interrupt. Any hart, one caller at a time, no lock held. */
void observe_start(enum observe_mode mode);
void observe_stop(enum observe_mode mode);

/* The run loop's inner loop, observed: enters the loaded vCPU until it is to leave. */
void observe_run(struct vcpu *vcpu);

/* True if the vCPU's times belong to the latest profile. */
bool observe_has_times(const struct vcpu *vcpu);

/* The index of an exit in exit_count, exit_time and exit_timed. */
unsigned observe_cause(u64 scause);
