/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why a guest stopped, and what to do about it: everything but SBI calls and host interrupts.
 * The vCPU is loaded on the calling hart and its exit is the last trap of that hart.
 */
#pragma once

#include "hyp/vcpu.h"

/* Light path, cause 22. True: done, the guest can go on. False: it executed a WFI that would wait,
 * pc is past it. */
bool exit_virtual_instruction(struct vcpu *vcpu);

/* Light path, cause 2, when no unit was to be switched on: the guest's own illegal instruction. */
void exit_illegal_instruction(struct vcpu *vcpu);

/* Full path, every other exception. The guest can go on afterwards, or its VM has been ended
 * through vm_ops. */
void exit_exception(struct vcpu *vcpu, u64 scause);

/* True if the guest has an interrupt pending that it has enabled in its sie, whether or not its
 * sstatus.SIE is set: the condition that ends a WFI (Privileged ISA, "Wait for Interrupt"). */
bool exit_has_wakeup(struct vcpu *vcpu);
