/* SPDX-License-Identifier: BSD-2-Clause */
/* hart_suspend of HSM, and "System Suspend Extension": sleeping and where one wakes up. */
#include "tests.h"

static volatile u64 sleeper_error;

static struct sbi_result suspend(u64 type, u64 resume, u64 opaque)
{
	return sbi_call(SBI_HSM, HSM_SUSPEND, type, resume, opaque, 0);
}

/* Sets the timer as the one interrupt that can wake this hart; gives its time. */
static u64 wake_after_us(u64 us)
{
	u64 at = time_now() + ticks_from_us(us);

	sbi_call(SBI_TIME, 0, at, 0, 0, 0);
	csr_write(sie, (u64)SIP_STIP);
	return at;
}

static void wake_over(void)
{
	csr_write(sie, 0ul);
	sbi_call(SBI_TIME, 0, ~0ul, 0, 0, 0);
}

void check_resume(const char *name, u64 extension, u64 function, u64 type)
{
	const u64 opaque = 0x1122334455667788;
	s64 error = 1;
	u64 at;

	memset((void *)&resume_record, 0, sizeof(resume_record));
	check_begin("%s", name);
	vm_reset();
	vm_on(vm_identity(), 0);
	at = wake_after_us(3000);
	suspend_call(extension, function, type, opaque, &error);
	check_want(time_now() >= at, "woke before its time");
	wake_over();
	check_want(error == 1, "returned %ld", error);
	check_want(resume_record.entered, "did not come to the resume address");
	check_equal("a0", resume_record.a0, hart_self()->id);
	check_equal("a1", resume_record.a1, opaque);
	check_equal("satp", resume_record.satp, 0);
	check_equal("sstatus.SIE", resume_record.sstatus & SSTATUS_SIE, 0);
	vm_off();
	check_end();
}

static void test_retentive(void)
{
	u64 at;

	check_begin("suspend retentive returns when the timer fires");
	at = wake_after_us(3000);
	/* The resume address is unused: any value will do. */
	check_error("suspend", suspend(HSM_SUSPEND_RETENTIVE, 1, 2), SBI_SUCCESS);
	check_want(time_now() >= at, "woke before its time");
	/* The clock may be ahead of what compares it, by no time that is bounded ("stimecmp"). */
	check_want(WAIT_FOR(csr_read(sip) & SIP_STIP), "the timer is not pending");
	wake_over();
	check_end();

	check_begin("suspend returns at once with an interrupt pending");
	csr_write(sie, (u64)SIP_SSIP);
	csr_set(sip, (u64)SIP_SSIP);
	check_error("suspend", suspend(HSM_SUSPEND_RETENTIVE, 0, 0), SBI_SUCCESS);
	/* Of a 32-bit parameter only 32 bits count ("Binary Encoding"). */
	check_error("with high bits", suspend(1ul << 32, 0, 0), SBI_SUCCESS);
	csr_clear(sip, (u64)SIP_SSIP);
	csr_write(sie, 0ul);
	check_end();
}

static void test_types(void)
{
	/* Until 3.0, a platform's type that is not implemented could be NOT_SUPPORTED as well. */
	s64 other = sbi_spec_version() >> 24 < 3 ? SBI_ERR_NOT_SUPPORTED : SBI_ERR_INVALID_PARAM;
	static const u64 reserved[] = {1, 0x0fffffff, 0x80000001, 0x8fffffff};
	static const u64 platform[] = {0x10000000, 0x7fffffff, 0x90000000, 0xffffffff};

	check_begin("suspend of a reserved type is INVALID_PARAM");
	for (size_t i = 0; i < ARRAY_COUNT(reserved); i++)
		check_error("suspend", suspend(reserved[i], IMAGE_BASE, 0), SBI_ERR_INVALID_PARAM);
	check_end();
	check_begin("suspend of a platform's type is INVALID_PARAM");
	for (size_t i = 0; i < ARRAY_COUNT(platform); i++)
		check_error_either("suspend", suspend(platform[i], IMAGE_BASE, 0),
				   SBI_ERR_INVALID_PARAM, other);
	check_end();
}

static void sleeper(void *argument)
{
	(void)argument;
	csr_write(sie, (u64)SIP_SSIP);
	sleeper_error = (u64)suspend(HSM_SUSPEND_RETENTIVE, 0, 0).error;
	csr_clear(sip, (u64)SIP_SSIP);
}

/* Seen from another hart: SUSPENDED, not to be started, awake after an IPI. */
static void test_other(struct hart *hart)
{
	sleeper_error = 1;
	check_begin("suspended hart is seen, and woken by an IPI");
	check_equal("start", (u64)hart_start(hart, sleeper, NULL), 0);
	check_want(hart_wait_status(hart, HSM_SUSPENDED), "state %ld, not SUSPENDED",
		   hart_status(hart));
	check_not_startable(hart);
	delay_us(1000);
	check_want(hart_status(hart) == HSM_SUSPENDED, "it did not stay so");
	check_error("ipi", sbi_call(SBI_IPI, 0, 1, hart->id, 0, 0), SBI_SUCCESS);
	check_want(hart_wait_status(hart, HSM_STOPPED), "never woke");
	check_equal("its error", sleeper_error, 0);
	check_end();
}

void test_hsm_suspend(void)
{
	test_retentive();
	check_resume("suspend non-retentive resumes at its address", SBI_HSM, HSM_SUSPEND,
		     HSM_SUSPEND_NON_RETENTIVE);
	check_resume("suspend non-retentive a second time", SBI_HSM, HSM_SUSPEND,
		     HSM_SUSPEND_NON_RETENTIVE);
	test_types();
	check_begin("suspend to no executable memory is INVALID_ADDRESS");
	check_bad_addresses(SBI_HSM, HSM_SUSPEND, HSM_SUSPEND_NON_RETENTIVE);
	check_end();
	if (hart_count > 1)
		test_other(&harts[1]);
	else
		check_skip("suspended hart is seen, and woken by an IPI", "one hart");
}

static void test_susp_denied(struct hart *hart)
{
	park_over = false;
	check_begin("susp with another hart running is DENIED");
	check_equal("start", (u64)hart_start(hart, park, NULL), 0);
	check_want(hart_wait_status(hart, HSM_STARTED), "never STARTED");
	check_error("suspend", sbi_call(SBI_SUSP, 0, 0, (u64)start_entry, 0, 0), SBI_ERR_DENIED);
	park_over = true;
	check_want(hart_wait_status(hart, HSM_STOPPED), "never STOPPED");
	check_end();
}

void test_susp(void)
{
	static const u64 types[] = {1, 0x7fffffff, 0x80000000, 0xffffffff};

	/* OpenSBI offers SUSP where the platform can sleep; QEMU virt cannot. */
	if (!sbi_probe(SBI_SUSP) && sbi_is_opensbi()) {
		check_skip("susp", "not offered");
		return;
	}
	check_true("susp is offered", sbi_probe(SBI_SUSP));
	check_begin("susp of an unknown type is INVALID_PARAM");
	for (size_t i = 0; i < ARRAY_COUNT(types); i++)
		check_error("suspend", sbi_call(SBI_SUSP, 0, types[i], (u64)start_entry, 0, 0),
			    SBI_ERR_INVALID_PARAM);
	check_end();
	check_begin("susp unknown function is NOT_SUPPORTED");
	check_error("function 1", sbi_call(SBI_SUSP, 1, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
	check_end();
	check_begin("susp to no executable memory is INVALID_ADDRESS");
	check_bad_addresses(SBI_SUSP, 0, 0);
	check_end();
	if (hart_count > 1)
		test_susp_denied(&harts[1]);
	else
		check_skip("susp with another hart running is DENIED", "one hart");
	check_resume("susp suspends to RAM and resumes at its address", SBI_SUSP, 0, 0);
	check_resume("susp a second time", SBI_SUSP, 0, 0);
}
