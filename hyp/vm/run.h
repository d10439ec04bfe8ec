/* SPDX-License-Identifier: BSD-2-Clause */
/* The run loop of a hart. */
#pragma once

#include "hyp/vcpu.h"

/* What every hart does from the end of boot on: pick a vCPU, enter it, handle its exits, repeat. */
_Noreturn void run_loop(void);

/* The trap vector's light path for all but SBI calls: interrupts of the host and exceptions. The
 * guest's caller-saved registers and pc are in vcpu. True: enter the guest again; false: take the
 * full path. */
bool run_light(struct vcpu *vcpu, u64 scause);

/* What run_light() or sbi_light() could not finish and set vcpu->deepen for: a call or an access
 * that needs more of the guest's registers, all of which are in vcpu now. */
void run_deeper(struct vcpu *vcpu, u64 scause);

static inline void run_full(struct vcpu *vcpu, u64 scause)
{
	if (vcpu->deepen)
		run_deeper(vcpu, scause);
}
