/* SPDX-License-Identifier: BSD-2-Clause */
/* Tells a guest of the time that others had its harts (SBI, "Steal-time Accounting Extension"). The
 * hart of the vCPU, no lock held; nothing for one that has not asked, or when nothing is new. */
#pragma once

#include "hyp/vcpu.h"

/* The RUNNING vCPU is about to be entered. */
void steal_publish(struct vcpu *vcpu);

/* It still could run, but has to leave the hart; before it goes back to its queue. */
void steal_note_preempted(struct vcpu *vcpu);
