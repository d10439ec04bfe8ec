/* SPDX-License-Identifier: BSD-2-Clause */
/* What vCPUs have cost. */
#pragma once

#include "hyp/vcpu.h"

/* One line to the operator: the VM's exits by cause, over all vCPUs, since it started. Any hart,
 * while no vCPU of the VM runs. */
void stats_log_exits(const struct vm *vm);
