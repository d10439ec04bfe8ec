/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The translation caches of the fake machine's harts at their worst: what they have once seen they
 * keep, absent pages too, until a fence that covers it is executed on their hart. A guest's access
 * goes through them, and what is found must be what the tables say now.
 */
#pragma once

#include "hyp/csr.h"
#include "hyp/mem/guest_memory.h"
#include "hyp/vcpu.h"
#include "tests/fake/fake_hw.h"

#define TLB_MAX	   512
#define TLB_ABSENT UINT64_MAX

/* Fetched code is not a translation, but is kept and fenced much the same. */
enum tlb_kind { TLB_G_STAGE, TLB_VS_STAGE, TLB_CODE };

struct tlb_entry {
	enum tlb_kind kind;
	unsigned vmid;
	u64 asid;   /* VS-stage */
	u64 page;   /* guest-physical or guest-virtual */
	u64 target; /* G-stage: host-physical or TLB_ABSENT; else what the test gave */
};

static struct {
	struct tlb_entry entries[TLB_MAX];
	unsigned count;
} tlbs[HW_HART_MAX];

static inline bool tlb_covers(const struct fake_fence *fence, const struct tlb_entry *entry)
{
	bool same_page = (entry->page ^ fence->address) < PAGE_SIZE;
	bool g_stage = entry->kind == TLB_G_STAGE;
	bool ours = entry->vmid == fence->vmid;
	bool vs_stage = entry->kind == TLB_VS_STAGE && ours;

	switch (fence->kind) {
	case FAKE_HFENCE_GVMA_ALL:
		return g_stage;
	case FAKE_HFENCE_GVMA_VMID:
		return g_stage && ours;
	case FAKE_HFENCE_GVMA:
		return g_stage && ours && same_page;
	case FAKE_HFENCE_VVMA_ALL:
		return vs_stage;
	case FAKE_HFENCE_VVMA_ASID:
		return vs_stage && entry->asid == fence->asid;
	case FAKE_HFENCE_VVMA:
		return vs_stage && same_page;
	case FAKE_HFENCE_VVMA_ASID_ADDRESS:
		return vs_stage && entry->asid == fence->asid && same_page;
	case FAKE_FENCE_I:
		return entry->kind == TLB_CODE;
	}
	return false;
}

static inline void tlb_fence(const struct fake_fence *fence)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < tlbs[fence->hart].count; i++)
		if (!tlb_covers(fence, &tlbs[fence->hart].entries[i]))
			tlbs[fence->hart].entries[kept++] = tlbs[fence->hart].entries[i];
	tlbs[fence->hart].count = kept;
}

/* Makes the fences recorded so far take effect, and forgets the record. */
static inline void tlb_absorb_fences(void)
{
	for (unsigned i = 0; i < fake_fence_count(); i++) {
		struct fake_fence fence = fake_fence(i);

		tlb_fence(&fence);
	}
	fake_clear_fences();
}

static inline void tlb_forget(void)
{
	for (unsigned i = 0; i < HW_HART_MAX; i++)
		tlbs[i].count = 0;
}

/* What the hart has cached, after having cached target if that is nothing yet. */
static inline u64 tlb_look_up(enum tlb_kind kind, u64 asid, u64 page, u64 target)
{
	unsigned hart = hw_hart_index();
	unsigned vmid = (unsigned)(fake_csrs(hart)->hgatp >> HGATP_VMID_SHIFT) & 0x3fff;
	struct tlb_entry *entries = tlbs[hart].entries;

	if (kind == TLB_CODE)
		vmid = 0; /* it is kept by physical address */
	for (unsigned i = 0; i < tlbs[hart].count; i++)
		if (entries[i].kind == kind && entries[i].vmid == vmid && entries[i].page == page &&
		    entries[i].asid == asid)
			return entries[i].target;
	/* A cache may lose anything at any time. */
	if (tlbs[hart].count == TLB_MAX)
		tlbs[hart].count = 0;
	entries[tlbs[hart].count++] = (struct tlb_entry){kind, vmid, asid, page, target};
	return target;
}

/* Where guest-physical RAM of the loaded vCPU is, or that it is absent, as its hart sees it. What
 * is present there but elsewhere in the tables ends the test. */
static inline u64 tlb_translate(const struct vcpu *vcpu, u64 address)
{
	struct gstage_leaf leaf;
	u64 page = align_down(address, PAGE_SIZE);
	u64 truth = TLB_ABSENT;

	if ((fake_csrs(hw_hart_index())->hgatp & HGATP_PPN_MASK) !=
	    vcpu->vm->memory->gstage.root.value >> PAGE_SHIFT)
		fake_fail("hgatp does not have the tables of the VM");
	tlb_absorb_fences();
	if (gstage_walk(&vcpu->vm->memory->gstage, gpa(page), &leaf) == STATUS_OK)
		truth = leaf.address.value;
	u64 cached = tlb_look_up(TLB_G_STAGE, 0, page, truth);

	if (cached != truth && cached != TLB_ABSENT)
		fake_fail("VM %u reaches %#llx through a stale translation", vcpu->vm->id,
			  (unsigned long long)cached);
	return cached == TLB_ABSENT ? TLB_ABSENT : cached + (address - page);
}

/* A guest-virtual access under vsatp: the tables that it names must be those that are used. */
static inline void tlb_use_virtual(const struct vcpu *vcpu, u64 address)
{
	u64 vsatp = fake_csrs(hw_hart_index())->vsatp;
	u64 asid = vsatp >> 44 & 0xffff, root = vsatp & ((1ULL << 44) - 1);

	tlb_absorb_fences();
	if (tlb_look_up(TLB_VS_STAGE, asid, align_down(address, PAGE_SIZE), root) != root)
		fake_fail("vCPU %u of VM %u is served by another's VS-stage translation", vcpu->id,
			  vcpu->vm->id);
}

/* The guest's own SFENCE.VMA x0, x0. */
static inline void tlb_sfence(void)
{
	hw_hfence_vvma_all();
	tlb_absorb_fences();
}
