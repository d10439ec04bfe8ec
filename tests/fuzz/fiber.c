/* SPDX-License-Identifier: BSD-2-Clause */
/* Fibers by a switch of stacks, of which ASan is told. Owns who runs now, and the main program's
 * state while it does not. */
#include "tests/fuzz/fiber.h"

#include <string.h>

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
	fiber_context context;
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

/* The first that a fiber executes: only the one that is current begins. */
static void begin(void)
{
	end_switch(NULL, &program.stack, &program.stack_size);
	program.current->main();
	__builtin_trap();
}

#ifdef FIBER_UCONTEXT
static void prepare_context(struct fiber *fiber)
{
	getcontext(&fiber->context);
	fiber->context.uc_stack.ss_sp = fiber->stack;
	fiber->context.uc_stack.ss_size = fiber->stack_size;
	fiber->context.uc_link = NULL;
	makecontext(&fiber->context, begin, 0);
	/* Or ASan's swapcontext() forgets what it knows of the stack at each switch. */
	fiber->context.uc_stack.ss_sp = NULL;
	fiber->context.uc_stack.ss_size = 0;
}

static void switch_to(fiber_context *from, fiber_context *to)
{
	swapcontext(from, to);
}
#else
/* System V ABI, "Registers": rbx, rbp and r12 to r15 are the callee's to preserve. Nothing here
 * changes the floating-point control words. */
void fiber_switch(fiber_context *from, fiber_context to);
__asm__(".text\n"
	".type fiber_switch, @function\n"
	"fiber_switch:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size fiber_switch, . - fiber_switch\n");

static void prepare_context(struct fiber *fiber)
{
	u64 *top = (u64 *)((char *)fiber->stack + fiber->stack_size);

	/* Six registers, then begin()'s address; above it, as if begin() had been called, a return
	 * address of 0 at a multiple of 16 less 8. */
	memset(top - 8, 0, 8 * sizeof(*top));
	top[-2] = (u64)(uintptr_t)begin;
	fiber->context = top - 8;
}

static void switch_to(fiber_context *from, fiber_context *to)
{
	fiber_switch(from, *to);
}
#endif

void fiber_prepare(struct fiber *fiber, void *stack, size_t stack_size, void (*main)(void))
{
#ifdef HAS_ASAN
	__asan_unpoison_memory_region(stack, stack_size);
#endif
	*fiber = (struct fiber){.stack = stack, .stack_size = stack_size, .main = main};
	prepare_context(fiber);
}

void fiber_go_on(struct fiber *fiber)
{
	program.current = fiber;
	begin_switch(&program.fake_stack, fiber->stack, fiber->stack_size);
	switch_to(&program.context, &fiber->context);
	end_switch(program.fake_stack, NULL, NULL);
}

void fiber_yield(void)
{
	struct fiber *fiber = program.current;

	program.current = NULL;
	begin_switch(&fiber->fake_stack, program.stack, program.stack_size);
	switch_to(&fiber->context, &program.context);
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
