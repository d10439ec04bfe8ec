/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns vcpu->timer. Runs on the vCPU's hart, takes no locks. */
#include "hyp/vm/timer.h"

#include "hyp/csr.h"
#include "hyp/vm/sched.h"
#include "hyp/vs.h"

/* A 16-byte FIFO at 115200 baud is full in 1.4 ms. */
#define POLL_HZ 1000

/* When the guest's clock will show that time; values from far ahead wrap neither way. */
static u64 hart_time_of(const struct vcpu *vcpu, u64 guest_time)
{
	u64 now = hw_time();
	u64 guest_now = now + vcpu->vm->htimedelta;

	if (guest_time <= guest_now)
		return now;
	u64 ahead = guest_time - guest_now;

	return ahead > UINT64_MAX - now ? UINT64_MAX : now + ahead;
}

/* SBI, "Timer Extension": a new value takes the pending interrupt back. */
void timer_set(struct vcpu *self, u64 guest_time)
{
	__atomic_fetch_and(&self->irq_level, ~(u32)HVIP_VSTIP, __ATOMIC_SEQ_CST);
	vs_clear_hvip(self, HVIP_VSTIP);
	self->timer = guest_time == UINT64_MAX ? UINT64_MAX : hart_time_of(self, guest_time);
	timer_rang(self);
	pcpu_update_timer(pcpu_this());
}

void timer_rang(struct vcpu *vcpu)
{
	if (vcpu->timer > hw_time())
		return;
	vcpu->timer = UINT64_MAX;
	__atomic_fetch_or(&vcpu->irq_level, HVIP_VSTIP, __ATOMIC_SEQ_CST);
	vs_set_hvip(vcpu, HVIP_VSTIP);
}

u64 timer_deadline(const struct vcpu *vcpu)
{
	if (!(vcpu->csr.vsie & (HVIP_VSTIP >> 1)))
		return UINT64_MAX;
	if (!hw_has(HW_FEATURE_SSTC))
		return vcpu->timer;
	return vcpu->csr.vstimecmp == UINT64_MAX ? UINT64_MAX
						 : hart_time_of(vcpu, vcpu->csr.vstimecmp);
}

/* A hart that has become a VM's own has no time for the console. */
static bool hand_over_polling(struct pcpu *pcpu)
{
	unsigned other = sched_hart_for_work();

	if (!sched_is_dedicated(pcpu->index) || other == pcpu->index)
		return false;
	__atomic_store_n(&pcpu->next_poll, UINT64_MAX, __ATOMIC_RELAXED);
	__atomic_store_n(&pcpu_get(other)->next_poll, 0, __ATOMIC_RELEASE);
	hw_send_ipi(BIT(other));
	return true;
}

void timer_poll(struct pcpu *pcpu)
{
	if (__atomic_load_n(&pcpu->next_poll, __ATOMIC_ACQUIRE) > hw_time() ||
	    hand_over_polling(pcpu))
		return;
	hw_serve_pending();
	pcpu->timer_set = PCPU_TIMER_UNKNOWN; /* it may just have been silenced */
	pcpu->next_poll = hw_time() + max_u64(1, hw_machine()->timebase_hz / POLL_HZ);
}
