/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calling hart's timer, by stimecmp where the device tree offers Sstc and by SBI TIME where it
 * does not. Opening sie.STIE is the caller's business.
 */
#pragma once

#include "types.h"

/* From this value of the time CSR on the timer interrupt is pending. */
void timer_set(u64 time);

/* Never, that is: what was pending is no more. */
void timer_off(void);

bool timer_is_sstc(void);
