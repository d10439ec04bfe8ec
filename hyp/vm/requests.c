/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A request is a bit in the target, then a look at where it runs: if on a hart, an IPI makes that
 * hart serve it on its light path. A hart says that it runs a vCPU (running_on) before it looks at
 * the bits, so one of the two always sees the other; all four accesses are sequentially
 * consistent, which is what that argument needs (Unprivileged ISA, "RVWMO").
 *
 * Owns requests, fence_asked and fence_served of every vCPU.
 */
#include "hyp/vm/requests.h"

#include "hyp/csr.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/vcpu_load.h"

static void serve_fences(u32 bits)
{
	unsigned vmid = (unsigned)(hw_read_hgatp() >> HGATP_VMID_SHIFT) & 0x3fff;

	if (bits & REQUEST_GVMA)
		hw_hfence_gvma_vmid(vmid);
	if (bits & (REQUEST_VVMA | REQUEST_GVMA))
		hw_hfence_vvma_all();
	if (bits & REQUEST_FENCE_I)
		hw_fence_i();
}

void requests_serve(struct vcpu *vcpu)
{
	/* Tickets first, bits second: a ticket drawn before this line has its bit set already. */
	u64 tickets = __atomic_load_n(&vcpu->fence_asked, __ATOMIC_SEQ_CST);
	u32 bits = __atomic_exchange_n(&vcpu->requests, 0, __ATOMIC_SEQ_CST);

	if (bits & REQUEST_FENCES)
		serve_fences(bits);
	__atomic_store_n(&vcpu->fence_served, tickets, __ATOMIC_RELEASE);
	if (bits & REQUEST_IRQ)
		vcpu_sync_irq(vcpu);
	if (bits & REQUEST_LEAVE)
		vcpu->leave = 1;
}

void requests_notify(struct vcpu *target)
{
	s32 hart = __atomic_load_n(&target->running_on, __ATOMIC_SEQ_CST);

	if (hart < 0)
		sched_wake(target);
	else if ((unsigned)hart == hw_hart_index())
		requests_serve(target);
	else
		hw_send_ipi(BIT(hart));
}

static void ask(struct vcpu *target, u32 bits)
{
	__atomic_fetch_or(&target->requests, bits, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&target->fence_asked, 1, __ATOMIC_SEQ_CST);
}

/* A bit may have been served a moment before its ticket was drawn: the ticket counts too. */
static bool is_asked(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->requests, __ATOMIC_RELAXED) != 0 ||
	       __atomic_load_n(&vcpu->fence_asked, __ATOMIC_RELAXED) !=
		       __atomic_load_n(&vcpu->fence_served, __ATOMIC_RELAXED);
}

/*
 * Waits for a target that runs on another hart. That hart is in the guest, where our IPI reaches it
 * at once, or in the hypervisor, where it gets back to the guest in bounded time, or it waits here
 * for us: so we serve our own requests while we wait. A target that is not running serves its
 * requests before its next instruction.
 */
static void wait_for(struct vcpu *self, struct vcpu *target, s32 hart, u64 ticket)
{
	while (__atomic_load_n(&target->running_on, __ATOMIC_ACQUIRE) == hart &&
	       (s64)(__atomic_load_n(&target->fence_served, __ATOMIC_ACQUIRE) - ticket) < 0) {
		if (is_asked(self))
			requests_serve(self);
		hw_pause();
	}
}

void requests_fence(struct vcpu *self, u64 targets, u32 bits)
{
	s32 here = (s32)hw_hart_index();
	s32 hart[VCPU_MAX];
	u64 ticket[VCPU_MAX];
	u64 ipis = 0;

	if (targets & self->self) {
		serve_fences(bits);
		targets &= ~self->self;
	}
	for (u64 rest = targets; rest; rest &= rest - 1) {
		unsigned id = lowest_bit(rest);
		struct vcpu *target = vm_vcpu(self->vm, id);

		ask(target, bits);
		ticket[id] = __atomic_load_n(&target->fence_asked, __ATOMIC_SEQ_CST);
		hart[id] = __atomic_load_n(&target->running_on, __ATOMIC_SEQ_CST);
		if (hart[id] >= 0 && hart[id] != here)
			ipis |= BIT(hart[id]);
	}
	if (ipis)
		hw_send_ipi(ipis);
	for (u64 rest = targets; rest; rest &= rest - 1) {
		unsigned id = lowest_bit(rest);

		if (hart[id] >= 0 && hart[id] != here)
			wait_for(self, vm_vcpu(self->vm, id), hart[id], ticket[id]);
	}
}
