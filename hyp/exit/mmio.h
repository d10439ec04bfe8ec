/* SPDX-License-Identifier: BSD-2-Clause */
/* Loads and stores of a guest that reach no RAM: emulated on the VM's bus. */
#pragma once

#include "hyp/vcpu.h"

enum mmio_result {
	MMIO_DONE,    /* or the guest shall simply try again */
	MMIO_REFUSED, /* no device takes this access: an access fault */
	MMIO_DEEPEN,  /* nothing was done: it names a register that is not among those saved */
};

/* Performs the access that took the guest-page fault scause at that address, writes the guest's
 * register and advances pc. registers: bit n says that xn is in vcpu->x. */
enum mmio_result mmio_access(struct vcpu *vcpu, u64 scause, gpa_t address, u32 registers);

/* The common case of the above, for the light path and with nothing else in its way: a load or
 * store of an integer register that this path saves, with its encoding in htinst. False: it is not
 * that case, and nothing was done. */
bool mmio_light(struct vcpu *vcpu);
