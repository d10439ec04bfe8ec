/* SPDX-License-Identifier: BSD-2-Clause */
/* The rings of the trace: what is recorded is read back whole, or known to be gone. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "hyp/trace.h"
#include "hyp/vcpu.h"
#include "tests/fake/fake_hw.h"

#define SLOT_COUNT 16

static u64 memory[2][SLOT_COUNT * TRACE_RECORD_SIZE / 8];

/* Two harts of three have rings. */
static int setup(void **state)
{
	struct fake_options options = fake_defaults();

	(void)state;
	options.hart_count = 3;
	fake_start(&options);
	trace_forget();
	memset(memory, 0xa5, sizeof(memory));
	trace_set_ring(0, memory[0], sizeof(memory[0]));
	trace_set_ring(1, memory[1], sizeof(memory[1]));
	return 0;
}

static struct vm vm = {.id = 7};
static struct vcpu vcpu = {.vm = &vm, .id = 3};

static void record(u64 first, u64 count)
{
	for (u64 i = 0; i < count; i++)
		trace(TRACE_EXIT, &vcpu, first + i);
}

static void while_off_nothing_is_recorded(void **state)
{
	(void)state;
	record(0, 5);
	assert_int_equal(trace_end(0), 0);
	trace_start();
	record(0, 5);
	trace_stop();
	record(5, 5);
	assert_int_equal(trace_end(0), 5);
}

static void a_record_comes_back_as_it_was(void **state)
{
	struct trace_entry entry;

	(void)state;
	trace_start();
	fake_set_hart(1);
	fake_set_time(12345);
	trace(TRACE_FAULT, &vcpu, 0x8000000087654321);
	fake_advance_time(10);
	trace(TRACE_SWITCH, NULL, 0);
	assert_true(trace_read(1, 0, &entry));
	assert_int_equal(entry.time, 12345);
	assert_int_equal(entry.argument, 0x8000000087654321);
	assert_int_equal(entry.event, TRACE_FAULT);
	assert_int_equal(entry.hart, 1);
	assert_int_equal(entry.vm, 7);
	assert_int_equal(entry.vcpu, 3);
	assert_true(trace_read(1, 1, &entry));
	assert_int_equal(entry.time, 12355);
	assert_int_equal(entry.vm, TRACE_NOBODY);
	assert_int_equal(entry.vcpu, TRACE_NOBODY);
	assert_false(trace_read(1, 2, &entry));
	assert_int_equal(trace_end(0), 0);
}

static void the_oldest_make_room_for_the_newest(void **state)
{
	struct trace_entry entry;

	(void)state;
	trace_start();
	for (u64 count = 1; count <= 3 * SLOT_COUNT; count++) {
		u64 oldest = count > SLOT_COUNT ? count - SLOT_COUNT : 0;

		record(100 + count - 1, 1);
		assert_int_equal(trace_end(0), count);
		assert_int_equal(trace_oldest(0), oldest);
		for (u64 i = 0; i < count + 2; i++) {
			assert_int_equal(trace_read(0, i, &entry), i >= oldest && i < count);
			if (i >= oldest && i < count)
				assert_int_equal(entry.argument, 100 + i);
		}
	}
}

static void starting_forgets_what_was_before(void **state)
{
	(void)state;
	trace_start();
	record(0, SLOT_COUNT + 3);
	trace_stop();
	assert_int_equal(trace_first(0), 0);
	assert_int_equal(trace_oldest(0), 3);
	trace_start();
	assert_int_equal(trace_first(0), SLOT_COUNT + 3);
	assert_int_equal(trace_oldest(0), SLOT_COUNT + 3);
	record(0, 2);
	assert_int_equal(trace_oldest(0), SLOT_COUNT + 3);
	record(0, SLOT_COUNT);
	assert_int_equal(trace_oldest(0), SLOT_COUNT + 5);
}

static void a_hart_without_a_ring_records_nothing(void **state)
{
	struct trace_entry entry;

	(void)state;
	trace_start();
	fake_set_hart(2);
	record(0, 3);
	assert_int_equal(trace_end(2), 0);
	assert_int_equal(trace_ring_size(2), 0);
	assert_int_equal(trace_ring_size(1), SLOT_COUNT * TRACE_RECORD_SIZE);
	assert_false(trace_read(2, 0, &entry));
}

/* The first word of a slot is its mark. */
static void a_record_that_is_being_written_is_not_read(void **state)
{
	struct trace_entry entry;

	(void)state;
	trace_start();
	record(0, 2);
	assert_int_equal(memory[0][4], 2);
	memory[0][4] = 0;
	assert_true(trace_read(0, 0, &entry));
	assert_false(trace_read(0, 1, &entry));
}

static void rings_have_a_size_that_can_be_wrapped(void **state)
{
	(void)state;
	assert_int_equal(FAKE_CATCH_END(trace_set_ring(2, memory[0], 24)), FAKE_END_CHECK);
	setup(NULL);
	assert_int_equal(FAKE_CATCH_END(trace_set_ring(2, memory[0], 96)), FAKE_END_CHECK);
	setup(NULL);
	assert_int_equal(FAKE_CATCH_END(trace_set_ring(1, memory[1], 64)), FAKE_END_CHECK);
}

/* ------------------------------------------------------------------------------------------------
 * A reader on another hart.
 */

#define WRITTEN 400000

/* All words of a record tell its number. */
static void *write_many(void *argument)
{
	(void)argument;
	fake_set_hart(1);
	for (u64 i = 0; i < WRITTEN; i++) {
		struct vcpu who = {.vm = &vm, .id = i & 0xff};

		trace(i & 1 ? TRACE_EXIT : TRACE_ENTRY, &who, i * 0x9e3779b97f4a7c15);
	}
	return NULL;
}

static void what_is_read_while_it_is_written_is_whole(void **state)
{
	pthread_t writer;
	u64 whole = 0, gone = 0, last = 0;

	(void)state;
	trace_start();
	assert_int_equal(pthread_create(&writer, NULL, write_many, NULL), 0);
	while (last < WRITTEN) {
		struct trace_entry entry;

		last = trace_end(1);
		for (u64 i = trace_oldest(1); i < last; i++) {
			if (!trace_read(1, i, &entry)) {
				gone++;
				continue;
			}
			whole++;
			assert_int_equal(entry.argument, i * 0x9e3779b97f4a7c15);
			assert_int_equal(entry.vcpu, i & 0xff);
			assert_int_equal(entry.event, i & 1 ? TRACE_EXIT : TRACE_ENTRY);
		}
	}
	pthread_join(writer, NULL);
	assert_true(whole >= SLOT_COUNT); /* of the last round, when nobody writes */
	print_message("%llu read, %llu overwritten meanwhile\n", (unsigned long long)whole,
		      (unsigned long long)gone);
}

static void every_event_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TRACE_EVENT_COUNT; i++) {
		assert_int_equal(strspn(trace_event_name(i), "abcdefghijklmnopqrstuvwxyz"),
				 strlen(trace_event_name(i)));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(trace_event_name(i), trace_event_name(j));
	}
	assert_string_equal(trace_event_name(TRACE_EVENT_COUNT), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(while_off_nothing_is_recorded, setup),
		cmocka_unit_test_setup(a_record_comes_back_as_it_was, setup),
		cmocka_unit_test_setup(the_oldest_make_room_for_the_newest, setup),
		cmocka_unit_test_setup(starting_forgets_what_was_before, setup),
		cmocka_unit_test_setup(a_hart_without_a_ring_records_nothing, setup),
		cmocka_unit_test_setup(a_record_that_is_being_written_is_not_read, setup),
		cmocka_unit_test_setup(rings_have_a_size_that_can_be_wrapped, setup),
		cmocka_unit_test_setup(what_is_read_while_it_is_written_is_whole, setup),
		cmocka_unit_test_setup(every_event_has_a_name_of_its_own, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
