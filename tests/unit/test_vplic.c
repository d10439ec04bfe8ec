/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual PLIC as a guest and its devices see it, and at random against a model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/dev/vplic.h"

static struct vplic plic;
static struct bus bus;
static bool wire[VPLIC_HART_MAX]; /* what set_external() reported */
static unsigned wire_changes;

static void record_external(void *owner, unsigned hart, bool level)
{
	assert_ptr_equal(owner, wire);
	assert_true(hart < plic.hart_count);
	/* Only changes are reported, and with the lock held. */
	assert_true(wire[hart] != level);
	assert_int_not_equal(plic.lock.next, plic.lock.serving);
	wire[hart] = level;
	wire_changes++;
}

static void start(unsigned hart_count)
{
	memset(wire, 0, sizeof(wire));
	wire_changes = 0;
	memset(&plic, 0xa5, sizeof(plic));
	vplic_init(&plic, hart_count, record_external, wire);
	bus = (struct bus){0};
	assert_int_equal(bus_add(&bus, &plic.device), STATUS_OK);
}

static int start_two_harts(void **state)
{
	(void)state;
	start(2);
	return 0;
}

static u32 get(u64 offset)
{
	u64 value = 0;

	assert_true(bus_read(&bus, gpa(VPLIC_BASE + offset), 4, &value));
	assert_int_equal(value >> 32, 0);
	return (u32)value;
}

static void put(u64 offset, u32 value)
{
	assert_true(bus_write(&bus, gpa(VPLIC_BASE + offset), 4, value));
}

static u64 priority_of(unsigned source)
{
	return 4 * source;
}

static u64 pending_word(unsigned word)
{
	return 0x1000 + 4 * word;
}

static u64 enable_word(unsigned context, unsigned word)
{
	return 0x2000 + 0x80 * context + 4 * word;
}

static u64 threshold_of(unsigned context)
{
	return 0x200000 + 0x1000 * context;
}

static u64 claim_of(unsigned context)
{
	return threshold_of(context) + 4;
}

#define HART0_S 1
#define HART1_S 3

static bool is_pending(unsigned source)
{
	return get(pending_word(source / 32)) >> (source % 32) & 1;
}

static void enable(unsigned context, unsigned source)
{
	u64 word = enable_word(context, source / 32);

	put(word, get(word) | 1u << (source % 32));
}

static void disable(unsigned context, unsigned source)
{
	u64 word = enable_word(context, source / 32);

	put(word, get(word) & ~(1u << (source % 32)));
}

static void registers_are_zero_after_init(void **state)
{
	(void)state;
	for (unsigned source = 0; source < 128; source++)
		assert_int_equal(get(priority_of(source)), 0);
	for (unsigned word = 0; word < 4; word++) {
		assert_int_equal(get(pending_word(word)), 0);
		for (unsigned context = 0; context < 6; context++)
			assert_int_equal(get(enable_word(context, word)), 0);
	}
	for (unsigned context = 0; context < 6; context++) {
		assert_int_equal(get(threshold_of(context)), 0);
		assert_int_equal(get(claim_of(context)), 0);
	}
	assert_int_equal(wire_changes, 0);
}

static void priorities_and_thresholds_keep_three_bits(void **state)
{
	(void)state;
	for (u32 value = 0; value < 64; value++) {
		put(priority_of(1), value);
		assert_int_equal(get(priority_of(1)), value & 7);
		put(priority_of(VPLIC_SOURCE_COUNT), value << 3 | 5);
		assert_int_equal(get(priority_of(VPLIC_SOURCE_COUNT)), 5);
		put(threshold_of(HART0_S), value | 0x80000000);
		assert_int_equal(get(threshold_of(HART0_S)), value & 7);
		assert_int_equal(get(threshold_of(HART1_S)), 0);
	}
}

static void source_0_does_not_exist(void **state)
{
	(void)state;
	put(priority_of(0), 7);
	assert_int_equal(get(priority_of(0)), 0);
	put(enable_word(HART0_S, 0), UINT32_MAX);
	assert_int_equal(get(enable_word(HART0_S, 0)), 0xfffffffe);
	put(claim_of(HART0_S), 0);
	assert_int_equal(get(claim_of(HART0_S)), 0);
}

static void the_last_source_works_and_the_next_does_not_exist(void **state)
{
	unsigned last = VPLIC_SOURCE_COUNT;

	(void)state;
	put(priority_of(last), 7);
	put(priority_of(last + 1), 7);
	assert_int_equal(get(priority_of(last)), 7);
	assert_int_equal(get(priority_of(last + 1)), 0);
	for (unsigned word = 0; word < 32; word++)
		put(enable_word(HART0_S, word), UINT32_MAX);
	for (unsigned word = (last + 1) / 32; word < 32; word++)
		assert_int_equal(get(enable_word(HART0_S, word)), 0);
	assert_int_equal(get(enable_word(HART1_S, 0)), 0);

	vplic_set_level(&plic, last, true);
	assert_true(wire[0]);
	assert_int_equal(get(claim_of(HART0_S)), last);
	for (u32 source = last + 1; source < 2048; source++)
		put(claim_of(HART0_S), source);
	assert_false(is_pending(last));
	put(claim_of(HART0_S), last);
	assert_true(is_pending(last));
}

static void pending_bits_are_read_only(void **state)
{
	(void)state;
	for (unsigned word = 0; word < 32; word++) {
		put(pending_word(word), UINT32_MAX);
		assert_int_equal(get(pending_word(word)), 0);
	}
	vplic_set_level(&plic, 10, true);
	put(pending_word(0), 0);
	assert_int_equal(get(pending_word(0)), 1 << 10);
}

static void machine_mode_contexts_read_zero_and_ignore_writes(void **state)
{
	(void)state;
	put(priority_of(10), 1);
	vplic_set_level(&plic, 10, true);
	for (unsigned context = 0; context < 4; context += 2) {
		put(enable_word(context, 0), UINT32_MAX);
		put(threshold_of(context), 3);
		assert_int_equal(get(enable_word(context, 0)), 0);
		assert_int_equal(get(threshold_of(context)), 0);
		assert_int_equal(get(claim_of(context)), 0);
		put(claim_of(context), 10);
	}
	assert_int_equal(wire_changes, 0);
	assert_true(is_pending(10));
}

static void contexts_of_harts_beyond_the_last_do_not_exist(void **state)
{
	(void)state;
	put(priority_of(10), 1);
	vplic_set_level(&plic, 10, true);
	for (unsigned context = 4; context < 1024; context++) {
		put(threshold_of(context), 3);
		put(claim_of(context), 10);
		assert_int_equal(get(threshold_of(context)), 0);
		assert_int_equal(get(claim_of(context)), 0);
		put(enable_word(context, 0), UINT32_MAX);
		assert_int_equal(get(enable_word(context, 0)), 0);
	}
	assert_int_equal(wire_changes, 0);
}

static void all_harts_up_to_the_maximum_work(void **state)
{
	(void)state;
	start(VPLIC_HART_MAX);
	put(priority_of(1), 1);
	for (unsigned hart = 0; hart < VPLIC_HART_MAX; hart++)
		enable(2 * hart + 1, 1);
	vplic_set_level(&plic, 1, true);
	for (unsigned hart = 0; hart < VPLIC_HART_MAX; hart++)
		assert_true(wire[hart]);
	assert_int_equal(get(claim_of(2 * VPLIC_HART_MAX - 1)), 1);
	for (unsigned hart = 0; hart < VPLIC_HART_MAX; hart++)
		assert_false(wire[hart]);
}

static void a_wire_reaches_the_harts_that_enabled_it(void **state)
{
	(void)state;
	put(priority_of(10), 1);
	enable(HART1_S, 10);
	vplic_set_level(&plic, 10, true);
	assert_false(wire[0]);
	assert_true(wire[1]);
	enable(HART0_S, 10);
	assert_true(wire[0]);
	disable(HART1_S, 10);
	assert_false(wire[1]);
}

static void a_claim_takes_the_interrupt_from_all_harts(void **state)
{
	(void)state;
	put(priority_of(10), 1);
	enable(HART0_S, 10);
	enable(HART1_S, 10);
	vplic_set_level(&plic, 10, true);
	assert_int_equal(get(claim_of(HART1_S)), 10);
	assert_false(wire[0]);
	assert_false(wire[1]);
	assert_false(is_pending(10));
	assert_int_equal(get(claim_of(HART0_S)), 0);
}

static void claims_back_to_back_give_one_source_each_then_0(void **state)
{
	(void)state;
	for (unsigned source = 1; source <= VPLIC_SOURCE_COUNT; source++) {
		put(priority_of(source), 1 + source % 7);
		enable(HART0_S, source);
		vplic_set_level(&plic, source, true);
	}
	for (unsigned priority = 7; priority >= 1; priority--) {
		for (unsigned source = 1; source <= VPLIC_SOURCE_COUNT; source++) {
			if (1 + source % 7 != priority)
				continue;
			assert_true(wire[0]);
			assert_int_equal(get(claim_of(HART0_S)), source);
		}
	}
	assert_false(wire[0]);
	assert_int_equal(get(claim_of(HART0_S)), 0);
	assert_int_equal(get(claim_of(HART0_S)), 0);
}

static void ties_go_to_the_lowest_source(void **state)
{
	(void)state;
	static const unsigned sources[] = {64, 33, 2, 95, 31};
	static const unsigned order[] = {2, 31, 33, 64, 95};

	for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
		put(priority_of(sources[i]), 4);
		enable(HART0_S, sources[i]);
		vplic_set_level(&plic, sources[i], true);
	}
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		assert_int_equal(get(claim_of(HART0_S)), order[i]);
}

static void a_wire_that_stays_high_is_pending_again_at_completion_only(void **state)
{
	(void)state;
	put(priority_of(10), 1);
	enable(HART0_S, 10);
	vplic_set_level(&plic, 10, true);
	assert_int_equal(get(claim_of(HART0_S)), 10);
	vplic_set_level(&plic, 10, true);
	assert_false(wire[0]);
	assert_int_equal(get(claim_of(HART0_S)), 0);
	put(claim_of(HART0_S), 10);
	assert_true(wire[0]);
	assert_int_equal(get(claim_of(HART0_S)), 10);
	vplic_set_level(&plic, 10, false);
	put(claim_of(HART0_S), 10);
	assert_false(wire[0]);
	assert_false(is_pending(10));
}

static void an_interrupt_raised_between_claim_and_completion_is_not_lost(void **state)
{
	(void)state;
	put(priority_of(10), 1);
	enable(HART0_S, 10);
	vplic_set_level(&plic, 10, true);
	assert_int_equal(get(claim_of(HART0_S)), 10);
	vplic_set_level(&plic, 10, false);
	vplic_set_level(&plic, 10, true);
	assert_false(is_pending(10));
	put(claim_of(HART0_S), 10);
	assert_true(wire[0]);
	assert_int_equal(get(claim_of(HART0_S)), 10);
}

/* "The gateway does not have the facility to retract an interrupt request once forwarded." */
static void a_request_survives_the_fall_of_its_wire(void **state)
{
	(void)state;
	put(priority_of(10), 1);
	enable(HART0_S, 10);
	vplic_set_level(&plic, 10, true);
	vplic_set_level(&plic, 10, false);
	assert_true(wire[0]);
	assert_int_equal(get(claim_of(HART0_S)), 10);
	put(claim_of(HART0_S), 10);
	assert_false(wire[0]);
}

static void completion_by_a_context_that_did_not_enable_the_source_is_ignored(void **state)
{
	(void)state;
	put(priority_of(10), 1);
	enable(HART0_S, 10);
	vplic_set_level(&plic, 10, true);
	assert_int_equal(get(claim_of(HART0_S)), 10);
	put(claim_of(HART1_S), 10);
	assert_false(is_pending(10));

	/* The same when the claimer itself has disabled it meanwhile. */
	disable(HART0_S, 10);
	put(claim_of(HART0_S), 10);
	assert_false(is_pending(10));
	enable(HART0_S, 10);
	put(claim_of(HART0_S), 10);
	assert_true(is_pending(10));
}

/* "The PLIC does not check whether the completion ID is the same as the last claim ID." */
static void any_context_that_enabled_the_source_may_complete_it(void **state)
{
	(void)state;
	put(priority_of(10), 1);
	enable(HART0_S, 10);
	enable(HART1_S, 10);
	vplic_set_level(&plic, 10, true);
	assert_int_equal(get(claim_of(HART0_S)), 10);
	put(claim_of(HART1_S), 10);
	assert_true(is_pending(10));
}

static void completion_of_what_was_not_claimed_changes_nothing(void **state)
{
	(void)state;
	put(priority_of(10), 1);
	put(priority_of(11), 1);
	enable(HART0_S, 10);
	enable(HART0_S, 11);
	put(claim_of(HART0_S), 11);
	vplic_set_level(&plic, 10, true);
	put(claim_of(HART0_S), 10);
	put(claim_of(HART0_S), 0x1000a);
	put(claim_of(HART0_S), UINT32_MAX);
	assert_true(wire[0]);
	assert_int_equal(wire_changes, 1);
	assert_int_equal(get(claim_of(HART0_S)), 10);
	assert_int_equal(get(claim_of(HART0_S)), 0);
}

static void the_threshold_masks_the_wire_but_not_the_claim(void **state)
{
	(void)state;
	put(priority_of(10), 3);
	enable(HART0_S, 10);
	put(threshold_of(HART0_S), 3);
	vplic_set_level(&plic, 10, true);
	assert_false(wire[0]);
	put(threshold_of(HART0_S), 2);
	assert_true(wire[0]);
	put(threshold_of(HART0_S), 7);
	assert_false(wire[0]);
	assert_int_equal(get(claim_of(HART0_S)), 10);
}

static void priority_0_never_interrupts_and_is_never_claimed(void **state)
{
	(void)state;
	enable(HART0_S, 10);
	vplic_set_level(&plic, 10, true);
	assert_true(is_pending(10));
	assert_false(wire[0]);
	assert_int_equal(get(claim_of(HART0_S)), 0);
	put(priority_of(10), 1);
	assert_true(wire[0]);
	put(priority_of(10), 0);
	assert_false(wire[0]);
	assert_int_equal(get(claim_of(HART0_S)), 0);
	put(priority_of(10), 8);
	assert_false(wire[0]);
}

static void reset_forgets_all_but_the_wires(void **state)
{
	(void)state;
	put(priority_of(10), 3);
	put(priority_of(11), 3);
	put(priority_of(12), 3);
	enable(HART0_S, 10);
	enable(HART0_S, 11);
	enable(HART1_S, 12);
	put(threshold_of(HART1_S), 2);
	vplic_set_level(&plic, 10, true);
	vplic_set_level(&plic, 11, true);
	assert_int_equal(get(claim_of(HART0_S)), 10);
	vplic_set_level(&plic, 12, true);
	vplic_set_level(&plic, 12, false);
	assert_true(wire[0]);
	assert_true(wire[1]);

	vplic_reset(&plic);
	assert_false(wire[0]);
	assert_false(wire[1]);
	/* 10 was claimed and 11 was not, both wires are high; 12 fell. */
	assert_int_equal(get(pending_word(0)), 1 << 10 | 1 << 11);
	for (unsigned source = 10; source <= 12; source++)
		assert_int_equal(get(priority_of(source)), 0);
	assert_int_equal(get(enable_word(HART0_S, 0)), 0);
	assert_int_equal(get(enable_word(HART1_S, 0)), 0);
	assert_int_equal(get(threshold_of(HART1_S)), 0);

	put(priority_of(10), 1);
	enable(HART1_S, 10);
	assert_true(wire[1]);
	assert_int_equal(get(claim_of(HART1_S)), 10);
}

static void only_words_are_taken(void **state)
{
	static const unsigned widths[] = {1, 2, 8};
	u64 value;

	(void)state;
	put(priority_of(2), 5);
	for (size_t i = 0; i < ARRAY_SIZE(widths); i++) {
		for (u64 offset = 0; offset < VPLIC_SIZE; offset += 0x7f8) {
			gpa_t address = gpa(VPLIC_BASE + offset);
			assert_false(bus_read(&bus, address, widths[i], &value));
			assert_false(bus_write(&bus, address, widths[i], 7));
		}
		assert_false(bus_read(&bus, gpa(VPLIC_BASE + 8), widths[i], &value));
		assert_false(bus_write(&bus, gpa(VPLIC_BASE + 8), widths[i], 7));
	}
	assert_int_equal(get(priority_of(2)), 5);
}

static bool is_register(u64 offset)
{
	u64 context = offset < 0x200000 ? (offset - 0x2000) / 0x80 : (offset - 0x200000) / 0x1000;

	if (offset < 0x1000)
		return offset >= 4 && offset <= 4 * VPLIC_SOURCE_COUNT;
	if (offset < 0x2000)
		return false;
	if (context % 2 == 0 || context > HART1_S)
		return false;
	if (offset < 0x200000)
		return offset % 0x80 < 4 * VPLIC_WORDS;
	return offset % 0x1000 == 0;
}

/* The pending and claim registers keep no value either. */
static void every_offset_is_safe_and_only_registers_keep_a_value(void **state)
{
	(void)state;
	for (u64 offset = 0; offset < VPLIC_SIZE; offset += 4) {
		put(offset, UINT32_MAX);
		u32 ones = get(offset);
		put(offset, 0);
		assert_int_equal(get(offset), 0);
		assert_true((ones != 0) == is_register(offset));
	}
	assert_int_equal(wire_changes, 0);
}

/* ------------------------------------------------------------------------------------------------
 * A model with a structure per source instead of bit arrays, told by the specification's text.
 */

#define MODEL_HARTS 3

static struct model {
	struct {
		bool level, pending, awaits_completion;
		unsigned priority;
		bool enabled[MODEL_HARTS];
	} source[VPLIC_SOURCE_COUNT + 1];
	unsigned threshold[MODEL_HARTS];
} model;

static void model_forward(unsigned source)
{
	if (model.source[source].level && !model.source[source].awaits_completion) {
		model.source[source].awaits_completion = true;
		model.source[source].pending = true;
	}
}

static unsigned model_claimable(unsigned hart)
{
	for (unsigned priority = 7; priority > 0; priority--) {
		for (unsigned source = 1; source <= VPLIC_SOURCE_COUNT; source++) {
			if (model.source[source].pending && model.source[source].enabled[hart] &&
			    model.source[source].priority == priority)
				return source;
		}
	}
	return 0;
}

static bool model_wire(unsigned hart)
{
	unsigned source = model_claimable(hart);

	return source != 0 && model.source[source].priority > model.threshold[hart];
}

static u32 random_state;

static u32 random_below(u32 limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % limit;
}

/* Most often one of a few, so that they meet. */
static unsigned random_source(void)
{
	static const unsigned few[] = {1, 10, 31, 32, 63, 64, 95};

	return random_below(4) ? few[random_below(ARRAY_SIZE(few))]
			       : 1 + random_below(VPLIC_SOURCE_COUNT);
}

static void step_enable(unsigned hart)
{
	unsigned word = random_below(3);
	u32 value = random_state;

	put(enable_word(2 * hart + 1, word), value);
	for (unsigned bit = word == 0; bit < 32; bit++)
		model.source[32 * word + bit].enabled[hart] = value >> bit & 1;
}

static void step_claim(unsigned hart)
{
	unsigned source = model_claimable(hart);

	assert_int_equal(get(claim_of(2 * hart + 1)), source);
	model.source[source].pending = false;
}

static void step_complete(unsigned hart, unsigned source)
{
	put(claim_of(2 * hart + 1), source);
	if (model.source[source].enabled[hart]) {
		model.source[source].awaits_completion = false;
		model_forward(source);
	}
}

static void step(void)
{
	unsigned hart = random_below(MODEL_HARTS);
	unsigned source = random_source();

	switch (random_below(12)) {
	case 0:
		step_enable(hart);
		break;
	case 1:
		model.source[source].priority = random_below(8);
		put(priority_of(source), model.source[source].priority);
		break;
	case 2:
		model.threshold[hart] = random_below(8) * random_below(2);
		put(threshold_of(2 * hart + 1), model.threshold[hart]);
		break;
	case 3:
	case 4:
	case 5:
		step_claim(hart);
		break;
	case 6:
	case 7:
	case 8:
		step_complete(hart, source);
		break;
	default:
		model.source[source].level = random_below(3) != 0;
		vplic_set_level(&plic, source, model.source[source].level);
		model_forward(source);
		break;
	}
}

static void compare_registers(void)
{
	for (unsigned source = 1; source <= VPLIC_SOURCE_COUNT; source++) {
		assert_int_equal(get(priority_of(source)), model.source[source].priority);
		assert_int_equal(is_pending(source), model.source[source].pending);
		for (unsigned hart = 0; hart < MODEL_HARTS; hart++)
			assert_int_equal(
				get(enable_word(2 * hart + 1, source / 32)) >> (source % 32) & 1,
				model.source[source].enabled[hart]);
	}
	for (unsigned hart = 0; hart < MODEL_HARTS; hart++)
		assert_int_equal(get(threshold_of(2 * hart + 1)), model.threshold[hart]);
}

static void random_use_agrees_with_the_model(void **state)
{
	(void)state;
	for (u32 seed = 1; seed <= 20; seed++) {
		random_state = seed * 0x9e3779b9;
		memset(&model, 0, sizeof(model));
		start(MODEL_HARTS);
		for (unsigned i = 0; i < 5000; i++) {
			step();
			for (unsigned hart = 0; hart < MODEL_HARTS; hart++)
				assert_int_equal(wire[hart], model_wire(hart));
			if (i % 100 == 0)
				compare_registers();
		}
	}
}

#define TEST(name) cmocka_unit_test_setup(name, start_two_harts)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registers_are_zero_after_init),
		TEST(priorities_and_thresholds_keep_three_bits),
		TEST(source_0_does_not_exist),
		TEST(the_last_source_works_and_the_next_does_not_exist),
		TEST(pending_bits_are_read_only),
		TEST(machine_mode_contexts_read_zero_and_ignore_writes),
		TEST(contexts_of_harts_beyond_the_last_do_not_exist),
		TEST(all_harts_up_to_the_maximum_work),
		TEST(a_wire_reaches_the_harts_that_enabled_it),
		TEST(a_claim_takes_the_interrupt_from_all_harts),
		TEST(claims_back_to_back_give_one_source_each_then_0),
		TEST(ties_go_to_the_lowest_source),
		TEST(a_wire_that_stays_high_is_pending_again_at_completion_only),
		TEST(an_interrupt_raised_between_claim_and_completion_is_not_lost),
		TEST(a_request_survives_the_fall_of_its_wire),
		TEST(completion_by_a_context_that_did_not_enable_the_source_is_ignored),
		TEST(any_context_that_enabled_the_source_may_complete_it),
		TEST(completion_of_what_was_not_claimed_changes_nothing),
		TEST(the_threshold_masks_the_wire_but_not_the_claim),
		TEST(priority_0_never_interrupts_and_is_never_claimed),
		TEST(reset_forgets_all_but_the_wires),
		TEST(only_words_are_taken),
		TEST(every_offset_is_safe_and_only_registers_keep_a_value),
		TEST(random_use_agrees_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
