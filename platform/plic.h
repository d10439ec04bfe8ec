/* SPDX-License-Identifier: BSD-2-Clause */
/* The physical PLIC (RISC-V Platform-Level Interrupt Controller specification). Only the operator's
 * serial port uses it, on one hart at a time. */
#pragma once

#include "hyp/types.h"

#define PLIC_SOURCE_MAX	 1023
#define PLIC_CONTEXT_MAX 15872

#define PLIC_PRIORITY_OFFSET(source) (4ULL * (source))
#define PLIC_ENABLE_OFFSET(context)  (0x2000 + 0x80ULL * (context))
#define PLIC_CONTEXT_OFFSET(context) (0x200000 + 0x1000ULL * (context))

/* Does a register block of that size have the context? */
static inline bool plic_has_context(u64 size, int context)
{
	return context >= 0 && context < PLIC_CONTEXT_MAX &&
	       range_contains(0, size, PLIC_CONTEXT_OFFSET(context), 8);
}

/* Where it is. Of the address space only the pages of what follows are touched. */
void plic_init(u64 base, u32 source_count);

/* Closes the context for all sources. */
void plic_init_context(int context);

/* Lets the source through to the context, and has plic_serve() serve it there. */
void plic_connect(int context, u32 source, void (*handler)(void));

/* The source shall go to that context instead, after its next interrupt or the one that follows. On
 * any hart. */
void plic_move(int context);

/* Claims and completes what is pending at the context, on the hart that it belongs to. False if
 * nothing is connected, or that is no context. */
bool plic_serve(int context);
