/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floating-point and vector state. Saved when a vCPU that changed it leaves its hart, so that it
 * can go on anywhere; loaded when it comes to a hart where another vCPU has been since.
 *
 * The host's own sstatus.FS and VS tell what changed: both they and the guest's vsstatus are in
 * force while V=1 (Privileged ISA, "Virtual Supervisor Status (vsstatus) Register"). They are never
 * Off while a guest runs. Loading at the first use would need the trap of that use, an illegal
 * instruction, here instead of in the guest. Firmware that does not delegate illegal instructions
 * has to pass that trap on to HS-mode with mstatus.MPV cleared, which QEMU 10.0.13 does not let it
 * do: the hart arrives at our trap vector with V=1.
 */
#pragma once

#include "hyp/vcpu.h"

/* Part of vcpu_put(): keeps what is dirty. sstatus is the hart's at that time. */
void units_save(struct vcpu *vcpu, u64 sstatus);

/* Part of vcpu_load(): brings in what the hart does not hold; returns the FS and VS fields for
 * sstatus. */
u64 units_load(struct vcpu *vcpu);

/* The vCPU starts afresh, with all units zero. It is not loaded. */
void units_reset(struct vcpu *vcpu);
