/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps as the tests use them: run something that may trap and see what came of it; count
 * interrupts. A trap that no test expects ends the guest with a failed check.
 */
#pragma once

#include "hart.h"

/*
 * Runs function(a, b, c) on this hart, to its end or to its first exception. The function may ruin
 * every register but ra, and may leave for U-mode. Interrupts stay as they were; they are not what
 * is waited for.
 */
struct trap_info trap_try(u64 function, u64 a, u64 b, u64 c);

/*
 * The C hook: called with the full frame for every trap that no trap_try() claims. The default
 * counts interrupts in hart->interrupt_count[] and silences them (clears sip.SSIP, masks a timer or
 * external interrupt in sie), and panics on exceptions. A guest may define its own.
 */
void trap_handler(struct trap_frame *frame);

/* What the default trap_handler() does with an interrupt, for handlers that only add to it. */
void trap_count_interrupt(struct trap_frame *frame);

/* A failed check, the end line, shutdown. */
void trap_panic(const char *why) __attribute__((noreturn));

/* For start.S. */
void trap_dispatch(struct trap_frame *frame);
void trap_nested(struct trap_frame *frame);
