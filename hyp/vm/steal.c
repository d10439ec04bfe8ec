/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns steal_told, steal_sequence and steal_preempted. The guest may write to its area whatever it
 * likes: nothing is ever read from there.
 */
#include "hyp/vm/steal.h"

#include "hyp/mem/guest_memory.h"

/* SBI, "STA Shared Memory Structure". */
#define SEQUENCE_AT  0
#define STEAL_AT     8
#define PREEMPTED_AT 16

/* Without overflow for as long as a clock lasts: the remainder is below 10^9 times 10^9. */
static u64 nanoseconds(u64 ticks)
{
	u64 hz = hw_machine()->timebase_hz;

	return ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz;
}

/* The page was there when the area was set. Should it not be any more, that is the end of it. */
static void write(struct vcpu *vcpu, u64 at, const void *bytes, u64 length)
{
	gpa_t to = gpa(vcpu->steal_area.value + at);

	if (guest_memory_write(vcpu->vm->memory, to, bytes, length) != STATUS_OK)
		vcpu->steal_on = false;
}

static void write_sequence(struct vcpu *vcpu)
{
	vcpu->steal_sequence++;
	write(vcpu, SEQUENCE_AT, &vcpu->steal_sequence, sizeof(vcpu->steal_sequence));
}

static void write_preempted(struct vcpu *vcpu, bool preempted)
{
	u8 value = preempted;

	write(vcpu, PREEMPTED_AT, &value, sizeof(value));
	vcpu->steal_preempted = preempted;
}

/* Odd while it changes, for other vCPUs that look (SBI, "STA Shared Memory Structure"). */
static void write_steal(struct vcpu *vcpu)
{
	u64 steal = nanoseconds(vcpu->ready_time - vcpu->steal_base);

	write_sequence(vcpu);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	write(vcpu, STEAL_AT, &steal, sizeof(steal));
	__atomic_thread_fence(__ATOMIC_RELEASE);
	write_sequence(vcpu);
	vcpu->steal_told = vcpu->ready_time;
}

void steal_publish(struct vcpu *vcpu)
{
	if (LIKELY(!vcpu->steal_on))
		return;
	if (vcpu->steal_told != vcpu->ready_time)
		write_steal(vcpu);
	if (vcpu->steal_preempted)
		write_preempted(vcpu, false);
}

void steal_note_preempted(struct vcpu *vcpu)
{
	if (UNLIKELY(vcpu->steal_on))
		write_preempted(vcpu, true);
}
