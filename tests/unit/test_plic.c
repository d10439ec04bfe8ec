/* SPDX-License-Identifier: BSD-2-Clause */
/* The driver of the machine's PLIC on a model of one, where things happen between two accesses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/hw.h"
#include "platform/mmio.h"

/* The model stands in for the registers: the driver below finds these instead. */
static u32 model_read32(u64 address);
static void model_write32(u64 address, u32 value);

static void model_barrier(void)
{
}

#define mmio_read32  model_read32
#define mmio_write32 model_write32
#define mmio_barrier model_barrier
#define mmio_publish model_barrier
#include "platform/plic.c"

#define BASE	 0xc000000ULL
#define SOURCE	 40
#define CONTEXTS 4

static struct {
	u32 enable[CONTEXTS], threshold[CONTEXTS], priority;
	bool line, pending, in_flight;
	u64 trap_at; /* before the first access to this register */
	void (*trap)(void);
	unsigned served;
} model;

static void gateway(void)
{
	if (model.line && !model.in_flight)
		model.pending = true;
}

/* An access is about to happen: whatever another hart does first. */
static void before(u64 address)
{
	void (*trap)(void) = model.trap;

	if (!trap || address != model.trap_at)
		return;
	model.trap = NULL;
	trap();
}

static bool is_open(int context)
{
	return model.enable[context] >> SOURCE % 32 & 1;
}

static u32 claim(int context)
{
	if (!model.pending || !is_open(context))
		return 0;
	model.pending = false;
	model.in_flight = true;
	return SOURCE;
}

/* Ignored from contexts for which the source is not enabled (PLIC specification, "Interrupt
 * Completion"). */
static void complete(int context, u32 source)
{
	if (source != SOURCE || !is_open(context))
		return;
	model.in_flight = false;
	gateway();
}

static u64 enable_register(int context)
{
	return BASE + PLIC_ENABLE_OFFSET(context) + SOURCE / 32 * 4;
}

static u32 model_read32(u64 address)
{
	before(address);
	for (int i = 0; i < CONTEXTS; i++) {
		if (address == enable_register(i))
			return model.enable[i];
		if (address == BASE + PLIC_CONTEXT_OFFSET(i) + CONTEXT_CLAIM)
			return claim(i);
	}
	fail_msg("a read of %#llx", (unsigned long long)address);
	return 0;
}

static void model_write32(u64 address, u32 value)
{
	before(address);
	if (address == BASE + PLIC_PRIORITY_OFFSET(SOURCE))
		model.priority = value;
	for (int i = 0; i < CONTEXTS; i++) {
		if (address == enable_register(i))
			model.enable[i] = value;
		if (address == BASE + PLIC_CONTEXT_OFFSET(i))
			model.threshold[i] = value;
		if (address == BASE + PLIC_CONTEXT_OFFSET(i) + CONTEXT_CLAIM)
			complete(i, value);
	}
}

/* The context whose hart is interrupted now, -1 if none is; of one alone. */
static int interrupted(void)
{
	int found = -1;

	for (int i = 0; model.pending && i < CONTEXTS; i++) {
		if (!is_open(i) || model.priority <= model.threshold[i])
			continue;
		assert_int_equal(found, -1);
		found = i;
	}
	return found;
}

static unsigned open_count(void)
{
	unsigned count = 0;

	for (int i = 0; i < CONTEXTS; i++)
		count += is_open(i);
	return count;
}

static void handler(void)
{
	model.line = false;
	model.served++;
}

static void raise_line(void)
{
	model.line = true;
	gateway();
}

static int setup(void **state)
{
	(void)state;
	memset(&model, 0, sizeof(model));
	plic_init(BASE, 64);
	for (int i = 0; i < CONTEXTS; i++)
		plic_init_context(i);
	plic_connect(0, SOURCE, handler);
	return 0;
}

static void the_source_moves_with_the_interrupt_after_the_wish(void **state)
{
	(void)state;
	model.threshold[2] = 7; /* as firmware leaves it that has started the hart meanwhile */
	plic_move(2);
	raise_line();
	assert_int_equal(interrupted(), 0);
	assert_true(plic_serve(0));
	assert_int_equal(model.served, 1);
	raise_line();
	assert_int_equal(interrupted(), 2);
	assert_true(plic_serve(2));
	assert_int_equal(model.served, 2);
	assert_int_equal(open_count(), 1);
}

static void what_arrives_while_the_source_moves_interrupts_the_new_hart(void **state)
{
	(void)state;
	plic_move(2);
	raise_line();
	model.trap_at = enable_register(2);
	model.trap = raise_line;
	assert_true(plic_serve(0));
	assert_null(model.trap);
	assert_int_equal(interrupted(), 2);
	assert_true(plic_serve(2));
	assert_int_equal(model.served, 2);
	assert_false(model.in_flight);
}

/* On a PLIC whose wires are slow a hart may be interrupted for a source that was closed to it a
 * moment ago, and find nothing to claim. */
static void serve_late(void)
{
	plic_move(3);
	assert_true(plic_serve(2));
}

static void a_new_owner_that_is_interrupted_early_leaves_one_context_open(void **state)
{
	(void)state;
	plic_move(2);
	raise_line();
	model.trap_at = enable_register(2);
	model.trap = serve_late;
	assert_true(plic_serve(0));
	assert_null(model.trap);
	assert_int_equal(open_count(), 1);
	/* And the wish is not forgotten. */
	raise_line();
	assert_true(plic_serve(interrupted()));
	raise_line();
	assert_int_equal(interrupted(), 3);
	assert_int_equal(open_count(), 1);
}

static void a_hart_without_a_context_serves_nothing(void **state)
{
	(void)state;
	assert_false(plic_serve(-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_source_moves_with_the_interrupt_after_the_wish, setup),
		cmocka_unit_test_setup(what_arrives_while_the_source_moves_interrupts_the_new_hart,
				       setup),
		cmocka_unit_test_setup(
			a_new_owner_that_is_interrupted_early_leaves_one_context_open, setup),
		cmocka_unit_test_setup(a_hart_without_a_context_serves_nothing, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
