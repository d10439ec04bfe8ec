/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Uses all the processor time it can get and tells how much that was. All harts work; work is
 * counted in blocks of exactly 1,000 instructions, so that the numbers of several such guests can
 * be compared and, under QEMU's -icount, added up. Boot arguments:
 *
 *	every_ms=N	a line each N milliseconds of this machine's own clock (1000)
 *	lines=N		so many of them, a last one, and off (else for ever)
 *	start_ms=N	sleep until the clock shows this, to begin at the same time as others (0)
 *	naps		sleep in between: stretches of work and of sleep by turns, each at random
 *			up to nap_us=N microseconds (5000), on each hart for itself; seed=N (1)
 *
 *	work 998123 at 2000		blocks since the line before, and the clock in milliseconds
 *	total 1997002 in 2000		at the end: all blocks, and all milliseconds
 */
#include "boot.h"
#include "check.h"
#include "csr.h"
#include "print.h"
#include "timer.h"
#include "wait.h"

u64 share_work(u64 until, volatile u64 *counter);

static struct {
	volatile u64 blocks; /* written by its hart, read by the boot hart */
	u64 random;
} workers[HART_MAX];

static u64 nap_ticks; /* 0: never sleep */

static void sleep_until(u64 time)
{
	timer_set(time);
	csr_write(sie, (u64)SIP_STIP);
	while (time_now() < time)
		wfi();
	csr_write(sie, 0ul);
	timer_off();
}

/* Marsaglia's xorshift, 64 bits. */
static u64 random_below(u64 *state, u64 limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % limit;
}

/* Works until then, with naps where they are wanted. */
static void work_until(unsigned int index, u64 until)
{
	while (time_now() < until) {
		u64 now = time_now(), end = until;

		if (nap_ticks)
			end = now + 1 + random_below(&workers[index].random, nap_ticks);
		share_work(end < until ? end : until, &workers[index].blocks);
		if (!nap_ticks)
			continue;
		end = time_now() + 1 + random_below(&workers[index].random, nap_ticks);
		sleep_until(end < until ? end : until);
	}
}

static void work_for_ever(void *argument)
{
	unsigned int index = (unsigned int)(u64)argument;

	for (;;)
		work_until(index, ~0ul);
}

static u64 all_blocks(void)
{
	u64 sum = 0;

	for (unsigned int i = 0; i < hart_count; i++)
		sum += workers[i].blocks;
	return sum;
}

void guest_main(void)
{
	u64 every = ticks_from_us(1000 * boot_number("every_ms", 1000));
	u64 lines = boot_number("lines", 0);
	u64 start, before = 0;

	if (boot_has("naps"))
		nap_ticks = ticks_from_us(boot_number("nap_us", 5000));
	for (unsigned int i = 0; i < hart_count; i++)
		workers[i].random =
			0x9e3779b97f4a7c15ul * (boot_number("seed", 1) * HART_MAX + i + 1);
	sleep_until(ticks_from_us(1000 * boot_number("start_ms", 0)));
	start = time_now();
	print("share: %u harts, %s\n", hart_count, nap_ticks ? "with naps" : "no rest");
	for (unsigned int i = 1; i < hart_count; i++)
		hart_start(&harts[i], work_for_ever, (void *)(u64)i);
	for (u64 n = 1; !lines || n <= lines; n++) {
		u64 sum;

		work_until(0, start + n * every);
		sum = all_blocks();
		print("work %lu at %lu\n", sum - before, time_now() / ticks_from_us(1000));
		before = sum;
	}
	print("total %lu in %lu\n", before, (time_now() - start) / ticks_from_us(1000));
}
