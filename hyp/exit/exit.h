/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a guest stopped, and what to do about it: everything but SBI calls and host interrupts.
 * The vCPU is loaded on the calling hart and its exit is the last trap of that hart.
 */
#pragma once

#include "hyp/vcpu.h"

/* Handles any exception. registers is the set of general registers, bit n for xn, that are in
 * vcpu->x: VCPU_LIGHT_REGISTERS or VCPU_ALL_REGISTERS. True: the guest can go on. False: it
 * executed a WFI that would wait, or its VM has ended, and vcpu->leave is set; or nothing was done,
 * for want of a register that the light path does not save, and vcpu->deepen is set. */
bool exit_exception(struct vcpu *vcpu, u64 scause, u32 registers);
