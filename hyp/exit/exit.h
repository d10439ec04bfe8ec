/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a guest stopped, and what to do about it: everything but SBI calls and host interrupts.
 * The vCPU is loaded on the calling hart and its exit is the last trap of that hart.
 */
#pragma once

#include "hyp/vcpu.h"

enum exit_result {
	EXIT_DONE,   /* the guest can go on, or its VM has been ended through vm_ops */
	EXIT_DEEPEN, /* nothing was done: a register is needed that the light path does not save */
	EXIT_WAIT,   /* it executed a WFI that would wait; pc is past it */
};

/* Handles any exception. registers is the set of general registers, bit n for xn, that are in
 * vcpu->x: VCPU_LIGHT_REGISTERS or VCPU_ALL_REGISTERS. */
enum exit_result exit_exception(struct vcpu *vcpu, u64 scause, u32 registers);
