/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "System Reset Extension". The system is the VM: a reboot starts it again from its images,
 * warm or cold. Owns nothing. */
#include "hyp/sbi/sbi.h"

enum { SRST_SHUTDOWN, SRST_COLD_REBOOT, SRST_WARM_REBOOT };
enum { REASON_NONE, REASON_SYSTEM_FAILURE };

static struct sbi_ret call(struct vcpu *vcpu, u64 eid, u64 function, const struct sbi_args *args)
{
	u32 type = (u32)args->a[0];
	u32 reason = (u32)args->a[1];
	struct vm *vm = vcpu->vm;

	(void)eid;
	if (function != 0)
		return sbi_error(SBI_ERR_NOT_SUPPORTED);
	if (type > SRST_WARM_REBOOT || reason > REASON_SYSTEM_FAILURE)
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (type != SRST_SHUTDOWN)
		vm->ops->end(vm, VM_END_REBOOT, "the guest rebooted");
	else if (reason == REASON_SYSTEM_FAILURE)
		vm->ops->end(vm, VM_END_SHUTDOWN, "the guest shut down after a failure");
	else
		vm->ops->end(vm, VM_END_SHUTDOWN, "the guest shut down");
	return sbi_value(0);
}

const struct sbi_extension sbi_srst = {SBI_EID_SRST, SBI_EID_SRST, call, false};
