/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operator's shell on the console. It is work between vCPUs: each step does a bounded piece,
 * and none is done while the line has no room for what it says. So it never holds up a guest.
 */
#pragma once

#include "hyp/config/bundle.h"

/* Boot hart, after console_init() and after all VMs were made. bundle stays valid; NULL: there is
 * none. Where there are VMs, but none starts by itself, the shell is in focus. */
void shell_init(const struct bundle *bundle);
