/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest's time and timer. Its time CSR is the hart's plus htimedelta. With Sstc its timer is
 * vstimecmp and takes no software while it runs; without, the SBI timer is a hart time in
 * vcpu->timer and the interrupt is hvip.VSTIP.
 */
#pragma once

#include "hyp/vcpu.h"
#include "hyp/vm/pcpu.h"

/* Part of vm_ops; harts without Sstc. */
void timer_set(struct vcpu *self, u64 guest_time);

/* The hart's timer may have rung for the RUNNING vCPU. */
void timer_rang(struct vcpu *vcpu);

/* The hart time at which the timer of a vCPU that has been put wakes it, UINT64_MAX: not. */
u64 timer_deadline(const struct vcpu *vcpu);

/* Looks after a console without interrupts, when it is time. Takes all interrupts that are pending:
 * what others ask of this hart and its vCPU is to be looked at afterwards. */
void timer_poll(struct pcpu *pcpu);
