/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI, "Steal-time Accounting Extension": where a vCPU wants to be told. vm/steal.c tells it. Owns
 * steal_area and steal_base. */
#include "hyp/sbi/sbi.h"

enum { STA_SET_SHMEM };

#define NONE	  ~0ULL /* in both words: no area any more */
#define AREA_SIZE 64

static struct sbi_ret set_area(struct vcpu *vcpu, u64 low, u64 high, u64 flags)
{
	static const u8 zeroes[AREA_SIZE];

	if (flags)
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (low == NONE && high == NONE) {
		vcpu->steal_on = false;
		return sbi_value(0);
	}
	if (!is_aligned(low, AREA_SIZE))
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (high || !guest_memory_contains(vcpu->vm->memory, gpa(low), AREA_SIZE))
		return sbi_error(SBI_ERR_INVALID_ADDRESS);
	/* "MUST zero the first 64 bytes of the shared memory before returning"; the page is there
	 * from then on. */
	if (guest_memory_write(vcpu->vm->memory, gpa(low), zeroes, AREA_SIZE) != STATUS_OK)
		return sbi_error(SBI_ERR_FAILED);
	vcpu->steal_area = gpa(low);
	vcpu->steal_base = vcpu->steal_told = vcpu->ready_time;
	vcpu->steal_sequence = 0;
	vcpu->steal_preempted = false;
	vcpu->steal_on = true;
	return sbi_value(0);
}

static struct sbi_ret call(struct vcpu *vcpu, u64 eid, u64 function, const struct sbi_args *args)
{
	(void)eid;
	if (function != STA_SET_SHMEM)
		return sbi_error(SBI_ERR_NOT_SUPPORTED);
	return set_area(vcpu, args->a[0], args->a[1], args->a[2]);
}

const struct sbi_extension sbi_sta = {SBI_EID_STA, SBI_EID_STA, call, false};
