/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests that are the guest and use its CSRs in the hart: with SWITCH=eager these are the
 * guest's only from entry to exit. */
#pragma once

#include "hyp/vm/switch.h"
#include "hyp/vm/vcpu_load.h"
#include "tests/fake/fake_hw.h"

static inline void guest_enter(const struct vcpu *vcpu)
{
	if (HW_SWITCH_EAGER)
		switch_load(vcpu);
}

/* What stays in the hart is for HLV alone: who goes by the rest of it, goes astray. */
static inline void guest_exit(struct vcpu *vcpu)
{
	struct fake_csrs *csr = fake_csrs(hw_hart_index());

	if (!HW_SWITCH_EAGER)
		return;
	switch_store(vcpu);
	csr->vsie = ~csr->vsie & fake_writable.vsie;
	csr->vstvec ^= 0x5a5a000;
	csr->vsepc ^= 0x5a5a000;
	csr->vscause ^= 0x5a;
	csr->vstval ^= 0x5a5a000;
	csr->hvip = ~csr->hvip & fake_writable.hvip;
	if (hw_has(HW_FEATURE_SSTC))
		csr->vstimecmp = ~csr->vstimecmp;
}

/* hvip of the vCPU that a hart has, while it works for it. */
static inline u64 guest_hvip(const struct vcpu *vcpu, unsigned hart)
{
	return HW_SWITCH_EAGER ? vcpu->csr.hvip : fake_csrs(hart)->hvip;
}

/* The vCPU onto the hart and into the guest, and out of both. */
static inline void guest_load(struct vcpu *vcpu)
{
	vcpu_load(vcpu);
	guest_enter(vcpu);
}

static inline void guest_put(struct vcpu *vcpu)
{
	if (HW_SWITCH_EAGER)
		switch_store(vcpu);
	vcpu_put(vcpu);
}
