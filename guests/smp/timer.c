/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers of all harts at the same time, each its own, and one clock for all. */
#include "tests.h"

#define ALARMS 50

static struct alarm {
	volatile u64 taken, early, latest;
} alarms[HART_MAX];

/* Intervals differ from hart to hart, so that the alarms drift through each other. */
static void take_alarms(void *argument)
{
	struct hart *self = hart_self();
	struct alarm *alarm = &alarms[self->index];
	u64 count = self->interrupt_count[IRQ_TIMER];

	(void)argument;
	for (u64 i = 1; i <= ALARMS; i++) {
		u64 at = time_now() + ticks_from_us(300 + 70 * self->index), now;

		sbi_call(SBI_TIME, 0, at, 0, 0, 0);
		csr_set(sie, (u64)SIP_STIP);
		/* Open only after WFI: an alarm between look and sleep would be slept through. */
		while (self->interrupt_count[IRQ_TIMER] < count + i &&
		       time_now() < at + WAIT_SECONDS * boot_timebase()) {
			wfi();
			csr_set(sstatus, (u64)SSTATUS_SIE);
			csr_clear(sstatus, (u64)SSTATUS_SIE);
		}
		now = time_now();
		alarm->early += now < at;
		if (now - at > alarm->latest && now >= at)
			alarm->latest = now - at;
	}
	csr_write(sie, 0ul);
	sbi_call(SBI_TIME, 0, ~0ul, 0, 0, 0);
	alarm->taken = self->interrupt_count[IRQ_TIMER] - count;
}

static void test_alarms(void)
{
	memset(alarms, 0, sizeof(alarms));
	bool ended = run_everywhere(take_alarms, NULL);

	for (unsigned int i = 0; i < hart_count; i++) {
		check_begin("timer: hart %u gets its alarms, each in time", i);
		check_want(ended, "no end");
		check_equal("alarms", alarms[i].taken, ALARMS);
		/* One may be early now and then: the pending bit of the last may fall late
		 * (Privileged ISA, "Virtual Supervisor Timer (vstimecmp) Register"). */
		check_want(alarms[i].early <= ALARMS / 10, "%lu early ones", alarms[i].early);
		/* Emulators are slow, but nobody may be forgotten. */
		check_want(alarms[i].latest < boot_timebase(), "late by %lu ticks",
			   alarms[i].latest);
		check_end();
	}
}

struct clock_test {
	unsigned int x, y;
	struct turns turns;
	volatile u64 last;
	volatile u64 backwards;
};

static void read_clock(struct clock_test *t, u64 parity)
{
	for (u64 n = parity; n < 200 && turn_wait(&t->turns, n); n += 2) {
		u64 now = time_now();

		t->backwards += now < t->last;
		t->last = now;
		turn_set(&t->turns, n + 1);
	}
}

static void read_even(void *argument)
{
	read_clock(argument, 0);
}

static void read_odd(void *argument)
{
	read_clock(argument, 1);
}

/* "time" is one clock: what another hart read before cannot be later. */
static void test_clock(void)
{
	for (unsigned int i = 1; i < hart_count; i++) {
		struct clock_test test = {0};

		check_begin("timer: hart 0 and hart %u read one clock", i);
		check_want(run_pair(0, read_even, i, read_odd, &test), "no end");
		check_want(!test.turns.broken, "stuck");
		check_equal("backward steps", test.backwards, 0);
		check_end();
	}
}

void test_timer(void)
{
	test_alarms();
	test_clock();
}
