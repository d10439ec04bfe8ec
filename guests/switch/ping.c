/* SPDX-License-Identifier: BSD-2-Clause */
/* Two harts that wake each other by turns. */
#include "tests.h"

#define WARM_UP 16
#define CALLS	10000

typedef void ping_function(u64 count, u64 other);

ping_function ping_plain, ping_fp, ping_v, ping_suspend;
ping_function pong_plain, pong_fp, pong_v, pong_suspend;

static volatile bool pong_ready;

static void play(ping_function *function, u64 count, const struct hart *other)
{
	csr_write(sie, (u64)SIP_SSIP);
	function(count, other->id);
	csr_write(sie, 0ul);
}

static void pong(void *function)
{
	units_on();
	pong_ready = true;
	play((ping_function *)function, WARM_UP + CALLS, &harts[0]);
}

static void measure(const char *name, ping_function *first, ping_function *second)
{
	u64 start;

	pong_ready = false;
	if (hart_start(&harts[1], pong, (void *)second) || !WAIT_FOR(pong_ready)) {
		cost_print_none("exits", name);
		return;
	}
	play(first, WARM_UP, &harts[1]);
	start = time_now();
	play(first, CALLS, &harts[1]);
	cost_print("exits", name, time_now() - start, 2 * CALLS);
	hart_wait_status(&harts[1], HSM_STOPPED);
}

void test_ping(void)
{
	if (hart_count < 2) {
		cost_print_none("exits", "ping");
		return;
	}
	units_on();
	measure("ping", ping_plain, pong_plain);
	if (has_fp())
		measure("ping-fp", ping_fp, pong_fp);
	if (has_vector())
		measure("ping-v", ping_v, pong_v);
	measure("ping-suspend", ping_suspend, pong_suspend);
}
