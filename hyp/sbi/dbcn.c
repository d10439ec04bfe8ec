/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "Debug Console Extension", on the VM's console. Calls move at most CHUNK bytes each, which
 * the specification lets a call do, so that none takes long. Owns nothing. */
#include "hyp/sbi/sbi.h"

enum { DBCN_WRITE, DBCN_READ, DBCN_WRITE_BYTE };

#define CHUNK 256

/* SBI, "Shared memory physical address range parameter". */
static bool is_guest_range(const struct vcpu *vcpu, u64 length, u64 low, u64 high)
{
	return high == 0 &&
	       (length == 0 || guest_memory_contains(vcpu->vm->memory, gpa(low), length));
}

static struct sbi_ret console_write(struct vcpu *vcpu, u64 length, u64 address)
{
	u8 bytes[CHUNK];
	u64 count = min_u64(length, CHUNK);

	if (guest_memory_read(vcpu->vm->memory, gpa(address), bytes, count) != STATUS_OK)
		return sbi_error(SBI_ERR_FAILED);
	return sbi_value(vcpu->vm->ops->console_write(vcpu->vm, bytes, count));
}

static struct sbi_ret console_read(struct vcpu *vcpu, u64 length, u64 address)
{
	u8 bytes[CHUNK];
	u64 room = min_u64(length, CHUNK);

	/* What has been taken has to be delivered: make sure first that it can be. */
	if (guest_memory_touch(vcpu->vm->memory, gpa(address), NULL) != STATUS_OK ||
	    guest_memory_touch(vcpu->vm->memory, gpa(address + room - 1), NULL) != STATUS_OK)
		return sbi_error(SBI_ERR_FAILED);
	u64 count = vcpu->vm->ops->console_read(vcpu->vm, bytes, room);

	if (count && guest_memory_write(vcpu->vm->memory, gpa(address), bytes, count) != STATUS_OK)
		return sbi_error(SBI_ERR_FAILED);
	return sbi_value(count);
}

static struct sbi_ret call(struct vcpu *vcpu, u64 eid, u64 function, const struct sbi_args *args)
{
	u64 length = args->a[0];
	u8 byte = (u8)args->a[0];

	(void)eid;
	switch (function) {
	case DBCN_WRITE:
	case DBCN_READ:
		if (!is_guest_range(vcpu, length, args->a[1], args->a[2]))
			return sbi_error(SBI_ERR_INVALID_PARAM);
		if (length == 0)
			return sbi_value(0);
		return function == DBCN_WRITE ? console_write(vcpu, length, args->a[1])
					      : console_read(vcpu, length, args->a[1]);
	case DBCN_WRITE_BYTE:
		if (vcpu->vm->ops->console_write(vcpu->vm, &byte, 1) == 0)
			return SBI_AGAIN;
		return sbi_value(0);
	}
	return sbi_error(SBI_ERR_NOT_SUPPORTED);
}

const struct sbi_extension sbi_dbcn = {SBI_EID_DBCN, SBI_EID_DBCN, call, false};
