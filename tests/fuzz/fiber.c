/* SPDX-License-Identifier: BSD-2-Clause */
/* Fibers by swapcontext(), of which ASan is told. Owns who runs now, and the main program's state
 * while it does not. */
#include "tests/fuzz/fiber.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#endif

#ifdef HAS_ASAN
/* Fibers that are forgotten would leave what newer compilers' ASan keeps of their frames. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_stack_use_after_return=0";
}
#endif

static struct {
	ucontext_t context;
	void *fake_stack;
	const void *stack; /* as ASan sees it */
	size_t stack_size;
	struct fiber *current;
} program;

static void begin_switch(void **fake_stack, const void *stack, size_t size)
{
#ifdef HAS_ASAN
	__sanitizer_start_switch_fiber(fake_stack, stack, size);
#else
	(void)fake_stack;
	(void)stack;
	(void)size;
#endif
}

static void end_switch(void *fake_stack, const void **from, size_t *from_size)
{
#ifdef HAS_ASAN
	__sanitizer_finish_switch_fiber(fake_stack, from, from_size);
#else
	(void)fake_stack;
	(void)from;
	(void)from_size;
#endif
}

static void begin(unsigned low, unsigned high)
{
	void (*main)(void) = (void (*)(void))(uintptr_t)((u64)high << 32 | low);

	end_switch(NULL, &program.stack, &program.stack_size);
	main();
}

void fiber_prepare(struct fiber *fiber, void *stack, size_t stack_size, void (*main)(void))
{
	u64 address = (u64)(uintptr_t)main;

#ifdef HAS_ASAN
	__asan_unpoison_memory_region(stack, stack_size);
#endif
	*fiber = (struct fiber){.stack = stack, .stack_size = stack_size};
	getcontext(&fiber->context);
	fiber->context.uc_stack.ss_sp = stack;
	fiber->context.uc_stack.ss_size = stack_size;
	fiber->context.uc_link = NULL;
	makecontext(&fiber->context, (void (*)(void))begin, 2, (unsigned)address,
		    (unsigned)(address >> 32));
	/* Or ASan's swapcontext() forgets what it knows of the stack at each switch. */
	fiber->context.uc_stack.ss_sp = NULL;
	fiber->context.uc_stack.ss_size = 0;
}

void fiber_go_on(struct fiber *fiber)
{
	program.current = fiber;
	begin_switch(&program.fake_stack, fiber->stack, fiber->stack_size);
	swapcontext(&program.context, &fiber->context);
	end_switch(program.fake_stack, NULL, NULL);
}

void fiber_yield(void)
{
	struct fiber *fiber = program.current;

	program.current = NULL;
	begin_switch(&fiber->fake_stack, program.stack, program.stack_size);
	swapcontext(&fiber->context, &program.context);
	end_switch(fiber->fake_stack, &program.stack, &program.stack_size);
}

struct fiber *fiber_current(void)
{
	return program.current;
}

void fiber_forget(void)
{
	program.current = NULL;
}
