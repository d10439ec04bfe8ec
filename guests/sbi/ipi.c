/* SPDX-License-Identifier: BSD-2-Clause */
/* "IPI Extension", and the hart masks of "Hart list parameter". */
#include "tests.h"

static struct sbi_result send_ipi(u64 mask, u64 base)
{
	return sbi_call(SBI_IPI, 0, mask, base, 0, 0);
}

static bool ipi_pending(void)
{
	return csr_read(sip) & SIP_SSIP;
}

static void ipi_clear(void)
{
	csr_clear(sip, (u64)SIP_SSIP);
}

static void test_self(void)
{
	u64 self = hart_self()->id;
	static const char *const how[] = {"mask", "base"};

	for (int i = 0; i < 2; i++) {
		check_begin("ipi to itself by %s", how[i]);
		check_error("send_ipi", i ? send_ipi(1, self) : send_ipi(BIT(self), 0),
			    SBI_SUCCESS);
		check_want(WAIT_FOR(ipi_pending()), "sip.SSIP stays clear");
		ipi_clear();
		check_want(!ipi_pending(), "sip.SSIP cannot be cleared");
		check_end();
	}
}

static void test_interrupt(void)
{
	struct hart *self = hart_self();
	u64 count = self->interrupt_count[IRQ_SOFTWARE];

	check_begin("ipi to itself is taken as an interrupt, once each time");
	csr_set(sie, (u64)SIP_SSIP);
	csr_set(sstatus, (u64)SSTATUS_SIE);
	for (u64 i = 1; i <= 10; i++) {
		send_ipi(BIT(self->id), 0);
		WAIT_FOR(self->interrupt_count[IRQ_SOFTWARE] == count + i);
	}
	csr_clear(sstatus, (u64)SSTATUS_SIE);
	csr_clear(sie, (u64)SIP_SSIP);
	check_equal("interrupts", self->interrupt_count[IRQ_SOFTWARE] - count, 10);
	check_end();
}

static void test_all(void)
{
	check_begin("ipi base -1 is all harts, whatever the mask");
	for (u64 mask = 0; mask < 2; mask++) {
		check_error("send_ipi", send_ipi(mask, ~0ul), SBI_SUCCESS);
		check_want(WAIT_FOR(ipi_pending()), "sip.SSIP stays clear");
		ipi_clear();
	}
	check_end();
}

static void test_nobody(void)
{
	check_begin("ipi to an empty mask is nobody, whatever the base");
	check_error("base 0", send_ipi(0, 0), SBI_SUCCESS);
	/* The base need not be a hart as long as bit 0 is clear. OpenSBI 1.5.1 refuses it. */
	check_error_either("base of no hart", send_ipi(0, NO_HART), SBI_SUCCESS,
			   sbi_is_opensbi() ? SBI_ERR_INVALID_PARAM : SBI_SUCCESS);
	delay_us(500);
	check_want(!ipi_pending(), "it arrived here");
	check_end();
}

/*
 * "At least one hartid constructed from hart_mask_base and hart_mask is not valid". The errors of
 * masks are ones a function "may" return; OpenSBI 1.5.1 leaves out the harts that do not exist.
 */
static void test_invalid(void)
{
	u64 self = hart_self()->id;
	s64 other = sbi_is_opensbi() ? SBI_SUCCESS : SBI_ERR_INVALID_PARAM;
	static const struct {
		const char *what;
		u64 mask, base;
	} none[] = {
		{"no such hart", 1, NO_HART},	 {"bit 63", BIT(63), 0},
		{"highest id", 1, ~0ul - 1},	 {"wrapped id", 8, ~0ul - 1},
		{"all of 64", ~0ul, 0},		 {"sign bit", 1, 1ul << 63},
		{"above 32 bits", 1, 1ul << 32},
	};

	check_begin("ipi to a hart that does not exist is INVALID_PARAM");
	for (size_t i = 0; i < ARRAY_COUNT(none); i++)
		check_error_either(none[i].what, send_ipi(none[i].mask, none[i].base),
				   SBI_ERR_INVALID_PARAM, other);
	check_error_either("itself and nobody", send_ipi(BIT(self) | BIT(62), 0),
			   SBI_ERR_INVALID_PARAM, other);
	check_end();
	ipi_clear();
}

static void test_stopped(void)
{
	struct sbi_result r;

	if (hart_count < 2) {
		check_skip("ipi to a stopped hart does not start it", "one hart");
		return;
	}
	check_begin("ipi to a stopped hart does not start it");
	/* Whether such a hart is "available to the supervisor" is not said. */
	r = send_ipi(1, harts[1].id);
	check_error_either("send_ipi", r, SBI_SUCCESS, SBI_ERR_INVALID_PARAM);
	delay_us(2000);
	check_want(hart_status(&harts[1]) == HSM_STOPPED, "state is %ld", hart_status(&harts[1]));
	check_end();
}

void test_ipi(void)
{
	test_self();
	test_interrupt();
	test_all();
	test_nobody();
	test_invalid();
	test_stopped();
}
