/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "Hart State Management Extension". Decides whether a call is right; vm/ carries it out.
 * Owns nothing. */
#include "hyp/sbi/sbi.h"

enum { HSM_HART_START, HSM_HART_STOP, HSM_HART_GET_STATUS, HSM_HART_SUSPEND };

#define SUSPEND_RETENTIVE     0x00000000u
#define SUSPEND_NON_RETENTIVE 0x80000000u

static struct sbi_ret hart_start(struct vcpu *vcpu, u64 id, u64 pc, u64 opaque)
{
	struct vcpu *target = vm_vcpu(vcpu->vm, id);

	if (!target)
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (!sbi_is_start_address(vcpu, pc))
		return sbi_error(SBI_ERR_INVALID_ADDRESS);
	if (vcpu->vm->ops->start(target, pc, opaque) != STATUS_OK)
		return sbi_error(SBI_ERR_ALREADY_AVAILABLE);
	return sbi_value(0);
}

static struct sbi_ret hart_get_status(struct vcpu *vcpu, u64 id)
{
	struct vcpu *target = vm_vcpu(vcpu->vm, id);

	if (!target)
		return sbi_error(SBI_ERR_INVALID_PARAM);
	return sbi_value(__atomic_load_n(&target->hsm, __ATOMIC_ACQUIRE));
}

static struct sbi_ret hart_suspend(struct vcpu *vcpu, u32 type, u64 resume_pc, u64 opaque)
{
	switch (type) {
	case SUSPEND_RETENTIVE:
		vcpu->vm->ops->suspend_self(vcpu, NULL, 0);
		return sbi_value(0);
	case SUSPEND_NON_RETENTIVE:
		if (!sbi_is_start_address(vcpu, resume_pc))
			return sbi_error(SBI_ERR_INVALID_ADDRESS);
		vcpu->vm->ops->suspend_self(vcpu, &resume_pc, opaque);
		return sbi_value(0);
	}
	/* Reserved, or platform-specific and we have none. */
	return sbi_error(SBI_ERR_INVALID_PARAM);
}

static struct sbi_ret call(struct vcpu *vcpu, u64 eid, u64 function, const struct sbi_args *args)
{
	(void)eid;
	switch (function) {
	case HSM_HART_START:
		return hart_start(vcpu, args->a[0], args->a[1], args->a[2]);
	case HSM_HART_STOP:
		vcpu->vm->ops->stop_self(vcpu);
		return sbi_value(0);
	case HSM_HART_GET_STATUS:
		return hart_get_status(vcpu, args->a[0]);
	case HSM_HART_SUSPEND:
		return hart_suspend(vcpu, (u32)args->a[0], args->a[1], args->a[2]);
	}
	return sbi_error(SBI_ERR_NOT_SUPPORTED);
}

const struct sbi_extension sbi_hsm = {SBI_EID_HSM, SBI_EID_HSM, call, false};
