/* SPDX-License-Identifier: BSD-2-Clause */
/* How interrupt.c looks for exits that its guest does not make itself. */
#pragma once

#define GAP_NOPS   256
#define GAP_TURNS  40
#define GAP_LENGTH 40 /* of an exit, at least; the loop's own few instructions are less */
