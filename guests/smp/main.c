/* SPDX-License-Identifier: BSD-2-Clause */
/* Harts that start, stop, signal, fence and time each other as the SBI says; and the PLIC. */
#include "tests.h"

static const struct boot_group groups[] = {
	{"start", test_start, false},	  {"ipi", test_ipi, false},
	{"sfence", test_sfence, false},	  {"fence-i", test_fence_i, false},
	{"private", test_private, false}, {"timer", test_timer, false},
	{"plic", test_plic, false},
};

u64 smp_rounds(void)
{
	return boot_number("rounds", 200);
}

void guest_main(void)
{
	print("smp: %u harts, %lu rounds\n", hart_count, smp_rounds());
	boot_run_groups(groups, ARRAY_COUNT(groups));
}

static bool start_other(unsigned int index, void (*run)(void *), void *argument)
{
	return index == 0 || hart_start(&harts[index], run, argument) == 0;
}

bool run_pair(unsigned int x, void (*a)(void *), unsigned int y, void (*b)(void *), void *argument)
{
	bool ended = start_other(x, a, argument) && start_other(y, b, argument);

	if (x == 0)
		a(argument);
	if (y == 0)
		b(argument);
	if (x)
		ended &= hart_wait_status(&harts[x], HSM_STOPPED);
	if (y)
		ended &= hart_wait_status(&harts[y], HSM_STOPPED);
	return ended;
}

bool run_everywhere(void (*run)(void *), void *argument)
{
	bool ended = true;

	for (unsigned int i = 1; i < hart_count; i++)
		ended &= start_other(i, run, argument);
	run(argument);
	for (unsigned int i = 1; i < hart_count; i++)
		ended &= hart_wait_status(&harts[i], HSM_STOPPED);
	return ended;
}

bool smp_pair_wanted(unsigned int x, unsigned int y)
{
	return x != y && (hart_count <= 4 || x == 0 || y == 0 || y == x + 1);
}

bool turn_wait(struct turns *turns, u64 number)
{
	if (!WAIT_FOR(turns->now == number || turns->broken))
		turns->broken = true;
	fence();
	return !turns->broken;
}

void turn_set(struct turns *turns, u64 number)
{
	fence();
	turns->now = number;
}
