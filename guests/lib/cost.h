/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a measured cost is printed: `<kind>: <name> <instructions>.<tenth>`, or `-` for a number.
 * Under
 * `-icount shift=0` QEMU counts one nanosecond of virtual time for each instruction, so that ticks
 * of the clock become instructions; without it the numbers are nanoseconds.
 */
#pragma once

#include "types.h"

/* Ticks as instructions per operation. */
void cost_print(const char *kind, const char *name, u64 ticks, u64 operations);

/* Tenths of an instruction. */
void cost_print_tenths(const char *kind, const char *name, u64 tenths);

/* This machine has no such operation, or it could not be measured. */
void cost_print_none(const char *kind, const char *name);

/* Instructions in a tick, or nanoseconds. */
u64 cost_tick(void);
