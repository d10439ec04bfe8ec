/* SPDX-License-Identifier: BSD-2-Clause */
/* Steal time: what the call accepts, and what the guest then finds in its memory. */
#include "hyp/vm/steal.h"
#include "tests/unit/sbi_call.h"

#define AREA (RAM_BASE + 0x4000)
#define ALL  ~0ULL

struct area {
	u32 sequence, flags;
	u64 steal;
	u8 preempted, pad[47];
};

static struct area read_area(u64 address)
{
	struct area area;

	_Static_assert(sizeof(area) == 64, "as the specification has it");
	assert_int_equal(guest_memory_read(&bare.memory, gpa(address), &area, sizeof(area)),
			 STATUS_OK);
	return area;
}

static struct sbi_ret set_area(u64 low, u64 high, u64 flags)
{
	return SBI_CALL(SBI_EID_STA, 0, low, high, flags);
}

static void the_extension_is_there(void **state)
{
	(void)state;
	assert_true(sbi_probe(SBI_EID_STA));
	assert_error(SBI_CALL(SBI_EID_STA, 1, AREA, 0, 0), SBI_ERR_NOT_SUPPORTED);
	assert_error(SBI_CALL(SBI_EID_STA, ALL, AREA, 0, 0), SBI_ERR_NOT_SUPPORTED);
}

static void hostile_arguments_are_errors_and_change_nothing(void **state)
{
	static const struct {
		u64 low, high, flags;
		enum sbi_error error;
	} calls[] = {
		{AREA, 0, 1, SBI_ERR_INVALID_PARAM},
		{AREA, 0, ALL, SBI_ERR_INVALID_PARAM},
		{ALL, ALL, 1, SBI_ERR_INVALID_PARAM},
		{AREA + 1, 0, 0, SBI_ERR_INVALID_PARAM},
		{AREA + 32, 0, 0, SBI_ERR_INVALID_PARAM},
		{ALL, 0, 0, SBI_ERR_INVALID_PARAM},
		{AREA, 1, 0, SBI_ERR_INVALID_ADDRESS},
		{AREA, ALL, 0, SBI_ERR_INVALID_ADDRESS},
		{0, 0, 0, SBI_ERR_INVALID_ADDRESS},
		{RAM_BASE - 64, 0, 0, SBI_ERR_INVALID_ADDRESS},
		{RAM_BASE + RAM_SIZE, 0, 0, SBI_ERR_INVALID_ADDRESS},
		{ALL - 63, 0, 0, SBI_ERR_INVALID_ADDRESS},
		{ALL - 63, ALL, 0, SBI_ERR_INVALID_ADDRESS},
		{0x8000000000000000, 0, 0, SBI_ERR_INVALID_ADDRESS},
	};

	(void)state;
	assert_error(set_area(AREA, 0, 0), SBI_SUCCESS);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		assert_error(set_area(calls[i].low, calls[i].high, calls[i].flags), calls[i].error);
		assert_true(self()->steal_on);
		assert_int_equal(self()->steal_area.value, AREA);
	}
}

static void the_first_and_the_last_line_of_ram_will_do(void **state)
{
	(void)state;
	assert_error(set_area(RAM_BASE, 0, 0), SBI_SUCCESS);
	assert_error(set_area(RAM_BASE + RAM_SIZE - 64, 0, 0), SBI_SUCCESS);
}

static void the_area_is_zeroed_and_nothing_beside_it(void **state)
{
	u8 dirt[128], after[128];

	(void)state;
	memset(dirt, 0xa5, sizeof(dirt));
	assert_int_equal(guest_memory_write(&bare.memory, gpa(AREA), dirt, sizeof(dirt)),
			 STATUS_OK);
	assert_error(set_area(AREA, 0, 0), SBI_SUCCESS);
	memset(dirt, 0, 64);
	assert_int_equal(guest_memory_read(&bare.memory, gpa(AREA), after, sizeof(after)),
			 STATUS_OK);
	assert_memory_equal(dirt, after, sizeof(after));
}

static void stolen_time_is_told_in_nanoseconds_from_the_call_on(void **state)
{
	u64 hz = hw_machine()->timebase_hz;

	(void)state;
	self()->ready_time = 12345;
	assert_error(set_area(AREA, 0, 0), SBI_SUCCESS);
	steal_publish(self());
	assert_int_equal(read_area(AREA).steal, 0);
	assert_int_equal(read_area(AREA).sequence, 0);
	self()->ready_time += 3 * hz / 2;
	steal_publish(self());
	assert_int_equal(read_area(AREA).steal, 1500000000);
	assert_int_equal(read_area(AREA).sequence, 2);
	/* Nothing new, nothing written. */
	steal_publish(self());
	assert_int_equal(read_area(AREA).sequence, 2);
	/* Five hundred years less a little. */
	self()->ready_time = 12345 + 15000000000 * hz;
	steal_publish(self());
	assert_int_equal(read_area(AREA).steal, 15000000000 * 1000000000ULL);
}

static void preempted_is_set_while_it_is_and_cleared_before_it_runs(void **state)
{
	(void)state;
	assert_error(set_area(AREA, 0, 0), SBI_SUCCESS);
	assert_int_equal(read_area(AREA).preempted, 0);
	steal_note_preempted(self());
	assert_int_equal(read_area(AREA).preempted, 1);
	steal_publish(self());
	assert_int_equal(read_area(AREA).preempted, 0);
	assert_int_equal(read_area(AREA).flags, 0);
}

static void nothing_is_written_when_it_has_been_taken_back(void **state)
{
	(void)state;
	assert_error(set_area(AREA, 0, 0), SBI_SUCCESS);
	assert_error(set_area(ALL, ALL, 0), SBI_SUCCESS);
	self()->ready_time += 1000;
	steal_note_preempted(self());
	steal_publish(self());
	assert_int_equal(read_area(AREA).steal, 0);
	assert_int_equal(read_area(AREA).preempted, 0);
	assert_int_equal(read_area(AREA).sequence, 0);
}

/* The guest may write there, against the rules: only it is confused. */
static void what_the_guest_writes_there_is_never_read(void **state)
{
	u8 dirt[64];

	(void)state;
	assert_error(set_area(AREA, 0, 0), SBI_SUCCESS);
	memset(dirt, 0xff, sizeof(dirt));
	assert_int_equal(guest_memory_write(&bare.memory, gpa(AREA), dirt, sizeof(dirt)),
			 STATUS_OK);
	self()->ready_time += hw_machine()->timebase_hz;
	steal_publish(self());
	assert_int_equal(read_area(AREA).sequence, 2);
	assert_int_equal(read_area(AREA).steal, 1000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_extension_is_there, sbi_setup),
		cmocka_unit_test_setup(hostile_arguments_are_errors_and_change_nothing, sbi_setup),
		cmocka_unit_test_setup(the_first_and_the_last_line_of_ram_will_do, sbi_setup),
		cmocka_unit_test_setup(the_area_is_zeroed_and_nothing_beside_it, sbi_setup),
		cmocka_unit_test_setup(stolen_time_is_told_in_nanoseconds_from_the_call_on,
				       sbi_setup),
		cmocka_unit_test_setup(preempted_is_set_while_it_is_and_cleared_before_it_runs,
				       sbi_setup),
		cmocka_unit_test_setup(nothing_is_written_when_it_has_been_taken_back, sbi_setup),
		cmocka_unit_test_setup(what_the_guest_writes_there_is_never_read, sbi_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
