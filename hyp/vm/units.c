/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Owns who holds each hart's units: pcpu->fp_owner and vector_owner, which only count when the
 * vCPU's fp_hart or vector_hart agrees. Both sides are written by the hart that loads the vCPU.
 */
#include "hyp/vm/units.h"

#include <string.h>

#include "hyp/csr.h"
#include "hyp/vm/pcpu.h"

#define FS(state) ((state) << SSTATUS_FS_SHIFT)
#define VS(state) ((state) << SSTATUS_VS_SHIFT)

static bool holds_fp(const struct pcpu *pcpu, const struct vcpu *vcpu)
{
	return pcpu->fp_owner == vcpu && vcpu->fp_hart == (s32)pcpu->index;
}

static bool holds_vector(const struct pcpu *pcpu, const struct vcpu *vcpu)
{
	return pcpu->vector_owner == vcpu && vcpu->vector_hart == (s32)pcpu->index;
}

void units_save(struct vcpu *vcpu, u64 sstatus)
{
	/*
	 * The units are still on in whatever state but Off. Not Dirty, the registers are as they
	 * were loaded, but not so the CSRs: QEMU 10 raises only vsstatus when a guest writes them,
	 * and a compare that sets fflags raises nothing, where the specification wants both fields
	 * Dirty (Privileged ISA, "Virtual Supervisor Status (vsstatus) Register").
	 */
	if ((sstatus & SSTATUS_FS) == FS(EXT_DIRTY))
		hw_save_fp(vcpu->fp);
	else if (sstatus & SSTATUS_FS)
		hw_save_fcsr(vcpu->fp);
	if ((sstatus & SSTATUS_VS) == VS(EXT_DIRTY))
		hw_save_vector(vcpu->vector);
	else if (sstatus & SSTATUS_VS)
		hw_save_vector_csrs(vcpu->vector);
}

/* Illegal instructions go straight to the guest unless a unit is off that the hart has. */
static void delegate_illegal(u64 sstatus)
{
	bool off = (hw_has(HW_FEATURE_F) && (sstatus & SSTATUS_FS) == FS(EXT_OFF)) ||
		   (hw_has(HW_FEATURE_V) && (sstatus & SSTATUS_VS) == VS(EXT_OFF));
	u64 hedeleg = hw_machine()->hedeleg;

	if (off)
		hedeleg &= ~BIT(CAUSE_ILLEGAL_INSTRUCTION);
	hw_write_hedeleg(hedeleg);
}

u64 units_load(struct vcpu *vcpu)
{
	const struct pcpu *pcpu = pcpu_this();
	u64 fields = 0;

	if (holds_fp(pcpu, vcpu))
		fields |= FS(EXT_CLEAN);
	if (holds_vector(pcpu, vcpu))
		fields |= VS(EXT_CLEAN);
	delegate_illegal(fields);
	return fields;
}

static void claim_fp(struct pcpu *pcpu, struct vcpu *vcpu)
{
	u64 sstatus = hw_read_sstatus() & ~SSTATUS_FS;

	hw_write_sstatus(sstatus | FS(EXT_INITIAL));
	hw_restore_fp(vcpu->fp);
	hw_write_sstatus(sstatus | FS(EXT_CLEAN));
	pcpu->fp_owner = vcpu;
	vcpu->fp_hart = (s32)pcpu->index;
}

static void claim_vector(struct pcpu *pcpu, struct vcpu *vcpu)
{
	u64 sstatus = hw_read_sstatus() & ~SSTATUS_VS;

	hw_write_sstatus(sstatus | VS(EXT_INITIAL));
	hw_restore_vector(vcpu->vector);
	hw_write_sstatus(sstatus | VS(EXT_CLEAN));
	pcpu->vector_owner = vcpu;
	vcpu->vector_hart = (s32)pcpu->index;
}

bool units_claim(struct vcpu *vcpu)
{
	struct pcpu *pcpu = pcpu_this();
	u64 wanted = hw_read_vsstatus();
	u64 sstatus = hw_read_sstatus();
	bool fp = hw_has(HW_FEATURE_F) && (wanted & SSTATUS_FS) && !(sstatus & SSTATUS_FS);
	bool vector = hw_has(HW_FEATURE_V) && (wanted & SSTATUS_VS) && !(sstatus & SSTATUS_VS);

	if (fp)
		claim_fp(pcpu, vcpu);
	if (vector)
		claim_vector(pcpu, vcpu);
	if (fp || vector)
		delegate_illegal(hw_read_sstatus());
	return fp || vector;
}

void units_reset(struct vcpu *vcpu)
{
	memset(vcpu->fp, 0, sizeof(vcpu->fp));
	if (vcpu->vector)
		memset(vcpu->vector, 0, hw_vector_size());
	vcpu->fp_hart = -1;
	vcpu->vector_hart = -1;
}
