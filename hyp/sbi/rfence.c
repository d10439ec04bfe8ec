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

/* Beyond this many bytes one fence for everything is cheaper than one a page. */
#define RANGE_MAX (16 * PAGE_SIZE)

/* ASIDs have at most 16 bits (Privileged ISA, "Supervisor Address Translation and Protection (satp)
 * Register"). */
#define ASID_MAX 0xffff

/* start = 0 and size = 0, or size = 2^XLEN - 1, mean all of the address space; a larger range than
 * RANGE_MAX is made that, too. A start inside a page reaches into one page more than size alone
 * tells. */
static NOINLINE void fence_range(bool by_asid, u64 start, u64 size, u64 asid)
{
	u64 count = ((start & (PAGE_SIZE - 1)) + size + PAGE_SIZE - 1) >> PAGE_SHIFT;

	if ((start | size) == 0 || size > RANGE_MAX) {
		if (by_asid)
			hw_hfence_vvma_asid(asid);
		else
			hw_hfence_vvma_all();
		return;
	}
	for (; count; count--, start += PAGE_SIZE) {
		if (by_asid)
			hw_hfence_vvma_asid_address(gva(start), asid);
		else
			hw_hfence_vvma(gva(start));
	}
}

static void fence_self(u64 function, u64 start, u64 size, u64 asid)
{
	/* The commonest by far: one page of a process that runs on several harts. */
	if (LIKELY(function == RFENCE_SFENCE_VMA && size == PAGE_SIZE &&
		   !(start & (PAGE_SIZE - 1))))
		hw_hfence_vvma(gva(start));
	else if (function == RFENCE_FENCE_I)
		hw_fence_i();
	else
		fence_range(function == RFENCE_SFENCE_VMA_ASID, start, size, asid);
}

static NOINLINE struct sbi_ret fence_others(struct vcpu *vcpu, u64 function, u64 targets)
{
	vcpu->vm->ops->fence(vcpu, targets,
			     function == RFENCE_FENCE_I ? REQUEST_FENCE_I : REQUEST_VVMA);
	return sbi_value(0);
}

struct sbi_ret sbi_rfence_call(SBI_LIGHT_ARGS)
{
	u64 mask = a0, base = a1, start = a2, size = a3, asid = a4;
	u64 targets;

	if (function > RFENCE_SFENCE_VMA_ASID)
		return sbi_error(SBI_ERR_NOT_SUPPORTED);
	if (!sbi_hart_mask(vcpu, mask, base, &targets))
		return sbi_error(SBI_ERR_INVALID_PARAM);
	if (UNLIKELY(function == RFENCE_SFENCE_VMA_ASID && asid > ASID_MAX))
		return sbi_error(SBI_ERR_INVALID_PARAM);
	/* The end may be that of the address space, which wraps to 0. */
	if (UNLIKELY(start + size < start && start + size != 0 && size != ~0ULL &&
		     function != RFENCE_FENCE_I))
		return sbi_error(SBI_ERR_INVALID_ADDRESS);
	if (targets & vcpu->self)
		fence_self(function, start, size, asid);
	if (targets & ~vcpu->self)
		return fence_others(vcpu, function, targets & ~vcpu->self);
	return sbi_value(0);
}
