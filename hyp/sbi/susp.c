/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "System Suspend Extension": suspend-to-RAM is the non-retentive suspend of the last running
 * vCPU. Owns nothing. */
#include "hyp/sbi/sbi.h"

#define SUSPEND_TO_RAM 0

/* Only the caller runs then, and so nobody can start another one between look and leap. */
static bool all_others_stopped(const struct vcpu *vcpu)
{
	for (unsigned i = 0; i < vcpu->vm->vcpu_count; i++) {
		struct vcpu *other = vm_vcpu(vcpu->vm, i);

		if (other != vcpu && __atomic_load_n(&other->hsm, __ATOMIC_ACQUIRE) != HSM_STOPPED)
			return false;
	}
	return true;
}

static struct sbi_ret call(struct vcpu *vcpu, u64 eid, u64 function, const struct sbi_args *args)
{
	(void)eid;
	if (function != 0)
		return sbi_error(SBI_ERR_NOT_SUPPORTED);
	if ((u32)args->a[0] != SUSPEND_TO_RAM)
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (!sbi_is_start_address(vcpu, args->a[1]))
		return sbi_error(SBI_ERR_INVALID_ADDRESS);
	if (!all_others_stopped(vcpu))
		return sbi_error(SBI_ERR_DENIED);
	vcpu->vm->ops->suspend_self(vcpu, &args->a[1], args->a[2]);
	return sbi_value(0);
}

const struct sbi_extension sbi_susp = {SBI_EID_SUSP, SBI_EID_SUSP, call, false};
