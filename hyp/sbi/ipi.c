/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "IPI Extension". What concerns the caller is done on the spot; another vCPU gets a bit and a
 * notice. Never forwarded to the firmware as it is. Owns nothing. */
#include "hyp/sbi/sbi.h"

#include "hyp/csr.h"

static void send_to_others(struct vcpu *vcpu, u64 targets)
{
	for (; targets; targets &= targets - 1) {
		struct vcpu *target = vm_vcpu(vcpu->vm, (unsigned)__builtin_ctzll(targets));

		__atomic_fetch_or(&target->irq_posted, HVIP_VSSIP, __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&target->requests, REQUEST_IRQ, __ATOMIC_SEQ_CST);
		vcpu->vm->ops->notify(target);
	}
}

struct sbi_ret sbi_ipi_call(struct vcpu *vcpu, u64 function, u64 mask, u64 base)
{
	u64 targets;

	if (function != 0)
		return sbi_error(SBI_ERR_NOT_SUPPORTED);
	if (!sbi_hart_mask(vcpu, mask, base, &targets))
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (targets & BIT(vcpu->id))
		hw_set_hvip(HVIP_VSSIP);
	targets &= ~BIT(vcpu->id);
	if (targets)
		send_to_others(vcpu, targets);
	return sbi_value(0);
}
