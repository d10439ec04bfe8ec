/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happened, as fixed records in a ring for each hart; off by default. The points where nothing
 * may be added to the path (entry and exit, interrupts, exceptions given) are not compiled into it:
 * while tracing is on, harts take every exit the full way and vm/observe.c records. The others test
 * one flag.
 *
 * A hart writes its own ring only, and without a lock. Any hart may read any ring meanwhile: a
 * record has its number in it, written last, so that one that has been overwritten, or is being
 * written, is known for what it is.
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

/* One word for people and for the dump. */
const char *trace_event_name(enum trace_event event);

/* Read by everyone, changed by trace_start() and trace_stop(). */
extern u32 trace_is_on;

/* Appends to the calling hart's ring, the oldest record making room. vcpu may be NULL; of a VM's
 * event, any of its vCPUs will do. */
void trace_record(enum trace_event event, const struct vcpu *vcpu, u64 argument);

static inline void trace(enum trace_event event, const struct vcpu *vcpu, u64 argument)
{
	if (UNLIKELY(__atomic_load_n(&trace_is_on, __ATOMIC_RELAXED)))
		trace_record(event, vcpu, argument);
}

/* ------------------------------------------------------------------------------------------------
 * Switching. One caller at a time (vm/observe.c, which also makes the harts take the full way).
 */

#define TRACE_RECORD_SIZE 32

/* Gives a hart its ring, once and for good; 8-byte aligned, size a power of two and at least that
 * of a record. A hart without a ring records nothing. */
void trace_set_ring(unsigned hart, void *memory, size_t size);
/* In bytes; 0: it has none. */
size_t trace_ring_size(unsigned hart);

/* What is in the rings is forgotten, and recording begins; ends. A hart that is just writing a
 * record finishes it. */
void trace_start(void);
void trace_stop(void);

/* ------------------------------------------------------------------------------------------------
 * Reading, on any hart. The records of a ring are numbered from 0 since boot.
 */

#define TRACE_NOBODY 0xffff

struct trace_entry {
	u64 time; /* hart time */
	u64 argument;
	enum trace_event event;
	unsigned hart;
	unsigned vm, vcpu; /* their ids, or TRACE_NOBODY */
};

/* The number of the oldest record that trace_start() has not forgotten, whether or not it has been
 * overwritten since, and the number that the next one will get. */
u64 trace_first(unsigned hart);
u64 trace_end(unsigned hart);
/* The first that is still there, if nothing is recorded meanwhile. */
u64 trace_oldest(unsigned hart);

/* False: that record has been overwritten, or is not complete yet. */
bool trace_read(unsigned hart, u64 number, struct trace_entry *entry);

#ifdef HW_TEST
/* Off, and no rings, for the next test. */
void trace_forget(void);
#endif
