/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a guest's CSRs are while the hypervisor works on its exit: the one place that knows of the
 * build option SWITCH=eager. All that handles exits reads and writes them through here.
 *
 * Lazy, the default: they stay in the hart's registers from vcpu_load() to vcpu_put(). An access
 * is the CSR instruction itself, as without this file.
 *
 * SWITCH=eager, for comparison: as if there were a VMCS. Each exit stores all that struct vs_csrs
 * holds, each entry loads it (vm/switch.h), on the light path, too, and in between the copy in
 * struct vcpu is the guest's state: an access is a load or a store, VMREAD and VMWRITE. What is
 * imitated is the guest-state area. What is not:
 *
 * - FP and vector registers, which no VMCS has, and general registers, which software moves there,
 *   too: as in the lazy build. So does pc, which a VMCS has.
 * - The host-state area. VT-x has one set of registers and must load the host's over the guest's.
 *   Here a trap leaves the host's stvec, satp, sie and so on where they are, in registers that no
 *   guest has; to load them anew would be a cost of nobody's.
 * - The control fields: hgatp, htimedelta, henvcfg, hedeleg and the like are written when the hart
 *   changes vCPU, as VMPTRLD brings in those of another VMCS. An exit stores none of them.
 *
 * Storing a CSR does not clear it: hgatp, vsatp and vsstatus as the exit found them are what HLV
 * and HLVX go by (hw_load_guest(), hw_fetch_guest()), so nothing is loaded around those. What
 * handlers write of these (inject.c: SPP, SPIE, SIE and SPELP) is nothing that HLV looks at.
 * vstimecmp stays behind, too, and may raise VSTIP, which is delegated and ends nothing but a WFI
 * of the hypervisor, which masks it (sched_pick.c). Whether the guest's timer is due says the copy:
 * at the next entry to the hart, and to a vCPU that waits by timer_deadline(), as ever.
 *
 * Owns nothing: the vCPU is the one that is loaded on the calling hart.
 */
#pragma once

#include "hyp/csr.h"
#include "hyp/vcpu.h"

#ifndef HW_SWITCH_EAGER
#define HW_SWITCH_EAGER 0
#endif

/* vs_read_vsepc(vcpu), vs_write_vsepc(vcpu, value), and so on. vstimecmp with Sstc only. */
#define VS_CSRS(X)   \
	X(vsstatus)  \
	X(vsie)      \
	X(vstvec)    \
	X(vsepc)     \
	X(vscause)   \
	X(vstval)    \
	X(vsatp)     \
	X(vstimecmp) \
	X(hvip)      \
	X(hstatus)   \
	X(sstatus)

#define VS_DEFINE_CSR(name)                                                 \
	static inline u64 vs_read_##name(const struct vcpu *vcpu)           \
	{                                                                   \
		return HW_SWITCH_EAGER ? vcpu->csr.name : hw_read_##name(); \
	}                                                                   \
	static inline void vs_write_##name(struct vcpu *vcpu, u64 value)    \
	{                                                                   \
		if (HW_SWITCH_EAGER)                                        \
			vcpu->csr.name = value;                             \
		else                                                        \
			hw_write_##name(value);                             \
	}
VS_CSRS(VS_DEFINE_CSR)
#undef VS_DEFINE_CSR

static inline void vs_set_hvip(struct vcpu *vcpu, u64 bits)
{
	if (HW_SWITCH_EAGER)
		vcpu->csr.hvip |= bits;
	else
		hw_set_hvip(bits);
}

static inline void vs_clear_hvip(struct vcpu *vcpu, u64 bits)
{
	if (HW_SWITCH_EAGER)
		vcpu->csr.hvip &= ~bits;
	else
		hw_clear_hvip(bits);
}

/* The VS bits of hip: hvip, and with Sstc the guest's timer. */
static inline u64 vs_pending(const struct vcpu *vcpu)
{
	if (!HW_SWITCH_EAGER)
		return hw_read_hip();
	bool timer =
		hw_has(HW_FEATURE_SSTC) && hw_time() + vcpu->vm->htimedelta >= vcpu->csr.vstimecmp;

	return vcpu->csr.hvip | (timer ? HVIP_VSTIP : 0);
}
