/* SPDX-License-Identifier: BSD-2-Clause */
/* Operations of two vCPUs: a switch between them and a first entry on one hart, an interrupt on
 * two. */
#include "boot.h"
#include "check.h"
#include "csr.h"
#include "hart.h"
#include "meter.h"
#include "wait.h"

typedef void pong_function(u64 count, u64 other);

round_function ping_plain, ping_fp, start_counted, start_traced, round_signal;
pong_function pong_plain, pong_fp;
void spin_signalled(volatile u64 *counter, volatile u64 *stop);
extern const char vector_signalled[], newborn_counted[], newborn_traced[];

static volatile bool is_ready;

static void pong(void *function)
{
	context_set_fs(CONTEXT_INITIAL);
	csr_write(sie, (u64)SIP_SSIP);
	is_ready = true;
	((pong_function *)function)(meter_rounds() + METER_OTHERS + 1, harts[0].id);
}

/* ping_* takes the other's id as its second argument, where a round has its first. */
static void measure_switch(const char *name, round_function *ping, pong_function *pong_it)
{
	is_ready = false;
	hart_start(&harts[1], pong, (void *)pong_it);
	WAIT_FOR(is_ready);
	context_set_fs(CONTEXT_INITIAL);
	measure(&(struct operation){.name = name,
				    .run = ping,
				    .a = harts[1].id,
				    .count = meter_rounds(),
				    .interrupts = SIP_SSIP});
	/* The other stops after its last round, which is none of those. */
	csr_write(sie, (u64)SIP_SSIP);
	ping(1, harts[1].id, 0);
	csr_write(sie, 0ul);
	check_true("the other vCPU was signalled as often",
		   hart_wait_status(&harts[1], HSM_STOPPED));
}

/* loops.S knows the offsets. */
static struct newborn {
	const char *entry;
	u64 instret;
	u64 number;
	u64 ran;
} newborn;

static struct sbi_result start_newborn(u64 count, u64 hart, u64 argument)
{
	/* Counted and traced, the same instructions. */
	static const char *const entries[] = {newborn_counted, newborn_traced};
	struct newborn *child = (struct newborn *)argument;

	child->entry = entries[meter_is_traced];
	child->number = meter_number;
	return (meter_is_traced ? start_traced : start_counted)(count, hart, argument);
}

static bool is_success(struct sbi_result result)
{
	return result.error == 0;
}

static void measure_first_entry(void)
{
	measure(&(struct operation){.name = "first_entry",
				    .run = start_newborn,
				    .a = harts[1].id,
				    .b = (u64)&newborn,
				    .count = meter_rounds(),
				    .verify = is_success,
				    .interrupts = SIP_STIP,
				    .end = &newborn.instret});
	check_true("the traced vCPU ran", newborn.ran == newborn.number);
}

void compare_pair(void)
{
	measure_switch("switch", ping_plain, pong_plain);
	measure_switch("switch_fp", ping_fp, pong_fp);
	measure_first_entry();
}

static volatile u64 signals, stop;

static void be_signalled(void *unused)
{
	(void)unused;
	csr_write(stvec, vector_signalled);
	csr_write(sie, (u64)SIP_SSIP);
	is_ready = true;
	spin_signalled(&signals, &stop);
}

/* A vCPU that runs is interrupted by another hart's. */
void compare_interrupt(void)
{
	is_ready = false;
	hart_start(&harts[1], be_signalled, NULL);
	WAIT_FOR(is_ready);
	measure(&(struct operation){.name = "interrupt",
				    .run = round_signal,
				    .a = harts[1].id,
				    .b = (u64)&signals,
				    .count = meter_rounds()});
	stop = 1;
	check_one("interrupts taken", signals, meter_rounds() + METER_OTHERS);
}
