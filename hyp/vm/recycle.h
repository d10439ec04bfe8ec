/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of a VM that has ended go to others. A hart that has executed from such a page may still
 * fetch the old instructions there, whatever has been stored since, until it executes FENCE.I
 * (Unprivileged ISA, "Zifencei"); the new owner has no reason to. So no page is freed before every
 * hart that has run the VM has executed one.
 */
#pragma once

#include "hyp/vcpu.h"
#include "hyp/vm/pcpu.h"

/* Asks those harts for a FENCE.I, the ones on which the VM has run, and returns a ticket. Nothing
 * of the VM runs any more. */
u64 recycle_begin(u64 harts);

/* True when those harts have executed one since that ticket was given out. */
bool recycle_is_done(u64 ticket, u64 harts);

/* The calling hart does its part, if anything is asked of it. After every interrupt of the host. */
void recycle_serve(struct pcpu *pcpu);
