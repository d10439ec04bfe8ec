/* SPDX-License-Identifier: BSD-2-Clause */
/* What vCPUs have cost. */
#pragma once

#include "hyp/vcpu.h"

/* One word for a state of a vCPU. */
const char *stats_state_name(enum vcpu_run_state state);

/* One line to the operator: the VM's exits by cause, over all vCPUs, since it started. Any hart,
 * while no vCPU of the VM runs. */
void stats_log_exits(const struct vm *vm);

/* What people call an exit; cause is an index of exit_count. */
const char *stats_cause_name(unsigned cause);
