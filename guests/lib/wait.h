/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting with an end: what must happen soon is waited for, what does not happen is a failed
 * check and not a hang.
 */
#pragma once

#include "boot.h"
#include "csr.h"

/* Guest seconds; generous, since the emulator may share its processor with a whole build. */
#define WAIT_SECONDS 20

/* Spins until the condition holds; gives its final value. */
#define WAIT_FOR(condition)                                             \
	({                                                              \
		u64 end_ = time_now() + WAIT_SECONDS * boot_timebase(); \
		bool holds_;                                            \
		while (!(holds_ = (condition)) && time_now() < end_)    \
			pause_hint();                                   \
		holds_;                                                 \
	})

/* Ticks of the time CSR in so many microseconds. */
static inline u64 ticks_from_us(u64 us)
{
	return us * boot_timebase() / 1000000;
}

/* Spins for so many microseconds. */
static inline void delay_us(u64 us)
{
	u64 end = time_now() + ticks_from_us(us);

	while (time_now() < end)
		pause_hint();
}
