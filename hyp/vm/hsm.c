/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns vcpu->hsm, resume_pending, resume_pc and resume_opaque. */
#include "hyp/vm/hsm.h"

#include "hyp/csr.h"
#include "hyp/vm/lifecycle.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/vcpu_load.h"

static void set_state(struct vcpu *vcpu, enum hsm_state state)
{
	__atomic_store_n(&vcpu->hsm, state, __ATOMIC_RELEASE);
}

enum status hsm_start(struct vcpu *target, u64 pc, u64 opaque)
{
	u32 expected = HSM_STOPPED;

	if (!__atomic_compare_exchange_n(&target->hsm, &expected, HSM_START_PENDING, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return STATUS_EXISTS;
	return guest_start_vcpu(target, pc, opaque);
}

void hsm_stop_self(struct vcpu *self)
{
	set_state(self, HSM_STOP_PENDING);
	self->leave = 1;
}

void hsm_suspend_self(struct vcpu *self, const u64 *resume_pc, u64 opaque)
{
	self->resume_pending = resume_pc != NULL;
	if (resume_pc) {
		self->resume_pc = *resume_pc;
		self->resume_opaque = opaque;
	}
	set_state(self, HSM_SUSPENDED);
	self->wait = 1;
	self->leave = 1;
}

bool hsm_is_stopping(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->hsm, __ATOMIC_ACQUIRE) == HSM_STOP_PENDING;
}

void hsm_stopped(struct vcpu *vcpu)
{
	set_state(vcpu, HSM_STOPPED);
}

/* SBI, "HSM Hart Resume Register State". The interrupt that woke it stays pending. */
static void resume_elsewhere(struct vcpu *vcpu)
{
	vcpu->resume_pending = false;
	vcpu->pc = vcpu->resume_pc;
	vcpu->x[10] = vcpu->id;
	vcpu->x[11] = vcpu->resume_opaque;
	vcpu->csr.vsatp = 0;
	vcpu->csr.vsstatus &= ~SSTATUS_SIE;
	vcpu->csr.sstatus |= SSTATUS_SPP;
	vcpu->last_hart = -1; /* what the hart still holds is not this state */
}

void hsm_resume(struct vcpu *vcpu)
{
	if (vcpu->resume_pending)
		resume_elsewhere(vcpu);
	set_state(vcpu, HSM_STARTED);
}
