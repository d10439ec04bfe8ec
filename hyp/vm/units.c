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

/* sstatus with one unit on, so that its registers can be loaded. */
static void switch_on(u64 field, u64 state)
{
	hw_write_sstatus((hw_read_sstatus() & ~field) | state);
}

static void load_fp(struct pcpu *pcpu, struct vcpu *vcpu)
{
	switch_on(SSTATUS_FS, FS(EXT_INITIAL));
	hw_restore_fp(vcpu->fp);
	pcpu->fp_owner = vcpu;
	vcpu->fp_hart = (s32)pcpu->index;
}

static void load_vector(struct pcpu *pcpu, struct vcpu *vcpu)
{
	switch_on(SSTATUS_VS, VS(EXT_INITIAL));
	hw_restore_vector(vcpu->vector);
	pcpu->vector_owner = vcpu;
	vcpu->vector_hart = (s32)pcpu->index;
}

u64 units_load(struct vcpu *vcpu)
{
	struct pcpu *pcpu = pcpu_this();
	u64 fields = 0;

	if (hw_has(HW_FEATURE_F)) {
		if (!holds_fp(pcpu, vcpu))
			load_fp(pcpu, vcpu);
		fields |= FS(EXT_CLEAN);
	}
	if (hw_has(HW_FEATURE_V)) {
		if (!holds_vector(pcpu, vcpu))
			load_vector(pcpu, vcpu);
		fields |= VS(EXT_CLEAN);
	}
	return fields;
}

void units_reset(struct vcpu *vcpu)
{
	memset(vcpu->fp, 0, sizeof(vcpu->fp));
	if (vcpu->vector)
		hw_reset_vector(vcpu->vector);
	vcpu->fp_hart = -1;
	vcpu->vector_hart = -1;
}
