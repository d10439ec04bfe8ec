/* SPDX-License-Identifier: BSD-2-Clause */
/* The run loop of a hart. */
#pragma once

#include "hyp/vcpu.h"

/* What every hart does from the end of boot on: pick a vCPU, enter it, handle its exits, repeat. */
_Noreturn void run_loop(void);

/* The trap vector's light path for all but SBI calls: interrupts of the host and exceptions. The
 * guest's caller-saved registers and pc are in vcpu. True: enter the guest again; false: take the
 * full path. */
bool run_light(struct vcpu *vcpu, u64 scause);
