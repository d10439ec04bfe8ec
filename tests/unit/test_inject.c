/* SPDX-License-Identifier: BSD-2-Clause */
/* An exception given to a guest by software must look like one that the hart delivered. */
#include "tests/unit/bare_vm.h"
#include "tests/unit/guest_csrs.h"

#define PC	(RAM_BASE + 0x2468)
#define HANDLER (RAM_BASE + 0x4000)

static void start_at(bool from_s, u64 vsstatus)
{
	csrs()->sstatus = from_s ? SSTATUS_SPP : 0;
	csrs()->hstatus = HSTATUS_SPV | (from_s ? HSTATUS_SPVP : 0);
	csrs()->vsstatus = vsstatus;
	csrs()->vstvec = HANDLER;
	self()->pc = PC;
}

static void inject(u64 cause, u64 tval)
{
	guest_exit(self());
	inject_exception(self(), cause, tval);
	guest_enter(self());
}

static void the_handler_finds_pc_cause_and_value(void **state)
{
	(void)state;
	start_at(true, 0);
	inject(CAUSE_STORE_PAGE_FAULT, 0xfeedface12345678);
	assert_int_equal(csrs()->vsepc, PC);
	assert_int_equal(csrs()->vscause, CAUSE_STORE_PAGE_FAULT);
	assert_int_equal(csrs()->vstval, 0xfeedface12345678);
	assert_int_equal(self()->pc, HANDLER);
}

static void exceptions_go_to_the_base_in_vectored_mode_too(void **state)
{
	(void)state;
	start_at(true, 0);
	csrs()->vstvec = HANDLER | 1;
	inject(CAUSE_ILLEGAL_INSTRUCTION, 0);
	assert_int_equal(self()->pc, HANDLER);
}

/* Privileged ISA, "Value of vsstatus field SPP after a trap into VS-mode". */
static void previous_privilege_and_interrupt_enable_are_stacked(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		bool from_s = i & 1, enabled = i & 2, was_enabled = i & 4;

		start_at(from_s, (enabled ? SSTATUS_SIE : 0) | (was_enabled ? SSTATUS_SPIE : 0) |
					 (from_s ? 0 : SSTATUS_SPP));
		inject(CAUSE_BREAKPOINT, PC);
		assert_int_equal(csrs()->vsstatus & SSTATUS_SPP, from_s ? SSTATUS_SPP : 0);
		assert_int_equal(csrs()->vsstatus & SSTATUS_SPIE, enabled ? SSTATUS_SPIE : 0);
		assert_int_equal(csrs()->vsstatus & SSTATUS_SIE, 0);
	}
}

static void the_other_fields_of_vsstatus_stay(void **state)
{
	const u64 others = SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS | EXT_CLEAN << SSTATUS_VS_SHIFT;
	const u64 stacked = SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE;

	(void)state;
	start_at(true, others);
	inject(CAUSE_LOAD_ACCESS, 0);
	assert_int_equal(csrs()->vsstatus & ~stacked & ~(SSTATUS_SD | SSTATUS_UXL), others);
	start_at(false, 0);
	inject(CAUSE_LOAD_ACCESS, 0);
	assert_int_equal(csrs()->vsstatus & ~stacked & ~(SSTATUS_SD | SSTATUS_UXL), 0);
}

static void an_expected_landing_pad_is_not_expected_in_the_handler(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		bool from_s = i & 1, expected = i & 2, before = i & 4;

		start_at(from_s, before ? SSTATUS_SPELP : 0);
		csrs()->sstatus |= expected ? SSTATUS_SPELP : 0;
		inject(CAUSE_FETCH_ACCESS, PC);
		assert_int_equal(csrs()->vsstatus & SSTATUS_SPELP, expected ? SSTATUS_SPELP : 0);
		assert_int_equal(csrs()->sstatus & (SSTATUS_SPELP | SSTATUS_SPP), SSTATUS_SPP);
	}
}

static void the_handler_runs_in_supervisor_mode(void **state)
{
	(void)state;
	start_at(false, 0);
	csrs()->sstatus |= SSTATUS_SPIE | SSTATUS_FS;
	inject(CAUSE_LOAD_MISALIGNED, 0);
	/* SRET goes where SPV and SPP say. */
	assert_int_equal(csrs()->sstatus & SSTATUS_SPP, SSTATUS_SPP);
	assert_int_equal(csrs()->hstatus & HSTATUS_SPV, HSTATUS_SPV);
	/* The host's other state is none of the guest's business. */
	assert_int_equal(csrs()->sstatus & (SSTATUS_SPIE | SSTATUS_SIE | SSTATUS_FS),
			 SSTATUS_SPIE | SSTATUS_FS);
	start_at(true, 0);
	inject(CAUSE_LOAD_MISALIGNED, 0);
	assert_int_equal(csrs()->sstatus & SSTATUS_SPP, SSTATUS_SPP);
}

static void a_fault_of_the_handler_itself_nests(void **state)
{
	(void)state;
	start_at(false, SSTATUS_SIE);
	inject(CAUSE_ECALL_U, 0);
	inject(CAUSE_LOAD_ACCESS, 0x10);
	assert_int_equal(csrs()->vsepc, HANDLER);
	assert_int_equal(csrs()->vscause, CAUSE_LOAD_ACCESS);
	assert_int_equal(csrs()->vsstatus & (SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE),
			 SSTATUS_SPP);
}

static void no_general_register_changes(void **state)
{
	u64 before[32];

	(void)state;
	start_at(true, 0);
	for (unsigned i = 0; i < 32; i++)
		before[i] = self()->x[i] = 0x1111 * i;
	inject(CAUSE_LOAD_ACCESS, 0x10);
	assert_memory_equal(before, self()->x, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_handler_finds_pc_cause_and_value),
		cmocka_unit_test(exceptions_go_to_the_base_in_vectored_mode_too),
		cmocka_unit_test(previous_privilege_and_interrupt_enable_are_stacked),
		cmocka_unit_test(the_other_fields_of_vsstatus_stay),
		cmocka_unit_test(an_expected_landing_pad_is_not_expected_in_the_handler),
		cmocka_unit_test(the_handler_runs_in_supervisor_mode),
		cmocka_unit_test(a_fault_of_the_handler_itself_nests),
		cmocka_unit_test(no_general_register_changes),
	};

	return cmocka_run_group_tests(tests, bare_setup, NULL);
}
