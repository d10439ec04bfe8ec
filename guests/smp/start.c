/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting and stopping harts, often, by each other, and several at once. */
#include "tests.h"

static volatile u64 starts[HART_MAX];
static volatile u64 relay_seen;

static void count_start(void *argument)
{
	(void)argument;
	starts[hart_self()->index]++;
	fence();
}

static bool all_stopped(void)
{
	for (unsigned int i = 1; i < hart_count; i++) {
		if (!hart_wait_status(&harts[i], HSM_STOPPED))
			return false;
	}
	return true;
}

static void test_cycles(void)
{
	u64 rounds = smp_rounds();

	memset((void *)starts, 0, sizeof(starts));
	check_begin("start: all harts start and stop, %lu times", rounds);
	for (u64 n = 1; n <= rounds; n++) {
		for (unsigned int i = 1; i < hart_count; i++) {
			s64 error = hart_start(&harts[i], count_start, NULL);

			check_want(error == 0, "round %lu hart %u: error %ld", n, i, error);
		}
		if (!all_stopped()) {
			check_want(false, "round %lu: a hart does not stop", n);
			break;
		}
		for (unsigned int i = 1; i < hart_count; i++)
			check_want(starts[i] == n, "round %lu hart %u: ran %lu times", n, i,
				   starts[i]);
	}
	check_end();
}

/* Each hart starts the next one and stops while that may not have begun yet. */
static void relay(void *argument)
{
	unsigned int next = hart_self()->index + 1;

	if (next == hart_count)
		relay_seen++;
	else if (hart_start(&harts[next], relay, argument) != 0)
		relay_seen = ~0ul;
	fence();
}

static void test_relay(void)
{
	u64 rounds = smp_rounds();

	relay_seen = 0;
	check_begin("start: each hart starts the next, %lu times", rounds);
	for (u64 n = 1; n <= rounds && relay_seen == n - 1; n++) {
		check_want(hart_start(&harts[1], relay, NULL) == 0, "round %lu", n);
		WAIT_FOR(relay_seen == n || relay_seen == ~0ul);
		check_want(all_stopped(), "round %lu: a hart does not stop", n);
	}
	check_equal("relays that arrived", relay_seen, rounds);
	check_end();
}

static struct race {
	volatile u64 ready, go;
	volatile u64 won, refused, other;
} race;

/* Hart 0 and hart 1 start hart 2: one of them does. */
static void race_start(void *argument)
{
	s64 error;

	(void)argument;
	__atomic_fetch_add(&race.ready, 1, __ATOMIC_SEQ_CST);
	if (!WAIT_FOR(race.ready == 2))
		return;
	error = sbi_call(SBI_HSM, HSM_START, harts[2].id, (u64)secondary_start, (u64)&harts[2], 0)
			.error;
	/* OpenSBI 1.5.1 says INVALID_PARAM of a hart that is START_PENDING. */
	if (error == 0)
		__atomic_fetch_add(&race.won, 1, __ATOMIC_SEQ_CST);
	else if (error == SBI_ERR_ALREADY_AVAILABLE || error == SBI_ERR_INVALID_PARAM)
		__atomic_fetch_add(&race.refused, 1, __ATOMIC_SEQ_CST);
	else
		race.other = (u64)error;
	race.go = 1;
}

static void raced(void *argument)
{
	(void)argument;
	/* Not before both have their answer: else a second start could rightly succeed. */
	WAIT_FOR(race.won + race.refused == 2 || race.other);
}

static void test_race(void)
{
	if (hart_count < 3) {
		check_skip("start: of two at once, one succeeds", "fewer than three harts");
		return;
	}
	check_begin("start: of two at once, one succeeds, %lu times", smp_rounds());
	for (u64 n = 0; n < smp_rounds(); n++) {
		memset(&race, 0, sizeof(race));
		hart_prepare(&harts[2], raced, NULL);
		check_want(run_pair(0, race_start, 1, race_start, NULL), "round %lu: no end", n);
		check_want(race.won == 1 && race.refused == 1,
			   "round %lu: %lu succeeded, %lu were refused, error %ld", n, race.won,
			   race.refused, (s64)race.other);
		check_want(all_stopped(), "round %lu: a hart does not stop", n);
	}
	check_end();
}

void test_start(void)
{
	if (hart_count < 2) {
		check_skip("start", "one hart");
		return;
	}
	test_cycles();
	test_relay();
	test_race();
}
