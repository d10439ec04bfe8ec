/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "IPI Extension". What concerns the caller is done on the spot; another vCPU gets a bit and a
 * notice. Never forwarded to the firmware as it is. Owns nothing. */
#include "hyp/sbi/sbi.h"

#include "hyp/csr.h"
#include "hyp/vs.h"

static NOINLINE struct sbi_ret send_to_others(struct vcpu *vcpu, u64 targets)
{
	for (; targets; targets &= targets - 1) {
		struct vcpu *target = vm_vcpu(vcpu->vm, lowest_bit(targets));

		__atomic_fetch_or(&target->irq_posted, HVIP_VSSIP, __ATOMIC_SEQ_CST);
		__atomic_fetch_or(&target->requests, REQUEST_IRQ, __ATOMIC_SEQ_CST);
		vcpu->vm->ops->notify(target);
	}
	return sbi_value(0);
}

struct sbi_ret sbi_ipi_call(SBI_LIGHT_ARGS)
{
	u64 mask = a0, base = a1;
	u64 targets;

	if (function != 0)
		return sbi_error(SBI_ERR_NOT_SUPPORTED);
	if (!sbi_hart_mask(vcpu, mask, base, &targets))
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (targets & vcpu->self)
		vs_set_hvip(vcpu, HVIP_VSSIP);
	if (targets & ~vcpu->self)
		return send_to_others(vcpu, targets & ~vcpu->self);
	return sbi_value(0);
}
