/* SPDX-License-Identifier: BSD-2-Clause */
/* What harts want of each other's vCPUs. */
#pragma once

#include "hyp/vcpu.h"

/* The calling hart's RUNNING vCPU serves what has been asked of it. */
void requests_serve(struct vcpu *vcpu);

/* Parts of vm_ops; see there. */
void requests_notify(struct vcpu *target);
void requests_fence(struct vcpu *self, u64 targets, u32 bits);
