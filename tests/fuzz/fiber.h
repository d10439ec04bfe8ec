/* SPDX-License-Identifier: BSD-2-Clause */
/* Several flows of control in one thread: each has a stack, and goes on only when told to. */
#pragma once

#include <ucontext.h>

#include "hyp/types.h"

struct fiber {
	ucontext_t context;
	void *fake_stack; /* ASan's */
	void *stack;
	size_t stack_size;
};

/* To begin in main(), which never returns. What the stack was used for before is over. */
void fiber_prepare(struct fiber *fiber, void *stack, size_t stack_size, void (*main)(void));
/* From the main program: the fiber goes on until it yields. */
void fiber_go_on(struct fiber *fiber);
/* From a fiber: back to the main program. */
void fiber_yield(void);
/* NULL: the main program. */
struct fiber *fiber_current(void);
/* Whoever was under way never goes on. */
void fiber_forget(void);
