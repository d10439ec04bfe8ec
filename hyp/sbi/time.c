/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "Timer Extension". Owns nothing. */
#include "hyp/sbi/sbi.h"

struct sbi_ret sbi_time_call(struct vcpu *vcpu, u64 function, u64 a0)
{
	if (function != 0)
		return sbi_error(SBI_ERR_NOT_SUPPORTED);
	/* With Sstc the hart compares, raises and withdraws the interrupt by itself
	 * (Privileged ISA, "Sstc"). */
	if (hw_has(HW_FEATURE_SSTC))
		hw_write_vstimecmp(a0);
	else
		vcpu->vm->ops->set_timer(vcpu, a0);
	return sbi_value(0);
}
