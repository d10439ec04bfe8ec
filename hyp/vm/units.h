/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floating-point and vector state. Saved when a vCPU that changed it leaves its hart, so that it
 * can go on anywhere; loaded when a vCPU first uses the unit on a hart that does not hold its
 * values any more.
 *
 * The host's own sstatus.FS and VS are the means: both they and the guest's vsstatus are in force
 * while V=1 (Privileged ISA, "Virtual Supervisor Status (vsstatus) Register"). Off makes the first
 * use trap as an illegal instruction, which is delegated to the guest only while nothing is Off.
 */
#pragma once

#include "hyp/vcpu.h"

/* Part of vcpu_put(): keeps what is dirty. sstatus is the hart's at that time. */
void units_save(struct vcpu *vcpu, u64 sstatus);

/* Part of vcpu_load(): the FS and VS fields for sstatus; sets hedeleg to match. */
u64 units_load(struct vcpu *vcpu);

/* After an illegal instruction of the loaded vCPU: switches on what the guest has on and the host
 * has off. True: something was, so let the instruction try again. */
bool units_claim(struct vcpu *vcpu);

/* The vCPU starts afresh, with all units zero. It is not loaded. */
void units_reset(struct vcpu *vcpu);
