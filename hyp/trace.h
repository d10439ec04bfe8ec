/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened, as fixed records in a ring for each hart; off by default. The points where nothing
 * may be added to the path (entry and exit) are not compiled into it: while tracing is on the harts
 * use a trap vector that takes every exit the full way, and the run loop records. The others test
 * one flag.
 *
 * ui/ switches it and reads it out.
 */
#pragma once

#include "hyp/types.h"

struct vcpu;

enum trace_event {
	TRACE_ENTRY,	 /* a guest goes on */
	TRACE_EXIT,	 /* argument: scause */
	TRACE_INJECT,	 /* an exception; argument: its cause */
	TRACE_INTERRUPT, /* hvip bits that a vCPU gets; argument: the bits */
	TRACE_SWITCH,	 /* a vCPU gets the hart; NULL: the hart idles */
	TRACE_LEAVE,	 /* it gives it up; argument: enum vcpu_run_state that it is in now */
	TRACE_MOVE,	 /* it was on another hart before; argument: that hart's index */
	TRACE_WAKE,	 /* a waiting vCPU became ready; argument: the hart whose queue it is in */
	TRACE_FAULT,	 /* a page was given; argument: guest-physical address */
	TRACE_LIFE,	 /* a VM changed its state; argument: enum guest_state */
	TRACE_EVENT_COUNT
};

/* Read by everyone, switched by ui/ through trace_start() and trace_stop(). */
extern u32 trace_is_on;

/* Appends to the calling hart's ring, the oldest record making room. vcpu may be NULL; of a VM's
 * event, any of its vCPUs will do. */
void trace_record(enum trace_event event, const struct vcpu *vcpu, u64 argument);

static inline void trace(enum trace_event event, const struct vcpu *vcpu, u64 argument)
{
	if (UNLIKELY(__atomic_load_n(&trace_is_on, __ATOMIC_RELAXED)))
		trace_record(event, vcpu, argument);
}
