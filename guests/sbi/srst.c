/* SPDX-License-Identifier: BSD-2-Clause */
/* "System Reset Extension". The resets that work are asked for by boot argument. */
#include "print.h"
#include "tests.h"

static struct sbi_result reset(u64 type, u64 reason)
{
	return sbi_call(SBI_SRST, 0, type, reason, 0, 0);
}

void test_srst(void)
{
	static const u64 reserved[] = {3, 0x12345678, 0xefffffff};
	static const u64 vendor[] = {0xf0000000, 0xffffffff};
	/* Before 3.0 the text let "valid but not implemented" be NOT_SUPPORTED. */
	s64 other = sbi_spec_version() >> 24 < 3 ? SBI_ERR_NOT_SUPPORTED : SBI_ERR_INVALID_PARAM;

	check_begin("srst reserved types are INVALID_PARAM");
	for (size_t i = 0; i < ARRAY_COUNT(reserved); i++)
		check_error("reset", reset(reserved[i], 0), SBI_ERR_INVALID_PARAM);
	check_end();
	check_begin("srst a vendor's types are INVALID_PARAM");
	for (size_t i = 0; i < ARRAY_COUNT(vendor); i++)
		check_error_either("reset", reset(vendor[i], 0), SBI_ERR_INVALID_PARAM, other);
	check_end();
	/* OpenSBI does not look at the reason and would shut down. */
	if (sbi_is_opensbi()) {
		check_skip("srst reserved reasons are INVALID_PARAM", "OpenSBI would shut down");
		return;
	}
	check_begin("srst reserved reasons are INVALID_PARAM");
	check_error("first", reset(SRST_SHUTDOWN, 2), SBI_ERR_INVALID_PARAM);
	check_error("last", reset(SRST_COLD, 0xdfffffff), SBI_ERR_INVALID_PARAM);
	check_error("of ours, unknown", reset(SRST_WARM, 0xe0000000), SBI_ERR_INVALID_PARAM);
	check_error("vendor's", reset(SRST_SHUTDOWN, 0xffffffff), SBI_ERR_INVALID_PARAM);
	check_end();
}

/*
 * A reboot starts this guest again with the same boot arguments, so it goes on for ever; whoever
 * runs it counts the lines and decides how many are enough. The check shows that memory is as
 * the image has it: .data is only right in a machine whose images were loaded again.
 */
static void reboot(const char *name, u64 type)
{
	static volatile u64 untouched = 0x600d600d600d600d;

	check_begin("%s: this boot's memory is the image's", name);
	check_equal("data", untouched, 0x600d600d600d600d);
	untouched = 0;
	for (unsigned int i = 1; i < hart_count; i++)
		check_equal("another hart's state", (u64)hart_status(&harts[i]), HSM_STOPPED);
	check_end();
	check_error(name, reset(type, 0), SBI_SUCCESS);
	check_true("reset does not return", false);
}

void run_reboot_cold(void)
{
	reboot("reboot-cold", SRST_COLD);
}

void run_reboot_warm(void)
{
	reboot("reboot-warm", SRST_WARM);
}

/* With the reason that a panicking kernel gives. */
void run_shutdown_failure(void)
{
	print("shutdown-failure: now\n");
	reset(SRST_SHUTDOWN, 1);
	check_true("reset does not return", false);
}

void run_legacy_shutdown(void)
{
	print("legacy-shutdown: now\n");
	ecall_plain(SBI_LEGACY_SHUTDOWN, 0, 0);
	check_true("legacy shutdown does not return", false);
}
