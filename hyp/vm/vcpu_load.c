/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only place that moves VS CSRs, with SWITCH=eager but for vm/switch.h at each exit and entry:
 * then the copies are complete here, and what is left to do is what VMPTRLD has to. Owns
 * pcpu->loaded.
 *
 * Putting is eager and loading lazy: a vCPU that leaves its hart is complete in memory, and one
 * that comes back before anybody else finds its state still there.
 */
#include "hyp/vm/vcpu_load.h"

#include <string.h>

#include "hyp/csr.h"
#include "hyp/mem/guest_memory.h"
#include "hyp/mem/vmid.h"
#include "hyp/vm/guest.h"
#include "hyp/vm/pcpu.h"
#include "hyp/vm/sched.h"
#include "hyp/vm/switch.h"
#include "hyp/vm/units.h"

#define SCOUNTEREN_RESET 7 /* cycle, time, instret */

/* What a guest's environment configuration allows: everything that the hart can delegate, for the
 * guest's device tree promises it. */
static u64 guest_henvcfg(void)
{
	u64 value = 0;

	if (hw_has(HW_FEATURE_SSTC))
		value |= HENVCFG_STCE;
	if (hw_has(HW_FEATURE_SVPBMT))
		value |= HENVCFG_PBMTE;
	if (hw_has(HW_FEATURE_SVADU))
		value |= HENVCFG_ADUE;
	if (hw_has(HW_FEATURE_ZICBOM))
		/* CBO.INVAL as a flush: invalidating, it would bring back what was in memory before
		 * the page was zeroed for this guest (Unprivileged ISA, "Cache-Block Management
		 * Instructions"). */
		value |= HENVCFG_CBIE_FLUSH | HENVCFG_CBCFE;
	if (hw_has(HW_FEATURE_ZICBOZ))
		value |= HENVCFG_CBZE;
	return value;
}

static void load_csrs(const struct vcpu *vcpu)
{
	if (!HW_SWITCH_EAGER)
		switch_load_most(vcpu);
	hw_write_htimedelta(vcpu->vm->htimedelta);
	hw_clear_unguarded();
}

/*
 * What a move has to do. Translations and fetches are private to a hart, so whatever the guest
 * fenced elsewhere is unfenced here:
 *
 * - VS-stage entries cached on this hart are from this vCPU's last visit, or from another vCPU of
 *   the VM, which shares the VMID and may use the same ASID for other tables: HFENCE.VVMA for the
 *   VMID, unless this vCPU was the VM's last one here and has not been elsewhere since
 *   (Privileged ISA, "Hypervisor Memory-Management Fence Instructions").
 * - Entries under a VMID that the VM has just got are another VM's: HFENCE.GVMA for that VMID.
 * - A FENCE.I that the guest executed reached only the hart it was on (Unprivileged ISA,
 *   "Zifencei": software that migrates must execute one).
 * - A reservation that an LR has left in this hart is another vCPU's, or from before this one was
 *   elsewhere; neither traps nor SRET drop it, and this hart's own stores need not: an SC to a
 *   scratch word (Unprivileged ISA, "Zalrsc"; Privileged ISA, "Trap-Return Instructions").
 * - Stores are ordered by the scheduler's lock, through which the vCPU came here.
 */
static void fence_for_move(struct vcpu *vcpu, unsigned vmid, bool fresh_vmid)
{
	struct guest *guest = guest_of(vcpu->vm);
	unsigned hart = hw_hart_index();
	bool moved = vcpu->last_hart != (s32)hart;

	hw_drop_reservation();
	if (fresh_vmid)
		hw_hfence_gvma_vmid(vmid);
	if (fresh_vmid || moved || guest->last_vcpu[hart] != vcpu)
		hw_hfence_vvma_all();
	if (moved)
		hw_fence_i();
	guest->last_vcpu[hart] = vcpu;
	vcpu->last_hart = (s32)hart;
}

/* vsatp is zero while hgatp changes, so that nothing is cached under a mixture of the two
 * (Privileged ISA, "Memory-Management Fences" of the Hypervisor Extension, the last note). */
static void load_translation(struct vcpu *vcpu)
{
	bool fresh;
	unsigned vmid = vmid_use(&guest_of(vcpu->vm)->vmid, &fresh);

	hw_write_vsatp(0);
	hw_write_hgatp(gstage_hgatp(&vcpu->vm->memory->gstage, vmid));
	hw_write_henvcfg(guest_henvcfg());
	fence_for_move(vcpu, vmid, fresh);
	if (!HW_SWITCH_EAGER)
		hw_write_vsatp(vcpu->csr.vsatp);
}

void vcpu_load(struct vcpu *vcpu)
{
	struct pcpu *pcpu = pcpu_this();

	if (pcpu->loaded != vcpu || vcpu->last_hart != (s32)pcpu->index) {
		load_csrs(vcpu);
		load_translation(vcpu);
		__atomic_store_n(&pcpu->loaded, vcpu, __ATOMIC_RELEASE);
	}
	u64 units = units_load(vcpu);
	u64 sstatus = hw_read_sstatus() & ~(SSTATUS_FS | SSTATUS_VS | SSTATUS_SPP | SSTATUS_SPELP);

	vs_write_hstatus(vcpu, vcpu->csr.hstatus);
	sstatus |= (vcpu->csr.sstatus & (SSTATUS_SPP | SSTATUS_SPELP)) | units;
	/* In any case: for the units to be on when they are saved. */
	hw_write_sstatus(sstatus);
	if (HW_SWITCH_EAGER)
		vcpu->csr.sstatus = sstatus;
	vcpu_set_wfi_trap(vcpu, sched_trap_wfi(pcpu));
	vcpu_sync_irq(vcpu);
}

void vcpu_put(struct vcpu *vcpu)
{
	if (!HW_SWITCH_EAGER)
		switch_store(vcpu);
	vcpu->csr.hvip &= HVIP_VSSIP;
	units_save(vcpu, vcpu->csr.sstatus);
}

void vcpu_unload(void)
{
	hw_write_vsatp(0);
	hw_write_hgatp(0);
	/* VMID 0 is in mode Bare now, which is a change of its mode, and walks that are on their
	 * way end (Privileged ISA, "Hypervisor Memory-Management Fence Instructions"). */
	hw_hfence_gvma_all();
	__atomic_store_n(&pcpu_this()->loaded, NULL, __ATOMIC_RELEASE);
}

void vcpu_sync_irq(struct vcpu *vcpu)
{
	u32 posted = __atomic_exchange_n(&vcpu->irq_posted, 0, __ATOMIC_SEQ_CST);
	u32 level = __atomic_load_n(&vcpu->irq_level, __ATOMIC_SEQ_CST);

	vs_clear_hvip(vcpu, (HVIP_VSEIP | HVIP_VSTIP) & ~level);
	vs_set_hvip(vcpu, posted | level);
}

void vcpu_set_wfi_trap(struct vcpu *vcpu, bool trap)
{
	u64 hstatus = vs_read_hstatus(vcpu);
	u64 wanted = trap ? hstatus | HSTATUS_VTW : hstatus & ~HSTATUS_VTW;

	if (wanted != hstatus)
		vs_write_hstatus(vcpu, wanted);
}

void vcpu_reset(struct vcpu *vcpu, u64 pc, u64 a0, u64 a1)
{
	memset(vcpu->x, 0, sizeof(vcpu->x));
	memset(&vcpu->csr, 0, sizeof(vcpu->csr));
	vcpu->pc = pc;
	vcpu->x[10] = a0;
	vcpu->x[11] = a1;
	vcpu->csr.vsstatus = SSTATUS_UXL_64;
	vcpu->csr.vstimecmp = UINT64_MAX;
	/* As firmware leaves it: Linux relies on U-mode reading time and sets nothing itself. */
	vcpu->csr.scounteren = SCOUNTEREN_RESET;
	vcpu->csr.hstatus = HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_VSXL_64;
	vcpu->csr.sstatus = SSTATUS_SPP;
	vcpu->timer = UINT64_MAX;
	vcpu->wait_deadline = UINT64_MAX;
	vcpu->resume_pending = false;
	vcpu->leave = vcpu->wait = 0;
	vcpu->last_hart = -1;
	vcpu->steal_on = false;
	/* What was asked before is void: loading it anew fences everything. */
	__atomic_store_n(&vcpu->requests, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&vcpu->irq_posted, 0, __ATOMIC_SEQ_CST);
	__atomic_fetch_and(&vcpu->irq_level, ~(u32)HVIP_VSTIP, __ATOMIC_SEQ_CST);
	units_reset(vcpu);
}
