/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU that moves from hart to hart. Three vCPUs on two harts: the boot vCPU waits; of the two
 * others the one that runs signals the third, which comes to run where the boot vCPU was, signals
 * the boot vCPU, for which there is no hart now, and waits: its own hart, idle, takes the boot
 * vCPU. Next time it is the third's turn. A round is from that signal to the boot vCPU's first
 * instruction. Between rounds the emulator lets harts spin for a lock that another hart holds, up
 * to the ends of their turns; so there are a hundredth of the rounds, and not less than eight.
 */
#include "boot.h"
#include "check.h"
#include "csr.h"
#include "hart.h"
#include "meter.h"

round_function round_moved_counted, round_moved_traced;
void wake_counted(u64 hart, u64 number), wake_traced(u64 hart, u64 number);

/* loops.S knows the offsets. */
static struct mover {
	u64 instret;
	u64 number;
} mover;

static volatile bool runs[HART_MAX], over;
static volatile u64 waits; /* of the boot vCPU */

/*
 * The emulator lets a hart that spins go on to the end of its turn, which is not later than the
 * machine's next timer: so one is kept a little ahead. Its interrupt is not enabled.
 */
static void spin(void)
{
	csr_write(CSR_STIMECMP, time_now() + 10);
}

static void await_status(const struct hart *hart, s64 status)
{
	while (hart_status(hart) != status)
		spin();
}

static void await_signal(void)
{
	while (!(csr_read(sip) & SIP_SSIP))
		sbi_call(SBI_HSM, HSM_SUSPEND, HSM_SUSPEND_RETENTIVE, 0, 0, 0);
}

/* One of the two others. From its turn on, the boot vCPU has to begin another wait first. */
static void take_turns(void *argument)
{
	const struct hart *self = hart_self(), *partner = argument;

	csr_write(sie, (u64)SIP_SSIP);
	for (;;) {
		await_signal();
		csr_clear(sip, (u64)SIP_SSIP);
		u64 seen = waits;

		runs[self->index] = true;
		while (!over && (waits == seen || hart_status(&harts[0]) != HSM_SUSPENDED))
			spin();
		if (over)
			break;
		runs[partner->index] = false;
		sbi_call(SBI_IPI, 0, 1, partner->id, 0, 0);
		while (!runs[partner->index])
			spin();
		(meter_is_traced ? wake_traced : wake_counted)(harts[0].id, meter_number);
	}
	sbi_call(SBI_IPI, 0, 1, partner->id, 0, 0);
}

static struct sbi_result move(u64 count, u64 a, u64 b)
{
	mover.number = meter_number;
	waits++;
	return (meter_is_traced ? round_moved_traced : round_moved_counted)(count, a, b);
}

void compare_move(void)
{
	hart_start(&harts[1], take_turns, &harts[2]);
	hart_start(&harts[2], take_turns, &harts[1]);
	await_status(&harts[1], HSM_SUSPENDED);
	await_status(&harts[2], HSM_SUSPENDED);
	sbi_call(SBI_IPI, 0, 1, harts[1].id, 0, 0);
	while (!runs[1])
		spin();
	measure(&(struct operation){.name = "move",
				    .run = move,
				    .b = (u64)&mover,
				    .count = meter_rounds() < 800 ? 8 : meter_rounds() / 100,
				    .interrupts = SIP_SSIP,
				    .end = &mover.instret});
	over = true;
	await_status(&harts[1], HSM_STOPPED);
	await_status(&harts[2], HSM_STOPPED);
}
