/* SPDX-License-Identifier: BSD-2-Clause */
/* "Timer Extension". */
#include "tests.h"

static struct sbi_result set_timer(u64 at)
{
	return sbi_call(SBI_TIME, 0, at, 0, 0, 0);
}

static bool timer_pending(void)
{
	return csr_read(sip) & SIP_STIP;
}

/* Pending now, and still so after the time an emulated timer may need to notice. */
static bool timer_stays_clear(void)
{
	bool clear = !timer_pending();

	delay_us(2000);
	return clear && !timer_pending();
}

static void test_pending(void)
{
	check_begin("time a moment in the past is pending");
	check_error("set_timer", set_timer(0), SBI_SUCCESS);
	check_want(WAIT_FOR(timer_pending()), "sip.STIP stays clear");
	csr_clear(sip, (u64)SIP_STIP);
	check_want(timer_pending(), "S-mode could clear sip.STIP");
	check_end();

	check_begin("time a moment in the future clears sip.STIP");
	check_error("set_timer", set_timer(time_now() + 1000 * boot_timebase()), SBI_SUCCESS);
	check_want(timer_stays_clear(), "sip.STIP is set");
	check_end();

	set_timer(0);
	check_begin("time infinity clears sip.STIP");
	check_want(WAIT_FOR(timer_pending()), "was never set");
	check_error("set_timer", set_timer(~0ul), SBI_SUCCESS);
	check_want(timer_stays_clear(), "sip.STIP is set");
	check_end();
}

static void test_moment(void)
{
	u64 at = time_now() + ticks_from_us(3000);
	bool early = false;

	check_begin("time sip.STIP rises at the moment set, not before");
	set_timer(at);
	/* Only a look that ended before the moment proves anything. */
	for (;;) {
		bool pending = timer_pending();

		if (time_now() >= at)
			break;
		early |= pending;
	}
	check_want(!early, "pending early");
	check_want(WAIT_FOR(timer_pending()), "never pending");
	set_timer(~0ul);
	check_end();
}

static void test_interrupt(void)
{
	struct hart *self = hart_self();
	u64 count = self->interrupt_count[IRQ_TIMER];

	check_begin("time the interrupt is taken, once each time");
	for (u64 i = 1; i <= 10; i++) {
		csr_set(sie, (u64)SIP_STIP);
		set_timer(time_now() + ticks_from_us(200));
		csr_set(sstatus, (u64)SSTATUS_SIE);
		WAIT_FOR(self->interrupt_count[IRQ_TIMER] == count + i);
		csr_clear(sstatus, (u64)SSTATUS_SIE);
		set_timer(~0ul);
	}
	check_equal("interrupts", self->interrupt_count[IRQ_TIMER] - count, 10);
	check_end();
}

static void test_masked(void)
{
	check_begin("time a masked timer still shows, and clears, in sip");
	csr_write(sie, 0ul);
	set_timer(0);
	check_want(WAIT_FOR(timer_pending()), "sip.STIP stays clear");
	set_timer(~0ul);
	check_want(timer_stays_clear(), "sip.STIP stays set");
	check_end();
}

void test_time(void)
{
	test_pending();
	test_moment();
	test_interrupt();
	test_masked();
}
