/* SPDX-License-Identifier: BSD-2-Clause */
/* What a running kernel calls all the time: BASE, TIME, IPI, RFENCE; and that every other call, the
 * unknown ones too, takes the full path. */
#include "tests/unit/sbi_call.h"

/* ------------------------------------------------------------------------------------------------
 * Who answers.
 */

static const u64 light[] = {SBI_EID_BASE, SBI_EID_TIME, SBI_EID_IPI, SBI_EID_RFENCE};
static const u64 full[] = {SBI_EID_HSM, SBI_EID_SRST, SBI_EID_DBCN, SBI_EID_SUSP, SBI_EID_STA};

/* PMU, CPPC, NACL, STA, SSE, FWFT, DBTR, MPXY; experimental, vendor's and firmware's; nonsense. */
static const u64 unknown[] = {
	0x504D55,
	0x43505043,
	0x4E41434C,
	0x535440,
	0x535442,
	0x535345,
	0x46574654,
	0x44425452,
	0x4D505859,
	0x08000000,
	0x09000000,
	0x0A000000,
	0x9,
	0xf,
	0x11,
	~0ULL,
	1ULL << 63,
	0x0800000000000010,
	1ULL << 32 | SBI_EID_BASE,
	1ULL << 32 | SBI_EID_TIME,
};

static void the_four_that_are_called_all_the_time_finish_on_the_light_path(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(light); i++) {
		SBI_CALL(light[i], 0, 0);
		assert_false(call_was_full);
		/* Their errors too: a guest's typo is not to be dearer than a call. */
		assert_error(SBI_CALL(light[i], 99, 0), SBI_ERR_NOT_SUPPORTED);
		assert_false(call_was_full);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(full); i++) {
		assert_error(SBI_CALL(full[i], 99, 0), SBI_ERR_NOT_SUPPORTED);
		assert_true(call_was_full);
	}
}

static void what_is_unknown_is_not_supported(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++)
		for (u64 function = 0; function < 3; function++)
			assert_error(SBI_CALL(unknown[i], function, 1, 2, 3, 4, 5, 6),
				     SBI_ERR_NOT_SUPPORTED);
	/* Nothing of it is worth a line to the operator. */
	assert_string_equal(fake_console_output(), "");
}

static void functions_that_an_extension_does_not_have_are_not_supported(void **state)
{
	static const struct {
		u64 eid, functions;
	} extensions[] = {
		{SBI_EID_BASE, 7},   {SBI_EID_TIME, 1}, {SBI_EID_IPI, 1},
		{SBI_EID_RFENCE, 3}, {SBI_EID_HSM, 4},	{SBI_EID_SRST, 1},
		{SBI_EID_DBCN, 3},   {SBI_EID_SUSP, 1}, {SBI_EID_STA, 1},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(extensions); i++) {
		/* HFENCE functions among them: no guest has H. */
		for (u64 f = extensions[i].functions; f < 10; f++)
			assert_error(SBI_CALL(extensions[i].eid, f, 1, 0), SBI_ERR_NOT_SUPPORTED);
		assert_error(SBI_CALL(extensions[i].eid, ~0ULL, 1, 0), SBI_ERR_NOT_SUPPORTED);
		assert_error(SBI_CALL(extensions[i].eid, 1ULL << 32, 1, 0), SBI_ERR_NOT_SUPPORTED);
	}
}

static void every_call_is_counted(void **state)
{
	(void)state;
	SBI_CALL(SBI_EID_BASE, 0, 0);
	SBI_CALL(SBI_EID_HSM, 2, 0);
	SBI_CALL(0x77777777, 2, 0);
	assert_int_equal(self()->exit_count[CAUSE_ECALL_VS], 3);
}

/* ------------------------------------------------------------------------------------------------
 * BASE and TIME.
 */

static void base_tells_version_and_machine(void **state)
{
	(void)state;
	/* 2.0, bit 31 clear. */
	assert_value(SBI_CALL(SBI_EID_BASE, 0, 0), 0x02000000);
	/* None of the registered implementations. */
	assert_true(SBI_CALL(SBI_EID_BASE, 1, 0).value > 11);
	assert_error(SBI_CALL(SBI_EID_BASE, 2, 0), SBI_SUCCESS);
	assert_value(SBI_CALL(SBI_EID_BASE, 4, 0), hw_machine()->mvendorid);
	assert_value(SBI_CALL(SBI_EID_BASE, 5, 0), hw_machine()->marchid);
	assert_value(SBI_CALL(SBI_EID_BASE, 6, 0), hw_machine()->mimpid);
}

static void probing_agrees_with_what_answers(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(light); i++) {
		assert_value(SBI_CALL(SBI_EID_BASE, 3, light[i]), 1);
		assert_value(SBI_CALL(SBI_EID_BASE, 3, full[i]), 1);
	}
	for (u64 legacy = 0; legacy <= 8; legacy++)
		assert_value(SBI_CALL(SBI_EID_BASE, 3, legacy), 1);
	for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_value(SBI_CALL(SBI_EID_BASE, 3, unknown[i]), 0);
}

static void with_sstc_set_timer_writes_the_comparator(void **state)
{
	static const u64 times[] = {0, 12345, UINT64_MAX - 1, UINT64_MAX};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		assert_value(SBI_CALL(SBI_EID_TIME, 0, times[i]), 0);
		assert_int_equal(csrs()->vstimecmp, times[i]);
		assert_int_equal(bare_count(OP_SET_TIMER), 0);
	}
}

static void without_sstc_set_timer_is_left_to_software(void **state)
{
	(void)state;
	sbi_setup_with(fake_defaults().features & ~HW_FEATURE_SSTC, 2);
	assert_value(SBI_CALL(SBI_EID_TIME, 0, 12345), 0);
	assert_int_equal(bare_only(OP_SET_TIMER)->a, 12345);
	assert_ptr_equal(bare_only(OP_SET_TIMER)->vcpu, self());
}

/* ------------------------------------------------------------------------------------------------
 * Sets of harts, by way of IPI.
 */

static u64 ipis_posted(void)
{
	u64 harts = csrs()->hvip & HVIP_VSSIP ? 1 : 0;

	for (unsigned i = 1; i < bare.vm.vcpu_count; i++)
		if (bare.vcpus[i]->irq_posted & HVIP_VSSIP)
			harts |= BIT(i);
	return harts;
}

static void forget_ipis(void)
{
	csrs()->hvip = 0;
	for (unsigned i = 0; i < bare.vm.vcpu_count; i++)
		bare.vcpus[i]->irq_posted = bare.vcpus[i]->requests = 0;
}

static void an_ipi_reaches_just_the_harts_of_the_mask(void **state)
{
	(void)state;
	for (u64 mask = 0; mask < 16; mask++) {
		forget_ipis();
		assert_value(SBI_CALL(SBI_EID_IPI, 0, mask, 0), 0);
		assert_int_equal(ipis_posted(), mask);
		assert_int_equal(bare_count(OP_NOTIFY), __builtin_popcountll(mask & ~1ULL));
		for (unsigned i = 1; i < 4; i++)
			assert_int_equal(bare.vcpus[i]->requests, mask >> i & 1 ? REQUEST_IRQ : 0);
	}
}

static void an_ipi_to_itself_takes_no_detour(void **state)
{
	(void)state;
	assert_value(SBI_CALL(SBI_EID_IPI, 0, 1, 0), 0);
	assert_int_equal(csrs()->hvip, HVIP_VSSIP);
	assert_int_equal(self()->irq_posted | self()->requests, 0);
	assert_int_equal(bare.call_count, 0);
	assert_int_equal(fake_ipi_count(), 0);
}

static void an_ipi_leaves_the_other_interrupts_alone(void **state)
{
	(void)state;
	csrs()->hvip = HVIP_VSEIP;
	bare.vcpus[1]->irq_posted = HVIP_VSSIP;
	bare.vcpus[1]->requests = REQUEST_VVMA;
	bare.vcpus[1]->irq_level = HVIP_VSTIP;
	assert_value(SBI_CALL(SBI_EID_IPI, 0, 3, 0), 0);
	assert_int_equal(csrs()->hvip, HVIP_VSEIP | HVIP_VSSIP);
	assert_int_equal(bare.vcpus[1]->irq_level, HVIP_VSTIP);
	assert_int_equal(bare.vcpus[1]->requests, REQUEST_VVMA | REQUEST_IRQ);
}

static const struct mask_case {
	u64 mask, base;
	bool valid;
	u64 harts;
} mask_cases[] = {
	{0, 0, true, 0},
	{2, 0, true, 2},
	{1, 3, true, 8},
	{7, 1, true, 14},
	{0, ~0ULL, true, 15}, /* the mask is ignored */
	{~0ULL, ~0ULL, true, 15},
	{16, 0, false, 0},
	{2, 3, false, 0},
	{17, 0, false, 0}, /* one of them is missing: none is served */
	{1, 4, false, 0},
	{1ULL << 63, 1, false, 0},
	{1ULL << 60, 4, false, 0},
	{1, 31, false, 0},
	{1, 32, false, 0},
	{1, 63, false, 0},
	{1, 64, false, 0},
	{1, ~0ULL - 1, false, 0},
	{1ULL << 63, ~0ULL - 62, false, 0}, /* the sum wraps to hart 1 */
	/* "hart_mask_base does not need to be [...] available [...] unless [...]" */
	{0, 4, true, 0},
	{0, 31, true, 0},
	{0, 32, true, 0},
	{0, 64, true, 0},
	{0, ~0ULL - 1, true, 0},
};

static void hart_masks_are_checked(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(mask_cases); i++) {
		const struct mask_case *c = &mask_cases[i];

		forget_ipis();
		struct sbi_ret ret = SBI_CALL(SBI_EID_IPI, 0, c->mask, c->base);

		assert_error(ret, c->valid ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM);
		assert_int_equal(ipis_posted(), c->harts);
	}
}

static void the_largest_vm_has_32_harts_in_a_mask(void **state)
{
	(void)state;
	sbi_setup_with(fake_defaults().features, VCPU_MAX);
	assert_value(SBI_CALL(SBI_EID_IPI, 0, ~0ULL, ~0ULL), 0);
	assert_int_equal(ipis_posted(), UINT32_MAX);
	forget_ipis();
	assert_value(SBI_CALL(SBI_EID_IPI, 0, 1, 31), 0);
	assert_int_equal(ipis_posted(), BIT(31));
	assert_error(SBI_CALL(SBI_EID_IPI, 0, 2, 31), SBI_ERR_INVALID_PARAM);
	assert_error(SBI_CALL(SBI_EID_IPI, 0, BIT(32), 0), SBI_ERR_INVALID_PARAM);
}

/* ------------------------------------------------------------------------------------------------
 * RFENCE.
 */

enum { FENCE_I, SFENCE, SFENCE_ASID };

static void assert_only_fences(enum fake_fence_kind kind, unsigned count)
{
	assert_int_equal(fake_count_fences(kind, 0), count);
	assert_int_equal(fake_fence_count(), count);
}

static void assert_not_fenced_here(void)
{
	assert_int_equal(fake_fence_count(), 0);
}

static void fences_for_others_are_asked_of_vm(void **state)
{
	static const u32 bits[] = {REQUEST_FENCE_I, REQUEST_VVMA, REQUEST_VVMA};

	(void)state;
	for (u64 function = FENCE_I; function <= SFENCE_ASID; function++) {
		assert_value(SBI_CALL(SBI_EID_RFENCE, function, 0xe, 0, 0, 0, 0), 0);
		assert_int_equal(bare_only(OP_FENCE)->a, 0xe);
		assert_int_equal(bare_only(OP_FENCE)->b, bits[function]);
		assert_ptr_equal(bare_only(OP_FENCE)->vcpu, self());
		assert_not_fenced_here();
	}
}

static void a_fence_for_itself_alone_asks_nobody(void **state)
{
	(void)state;
	assert_value(SBI_CALL(SBI_EID_RFENCE, FENCE_I, 1, 0), 0);
	assert_only_fences(FAKE_FENCE_I, 1);
	assert_value(SBI_CALL(SBI_EID_RFENCE, SFENCE, 1, 0, 0x1000, 0x1000), 0);
	assert_only_fences(FAKE_HFENCE_VVMA, 1);
	assert_value(SBI_CALL(SBI_EID_RFENCE, SFENCE_ASID, 1, 0, 0x1000, 0x1000, 9), 0);
	assert_only_fences(FAKE_HFENCE_VVMA_ASID_ADDRESS, 1);
	assert_int_equal(fake_fence(0).asid, 9);
	assert_int_equal(bare_count(OP_FENCE), 0);
}

static void a_fence_for_all_is_split(void **state)
{
	(void)state;
	assert_value(SBI_CALL(SBI_EID_RFENCE, FENCE_I, 0, ~0ULL), 0);
	assert_only_fences(FAKE_FENCE_I, 1);
	assert_int_equal(bare_only(OP_FENCE)->a, 0xe);
}

static void the_fences_act_on_the_vmid_of_the_guest(void **state)
{
	(void)state;
	SBI_CALL(SBI_EID_RFENCE, SFENCE, 1, 0, 0, 0);
	assert_int_equal(fake_fence(0).vmid, BARE_VMID);
}

/* Every page that the range touches is fenced. */
static void assert_range_fenced(u64 start, u64 size)
{
	SBI_CALL(SBI_EID_RFENCE, SFENCE, 1, 0, start, size);
	for (u64 offset = 0; offset < size; offset += min_u64(size - offset, 0x400)) {
		bool fenced = false;

		for (unsigned i = 0; i < fake_fence_count(); i++)
			fenced |= fake_fence(i).kind == FAKE_HFENCE_VVMA_ALL ||
				  (fake_fence(i).kind == FAKE_HFENCE_VVMA &&
				   (fake_fence(i).address ^ (start + offset)) < PAGE_SIZE);
		assert_true(fenced);
	}
}

static void every_page_of_a_range_is_fenced(void **state)
{
	static const u64 starts[] = {0, 1, 0x1000, 0x1fff, 0x123456, ~0ULL - 0x20fff};
	static const u64 sizes[] = {1,	    2,	    0xfff,   0x1000,  0x1001, 0x2000,
				    0x8001, 0xf001, 0x10000, 0x10001, 0x20000};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(starts); i++)
		for (unsigned k = 0; k < ARRAY_SIZE(sizes); k++)
			assert_range_fenced(starts[i], sizes[k]);
}

static void a_small_range_is_fenced_narrowly(void **state)
{
	(void)state;
	for (u64 pages = 1; pages <= 16; pages++) {
		SBI_CALL(SBI_EID_RFENCE, SFENCE, 1, 0, 0x4000, pages * PAGE_SIZE);
		assert_only_fences(FAKE_HFENCE_VVMA, (unsigned)pages);
	}
	/* Not a fence a page for a gigabyte. */
	SBI_CALL(SBI_EID_RFENCE, SFENCE, 1, 0, 0x4000, GIB(1));
	assert_only_fences(FAKE_HFENCE_VVMA_ALL, 1);
	SBI_CALL(SBI_EID_RFENCE, SFENCE_ASID, 1, 0, 0x4000, GIB(1), 3);
	assert_only_fences(FAKE_HFENCE_VVMA_ASID, 1);
	assert_int_equal(fake_fence(0).asid, 3);
	/* Nothing at all is no page. */
	SBI_CALL(SBI_EID_RFENCE, SFENCE, 1, 0, 0x4000, 0);
	assert_true(fake_fence_count() <= 1);
}

static void all_of_the_address_space_has_two_names(void **state)
{
	(void)state;
	assert_value(SBI_CALL(SBI_EID_RFENCE, SFENCE, 1, 0, 0, 0), 0);
	assert_only_fences(FAKE_HFENCE_VVMA_ALL, 1);
	assert_value(SBI_CALL(SBI_EID_RFENCE, SFENCE, 1, 0, 0x5000, ~0ULL), 0);
	assert_only_fences(FAKE_HFENCE_VVMA_ALL, 1);
	assert_value(SBI_CALL(SBI_EID_RFENCE, SFENCE_ASID, 1, 0, 0, 0, 4), 0);
	assert_only_fences(FAKE_HFENCE_VVMA_ASID, 1);
	assert_value(SBI_CALL(SBI_EID_RFENCE, SFENCE_ASID, 1, 0, 0x5000, ~0ULL, 4), 0);
	assert_only_fences(FAKE_HFENCE_VVMA_ASID, 1);
}

static void a_range_beyond_the_address_space_is_an_invalid_address(void **state)
{
	(void)state;
	for (u64 function = SFENCE; function <= SFENCE_ASID; function++) {
		assert_error(SBI_CALL(SBI_EID_RFENCE, function, 3, 0, ~0ULL - 0xfff, 0x1001),
			     SBI_ERR_INVALID_ADDRESS);
		assert_error(SBI_CALL(SBI_EID_RFENCE, function, 3, 0, ~0ULL, ~0ULL - 1),
			     SBI_ERR_INVALID_ADDRESS);
		/* Its last page is a good one. */
		assert_value(SBI_CALL(SBI_EID_RFENCE, function, 1, 0, ~0ULL - 0xfff, 0x1000), 0);
		assert_int_equal(fake_fence_count(), 1);
		assert_int_equal(fake_fence(0).address & ~0xfffULL, ~0ULL - 0xfff);
	}
	/* FENCE.I has no range: those registers are the guest's own. */
	assert_value(SBI_CALL(SBI_EID_RFENCE, FENCE_I, 1, 0, ~0ULL, ~0ULL - 1), 0);
}

/* The value goes into a register whose upper bits "should be zeroed by software". */
static void an_asid_beyond_16_bits_is_an_invalid_parameter(void **state)
{
	(void)state;
	assert_error(SBI_CALL(SBI_EID_RFENCE, SFENCE_ASID, 3, 0, 0, 0, 0x10000),
		     SBI_ERR_INVALID_PARAM);
	assert_error(SBI_CALL(SBI_EID_RFENCE, SFENCE_ASID, 3, 0, 0, 0, ~0ULL),
		     SBI_ERR_INVALID_PARAM);
	assert_value(SBI_CALL(SBI_EID_RFENCE, SFENCE_ASID, 3, 0, 0, 0, 0xffff), 0);
	assert_value(SBI_CALL(SBI_EID_RFENCE, SFENCE, 3, 0, 0, 0, ~0ULL), 0);
}

static void fences_check_the_hart_mask_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(mask_cases); i++) {
		const struct mask_case *c = &mask_cases[i];

		for (u64 function = FENCE_I; function <= SFENCE_ASID; function++) {
			struct sbi_ret ret =
				SBI_CALL(SBI_EID_RFENCE, function, c->mask, c->base, 0, 0, 0);

			assert_error(ret, c->valid ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM);
			assert_int_equal(bare_count(OP_FENCE), (c->harts & ~1ULL) != 0);
			assert_int_equal(fake_fence_count(), c->harts & 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_four_that_are_called_all_the_time_finish_on_the_light_path),
		cmocka_unit_test(what_is_unknown_is_not_supported),
		cmocka_unit_test(functions_that_an_extension_does_not_have_are_not_supported),
		cmocka_unit_test_setup(every_call_is_counted, sbi_setup),
		cmocka_unit_test(base_tells_version_and_machine),
		cmocka_unit_test(probing_agrees_with_what_answers),
		cmocka_unit_test(with_sstc_set_timer_writes_the_comparator),
		cmocka_unit_test_teardown(without_sstc_set_timer_is_left_to_software, sbi_setup),
		cmocka_unit_test_setup(an_ipi_reaches_just_the_harts_of_the_mask, sbi_setup),
		cmocka_unit_test_setup(an_ipi_to_itself_takes_no_detour, sbi_setup),
		cmocka_unit_test_setup(an_ipi_leaves_the_other_interrupts_alone, sbi_setup),
		cmocka_unit_test_setup(hart_masks_are_checked, sbi_setup),
		cmocka_unit_test_teardown(the_largest_vm_has_32_harts_in_a_mask, sbi_setup),
		cmocka_unit_test(fences_for_others_are_asked_of_vm),
		cmocka_unit_test(a_fence_for_itself_alone_asks_nobody),
		cmocka_unit_test(a_fence_for_all_is_split),
		cmocka_unit_test(the_fences_act_on_the_vmid_of_the_guest),
		cmocka_unit_test(every_page_of_a_range_is_fenced),
		cmocka_unit_test(a_small_range_is_fenced_narrowly),
		cmocka_unit_test(all_of_the_address_space_has_two_names),
		cmocka_unit_test(a_range_beyond_the_address_space_is_an_invalid_address),
		cmocka_unit_test(an_asid_beyond_16_bits_is_an_invalid_parameter),
		cmocka_unit_test(fences_check_the_hart_mask_too),
	};

	return cmocka_run_group_tests(tests, sbi_setup, NULL);
}
