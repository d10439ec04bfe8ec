/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs that move from hart to hart: three of them on two harts, of which two run and one waits.
 * The one that ran for longer waits, too, and leaves an idle hart; the other signals the third,
 * which comes to run there, though it has waited where its signaller runs now. So every wait is
 * followed by a start elsewhere. A move is made of three parts:
 *
 *	leave	a vCPU waits, until its hart is idle: MARK_OTHER_BEGIN to the next MARK_MIDDLE
 *	signal	the SBI call of the one that runs: MARK_MIDDLE to MARK_SENT
 *	arrive	the idle hart takes the third, to its first instruction: MARK_MIDDLE to
 *MARK_OTHER_END
 *
 * The first and the last are what the idle hart executes, the second what the other does: neither
 * depends on whose turn the emulator says it is, as long as no hart waits for another. Therefore
 * the signal comes when the hart has been idle for a while.
 */
#include "boot.h"
#include "check.h"
#include "csr.h"
#include "hart.h"
#include "meter.h"

#define MOVERS	      3
#define IDLE_TURNS    8
#define TURN_IN_TICKS 20

typedef void signal_function(u64 hart, u64 number);
typedef u64 wait_function(u64 number);
signal_function move_signal_counted, move_signal_traced;
wait_function move_wait_counted, move_wait_traced;

static volatile bool over;
static volatile unsigned int newest; /* the one that came to run last */
static volatile u64 lost;	     /* waits that ended without a signal */

/*
 * The emulator lets a hart that spins go on to the end of its turn, which is not later than the
 * machine's next timer: so one is kept a little ahead. Its interrupt is not enabled.
 */
static void let_others_run(void)
{
	u64 end = time_now() + TURN_IN_TICKS;

	csr_write(CSR_STIMECMP, end);
	while (time_now() < end) /* NOPs are what it executes fastest */
		__asm__ volatile(".rept 128; nop; .endr");
}

static void await_idle(const struct hart *hart)
{
	while (hart_status(hart) != HSM_SUSPENDED)
		let_others_run();
	for (int i = 0; i < IDLE_TURNS; i++)
		let_others_run();
}

static u64 wait(void)
{
	u64 signal = (meter_is_traced ? move_wait_traced : move_wait_counted)(meter_number);

	lost += !signal;
	return signal;
}

/*
 * Of one that has just come to run, signalled by its successor. It stays until the one that it has
 * signalled runs: its own hart would take that one, if it were free first.
 */
static u64 take_turn(unsigned int index)
{
	unsigned int next = (index + 2) % MOVERS;

	newest = index;
	await_idle(&harts[(index + 1) % MOVERS]);
	(meter_is_traced ? move_signal_traced : move_signal_counted)(harts[next].id, meter_number);
	while (newest != next && !over)
		let_others_run();
	return wait();
}

static void keep_moving(void *waits_first)
{
	csr_write(sie, (u64)SIP_SSIP);
	if (waits_first)
		wait();
	while (!over)
		take_turn(hart_self()->index);
}

/* A round of all three: as many moves. */
static struct sbi_result move(u64 count, u64 a, u64 b)
{
	(void)count;
	(void)a;
	(void)b;
	return (struct sbi_result){.value = take_turn(0)};
}

static bool was_signalled(struct sbi_result result)
{
	return result.value == SIP_SSIP;
}

/* The other two, on the other hart: the first of them waits when the second comes. */
static void start_others(void)
{
	hart_start(&harts[1], keep_moving, &harts[1]);
	await_idle(&harts[1]);
	hart_start(&harts[2], keep_moving, NULL);
	csr_write(sie, (u64)SIP_SSIP);
	wait();
}

static void end_others(void)
{
	over = true;
	for (unsigned int i = 1; i < MOVERS; i++) {
		sbi_call(SBI_IPI, 0, 1, harts[i].id, 0, 0);
		while (hart_status(&harts[i]) != HSM_STOPPED)
			let_others_run();
	}
}

void compare_move(void)
{
	start_others();
	measure(&(struct operation){.name = "move",
				    .run = move,
				    .verify = was_signalled,
				    .count = meter_rounds() / MOVERS + 1,
				    .traced = 4,
				    .interrupts = SIP_SSIP});
	end_others();
	check_one("waits that ended without a signal", lost, 0);
}
