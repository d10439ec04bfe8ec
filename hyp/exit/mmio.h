/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and stores of a guest that reach no RAM: emulated on the VM's bus. */
#pragma once

#include "hyp/vcpu.h"

/* Performs the access that took the load or store guest-page fault scause at that address, writes
 * the guest's register and advances pc. True: done, or the guest shall simply try again. False:
 * no device takes this access; the guest gets an access fault. Full path only. */
bool mmio_access(struct vcpu *vcpu, u64 scause, gpa_t address);
