/* SPDX-License-Identifier: BSD-2-Clause */
/* Locks: exclusion, order of service, and the order of ranks, which debug builds check. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hyp/lock.h"
#include "tests/fake/fake_hw.h"

#ifndef HW_DEBUG
#error "host tests check lock ranks: compile with HW_DEBUG"
#endif

#define HART_COUNT  4
#define ROUND_COUNT 20000

static struct lock lock;

static void start(void)
{
	struct fake_options options = fake_defaults();

	options.hart_count = HART_COUNT;
	fake_start(&options);
}

/* ------------------------------------------------------------------------------------------------
 * Several harts.
 */

static u64 counter, mirror;

static void *count_up(void *argument)
{
	fake_set_hart((unsigned)(uintptr_t)argument);
	for (unsigned i = 0; i < ROUND_COUNT; i++) {
		lock_acquire(&lock);
		if (counter != mirror) {
			lock_release(&lock);
			return "two harts were inside";
		}
		/* Not atomic on purpose: the lock makes it so. */
		u64 value = counter;

		if (i % 64 == 0)
			sched_yield();
		counter = value + 1;
		mirror++;
		lock_release(&lock);
	}
	return NULL;
}

static void one_hart_at_a_time_is_inside(void **state)
{
	(void)state;
	pthread_t threads[HART_COUNT];

	start();
	lock_init(&lock, LOCK_PAGE);
	counter = mirror = 0;
	for (uintptr_t i = 0; i < HART_COUNT; i++)
		pthread_create(&threads[i], NULL, count_up, (void *)i);
	for (unsigned i = 0; i < HART_COUNT; i++) {
		void *complaint;

		pthread_join(threads[i], &complaint);
		assert_null(complaint);
	}
	assert_int_equal(counter, (u64)HART_COUNT * ROUND_COUNT);
}

static unsigned order[HART_COUNT];
static unsigned order_count;

static void *queue_up(void *argument)
{
	unsigned hart = (unsigned)(uintptr_t)argument;

	fake_set_hart(hart);
	lock_acquire(&lock);
	order[order_count++] = hart;
	lock_release(&lock);
	return NULL;
}

static u32 tickets_drawn(void)
{
	return __atomic_load_n(&lock.next, __ATOMIC_ACQUIRE);
}

static void harts_are_served_in_the_order_of_asking(void **state)
{
	(void)state;
	pthread_t threads[HART_COUNT];

	start();
	for (unsigned round = 0; round < 50; round++) {
		lock_init(&lock, LOCK_PAGE);
		order_count = 0;
		lock_acquire(&lock);
		for (uintptr_t i = 1; i < HART_COUNT; i++) {
			pthread_create(&threads[i], NULL, queue_up, (void *)i);
			while (tickets_drawn() != i + 1)
				sched_yield();
		}
		lock_release(&lock);
		for (unsigned i = 1; i < HART_COUNT; i++)
			pthread_join(threads[i], NULL);
		for (unsigned i = 1; i < HART_COUNT; i++)
			assert_int_equal(order[i - 1], i);
	}
}

static void tickets_may_wrap_around(void **state)
{
	(void)state;
	start();
	lock_init(&lock, LOCK_PAGE);
	lock.next = lock.serving = UINT32_MAX - 1;
	for (unsigned i = 0; i < 4; i++) {
		lock_acquire(&lock);
		lock_release(&lock);
	}
	assert_int_equal(lock.next, 2);
	assert_int_equal(lock.serving, 2);
}

static unsigned pause_count;

static void release_at_the_third_pause(void)
{
	if (++pause_count == 3) {
		/* The holder is another hart. */
		fake_set_hart(1);
		lock_release(&lock);
		fake_set_hart(0);
	}
}

static void a_waiting_hart_pauses(void **state)
{
	(void)state;
	start();
	lock_init(&lock, LOCK_PAGE);
	fake_set_hart(1);
	lock_acquire(&lock);
	fake_set_hart(0);
	pause_count = 0;
	fake_hooks.pause = release_at_the_third_pause;
	lock_acquire(&lock);
	assert_int_equal(pause_count, 3);
	lock_release(&lock);
}

/* ------------------------------------------------------------------------------------------------
 * Ranks.
 */

static struct lock ranked[LOCK_RANK_COUNT];

static void start_ranked(void)
{
	start();
	for (unsigned i = 0; i < LOCK_RANK_COUNT; i++)
		lock_init(&ranked[i], (enum lock_rank)i);
}

static void ranks_may_be_taken_downwards(void **state)
{
	(void)state;
	start_ranked();
	for (unsigned i = 0; i < LOCK_RANK_COUNT; i++)
		lock_acquire(&ranked[i]);
	/* Releasing has no order. */
	for (unsigned i = 0; i < LOCK_RANK_COUNT; i += 2)
		lock_release(&ranked[i]);
	for (unsigned i = 1; i < LOCK_RANK_COUNT; i += 2)
		lock_release(&ranked[i]);
	lock_acquire(&ranked[0]);
	lock_release(&ranked[0]);
}

static void acquire_both(unsigned first, unsigned second)
{
	lock_acquire(&ranked[first]);
	lock_acquire(&ranked[second]);
}

static enum fake_end try_both(unsigned first, unsigned second)
{
	start_ranked();
	return FAKE_CATCH_END(acquire_both(first, second));
}

static void ranks_may_not_be_taken_upwards(void **state)
{
	(void)state;
	for (unsigned first = 0; first < LOCK_RANK_COUNT; first++) {
		for (unsigned second = 0; second < LOCK_RANK_COUNT; second++) {
			/* Twice the same is caught too, instead of waiting for itself. */
			assert_int_equal(try_both(first, second),
					 first < second ? FAKE_END_NONE : FAKE_END_CHECK);
		}
	}
}

static void two_of_one_rank_are_refused(void **state)
{
	(void)state;
	struct lock other = LOCK_INIT(LOCK_DEVICE);

	start_ranked();
	lock_acquire(&ranked[LOCK_DEVICE]);
	assert_int_equal(FAKE_CATCH_END(lock_acquire(&other)), FAKE_END_CHECK);
}

static void what_is_not_held_cannot_be_released(void **state)
{
	(void)state;
	start_ranked();
	assert_int_equal(FAKE_CATCH_END(lock_release(&ranked[LOCK_VM])), FAKE_END_CHECK);
	start_ranked();
	lock_acquire(&ranked[LOCK_VM]);
	lock_release(&ranked[LOCK_VM]);
	assert_int_equal(FAKE_CATCH_END(lock_release(&ranked[LOCK_VM])), FAKE_END_CHECK);
}

static void each_hart_holds_its_own(void **state)
{
	(void)state;
	start_ranked();
	lock_acquire(&ranked[LOCK_LOG]);
	fake_set_hart(1);
	lock_acquire(&ranked[LOCK_VM]);
	lock_release(&ranked[LOCK_VM]);
	fake_set_hart(0);
	lock_release(&ranked[LOCK_LOG]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_hart_at_a_time_is_inside),
		cmocka_unit_test(harts_are_served_in_the_order_of_asking),
		cmocka_unit_test(tickets_may_wrap_around),
		cmocka_unit_test(a_waiting_hart_pauses),
		cmocka_unit_test(ranks_may_be_taken_downwards),
		cmocka_unit_test(ranks_may_not_be_taken_upwards),
		cmocka_unit_test(two_of_one_rank_are_refused),
		cmocka_unit_test(what_is_not_held_cannot_be_released),
		cmocka_unit_test(each_hart_holds_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
