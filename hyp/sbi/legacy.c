/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SBI, "Legacy Extensions": EIDs 0 to 8, an extension each. They return one number and leave a1
 * alone. Sets of harts come as a guest-virtual pointer to a mask, which is read as the guest would
 * read it; a fault on the way is the guest's, at its ecall. Owns nothing.
 */
#include "hyp/csr.h"
#include "hyp/sbi/sbi.h"
#include "hyp/vs.h"

enum {
	LEGACY_SET_TIMER,
	LEGACY_CONSOLE_PUTCHAR,
	LEGACY_CONSOLE_GETCHAR,
	LEGACY_CLEAR_IPI,
	LEGACY_SEND_IPI,
	LEGACY_REMOTE_FENCE_I,
	LEGACY_REMOTE_SFENCE_VMA,
	LEGACY_REMOTE_SFENCE_VMA_ASID,
	LEGACY_SHUTDOWN,
};

/* RAM that the guest has not touched yet becomes present, and the call is made once more. Anything
 * else is the trap that the guest's own load would have taken. */
static struct sbi_ret load_failed(struct vcpu *vcpu, const struct hw_fetch_fault *fault)
{
	u64 cause = fault->cause;
	gpa_t address = gpa(fault->htval << 2 | (fault->address.value & 3));

	if (cause == CAUSE_LOAD_GUEST_PAGE_FAULT) {
		enum status status = STATUS_NOT_FOUND;

		if (fault->htval)
			status = guest_memory_touch(vcpu->vm->memory, address, NULL);
		if (status == STATUS_OK) {
			hw_hfence_gvma_all();
			return SBI_AGAIN;
		}
		/* It is RAM: no trap of real hardware's says that there is none left for it. */
		if (status == STATUS_NO_MEMORY) {
			vcpu->vm->ops->end(vcpu->vm, VM_END_FAILED, "the machine is out of memory");
			return SBI_UNCHANGED;
		}
		cause = CAUSE_LOAD_ACCESS;
	}
	vcpu->pc -= 4;
	vcpu->vm->ops->inject(vcpu, cause, fault->address.value);
	return SBI_UNCHANGED;
}

/* False: *ret is what the call ends with. A NULL pointer means all harts, as every firmware has it.
 */
static bool read_mask(struct vcpu *vcpu, u64 pointer, u64 *mask, struct sbi_ret *ret)
{
	struct hw_fetch_fault fault;
	u64 low, high = 0;
	unsigned offset = pointer & 7;

	*mask = vcpu->vm->vcpu_mask;
	if (pointer == 0)
		return true;
	/* The word is the guest's unsigned long and need not be aligned. */
	if (hw_load_guest(gva(pointer - offset), &low, &fault) != STATUS_OK ||
	    (offset && hw_load_guest(gva(pointer - offset + 8), &high, &fault) != STATUS_OK)) {
		*ret = load_failed(vcpu, &fault);
		return false;
	}
	*mask &= offset ? low >> (8 * offset) | high << (64 - 8 * offset) : low;
	return true;
}

static struct sbi_ret fence(struct vcpu *vcpu, u64 eid, const struct sbi_args *args)
{
	struct sbi_ret ret;
	u64 mask;
	u64 function = eid - LEGACY_REMOTE_FENCE_I;

	if (!read_mask(vcpu, args->a[0], &mask, &ret))
		return ret;
	return sbi_rfence_call(mask, 0, args->a[1], args->a[2], args->a[3], vcpu, function,
			       SBI_EID_RFENCE);
}

static struct sbi_ret send_ipi(struct vcpu *vcpu, const struct sbi_args *args)
{
	struct sbi_ret ret;
	u64 mask;

	if (!read_mask(vcpu, args->a[0], &mask, &ret))
		return ret;
	return sbi_ipi_call(mask, 0, 0, 0, 0, vcpu, 0, SBI_EID_IPI);
}

static struct sbi_ret put_char(struct vcpu *vcpu, u8 byte)
{
	return vcpu->vm->ops->console_write(vcpu->vm, &byte, 1) ? sbi_value(0) : SBI_AGAIN;
}

static struct sbi_ret get_char(struct vcpu *vcpu)
{
	u8 byte;
	bool got = vcpu->vm->ops->console_read(vcpu->vm, &byte, 1) == 1;

	return (struct sbi_ret){got ? byte : -1, 0};
}

static struct sbi_ret call(struct vcpu *vcpu, u64 eid, u64 function, const struct sbi_args *args)
{
	(void)function;
	switch (eid) {
	case LEGACY_SET_TIMER:
		return sbi_time_call(args->a[0], 0, 0, 0, 0, vcpu, 0, SBI_EID_TIME);
	case LEGACY_CONSOLE_PUTCHAR:
		return put_char(vcpu, (u8)args->a[0]);
	case LEGACY_CONSOLE_GETCHAR:
		return get_char(vcpu);
	case LEGACY_CLEAR_IPI: {
		bool was_set = (vs_read_hvip(vcpu) & HVIP_VSSIP) != 0;

		vs_clear_hvip(vcpu, HVIP_VSSIP);
		return (struct sbi_ret){was_set, 0};
	}
	case LEGACY_SEND_IPI:
		return send_ipi(vcpu, args);
	case LEGACY_SHUTDOWN:
		vcpu->vm->ops->end(vcpu->vm, VM_END_SHUTDOWN, "the guest shut down");
		return sbi_value(0);
	default:
		return fence(vcpu, eid, args);
	}
}

const struct sbi_extension sbi_legacy = {SBI_EID_LEGACY_FIRST, SBI_EID_LEGACY_LAST, call, true};
