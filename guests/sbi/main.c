/* SPDX-License-Identifier: BSD-2-Clause */
/* Checks every SBI extension that Hartwood offers, and every error it must give. */
#include "tests.h"

static const struct boot_group groups[] = {
	{"base", test_base, false},
	{"unknown", test_unknown, false},
	{"registers", test_registers, false},
	{"time", test_time, false},
	{"ipi", test_ipi, false},
	{"rfence", test_rfence, false},
	{"hsm", test_hsm, false},
	{"suspend", test_hsm_suspend, false},
	{"susp", test_susp, false},
	{"dbcn", test_dbcn, false},
	{"srst", test_srst, false},
	{"legacy", test_legacy, false},
	{"sta", test_sta, false},
	{"sta-half", run_sta_half, true},
	{"flood", run_flood, true},
	{"dbcn-input", run_dbcn_input, true},
	{"reboot-cold", run_reboot_cold, true},
	{"reboot-warm", run_reboot_warm, true},
	{"shutdown-failure", run_shutdown_failure, true},
	{"legacy-shutdown", run_legacy_shutdown, true},
};

void guest_main(void)
{
	boot_run_groups(groups, ARRAY_COUNT(groups));
}
