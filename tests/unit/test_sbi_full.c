/* SPDX-License-Identifier: BSD-2-Clause */
/* The SBI calls of the full path: HSM, SRST, SUSP, DBCN and the legacy ones. */
#include "tests/unit/sbi_call.h"

#define RAM_END (RAM_BASE + RAM_SIZE)

/* Not even a start address that is one could be fetched from there. */
static const u64 bad_addresses[] = {
	0,	 DEVICE_BASE, NOWHERE,	 RAM_BASE - 2,	     RAM_END, RAM_END - 1, RAM_BASE + 1,
	BIT(63), ~0ULL,	      ~0ULL - 1, RAM_BASE | BIT(40),
};

/* ------------------------------------------------------------------------------------------------
 * HSM.
 */

enum { HART_START, HART_STOP, HART_GET_STATUS, HART_SUSPEND };

static void start_passes_address_and_opaque_on(void **state)
{
	(void)state;
	assert_value(SBI_CALL(SBI_EID_HSM, HART_START, 2, RAM_BASE + 0x200, 0xbeef), 0);
	assert_ptr_equal(bare_only(OP_START)->vcpu, bare.vcpus[2]);
	assert_int_equal(bare_only(OP_START)->a, RAM_BASE + 0x200);
	assert_int_equal(bare_only(OP_START)->b, 0xbeef);
}

static void start_accepts_every_place_in_ram(void **state)
{
	static const u64 places[] = {RAM_BASE, RAM_BASE + 2, RAM_END - 2, RAM_END - 4};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(places); i++)
		assert_value(SBI_CALL(SBI_EID_HSM, HART_START, 1, places[i], ~0ULL), 0);
}

static void start_refuses_what_cannot_be_an_address_of_code(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad_addresses); i++) {
		assert_error(SBI_CALL(SBI_EID_HSM, HART_START, 1, bad_addresses[i], 0),
			     SBI_ERR_INVALID_ADDRESS);
		assert_int_equal(bare_count(OP_START), 0);
	}
}

static const u64 bad_harts[] = {4, 5, 31, 32, 64, BIT(32), BIT(32) + 1, ~0ULL};

static void harts_that_are_not_there_are_invalid_parameters(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad_harts); i++) {
		assert_error(SBI_CALL(SBI_EID_HSM, HART_START, bad_harts[i], RAM_BASE, 0),
			     SBI_ERR_INVALID_PARAM);
		assert_error(SBI_CALL(SBI_EID_HSM, HART_GET_STATUS, bad_harts[i]),
			     SBI_ERR_INVALID_PARAM);
		assert_int_equal(bare_count(OP_START), 0);
	}
}

static void a_hart_that_is_not_stopped_is_already_available(void **state)
{
	(void)state;
	bare.start_result = STATUS_EXISTS;
	assert_error(SBI_CALL(SBI_EID_HSM, HART_START, 1, RAM_BASE, 0), SBI_ERR_ALREADY_AVAILABLE);
	assert_error(SBI_CALL(SBI_EID_HSM, HART_START, 0, RAM_BASE, 0), SBI_ERR_ALREADY_AVAILABLE);
}

static void stop_is_carried_out_by_vm(void **state)
{
	(void)state;
	SBI_CALL(SBI_EID_HSM, HART_STOP, 0);
	assert_ptr_equal(bare_only(OP_STOP_SELF)->vcpu, self());
}

static void get_status_tells_each_state(void **state)
{
	(void)state;
	for (unsigned hsm = HSM_STARTED; hsm <= HSM_RESUME_PENDING; hsm++) {
		bare.vcpus[3]->hsm = hsm;
		assert_value(SBI_CALL(SBI_EID_HSM, HART_GET_STATUS, 3), hsm);
	}
}

static void retentive_suspend_ignores_the_address(void **state)
{
	(void)state;
	assert_value(SBI_CALL(SBI_EID_HSM, HART_SUSPEND, 0, NOWHERE | 1, 5), 0);
	assert_false(bare_only(OP_SUSPEND)->has_resume_pc);
}

/* suspend_type is 32 bits wide. */
static void the_upper_half_of_a_suspend_type_does_not_count(void **state)
{
	(void)state;
	assert_value(SBI_CALL(SBI_EID_HSM, HART_SUSPEND, 0xabcd00000000, 0, 0), 0);
	assert_false(bare_only(OP_SUSPEND)->has_resume_pc);
	/* As a guest passes it that sign-extends what is 32 bits wide. */
	assert_value(SBI_CALL(SBI_EID_HSM, HART_SUSPEND, 0xffffffff80000000, RAM_BASE, 0), 0);
	assert_true(bare_only(OP_SUSPEND)->has_resume_pc);
}

static void non_retentive_suspend_resumes_where_it_was_told(void **state)
{
	(void)state;
	SBI_CALL(SBI_EID_HSM, HART_SUSPEND, 0x80000000, RAM_BASE + 0x40, 0x55);
	assert_true(bare_only(OP_SUSPEND)->has_resume_pc);
	assert_int_equal(bare_only(OP_SUSPEND)->a, RAM_BASE + 0x40);
	assert_int_equal(bare_only(OP_SUSPEND)->b, 0x55);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_addresses); i++)
		assert_error(SBI_CALL(SBI_EID_HSM, HART_SUSPEND, 0x80000000, bad_addresses[i], 0),
			     SBI_ERR_INVALID_ADDRESS);
}

static void other_suspend_types_are_invalid_parameters(void **state)
{
	static const u64 types[] = {1,		0x0fffffff, 0x10000000, 0x7fffffff,
				    0x80000001, 0x8fffffff, 0x90000000, 0xffffffff};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		assert_error(SBI_CALL(SBI_EID_HSM, HART_SUSPEND, types[i], RAM_BASE, 0),
			     SBI_ERR_INVALID_PARAM);
}

/* ------------------------------------------------------------------------------------------------
 * SRST and SUSP.
 */

static void each_kind_of_reset_ends_the_vm_its_way(void **state)
{
	static const enum vm_end ends[] = {VM_END_SHUTDOWN, VM_END_REBOOT, VM_END_REBOOT};

	(void)state;
	for (u64 type = 0; type < 3; type++) {
		for (u64 reason = 0; reason < 2; reason++) {
			SBI_CALL(SBI_EID_SRST, 0, type, reason);
			assert_int_equal(bare_only(OP_END)->a, ends[type]);
			/* Both are 32 bits wide. */
			SBI_CALL(SBI_EID_SRST, 0, BIT(32) | type, BIT(40) | reason);
			assert_int_equal(bare_only(OP_END)->a, ends[type]);
		}
	}
}

static void reserved_resets_are_invalid_parameters(void **state)
{
	static const u64 types[] = {3, 0xefffffff, 0xf0000000, 0xffffffff};
	static const u64 reasons[] = {2, 0xdfffffff, 0xe0000000, 0xefffffff, 0xf0000000};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		assert_error(SBI_CALL(SBI_EID_SRST, 0, types[i], 0), SBI_ERR_INVALID_PARAM);
	for (unsigned i = 0; i < ARRAY_SIZE(reasons); i++)
		assert_error(SBI_CALL(SBI_EID_SRST, 0, 0, reasons[i]), SBI_ERR_INVALID_PARAM);
}

static void set_hsm_of_others(enum hsm_state hsm)
{
	for (unsigned i = 1; i < bare.vm.vcpu_count; i++)
		bare.vcpus[i]->hsm = hsm;
}

static void system_suspend_is_a_non_retentive_one_of_the_last_hart(void **state)
{
	(void)state;
	set_hsm_of_others(HSM_STOPPED);
	SBI_CALL(SBI_EID_SUSP, 0, 0, RAM_BASE + 0x80, 0x77);
	assert_true(bare_only(OP_SUSPEND)->has_resume_pc);
	assert_int_equal(bare_only(OP_SUSPEND)->a, RAM_BASE + 0x80);
	assert_int_equal(bare_only(OP_SUSPEND)->b, 0x77);
}

static void system_suspend_is_denied_while_another_hart_is_not_stopped(void **state)
{
	(void)state;
	for (unsigned hsm = HSM_STARTED; hsm <= HSM_RESUME_PENDING; hsm++) {
		for (unsigned i = 1; i < 4 && hsm != HSM_STOPPED; i++) {
			set_hsm_of_others(HSM_STOPPED);
			bare.vcpus[i]->hsm = hsm;
			assert_error(SBI_CALL(SBI_EID_SUSP, 0, 0, RAM_BASE, 0), SBI_ERR_DENIED);
		}
	}
}

static void system_suspend_checks_type_and_address(void **state)
{
	static const u64 types[] = {1, 0x7fffffff, 0x80000000, 0xffffffff};

	(void)state;
	set_hsm_of_others(HSM_STOPPED);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		assert_error(SBI_CALL(SBI_EID_SUSP, 0, types[i], RAM_BASE, 0),
			     SBI_ERR_INVALID_PARAM);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_addresses); i++)
		assert_error(SBI_CALL(SBI_EID_SUSP, 0, 0, bad_addresses[i], 0),
			     SBI_ERR_INVALID_ADDRESS);
}

/* ------------------------------------------------------------------------------------------------
 * DBCN.
 */

enum { DBCN_WRITE, DBCN_READ, DBCN_WRITE_BYTE };

static int console_setup(void **state)
{
	sbi_setup(state);
	bare.console_length = 0;
	return 0;
}

static void assert_console(const char *expected)
{
	assert_int_equal(bare.console_length, strlen(expected));
	assert_memory_equal(bare.console, expected, strlen(expected));
}

static void put_string(u64 address, const char *string)
{
	assert_int_equal(guest_memory_write(&bare.memory, gpa(address), string, strlen(string)),
			 STATUS_OK);
}

static void console_write_writes_from_guest_memory(void **state)
{
	(void)state;
	put_string(RAM_BASE + 0xffe, "hello"); /* across a page's border */
	assert_value(SBI_CALL(SBI_EID_DBCN, DBCN_WRITE, 5, RAM_BASE + 0xffe, 0), 5);
	assert_console("hello");
}

static void console_write_says_how_much_it_wrote(void **state)
{
	(void)state;
	put_string(RAM_BASE, "hello");
	bare.console_room = 2;
	assert_value(SBI_CALL(SBI_EID_DBCN, DBCN_WRITE, 5, RAM_BASE, 0), 2);
	assert_value(SBI_CALL(SBI_EID_DBCN, DBCN_WRITE, 5, RAM_BASE, 0), 0);
	assert_console("he");
}

/* It may be partial, and must be bounded. */
static void a_large_write_is_cut_short_and_can_be_continued(void **state)
{
	(void)state;
	bare.console_room = SIZE_MAX;
	struct sbi_ret ret = SBI_CALL(SBI_EID_DBCN, DBCN_WRITE, RAM_SIZE, RAM_BASE, 0);

	assert_error(ret, SBI_SUCCESS);
	assert_true(ret.value >= 1 && ret.value <= 1024);
	assert_int_equal(bare.console_length, ret.value);
}

static void console_read_reads_what_there_is(void **state)
{
	char bytes[5];

	(void)state;
	bare.input = "abc";
	assert_value(SBI_CALL(SBI_EID_DBCN, DBCN_READ, 2, RAM_BASE + 0xfff, 0), 2);
	assert_value(SBI_CALL(SBI_EID_DBCN, DBCN_READ, 100, RAM_BASE + 0x1001, 0), 1);
	assert_value(SBI_CALL(SBI_EID_DBCN, DBCN_READ, 100, RAM_BASE + 0x1002, 0), 0);
	assert_int_equal(guest_memory_read(&bare.memory, gpa(RAM_BASE + 0xffe), bytes, 5),
			 STATUS_OK);
	assert_memory_equal(bytes, "\0abc\0", 5);
}

static void memory_that_is_not_the_guests_is_an_invalid_parameter(void **state)
{
	static const struct {
		u64 length, low, high;
	} ranges[] = {
		{1, RAM_BASE - 1, 0},
		{1, RAM_END, 0},
		{2, RAM_END - 1, 0},
		{2, RAM_BASE - 1, 0},
		{1, NOWHERE, 0},
		{1, DEVICE_BASE, 0},
		{1, RAM_BASE, 1},
		{1, RAM_BASE, ~0ULL},
		{0, RAM_BASE, 1},
		{RAM_SIZE + 1, RAM_BASE, 0},
		{~0ULL, RAM_BASE, 0},
		{~0ULL, 0, 0},
		{~0ULL - RAM_BASE + 2, RAM_BASE, 0},
		{1, ~0ULL, 0},
	};

	(void)state;
	bare.input = "kept";
	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (u64 function = DBCN_WRITE; function <= DBCN_READ; function++)
			assert_error(SBI_CALL(SBI_EID_DBCN, function, ranges[i].length,
					      ranges[i].low, ranges[i].high),
				     SBI_ERR_INVALID_PARAM);
	}
	assert_console("");
	assert_string_equal(bare.input, "kept");
	/* No bytes need no memory. */
	assert_value(SBI_CALL(SBI_EID_DBCN, DBCN_WRITE, 0, RAM_BASE, 0), 0);
	assert_value(SBI_CALL(SBI_EID_DBCN, DBCN_READ, 0, RAM_END, 0), 0);
}

static void input_is_not_lost_when_there_is_no_memory_for_it(void **state)
{
	(void)state;
	bare.input = "kept";
	page_fail_after(0, UINT64_MAX);
	SBI_CALL(SBI_EID_DBCN, DBCN_READ, 4, RAM_BASE + MIB(4), 0);
	page_fail_after(0, 0);
	assert_string_equal(bare.input, "kept");
}

static void write_byte_blocks_by_calling_again(void **state)
{
	(void)state;
	assert_value(SBI_CALL(SBI_EID_DBCN, DBCN_WRITE_BYTE, 0x1100 + 'x'), 0);
	assert_console("x");
	bare.console_room = 0;
	SBI_CALL(SBI_EID_DBCN, DBCN_WRITE_BYTE, 'y');
	assert_called_again((const u64[]){'y', 0});
	bare.console_room = 1;
	assert_value(SBI_CALL(SBI_EID_DBCN, DBCN_WRITE_BYTE, 'y'), 0);
	assert_console("xy");
}

/* ------------------------------------------------------------------------------------------------
 * Legacy calls.
 */

enum {
	SET_TIMER,
	PUTCHAR,
	GETCHAR,
	CLEAR_IPI,
	SEND_IPI,
	REMOTE_FENCE_I,
	REMOTE_SFENCE,
	REMOTE_SFENCE_ASID,
	SHUTDOWN,
};

/* "Nothing is returned in a1"; "All registers except a0 must be preserved"; and a6 is ignored. */
#define LEGACY(eid, a0, a1, ...)                                                  \
	({                                                                        \
		struct sbi_ret ret_ = SBI_CALL(eid, 0x1234, a0, a1, __VA_ARGS__); \
		assert_int_equal(ret_.value, a1);                                 \
		ret_.error;                                                       \
	})

static void legacy_timer_and_console_work(void **state)
{
	(void)state;
	assert_int_equal(LEGACY(SET_TIMER, 777, 0xa1, 0), 0);
	assert_int_equal(csrs()->vstimecmp, 777);
	assert_int_equal(LEGACY(PUTCHAR, 'p', 0xa1, 0), 0);
	assert_console("p");
	bare.input = "q\xff";
	assert_int_equal(LEGACY(GETCHAR, 0, 0xa1, 0), 'q');
	assert_int_equal(LEGACY(GETCHAR, 0, 0xa1, 0), 0xff);
	assert_int_equal(LEGACY(GETCHAR, 0, 0xa1, 0), -1);
}

static void legacy_putchar_blocks_by_calling_again(void **state)
{
	(void)state;
	bare.console_room = 0;
	LEGACY(PUTCHAR, 'p', 0xa1, 0);
	assert_called_again((const u64[]){'p', 0xa1});
}

static void legacy_clear_ipi_tells_whether_there_was_one(void **state)
{
	(void)state;
	csrs()->hvip = HVIP_VSSIP | HVIP_VSEIP;
	assert_true(LEGACY(CLEAR_IPI, 0, 0xa1, 0) > 0);
	assert_int_equal(csrs()->hvip, HVIP_VSEIP);
	assert_int_equal(LEGACY(CLEAR_IPI, 0, 0xa1, 0), 0);
}

static void legacy_shutdown_ends_the_vm(void **state)
{
	(void)state;
	LEGACY(SHUTDOWN, 0, 0, 0);
	assert_int_equal(bare_only(OP_END)->a, VM_END_SHUTDOWN);
}

static u64 ipis_posted(void)
{
	u64 harts = csrs()->hvip & HVIP_VSSIP ? 1 : 0;

	csrs()->hvip = 0;
	for (unsigned i = 1; i < bare.vm.vcpu_count; i++) {
		harts |= bare.vcpus[i]->irq_posted & HVIP_VSSIP ? BIT(i) : 0;
		bare.vcpus[i]->irq_posted = 0;
	}
	return harts;
}

static void legacy_masks_are_read_at_any_alignment(void **state)
{
	(void)state;
	sbi_setup_with(fake_defaults().features, VCPU_MAX);
	for (unsigned offset = 0; offset < 8; offset++) {
		u64 pointer = RAM_BASE + 0x100 + offset;

		/* Bytes around it are all ones. */
		put_word(RAM_BASE + 0xf8, ~0ULL);
		put_word(RAM_BASE + 0x100, ~0ULL);
		put_word(RAM_BASE + 0x108, ~0ULL);
		put_word(pointer, 0x81422418);
		assert_int_equal(LEGACY(SEND_IPI, pointer, 0xa1, 0), 0);
		assert_int_equal(ipis_posted(), 0x81422418);
		/* Harts that are not there are nobody's concern in a mask of 64 bits. */
		put_word(pointer, 0xffffffff00000001);
		assert_int_equal(LEGACY(SEND_IPI, pointer, 0xa1, 0), 0);
		assert_int_equal(ipis_posted(), 0x1);
	}
}

static void without_a_mask_a_legacy_call_means_all_harts(void **state)
{
	(void)state;
	assert_int_equal(LEGACY(SEND_IPI, 0, 0xa1, 0), 0);
	assert_int_equal(ipis_posted(), 0xf);
	assert_int_equal(LEGACY(REMOTE_FENCE_I, 0, 0xa1, 0), 0);
	assert_int_equal(bare_only(OP_FENCE)->a, 0xe);
	assert_int_equal(fake_count_fences(FAKE_FENCE_I, 0), 1);
}

static void legacy_fences_take_range_and_asid(void **state)
{
	(void)state;
	put_word(RAM_BASE, 3);
	assert_int_equal(LEGACY(REMOTE_FENCE_I, RAM_BASE, 0xa1, 0), 0);
	assert_int_equal(fake_count_fences(FAKE_FENCE_I, 0), 1);
	assert_int_equal(bare_only(OP_FENCE)->a, 2);
	assert_int_equal(bare_only(OP_FENCE)->b, REQUEST_FENCE_I);

	assert_int_equal(LEGACY(REMOTE_SFENCE, RAM_BASE, 0x5000, 0x1000), 0);
	assert_int_equal(fake_fence(0).kind, FAKE_HFENCE_VVMA);
	assert_int_equal(fake_fence(0).address, 0x5000);
	assert_int_equal(bare_only(OP_FENCE)->b, REQUEST_VVMA);

	assert_int_equal(LEGACY(REMOTE_SFENCE_ASID, RAM_BASE, 0x5000, 0x1000, 9), 0);
	assert_int_equal(fake_fence(0).kind, FAKE_HFENCE_VVMA_ASID_ADDRESS);
	assert_int_equal(fake_fence(0).asid, 9);
	assert_int_equal(fake_fence_count(), 1);
	/* Not a good range: an error of its own, and no fence. */
	assert_true(LEGACY(REMOTE_SFENCE, RAM_BASE, 0x5000, ~0ULL - 1) < 0);
	assert_int_equal(fake_fence_count(), 0);
}

/* RAM that the machine has none for: no trap of real hardware's says so. */
static void a_mask_in_ram_that_cannot_be_had_ends_the_vm(void **state)
{
	(void)state;
	page_fail_after(0, UINT64_MAX);
	SBI_CALL(SEND_IPI, 0, RAM_BASE + MIB(4), 0, 0);
	page_fail_after(0, 0);
	assert_int_equal(bare_only(OP_END)->a, VM_END_FAILED);
	assert_int_equal(csrs()->vscause, 0);
	assert_int_equal(ipis_posted(), 0);
}

/* "redirected back to the supervisor with sepc CSR pointing to the faulting ECALL instruction" */
static void a_mask_that_cannot_be_loaded_is_the_guests_fault_at_its_ecall(void **state)
{
	static const u64 places[] = {NOWHERE, DEVICE_BASE, RAM_END, RAM_END - 4, BIT(41)};

	(void)state;
	for (u64 eid = SEND_IPI; eid <= REMOTE_SFENCE_ASID; eid++) {
		for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
			put_word(RAM_END - 8, 0); /* the first half is there */
			SBI_CALL(eid, 0, places[i], 0xa1, 0);
			assert_int_equal(csrs()->vsepc, PC);
			assert_int_equal(csrs()->vscause, CAUSE_LOAD_ACCESS);
			assert_int_equal(csrs()->vstval & ~7ULL, (places[i] + 7) & ~7ULL);
			assert_int_equal(self()->pc, csrs()->vstvec);
			assert_int_equal(self()->x[A0], places[i]);
			assert_int_equal(self()->x[A1], 0xa1);
			assert_int_equal(bare.call_count, 0);
			assert_int_equal(fake_fence_count(), 0);
		}
	}
	assert_int_equal(ipis_posted(), 0);
}

static enum status page_fault(gva_t address, u64 *value, struct hw_fetch_fault *fault)
{
	(void)value;
	*fault = (struct hw_fetch_fault){.cause = CAUSE_LOAD_PAGE_FAULT, .address = address};
	return STATUS_FAULT;
}

static void a_page_fault_of_the_mask_is_the_guests_page_fault(void **state)
{
	(void)state;
	fake_hooks.load_guest = page_fault;
	SBI_CALL(SEND_IPI, 0, 0x7000, 0, 0);
	fake_hooks.load_guest = bare_load;
	assert_injected(PC, CAUSE_LOAD_PAGE_FAULT, 0x7000);
}

static void a_mask_in_untouched_ram_is_given_ram_and_called_again(void **state)
{
	const u64 pointer = RAM_BASE + MIB(6) - 4; /* both halves */

	(void)state;
	forbid_injection();
	for (unsigned i = 0; i < 2; i++) {
		assert_false(is_present(pointer + 4 * i));
		SBI_CALL(SEND_IPI, 0, pointer, 0xa1);
		assert_called_again((const u64[]){pointer, 0xa1});
		assert_true(is_present(pointer + 4 * i));
		assert_true(fake_fence_count() > 0);
	}
	assert_int_equal(LEGACY(SEND_IPI, pointer, 0xa1, 0), 0);
	assert_not_injected();
	assert_int_equal(ipis_posted(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_passes_address_and_opaque_on),
		cmocka_unit_test(start_accepts_every_place_in_ram),
		cmocka_unit_test(start_refuses_what_cannot_be_an_address_of_code),
		cmocka_unit_test(harts_that_are_not_there_are_invalid_parameters),
		cmocka_unit_test(a_hart_that_is_not_stopped_is_already_available),
		cmocka_unit_test(stop_is_carried_out_by_vm),
		cmocka_unit_test(get_status_tells_each_state),
		cmocka_unit_test(retentive_suspend_ignores_the_address),
		cmocka_unit_test(the_upper_half_of_a_suspend_type_does_not_count),
		cmocka_unit_test(non_retentive_suspend_resumes_where_it_was_told),
		cmocka_unit_test(other_suspend_types_are_invalid_parameters),
		cmocka_unit_test(each_kind_of_reset_ends_the_vm_its_way),
		cmocka_unit_test(reserved_resets_are_invalid_parameters),
		cmocka_unit_test(system_suspend_is_a_non_retentive_one_of_the_last_hart),
		cmocka_unit_test(system_suspend_is_denied_while_another_hart_is_not_stopped),
		cmocka_unit_test(system_suspend_checks_type_and_address),
		cmocka_unit_test_setup(console_write_writes_from_guest_memory, console_setup),
		cmocka_unit_test_setup(console_write_says_how_much_it_wrote, console_setup),
		cmocka_unit_test_setup(a_large_write_is_cut_short_and_can_be_continued,
				       console_setup),
		cmocka_unit_test_setup(console_read_reads_what_there_is, console_setup),
		cmocka_unit_test_setup(memory_that_is_not_the_guests_is_an_invalid_parameter,
				       console_setup),
		cmocka_unit_test_setup(input_is_not_lost_when_there_is_no_memory_for_it,
				       console_setup),
		cmocka_unit_test_setup(write_byte_blocks_by_calling_again, console_setup),
		cmocka_unit_test_setup(legacy_timer_and_console_work, console_setup),
		cmocka_unit_test_setup(legacy_putchar_blocks_by_calling_again, console_setup),
		cmocka_unit_test_setup(legacy_clear_ipi_tells_whether_there_was_one, sbi_setup),
		cmocka_unit_test_setup(legacy_shutdown_ends_the_vm, sbi_setup),
		cmocka_unit_test_setup(legacy_masks_are_read_at_any_alignment, sbi_setup),
		cmocka_unit_test_setup(without_a_mask_a_legacy_call_means_all_harts, sbi_setup),
		cmocka_unit_test_setup(legacy_fences_take_range_and_asid, sbi_setup),
		cmocka_unit_test_setup(a_mask_in_ram_that_cannot_be_had_ends_the_vm, sbi_setup),
		cmocka_unit_test_setup(
			a_mask_that_cannot_be_loaded_is_the_guests_fault_at_its_ecall, sbi_setup),
		cmocka_unit_test_setup(a_page_fault_of_the_mask_is_the_guests_page_fault,
				       sbi_setup),
		cmocka_unit_test_setup(a_mask_in_untouched_ram_is_given_ram_and_called_again,
				       sbi_setup),
	};

	return cmocka_run_group_tests(tests, sbi_setup, NULL);
}
