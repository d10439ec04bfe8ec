/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers: as many sleeps as there are rounds, then as many rings of a periodic timer. */
#include "linux/lib/calls.h"
#include "work.h"

#define SLEEP_NS  200000
#define PERIOD_NS 500000

static u64 now_ns(void)
{
	struct timespec time;

	system_call(SYS_CLOCK_GETTIME, CLOCK_MONOTONIC, (u64)&time, 0, 0, 0);
	return (u64)time.seconds * 1000000000 + (u64)time.nanoseconds;
}

static void sleep_often(u64 rounds)
{
	const struct timespec length = {.nanoseconds = SLEEP_NS};
	u64 began = now_ns();

	for (u64 round = 0; round < rounds; round++) {
		if (system_call(SYS_NANOSLEEP, (u64)&length, 0, 0, 0, 0) != 0)
			fail("a sleep, round", (s64)round);
	}
	if (now_ns() - began < rounds * SLEEP_NS)
		fail("the sleeps were too short", (s64)(now_ns() - began));
}

static void ring_often(u64 rounds)
{
	const struct timespec period = {.nanoseconds = PERIOD_NS};
	const struct timer_setting setting = {.interval = period, .value = period};
	s64 timer = system_call(SYS_TIMERFD_CREATE, CLOCK_MONOTONIC, 0, 0, 0, 0);
	u64 began = now_ns(), rings = 0, new;

	if (timer < 0 || system_call(SYS_TIMERFD_SETTIME, (u64)timer, 0, (u64)&setting, 0, 0) != 0)
		fail("no timer", timer);
	while (rings < rounds) {
		if (system_call(SYS_READ, (u64)timer, (u64) & new, sizeof(new), 0, 0) !=
		    sizeof(new))
			fail("the timer's rings", (s64)rings);
		rings += new;
	}
	if (now_ns() - began < rounds * PERIOD_NS)
		fail("the timer rang too often", (s64)(now_ns() - began));
}

void work_timers(u64 rounds)
{
	sleep_often(rounds);
	ring_often(rounds);
}
