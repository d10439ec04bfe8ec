/* SPDX-License-Identifier: BSD-2-Clause */
/* Gives the loaded vCPU an exception, as the hart would have (software's event injection). */
#pragma once

#include "hyp/vcpu.h"

/* The trap is taken at vcpu->pc from the privilege the guest was in, to the handler in vstvec.
 * cause is an exception code, tval what stval shall read. Only while handling an exit of this
 * vCPU on the hart it is loaded on; on the light path too. */
void inject_exception(struct vcpu *vcpu, u64 cause, u64 tval);
