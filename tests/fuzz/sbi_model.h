/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each SBI call must answer, and where a vCPU must go on that it has started, suspended or
 * stopped, written from the specification. The target calls these around each exit, and
 * sbi_model_step() before each of a guest's instructions.
 */
#pragma once

#include "hyp/vcpu.h"

void sbi_model_start(void);
void sbi_model_before(struct vcpu *vcpu, u64 scause);
void sbi_model_after(struct vcpu *vcpu);
void sbi_model_step(struct vcpu *vcpu);
