/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What drivers in a guest do with the UART and the PLIC: loads and stores of their registers with
 * sensible values, one at a time, each as the guest-page fault that a hart reports for it. So an
 * interrupt gets from the line through both devices to a vCPU, or to several.
 */
#pragma once

#include "hyp/vcpu.h"
#include "tests/fuzz/input.h"

/* Sets registers and the CSRs of a trap as the next instruction does, and gives that. The scause
 * follows from it. */
u32 driver_access(struct input *input, struct vcpu *vcpu);
u64 driver_cause(u32 instruction);
