/* SPDX-License-Identifier: BSD-2-Clause */
/* VMPTRLD and VMCLEAR in software: a vCPU's CSRs into the hart and back. */
#pragma once

#include "hyp/vcpu.h"

/* Makes the calling hart ready to enter the vCPU. Nothing moves if its state is still there.
 * Everything that a change of hart asks for is done here. */
void vcpu_load(struct vcpu *vcpu);

/* Brings the vCPU's state to memory, so that any hart can load it. What is in the hart stays valid
 * until something else is loaded. */
void vcpu_put(struct vcpu *vcpu);

/* Leaves nothing of any VM active in the hart: no tables of its to be walked speculatively. */
void vcpu_unload(void);

/* Applies irq_posted and irq_level to hvip. The vCPU is loaded on the calling hart, and out of its
 * guest; likewise below. */
void vcpu_sync_irq(struct vcpu *vcpu);

/* Sets hstatus.VTW: with trap, a WFI of the loaded vCPU is an exit; without, the hart waits. */
void vcpu_set_wfi_trap(struct vcpu *vcpu, bool trap);

/* The state after reset: pc and a0, a1 as given, translation and interrupts off, all else zero.
 * The vCPU is not loaded anywhere. */
void vcpu_reset(struct vcpu *vcpu, u64 pc, u64 a0, u64 a1);
