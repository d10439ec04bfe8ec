/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The part of a local APIC in x2APIC mode that a guest's timer needs: TSC-deadline mode, EOI, and
 * priority among what is pending (Intel SDM vol. 3, "Advanced Programmable Interrupt Controller").
 * Owns vcpu->apic; only the vCPU's own CPU calls in here.
 *
 * The deadline is kept by the VMX-preemption timer. It counts in the guest only, so what is left is
 * computed anew before each entry while it is armed (exit.S: AFTER_TIMER).
 */
#include "host.h"
#include "vmx.h"

#define TIMER_MASKED   0x10000u
#define TIMER_DEADLINE 0x40000u
#define TIMER_BITS     0x710fful /* vector, status, mask, mode; the others are reserved */

/* Highest vector of a set, or -1. */
static ALWAYS_INLINE int highest(const struct vectors *set)
{
	if (!set->used)
		return -1;
	int i = 31 - __builtin_clz(set->used);

	return i * 64 + 63 - __builtin_clzll(set->word[i]);
}

static ALWAYS_INLINE void add(struct vectors *set, unsigned vector)
{
	set->word[vector / 64] |= 1ul << vector % 64;
	set->used |= 1u << vector / 64;
}

static ALWAYS_INLINE void drop(struct vectors *set, unsigned vector)
{
	u64 *word = &set->word[vector / 64];

	*word &= ~(1ul << vector % 64);
	if (!*word)
		set->used &= ~(1u << vector / 64);
}

static ALWAYS_INLINE bool may_interrupt(void)
{
	return (vmx_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF) &&
	       !(vmx_read(VMCS_GUEST_INTERRUPTIBILITY) & BLOCKED_SHADOW);
}

/* Injects the most urgent pending interrupt at the next entry, or asks for an exit as soon as the
 * guest can take it. */
void vapic_deliver(struct vcpu *vcpu)
{
	struct vapic *apic = &vcpu->apic;
	int vector = highest(&apic->irr);

	if (vector < 0 || highest(&apic->isr) >> 4 >= vector >> 4)
		return;
	if (LIKELY(may_interrupt())) {
		drop(&apic->irr, (unsigned)vector);
		add(&apic->isr, (unsigned)vector);
		vmx_write(VMCS_ENTRY_EVENT, EVENT_VALID | EVENT_EXTERNAL | (u32)vector);
	} else {
		vmx_write(VMCS_PROC_CONTROLS, vmcs_proc_controls | PROC_INTERRUPT_WINDOW);
	}
}

void vapic_end_interrupt(struct vcpu *vcpu)
{
	int vector = highest(&vcpu->apic.isr);

	if (vector >= 0)
		drop(&vcpu->apic.isr, (unsigned)vector);
	vapic_deliver(vcpu);
}

static void fire(struct vcpu *vcpu)
{
	vcpu->apic.deadline = 0;
	if (vcpu->apic.timer & TIMER_MASKED)
		return;
	add(&vcpu->apic.irr, vcpu->apic.timer & 0xff);
	vapic_deliver(vcpu);
}

static void disarm(struct vcpu *vcpu)
{
	vcpu->apic.deadline = 0;
	if (vcpu->after & AFTER_TIMER) {
		vcpu->after &= ~AFTER_TIMER;
		vmx_write(VMCS_GUEST_TIMER, TIMER_NEVER);
	}
}

/* The LVT entry; leaving TSC-deadline mode disarms. False for what the CPU would refuse. */
bool vapic_write_timer(struct vcpu *vcpu, u64 value)
{
	if (value & ~TIMER_BITS)
		return false;
	vcpu->apic.timer = (u32)value;
	if (!(value & TIMER_DEADLINE))
		disarm(vcpu);
	return true;
}

/* In other modes the MSR stays zero ("TSC-Deadline Mode"). A deadline that has passed takes no
 * detour through the timer. */
void vapic_write_deadline(struct vcpu *vcpu, u64 deadline)
{
	if (UNLIKELY(!(vcpu->apic.timer & TIMER_DEADLINE)))
		return;
	if (deadline && deadline > x86_read_tsc()) {
		vcpu->apic.deadline = deadline;
		vcpu->after |= AFTER_TIMER;
		return;
	}
	disarm(vcpu);
	if (deadline)
		fire(vcpu);
}

/* The timer has run down: because of the deadline, or because it stood at its maximum. */
void vapic_expired(struct vcpu *vcpu)
{
	if (!(vcpu->after & AFTER_TIMER) || x86_read_tsc() < vcpu->apic.deadline)
		return;
	disarm(vcpu);
	fire(vcpu);
}

/* Called from exit.S, when AFTER_TIMER is set. Rounded up: the timer must not ring too early. */
void timer_rearm(struct vcpu *vcpu)
{
	u64 now = x86_read_tsc();
	u64 left = vcpu->apic.deadline > now ? vcpu->apic.deadline - now : 0;
	u64 value = (left >> vmcs_timer_shift) + 1;

	vmx_write(VMCS_GUEST_TIMER, value < TIMER_NEVER ? value : TIMER_NEVER);
}
