/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "Timer Extension". Owns nothing. */
#include "hyp/sbi/sbi.h"

#include "hyp/vs.h"

static NOINLINE struct sbi_ret set_timer_in_software(struct vcpu *vcpu, u64 time)
{
	vcpu->vm->ops->set_timer(vcpu, time);
	return sbi_value(0);
}

struct sbi_ret sbi_time_call(SBI_LIGHT_ARGS)
{
	if (function != 0)
		return sbi_error(SBI_ERR_NOT_SUPPORTED);
	/* With Sstc the hart compares, raises and withdraws the interrupt by itself
	 * (Privileged ISA, "Sstc"). */
	if (!hw_has(HW_FEATURE_SSTC))
		return set_timer_in_software(vcpu, a0);
	vs_write_vstimecmp(vcpu, a0);
	return sbi_value(0);
}
