/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns the rings. Each has one writer, its hart; "first" alone is trace_start()'s. A slot is a lock
 * of its own in the manner of a sequence count: its number is taken away before its other words
 * change and given anew after them, and a reader that finds the number it wants before and after
 * has read one whole record (Unprivileged ISA, "RVWMO": the fences order one side's stores and the
 * other side's loads).
 */
#include "hyp/trace.h"

#include <string.h>

#include "hyp/check.h"
#include "hyp/hw.h"
#include "hyp/vcpu.h"

/* mark: number + 1; 0: being written. who: event, hart, VM and vCPU, 16 bits each. */
struct slot {
	u64 mark;
	u64 time;
	u64 argument;
	u64 who;
};
_Static_assert(sizeof(struct slot) == TRACE_RECORD_SIZE, "the size of a record");

/* A cache line each, since each hart writes to its own all the time. */
static struct ring {
	struct slot *slots;
	u64 slot_count; /* a power of two */
	u64 next;
	u64 first;
} __attribute__((aligned(64))) rings[HW_HART_MAX];

u32 trace_is_on;

const char *trace_event_name(enum trace_event event)
{
	static const char *const names[TRACE_EVENT_COUNT] = {
		[TRACE_ENTRY] = "entry",   [TRACE_EXIT] = "exit",
		[TRACE_INJECT] = "inject", [TRACE_INTERRUPT] = "interrupt",
		[TRACE_SWITCH] = "switch", [TRACE_LEAVE] = "leave",
		[TRACE_MOVE] = "move",	   [TRACE_WAKE] = "wake",
		[TRACE_FAULT] = "fault",   [TRACE_LIFE] = "life",
	};

	return event < TRACE_EVENT_COUNT ? names[event] : "?";
}

static struct ring *ring_of(unsigned hart)
{
	CHECK(hart < HW_HART_MAX);
	return &rings[hart];
}

/* ---- Writing ---- */

static u64 pack(enum trace_event event, unsigned hart, const struct vcpu *vcpu)
{
	u64 vm = vcpu ? vcpu->vm->id : TRACE_NOBODY;
	u64 id = vcpu ? vcpu->id : TRACE_NOBODY;

	return (u64)event | (u64)hart << 16 | vm << 32 | id << 48;
}

void trace_record(enum trace_event event, const struct vcpu *vcpu, u64 argument)
{
	unsigned hart = hw_hart_index();
	struct ring *ring = ring_of(hart);
	struct slot *slots = __atomic_load_n(&ring->slots, __ATOMIC_ACQUIRE);

	if (!slots)
		return;
	u64 number = ring->next;
	struct slot *slot = &slots[number & (ring->slot_count - 1)];

	__atomic_store_n(&slot->mark, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	__atomic_store_n(&slot->time, hw_time(), __ATOMIC_RELAXED);
	__atomic_store_n(&slot->argument, argument, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->who, pack(event, hart, vcpu), __ATOMIC_RELAXED);
	__atomic_store_n(&slot->mark, number + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&ring->next, number + 1, __ATOMIC_RELEASE);
}

/* ---- Switching ---- */

void trace_set_ring(unsigned hart, void *memory, size_t size)
{
	struct ring *ring = ring_of(hart);

	CHECK(!ring->slots);
	CHECK(size >= sizeof(struct slot) && (size & (size - 1)) == 0);
	ring->slot_count = size / sizeof(struct slot);
	__atomic_store_n(&ring->slots, memory, __ATOMIC_RELEASE);
}

size_t trace_ring_size(unsigned hart)
{
	return ring_of(hart)->slot_count * sizeof(struct slot);
}

void trace_start(void)
{
	for (unsigned i = 0; i < HW_HART_MAX; i++)
		__atomic_store_n(&rings[i].first, trace_end(i), __ATOMIC_RELAXED);
	__atomic_store_n(&trace_is_on, 1, __ATOMIC_SEQ_CST);
}

void trace_stop(void)
{
	__atomic_store_n(&trace_is_on, 0, __ATOMIC_SEQ_CST);
}

/* ---- Reading ---- */

u64 trace_first(unsigned hart)
{
	return __atomic_load_n(&ring_of(hart)->first, __ATOMIC_RELAXED);
}

u64 trace_end(unsigned hart)
{
	return __atomic_load_n(&ring_of(hart)->next, __ATOMIC_ACQUIRE);
}

u64 trace_oldest(unsigned hart)
{
	u64 end = trace_end(hart), first = trace_first(hart);
	u64 count = ring_of(hart)->slot_count;

	return end - first > count ? end - count : first;
}

bool trace_read(unsigned hart, u64 number, struct trace_entry *entry)
{
	struct ring *ring = ring_of(hart);
	struct slot *slots = __atomic_load_n(&ring->slots, __ATOMIC_ACQUIRE);

	/* What lies in a slot that has never been written is not looked at. */
	if (!slots || number >= trace_end(hart))
		return false;
	struct slot *slot = &slots[number & (ring->slot_count - 1)];

	if (__atomic_load_n(&slot->mark, __ATOMIC_ACQUIRE) != number + 1)
		return false;
	u64 who = __atomic_load_n(&slot->who, __ATOMIC_RELAXED);

	*entry = (struct trace_entry){
		.time = __atomic_load_n(&slot->time, __ATOMIC_RELAXED),
		.argument = __atomic_load_n(&slot->argument, __ATOMIC_RELAXED),
		.event = (enum trace_event)(who & 0xffff),
		.hart = (unsigned)(who >> 16 & 0xffff),
		.vm = (unsigned)(who >> 32 & 0xffff),
		.vcpu = (unsigned)(who >> 48),
	};
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&slot->mark, __ATOMIC_RELAXED) == number + 1;
}

#ifdef HW_TEST
void trace_forget(void)
{
	trace_stop();
	memset(rings, 0, sizeof(rings));
}
#endif
