/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one hart does to others that run. All spin in loops that count their own rounds; instret
 * under -icount counts the instructions of the whole machine. So the cost of an operation is the
 * difference of two readings of instret, less the instructions of all rounds in between.
 *
 * A reading takes instret and the rounds of all harts. It is good only if no turn of the emulator
 * ended within it, which shows in its length; otherwise the operation is measured again.
 *
 * Waiting. Where the hypervisor (or OpenSBI) spins until another hart has answered, it spins to the
 * end of its turn in the emulator, and that has nothing to do with the operation. A turn is at most
 * the time to the machine's next timer, divided by the number of harts. So the spinning harts keep
 * their timers, whose interrupts are not enabled, a little ahead of now (which needs Sstc, to be no
 * call); the operation is done with many such distances, and the least sum counts: there the turn
 * ended as the waiting began. It contains less than a round of waiting.
 */
#include "sbi.h"
#include "tests.h"
#include "timer.h"

/* How far ahead the timers are, in ticks: every distance is tried. */
#define AHEAD_LEAST 10
#define AHEAD_MOST  600

/* loops.S knows the offsets. */
struct runner {
	volatile u64 rounds;
	volatile u64 stop;
	volatile u64 interrupts;
	volatile u64 ahead;
} __attribute__((aligned(64)));

void run_spin(struct runner *runner);
u64 await_count(volatile u64 *counter, u64 value);
extern const char run_vector[];

#define SPIN_INSTRUCTIONS  8
#define AWAIT_INSTRUCTIONS 3

static struct runner runners[HART_MAX];

struct reading {
	u64 instret;
	u64 spun; /* instructions of all runners */
};

/* How long a reading takes that nothing interrupts: this many instructions at most. */
static u64 reading_limit = ~0ul;

static __attribute__((noinline)) bool read_all(struct reading *reading)
{
	u64 start = csr_read(instret), spun = 0;

	for (unsigned int i = 1; i < HART_MAX; i++)
		spun += runners[i].rounds;
	reading->spun = spun * SPIN_INSTRUCTIONS;
	reading->instret = csr_read(instret);
	return reading->instret - start <= reading_limit;
}

static void calibrate_reading(void)
{
	struct reading reading;
	u64 least = ~0ul;

	reading_limit = ~0ul;
	for (int i = 0; i < 100; i++) {
		u64 start = csr_read(instret), length;

		read_all(&reading);
		length = csr_read(instret) - start;
		if (length < least)
			least = length;
	}
	reading_limit = least;
}

/* An operation gives the instructions that this hart spent in a counted wait. */
typedef u64 operation(unsigned int targets);

static u64 do_nothing(unsigned int targets)
{
	(void)targets;
	return 0;
}

static u64 do_ipi(unsigned int targets)
{
	struct runner *runner = &runners[targets];
	u64 before = runner->interrupts;

	sbi_call(SBI_IPI, 0, 1, harts[targets].id, 0, 0);
	return await_count(&runner->interrupts, before + 1) * AWAIT_INSTRUCTIONS;
}

static u64 do_fence(unsigned int targets)
{
	u64 mask = 0;

	for (unsigned int i = 1; i <= targets; i++)
		mask |= BIT(harts[i].id);
	sbi_call(SBI_RFNC, RFNC_SFENCE_VMA, mask, 0, RAM_BASE, PAGE_SIZE);
	return 0;
}

/* The least sum, or ~0. */
static u64 least_cost(operation *operation, unsigned int targets)
{
	u64 least = ~0ul;

	for (u64 ahead = AHEAD_LEAST; ahead <= AHEAD_MOST; ahead++) {
		struct reading before, after;
		u64 waited, cost;

		for (unsigned int i = 1; i < HART_MAX; i++)
			runners[i].ahead = ahead;
		if (!read_all(&before))
			continue;
		waited = operation(targets);
		if (!read_all(&after))
			continue;
		cost = after.instret - before.instret - (after.spun - before.spun) - waited;
		if (cost < least)
			least = cost;
	}
	return least;
}

static void runner_main(void *runner)
{
	csr_write(stvec, run_vector);
	csr_write(sie, (u64)SIP_SSIP);
	csr_set(sstatus, (u64)SSTATUS_SIE);
	run_spin(runner);
}

static bool runners_start(unsigned int count)
{
	for (unsigned int i = 1; i <= count; i++) {
		runners[i] = (struct runner){.ahead = AHEAD_MOST};
		if (hart_start(&harts[i], runner_main, &runners[i]) || !WAIT_FOR(runners[i].rounds))
			return false;
	}
	return true;
}

static void runners_stop(unsigned int count)
{
	for (unsigned int i = 1; i <= count; i++)
		runners[i].stop = 1;
	for (unsigned int i = 1; i <= count; i++)
		hart_wait_status(&harts[i], HSM_STOPPED);
}

static void measure(const char *name, operation *operation, unsigned int targets)
{
	u64 cost, nothing;

	if (hart_count <= targets || !timer_is_sstc() || !runners_start(targets)) {
		cost_print_none("exits", name);
		return;
	}
	calibrate_reading();
	nothing = least_cost(do_nothing, targets);
	cost = least_cost(operation, targets);
	if (cost == ~0ul || nothing == ~0ul)
		cost_print_none("exits", name);
	else
		cost_print_tenths("exits", name, 10 * (cost - nothing));
	runners_stop(targets);
}

void test_ipi(void)
{
	measure("ipi", do_ipi, 1);
}

void test_fence(void)
{
	measure("fence-1", do_fence, 1);
	measure("fence-3", do_fence, 3);
}
