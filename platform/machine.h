/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine as a whole, inside platform/: how hw_machine() comes about, and how it all ends. */
#pragma once

#include "hyp/hw.h"

#include "platform/hart.h"

/* Writable until hyp_init() is called. */
extern struct hw_machine machine;

/* Fills in all of it that is about harts: what those of the array have in common. */
void machine_describe(const void *fdt, struct hart *const *harts, unsigned count);

/* Stops the machine and tells the firmware that something went wrong. */
_Noreturn void machine_stop_failed(void);

/* Reports that the firmware has refused what nothing goes on without, and stops the machine. */
_Noreturn void firmware_failed(const char *call, s64 error);

/* Makes other harts stop for good when they next serve an interrupt, and interrupts them. */
void machine_stop_others(void);
