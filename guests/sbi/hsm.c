/* SPDX-License-Identifier: BSD-2-Clause */
/* "Hart State Management Extension": start, stop and status. suspend.c has the fourth function. */
#include "tests.h"

volatile bool park_over;

static struct sbi_result start(u64 id, u64 address, u64 opaque)
{
	return sbi_call(SBI_HSM, HSM_START, id, address, opaque, 0);
}

/*
 * "It is not a valid physical address", or not executable through the G-stage. OpenSBI 1.5.1 knows
 * one such place only, its own memory, which is a guest's RAM on Hartwood; it would start a hart
 * anywhere else and lose it.
 */
void check_bad_addresses(u64 extension, u64 function, u64 first)
{
	u64 end = boot_ram_end();
	const u64 bad[] = {
		0,   0x1000,	UART_BASE, PLIC_BASE, HOLE_BASE, RAM_BASE - 4,
		end, 1ul << 41, 1ul << 55, 1ul << 63, ~0ul - 3,
	};

	if (sbi_is_opensbi()) {
		check_error("firmware's memory",
			    sbi_call(extension, function, first, RAM_BASE, 0, 0),
			    SBI_ERR_INVALID_ADDRESS);
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct sbi_result r = sbi_call(extension, function, first, bad[i], 0, 0);

		check_want(r.error == SBI_ERR_INVALID_ADDRESS, "0x%lx gave %ld", bad[i], r.error);
	}
}

static void test_status(void)
{
	check_begin("hsm status of this hart is STARTED");
	check_equal("state", (u64)hart_status(&harts[0]), HSM_STARTED);
	check_end();
	for (unsigned int i = 1; i < hart_count; i++) {
		check_begin("hsm status of hart %u is STOPPED", i);
		check_equal("state", (u64)hart_status(&harts[i]), HSM_STOPPED);
		check_end();
	}
}

static void test_no_hart(void)
{
	static const u64 ids[] = {NO_HART, 64, ~0ul, ~0ul - 1, 1ul << 32, 1ul << 63};
	/* OpenSBI 1.5.1 looks at 32 bits of an id, so the last two are hart 0 to it. */
	size_t count = ARRAY_COUNT(ids) - (sbi_is_opensbi() ? 2 : 0);

	check_begin("hsm status of no hart is INVALID_PARAM");
	for (size_t i = 0; i < count; i++)
		check_error("status", sbi_call(SBI_HSM, HSM_STATUS, ids[i], 0, 0, 0),
			    SBI_ERR_INVALID_PARAM);
	check_end();
	check_begin("hsm start of no hart is INVALID_PARAM");
	for (size_t i = 0; i < count; i++)
		check_error("start", start(ids[i], (u64)start_entry, 0), SBI_ERR_INVALID_PARAM);
	check_end();
}

/*
 * "All other registers remain in an undefined state": on a hart that never ran, Hartwood has
 * nothing to put there but zero, for any other value would be somebody else's.
 */
static void test_first_start(struct hart *hart)
{
	if (sbi_is_opensbi()) {
		check_skip("hsm first start: no register tells of anybody else", "firmware's own");
		return;
	}
	check_begin("hsm first start: no register tells of anybody else");
	check_error("start", start(hart->id, (u64)start_entry, 0), SBI_SUCCESS);
	check_want(hart_wait_status(hart, HSM_STOPPED), "never STOPPED");
	check_want(start_record.entered, "never entered");
	for (unsigned int i = 1; i < START_REGISTERS; i++)
		check_want(i == 10 || start_registers[i] == 0, "register %u is 0x%lx", i,
			   start_registers[i]);
	check_end();
}

static void test_start(struct hart *hart)
{
	check_begin("hsm start: registers at the entry, four times");
	for (u64 i = 0; i < 4; i++) {
		u64 opaque = 0xfedcba9876543210 ^ i;

		memset((void *)&start_record, 0xff, sizeof(start_record));
		start_record.entered = 0;
		fence();
		check_error("start", start(hart->id, (u64)start_entry, opaque), SBI_SUCCESS);
		check_want(WAIT_FOR(start_record.entered), "never entered");
		check_equal("a0", start_record.a0, hart->id);
		check_equal("a1", start_record.a1, opaque);
		check_equal("satp", start_record.satp, 0);
		check_equal("sstatus.SIE", start_record.sstatus & SSTATUS_SIE, 0);
		check_want(hart_wait_status(hart, HSM_STOPPED), "state %ld after stop",
			   hart_status(hart));
	}
	check_end();
}

/*
 * What a start answers to a hart in START_PENDING or SUSPENDED is not said: only that it must have
 * been STOPPED to succeed. OpenSBI says INVALID_PARAM.
 */
void check_not_startable(const struct hart *hart)
{
	check_error_either("start", start(hart->id, (u64)start_entry, 0), SBI_ERR_ALREADY_AVAILABLE,
			   SBI_ERR_INVALID_PARAM);
}

void park(void *argument)
{
	(void)argument;
	while (!park_over)
		pause_hint();
}

static void test_started(struct hart *hart)
{
	check_begin("hsm start of itself is ALREADY_AVAILABLE");
	check_error("start", start(hart_self()->id, (u64)start_entry, 0),
		    SBI_ERR_ALREADY_AVAILABLE);
	check_end();
	if (!hart)
		return;
	park_over = false;
	check_begin("hsm start of a running hart is ALREADY_AVAILABLE");
	check_error("first start", (struct sbi_result){hart_start(hart, park, NULL), 0},
		    SBI_SUCCESS);
	check_not_startable(hart);
	check_want(hart_wait_status(hart, HSM_STARTED), "never STARTED");
	check_error("when started", start(hart->id, (u64)start_entry, 0),
		    SBI_ERR_ALREADY_AVAILABLE);
	park_over = true;
	check_want(hart_wait_status(hart, HSM_STOPPED), "never STOPPED");
	check_end();
}

/* Stops with translation and interrupts on, so that a restart has something to reset. */
static void stop_dirty(void *root)
{
	vm_on(root, 0);
	csr_write(sie, (u64)(SIP_SSIP | SIP_STIP | SIP_SEIP));
	csr_set(sstatus, (u64)(SSTATUS_SUM | SSTATUS_MXR));
	sbi_call(SBI_HSM, HSM_STOP, 0, 0, 0, 0);
}

static void test_restart_resets(struct hart *hart)
{
	check_begin("hsm restart begins with satp 0");
	vm_reset();
	check_equal("start", (u64)hart_start(hart, stop_dirty, vm_identity()), 0);
	check_want(WAIT_FOR(hart_status(hart) == HSM_STOPPED), "never STOPPED");
	memset((void *)&start_record, 0, sizeof(start_record));
	check_error("start", start(hart->id, (u64)start_entry, 1), SBI_SUCCESS);
	check_want(WAIT_FOR(start_record.entered), "never entered");
	check_equal("satp", start_record.satp, 0);
	check_equal("sstatus.SIE", start_record.sstatus & SSTATUS_SIE, 0);
	check_want(hart_wait_status(hart, HSM_STOPPED), "never STOPPED");
	check_end();
}

static void test_bad_start(struct hart *hart)
{
	check_begin("hsm start at no executable memory is INVALID_ADDRESS");
	check_bad_addresses(SBI_HSM, HSM_START, hart->id);
	check_want(hart_status(hart) == HSM_STOPPED, "state %ld after", hart_status(hart));
	check_end();
}

void test_hsm(void)
{
	struct hart *other = hart_count > 1 ? &harts[1] : NULL;

	test_status();
	test_no_hart();
	if (!other) {
		test_started(NULL);
		check_skip("hsm start", "one hart");
		return;
	}
	test_first_start(other);
	test_started(other);
	test_start(other);
	test_restart_resets(other);
	test_bad_start(other);
}
