/* SPDX-License-Identifier: BSD-2-Clause */
/* The part of platform/ that reads the device tree and touches no hardware. The host's build makes
 * a library of hyp/ only, so each test of discovery compiles these itself. */
#pragma once

#include "platform/discover.c"
#include "platform/discover_harts.c"
#include "platform/discover_memory.c"
#include "platform/discover_uart.c"
#include "platform/isalist.c"
#include "platform/region.c"
#include "platform/tree.c"
