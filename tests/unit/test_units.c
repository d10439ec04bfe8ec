/* SPDX-License-Identifier: BSD-2-Clause */
/* FP and vector registers: each vCPU finds its own, on any hart, and only they are moved that have
 * to be. */
#include "hyp/vm/units.h"
#include "tests/unit/guest_csrs.h"
#include "tests/unit/live.h"

#define HARTS 3
#define VCPUS 4

/* Where the fake machine has fcsr, and how many bytes vstart and vcsr take at the beginning. */
#define FCSR	    (32 * 8)
#define VECTOR_CSRS (2 * 8)

#define FS(state) ((state) << SSTATUS_FS_SHIFT)
#define VS(state) ((state) << SSTATUS_VS_SHIFT)

static u64 no_code(struct vcpu *vcpu)
{
	(void)vcpu;
	fake_fail("no guest is entered here");
}

static struct vcpu *vcpu_of(unsigned i)
{
	return live.vms[i % 2].guest->vcpus[i / 2];
}

static void start_with(u32 less_features)
{
	live_start_with(HARTS, less_features);
	live_create_running(VCPUS / 2, no_code);
	live_create_running(VCPUS / 2, no_code);
	for (unsigned i = 2; i < VCPUS; i++)
		vcpu_reset(vcpu_of(i), GUEST_RAM_BASE, i / 2, 0);
	/* The guests' kernels have both units on. */
	for (unsigned i = 0; i < VCPUS; i++)
		vcpu_of(i)->csr.vsstatus |= SSTATUS_FS | SSTATUS_VS;
}

static int setup(void **state)
{
	(void)state;
	start_with(0);
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The guest's instructions.
 */

static u64 status_now(void)
{
	return hw_read_sstatus();
}

static bool is_on(u64 field)
{
	return (status_now() & field) && (hw_read_vsstatus() & field);
}

/* The instruction executes, and does not trap. */
static void need(u64 field)
{
	assert_true(is_on(field));
}

static void set_dirty(u64 field)
{
	hw_write_sstatus(hw_read_sstatus() | field);
	hw_write_vsstatus(hw_read_vsstatus() | field);
}

static void write_fp(u8 value)
{
	need(SSTATUS_FS);
	memset(fake_fp(hw_hart_index()), value, HW_FP_SIZE);
	set_dirty(SSTATUS_FS);
}

static void write_vector(u8 value)
{
	need(SSTATUS_VS);
	memset(fake_vector(hw_hart_index()), value, hw_vector_size());
	set_dirty(SSTATUS_VS);
}

static void assert_all(const u8 *bytes, size_t size, u8 value)
{
	for (size_t i = 0; i < size; i++)
		assert_int_equal(bytes[i], value);
}

static void assert_fp(u8 value)
{
	need(SSTATUS_FS);
	assert_all(fake_fp(hw_hart_index()), HW_FP_SIZE, value);
}

/* Nobody writes 0. It stands for the state after reset: zero, but that vtype, the fourth of the
 * CSRs before the registers, is vill. */
static void assert_vector(u8 value)
{
	const u8 *vector = fake_vector(hw_hart_index());

	need(SSTATUS_VS);
	for (size_t i = 0; i < hw_vector_size(); i++)
		assert_int_equal(vector[i], value == 0 && i == 4 * 8 - 1 ? 0x80 : value);
}

/* From whatever vCPU the hart had to that one. */
static void switch_to(unsigned hart, struct vcpu *vcpu)
{
	fake_set_hart(hart);
	if (pcpu_this()->current)
		guest_put(pcpu_this()->current);
	pcpu_this()->current = vcpu;
	guest_load(vcpu);
}

static void leave(unsigned hart)
{
	fake_set_hart(hart);
	guest_put(pcpu_this()->current);
	pcpu_this()->current = NULL;
}

/* Makes every use of the buffer in memory visible. */
static void poison_memory_of(struct vcpu *vcpu)
{
	memset(vcpu->fp, 0xee, sizeof(vcpu->fp));
	memset(vcpu->vector, 0xee, hw_vector_size());
}

/* ------------------------------------------------------------------------------------------------
 * No leak.
 */

static void a_new_vcpu_finds_units_after_reset_whatever_was_in_the_hart(void **state)
{
	(void)state;
	memset(fake_fp(0), 0x5a, HW_FP_SIZE);
	memset(fake_vector(0), 0x5a, hw_vector_size());
	switch_to(0, vcpu_of(0));
	assert_fp(0);
	assert_vector(0);
}

static void somebody_elses_values_are_gone_before_the_guest_runs(void **state)
{
	(void)state;
	switch_to(0, vcpu_of(0));
	write_fp(1);
	write_vector(1);
	for (unsigned i = 1; i < VCPUS; i++) {
		switch_to(0, vcpu_of(i));
		assert_all(fake_fp(0), HW_FP_SIZE, 0);
		assert_vector(0);
	}
}

static void each_vcpu_finds_its_own_values(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VCPUS; i++) {
		switch_to(0, vcpu_of(i));
		write_fp((u8)(0x10 + i));
		write_vector((u8)(0x20 + i));
	}
	for (unsigned i = 0; i < VCPUS; i++) {
		switch_to(0, vcpu_of(i));
		assert_fp((u8)(0x10 + i));
		assert_vector((u8)(0x20 + i));
	}
}

static void a_reset_vcpu_finds_zeroes_even_where_its_old_values_are(void **state)
{
	(void)state;
	switch_to(0, vcpu_of(0));
	write_fp(7);
	write_vector(7);
	leave(0);
	vcpu_reset(vcpu_of(0), GUEST_RAM_BASE, 0, 0);
	switch_to(0, vcpu_of(0));
	hw_write_vsstatus(hw_read_vsstatus() | SSTATUS_FS | SSTATUS_VS);
	assert_fp(0);
	assert_vector(0);
}

/* ------------------------------------------------------------------------------------------------
 * Only what has to be.
 */

static void clean_registers_are_not_saved(void **state)
{
	(void)state;
	switch_to(0, vcpu_of(0));
	write_fp(3);
	write_vector(3);
	switch_to(0, vcpu_of(1));
	switch_to(0, vcpu_of(0));
	assert_fp(3); /* only reads */
	assert_vector(3);
	poison_memory_of(vcpu_of(0));
	leave(0);
	/* But for the CSRs, whose change some harts do not mark. */
	assert_all((u8 *)vcpu_of(0)->fp, 32 * 8, 0xee);
	assert_all(vcpu_of(0)->vector + VECTOR_CSRS, hw_vector_size() - VECTOR_CSRS, 0xee);
}

/* fcsr may change without FS becoming Dirty. */
static void a_change_of_the_units_csrs_alone_is_kept(void **state)
{
	(void)state;
	switch_to(0, vcpu_of(0));
	write_fp(1);
	write_vector(1);
	switch_to(0, vcpu_of(1));
	switch_to(0, vcpu_of(0));
	assert_fp(1);
	assert_vector(1);
	fake_fp(0)[FCSR] = 0x1f;
	fake_vector(0)[0] = 0x05;
	assert_int_equal(status_now() & SSTATUS_FS, FS(EXT_CLEAN));
	switch_to(0, vcpu_of(1));
	write_fp(9);
	write_vector(9);
	switch_to(1, vcpu_of(0));
	need(SSTATUS_FS);
	need(SSTATUS_VS);
	assert_int_equal(fake_fp(1)[FCSR], 0x1f);
	assert_int_equal(fake_vector(1)[0], 0x05);
}

static void dirty_registers_are_saved_and_marked_clean(void **state)
{
	(void)state;
	switch_to(0, vcpu_of(0));
	write_fp(4);
	leave(0);
	assert_all((u8 *)vcpu_of(0)->fp, HW_FP_SIZE, 4);
	switch_to(0, vcpu_of(0));
	assert_int_equal(status_now() & SSTATUS_FS, FS(EXT_CLEAN));
}

static void a_vcpu_that_comes_back_first_loads_nothing(void **state)
{
	(void)state;
	switch_to(0, vcpu_of(0));
	write_fp(5);
	write_vector(5);
	leave(0);
	poison_memory_of(vcpu_of(0));
	switch_to(0, vcpu_of(0));
	assert_true(is_on(SSTATUS_FS) && is_on(SSTATUS_VS));
	assert_fp(5);
	assert_vector(5);
}

/* ------------------------------------------------------------------------------------------------
 * Harts.
 */

static void values_follow_a_vcpu_to_another_hart(void **state)
{
	(void)state;
	switch_to(0, vcpu_of(0));
	write_fp(1);
	write_vector(2);
	leave(0);
	switch_to(1, vcpu_of(0));
	assert_fp(1);
	assert_vector(2);
}

static void values_left_on_a_hart_are_old_after_a_change_elsewhere(void **state)
{
	(void)state;
	switch_to(0, vcpu_of(0));
	write_fp(1);
	write_vector(1);
	leave(0);
	switch_to(1, vcpu_of(0));
	write_fp(2);
	write_vector(2);
	leave(1);
	switch_to(0, vcpu_of(0));
	assert_fp(2);
	assert_vector(2);
}

/* ------------------------------------------------------------------------------------------------
 * Illegal instructions.
 */

/* Firmware need not be able to pass them on to HS-mode. */
static void illegal_instructions_always_go_straight_to_the_guest(void **state)
{
	(void)state;
	hw_write_hedeleg(hw_machine()->hedeleg); /* as platform/ does, once for all */
	for (unsigned i = 0; i < VCPUS; i++) {
		switch_to(0, vcpu_of(i));
		assert_true(is_on(SSTATUS_FS) && is_on(SSTATUS_VS));
		assert_int_equal(hw_read_hedeleg(), hw_machine()->hedeleg);
	}
}

static void units_that_the_hart_does_not_have_are_left_alone(void **state)
{
	(void)state;
	start_with(HW_FEATURE_F | HW_FEATURE_D | HW_FEATURE_V);
	assert_null(vcpu_of(0)->vector);
	switch_to(0, vcpu_of(0));
	assert_int_equal(status_now() & (SSTATUS_FS | SSTATUS_VS), 0);
	switch_to(0, vcpu_of(1));
	start_with(HW_FEATURE_V);
	switch_to(0, vcpu_of(0));
	write_fp(1);
	assert_int_equal(status_now() & SSTATUS_VS, 0);
	switch_to(0, vcpu_of(1));
	assert_fp(0);
}

/* ------------------------------------------------------------------------------------------------
 * At random.
 */

static void values_are_right_whatever_happens(void **state)
{
	struct fake_random dice = {.state = 1};
	u8 fp[VCPUS] = {0}, vector[VCPUS] = {0};
	struct vcpu *current[HARTS] = {NULL};

	(void)state;
	for (unsigned step = 0; step < 20000; step++) {
		unsigned hart = (unsigned)fake_random_below(&dice, HARTS);
		unsigned i = (unsigned)fake_random_below(&dice, VCPUS);
		u8 value = (u8)(1 + fake_random_below(&dice, 255));

		for (unsigned other = 0; other < HARTS; other++) {
			if (other != hart && current[other] == vcpu_of(i)) {
				leave(other);
				current[other] = NULL;
			}
		}
		switch_to(hart, vcpu_of(i));
		current[hart] = vcpu_of(i);
		fake_clear_fences();
		switch (fake_random_below(&dice, 6)) {
		case 0:
			write_fp(fp[i] = value);
			break;
		case 1:
			write_vector(vector[i] = value);
			break;
		case 2:
			assert_fp(fp[i]);
			break;
		case 3:
			assert_vector(vector[i]);
			break;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_new_vcpu_finds_units_after_reset_whatever_was_in_the_hart,
				       setup),
		cmocka_unit_test_setup(somebody_elses_values_are_gone_before_the_guest_runs, setup),
		cmocka_unit_test_setup(each_vcpu_finds_its_own_values, setup),
		cmocka_unit_test_setup(a_reset_vcpu_finds_zeroes_even_where_its_old_values_are,
				       setup),
		cmocka_unit_test_setup(clean_registers_are_not_saved, setup),
		cmocka_unit_test_setup(a_change_of_the_units_csrs_alone_is_kept, setup),
		cmocka_unit_test_setup(dirty_registers_are_saved_and_marked_clean, setup),
		cmocka_unit_test_setup(a_vcpu_that_comes_back_first_loads_nothing, setup),
		cmocka_unit_test_setup(values_follow_a_vcpu_to_another_hart, setup),
		cmocka_unit_test_setup(values_left_on_a_hart_are_old_after_a_change_elsewhere,
				       setup),
		cmocka_unit_test_setup(illegal_instructions_always_go_straight_to_the_guest, setup),
		cmocka_unit_test(units_that_the_hart_does_not_have_are_left_alone),
		cmocka_unit_test_setup(values_are_right_whatever_happens, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
