/* SPDX-License-Identifier: BSD-2-Clause */
/* Several flows of control in one thread: each has a stack, and goes on only when told to. */
#pragma once

#include "hyp/types.h"

/* swapcontext() makes a system call each time, which was a fifth of all time. */
#if !defined(__x86_64__)
#define FIBER_UCONTEXT
#include <ucontext.h>
typedef ucontext_t fiber_context;
#else
typedef void *fiber_context; /* the stack pointer; what a call preserves is on the stack */
#endif

struct fiber {
	fiber_context context;
	void (*main)(void);
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
