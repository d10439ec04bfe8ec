/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SBI, "RFENCE Extension". The caller's own part is done here, as narrow as it was asked for up to
 * RANGE_MAX pages; other vCPUs forget all their VS-stage translations. The hypervisor-fence
 * functions answer NOT_SUPPORTED, as they must for a guest without H. Owns nothing.
 */
#include "hyp/sbi/sbi.h"

enum {
	RFENCE_FENCE_I,
	RFENCE_SFENCE_VMA,
	RFENCE_SFENCE_VMA_ASID,
};

/* Beyond this many pages one fence for everything is cheaper than one a page. */
#define RANGE_MAX 16

/* start = 0 and size = 0, or size = 2^XLEN - 1, mean all of the address space. */
static bool is_everything(u64 start, u64 size)
{
	return (start == 0 && size == 0) || size == ~0ULL || size > RANGE_MAX * PAGE_SIZE;
}

static void fence_self(u64 function, u64 start, u64 size, u64 asid)
{
	bool by_asid = function == RFENCE_SFENCE_VMA_ASID;

	if (is_everything(start, size)) {
		if (by_asid)
			hw_hfence_vvma_asid(asid);
		else
			hw_hfence_vvma_all();
		return;
	}
	/* A start inside a page reaches into one page more than size alone tells. */
	u64 first = align_down(start, PAGE_SIZE);
	u64 count = (start - first + size + PAGE_SIZE - 1) >> PAGE_SHIFT;

	for (u64 i = 0; i < count; i++) {
		gva_t address = gva(first + (i << PAGE_SHIFT));

		if (by_asid)
			hw_hfence_vvma_asid_address(address, asid);
		else
			hw_hfence_vvma(address);
	}
}

struct sbi_ret sbi_rfence_call(struct vcpu *vcpu, u64 function, u64 mask, u64 base, u64 start,
			       u64 size, u64 asid)
{
	u64 targets;
	u32 bits = function == RFENCE_FENCE_I ? REQUEST_FENCE_I : REQUEST_VVMA;

	if (function > RFENCE_SFENCE_VMA_ASID)
		return sbi_error(SBI_ERR_NOT_SUPPORTED);
	if (!sbi_hart_mask(vcpu, mask, base, &targets))
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (function != RFENCE_FENCE_I && size != ~0ULL && start + size < start)
		return sbi_error(SBI_ERR_INVALID_ADDRESS);
	if (targets & BIT(vcpu->id)) {
		if (function == RFENCE_FENCE_I)
			hw_fence_i();
		else
			fence_self(function, start, size, asid);
	}
	targets &= ~BIT(vcpu->id);
	if (targets)
		vcpu->vm->ops->fence(vcpu, targets, bits);
	return sbi_value(0);
}
