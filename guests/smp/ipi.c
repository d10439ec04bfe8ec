/* SPDX-License-Identifier: BSD-2-Clause */
/* IPIs between all pairs of harts, waited for in WFI and taken as interrupts. */
#include "tests.h"

struct ball {
	unsigned int x, y;
	u64 rounds;
	volatile u64 hits;
	volatile bool lost, ready;
	bool taken; /* by an interrupt, not by looking at sip */
};

/* The timer is the watchdog: without it, a lost IPI would leave the hart in WFI for ever. */
static void watchdog_start(void)
{
	sbi_call(SBI_TIME, 0, time_now() + WAIT_SECONDS * boot_timebase(), 0, 0, 0);
	csr_write(sie, (u64)(SIP_SSIP | SIP_STIP));
}

static void watchdog_stop(void)
{
	csr_clear(sstatus, (u64)SSTATUS_SIE);
	csr_write(sie, 0ul);
	sbi_call(SBI_TIME, 0, ~0ul, 0, 0, 0);
	csr_clear(sip, (u64)SIP_SSIP);
}

static bool wait_pending(void)
{
	while (!(csr_read(sip) & (SIP_SSIP | SIP_STIP)))
		wfi();
	if (!(csr_read(sip) & SIP_SSIP))
		return false;
	csr_clear(sip, (u64)SIP_SSIP);
	return true;
}

static bool wait_taken(u64 count)
{
	struct hart *self = hart_self();

	/* The interrupts are open only here, around WFI: no wake-up falls between look and sleep.
	 */
	while (self->interrupt_count[IRQ_SOFTWARE] < count && !(csr_read(sip) & SIP_STIP)) {
		wfi();
		csr_set(sstatus, (u64)SSTATUS_SIE);
		csr_clear(sstatus, (u64)SSTATUS_SIE);
	}
	return self->interrupt_count[IRQ_SOFTWARE] >= count;
}

static void hit(const struct hart *hart)
{
	sbi_call(SBI_IPI, 0, 1, hart->id, 0, 0);
}

static void play(struct ball *ball, const struct hart *other, bool first)
{
	u64 count = hart_self()->interrupt_count[IRQ_SOFTWARE];

	watchdog_start();
	if (!first)
		ball->ready = true;
	else if (!WAIT_FOR(ball->ready))
		ball->lost = true;
	for (u64 i = 1; i <= ball->rounds && !ball->lost; i++) {
		if (first)
			hit(other);
		if (!(ball->taken ? wait_taken(count + i) : wait_pending())) {
			ball->lost = true;
			break;
		}
		ball->hits++;
		if (!first)
			hit(other);
	}
	watchdog_stop();
}

static void play_first(void *argument)
{
	struct ball *ball = argument;

	play(ball, &harts[ball->y], true);
}

static void play_second(void *argument)
{
	struct ball *ball = argument;

	play(ball, &harts[ball->x], false);
}

static void test_pairs(bool taken)
{
	for (unsigned int x = 0; x < hart_count; x++) {
		for (unsigned int y = 0; y < hart_count; y++) {
			struct ball ball = {.x = x, .y = y, .rounds = smp_rounds(), .taken = taken};

			if (!smp_pair_wanted(x, y))
				continue;
			check_begin("ipi: hart %u and hart %u, %s, %lu times", x, y,
				    taken ? "taken" : "pending", ball.rounds);
			check_want(run_pair(x, play_first, y, play_second, &ball), "no end");
			check_want(!ball.lost, "lost after %lu hits", ball.hits);
			check_equal("hits", ball.hits, 2 * ball.rounds);
			check_end();
		}
	}
}

static volatile u64 storm_ended;

/* Everybody signals everybody; afterwards each must still get one more from each other. */
static void storm(void *argument)
{
	(void)argument;
	for (u64 i = 0; i < smp_rounds(); i++) {
		sbi_call(SBI_IPI, 0, 0, ~0ul, 0, 0);
		csr_clear(sip, (u64)SIP_SSIP);
	}
	__atomic_fetch_add(&storm_ended, 1, __ATOMIC_SEQ_CST);
	WAIT_FOR(storm_ended == hart_count);
	csr_clear(sip, (u64)SIP_SSIP);
}

static void test_storm(void)
{
	storm_ended = 0;
	check_begin("ipi: all harts to all at once, %lu times", smp_rounds());
	check_want(run_everywhere(storm, NULL), "no end");
	check_equal("harts that came through", storm_ended, hart_count);
	check_end();
}

void test_ipi(void)
{
	if (hart_count < 2) {
		check_skip("ipi", "one hart");
		return;
	}
	test_pairs(false);
	test_pairs(true);
	test_storm();
}
