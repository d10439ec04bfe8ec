/* SPDX-License-Identifier: BSD-2-Clause */
/* Each trap that a guest can bring upon itself: that it comes back, and says what it must. */
#include "tests.h"

static const struct boot_group groups[] = {
	{"csr", test_csr, false},
	{"insn", test_insn, false},
	{"access", test_access, false},
	{"atomic", test_atomic, false},
	{"mmio", test_mmio, false},
	{"compressed", test_compressed, false},
	{"odd", test_odd, false},
	{"paging", test_paging, false},
	{"vmmio", test_vmmio, false},
	{"user", test_user, false},
	{"counters", test_counters, false},
	{"env", test_env, false},
	{"wfi", test_wfi, false},
	{"hang-satp", run_hang_satp, true},
	{"hang-stvec", run_hang_stvec, true},
	{"hang-fetch", run_hang_fetch, true},
};

void guest_main(void)
{
	boot_run_groups(groups, ARRAY_COUNT(groups));
}

void check_illegal(const struct trap_info *got, u32 insn, u64 epc)
{
	/* "stval ... may optionally also be used to return the faulting instruction bits". */
	u64 tval = got->tval ? insn : 0;

	check_trap(got, CAUSE_ILLEGAL, epc, tval);
}
