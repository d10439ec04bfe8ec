/* SPDX-License-Identifier: BSD-2-Clause */
/* The SBI hart states of a VM's vCPUs (SBI, "Hart State Management Extension"). vcpu->hsm is
 * atomic: a start is a compare-and-swap from STOPPED, so that only one of two callers wins. */
#pragma once

#include "hyp/vcpu.h"

/* Parts of vm_ops; see there. */
enum status hsm_start(struct vcpu *target, u64 pc, u64 opaque) MUST_CHECK;
void hsm_stop_self(struct vcpu *self);
void hsm_suspend_self(struct vcpu *self, const u64 *resume_pc, u64 opaque);

/* The run loop's part, after the vCPU has been put: whether it is to wait, and what it is when it
 * comes back to a hart. */
bool hsm_is_stopping(const struct vcpu *vcpu);
void hsm_stopped(struct vcpu *vcpu);
void hsm_resume(struct vcpu *vcpu);
