/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a vCPU finds when it goes on is what it left, on whichever hart and whoever ran there
 * meanwhile: its general registers, pc, VS CSRs, and both units.
 */
#pragma once

#include "hyp/vcpu.h"

void kept_forget_all(void);
/* On the vCPU's hart: what it has now, it will have at its next instruction. */
void kept_note(const struct vcpu *vcpu);
/* It may have something else. */
void kept_lose(const struct vcpu *vcpu);
/* On the vCPU's hart, before an instruction of it. */
void kept_check(const struct vcpu *vcpu);
