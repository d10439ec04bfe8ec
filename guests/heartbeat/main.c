/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small real-time program: one hart that its timer wakes every period, and that tells how late it
 * woke. Boot arguments:
 *
 *	period_us=N	microseconds from beat to beat (1000)
 *	report=N	a line every N beats (1000)
 *	beats=N		after N beats a last line about all of them, and off (else for ever)
 *	spin		wait in a loop, not in WFI
 *	load		every other hart of this machine spins
 *
 * A report is one line. Lateness is from the moment the timer was set for to the first instruction
 * of the interrupt's handler; a beat is missed when the next one is due before that.
 *
 *	beat 1000: missed 0, worst 214 insns (3 ticks), mean 212 insns (2 ticks)
 *	total 10000: ...
 *
 * What is exact. Without QEMU's -icount there is just the time CSR, and lines have ticks only. With
 * `-icount shift=0` the clock advances by a nanosecond for each instruction of the whole machine,
 * and instret counts these too (idle time only moves the clock), so the two together give lateness
 * to the instruction: from the handler on, instret counts up to the next edge of the clock, and the
 * clock is exact there. That this holds is measured at the start, not assumed. QEMU itself rounds
 * the moment of its timer by less than a tick, so up to 99 of the instructions are not the hart's.
 *
 * But all harts of the emulator take turns on this one clock, and one that sleeps is not woken in
 * the middle of another's turn. On hart 0 of a machine with two or three harts QEMU begins with
 * hart 0 when a timer rings, and the lateness is what the hart itself executed from the ringing to
 * the handler, whatever the other harts do. On any other hart, or with more of them, it may contain
 * turns of the others: each up to the time to the machine's next timer, at most 100 ms, divided by
 * the number of harts. That is an artefact which no guest can subtract. So to compare lateness with
 * and without load, give the heartbeat hart 0 of two or three.
 *
 * For the same reason, and as a real-time program does it anyway, the handler's first act is to set
 * the timer for the next beat: while no timer is set, the turns of the others are that long.
 *
 * Beats that come due while a report is printed count as neither late nor missed: the console is
 * not real-time, and the beat begins anew after it.
 */
#include "boot.h"
#include "check.h"
#include "csr.h"
#include "print.h"
#include "timer.h"
#include "wait.h"

struct moment {
	u64 time;
	u64 instret;
};

struct moment beat_sleep(u64 next), beat_spin(u64 next), beat_edge(void);
extern const char beat_vector_sstc[], beat_vector_sbi[];

struct record {
	u64 beats, missed;
	u64 worst_ticks, sum_ticks;
	u64 worst_insns, sum_insns;
};

static u64 insns_per_tick; /* 0: instructions and ticks have no fixed ratio here */

/* Ticks of equal length in instructions mean that -icount is on. */
static u64 calibrate(void)
{
	const u64 ticks = 200;
	struct moment first = beat_edge(), last;
	u64 insns;

	do
		last = beat_edge();
	while (last.time - first.time < ticks);
	insns = last.instret - first.instret;
	/* Edges are found to within the four instructions of the loop. */
	for (u64 per_tick = 1; per_tick <= 1000; per_tick *= 10) {
		u64 want = per_tick * (last.time - first.time);

		if (insns + 4 >= want && insns <= want + 4)
			return per_tick;
	}
	return 0;
}

static void add(u64 *worst, u64 *sum, u64 value)
{
	if (value > *worst)
		*worst = value;
	*sum += value;
}

static void note(struct record *record, u64 due, struct moment woke)
{
	u64 ticks = woke.time - due;

	if (insns_per_tick) {
		struct moment edge = beat_edge();
		u64 until_edge = edge.instret - woke.instret;
		u64 insns = (edge.time - due) * insns_per_tick;

		/* The edge is found up to four instructions late. */
		insns = insns > until_edge ? insns - until_edge : 0;
		add(&record->worst_insns, &record->sum_insns, insns);
		/* The handler reads time after instret: a turn of others' may lie in between. */
		ticks = insns / insns_per_tick;
	}
	record->beats++;
	add(&record->worst_ticks, &record->sum_ticks, ticks);
}

static void merge(struct record *into, const struct record *from)
{
	into->beats += from->beats;
	into->missed += from->missed;
	into->sum_ticks += from->sum_ticks;
	into->sum_insns += from->sum_insns;
	if (from->worst_ticks > into->worst_ticks)
		into->worst_ticks = from->worst_ticks;
	if (from->worst_insns > into->worst_insns)
		into->worst_insns = from->worst_insns;
}

static void report(const char *kind, u64 number, const struct record *record)
{
	u64 beats = record->beats ? record->beats : 1;
	u64 mean_ticks = (record->sum_ticks + beats / 2) / beats;
	u64 mean_insns = (record->sum_insns + beats / 2) / beats;

	if (insns_per_tick)
		print("%s %lu: missed %lu, worst %lu insns (%lu ticks), mean %lu insns (%lu "
		      "ticks)\n",
		      kind, number, record->missed, record->worst_insns, record->worst_ticks,
		      mean_insns, mean_ticks);
	else
		print("%s %lu: missed %lu, worst %lu ticks, mean %lu ticks\n", kind, number,
		      record->missed, record->worst_ticks, mean_ticks);
}

/* Sleeps until the timer rings, sets it to the next moment, and gives the one at which the handler
 * began. */
static struct moment wait_beat(u64 next)
{
	u64 usual = csr_read(stvec);
	struct moment woke;

	csr_write(stvec, timer_is_sstc() ? beat_vector_sstc : beat_vector_sbi);
	csr_write(sie, (u64)SIP_STIP);
	woke = boot_has("spin") ? beat_spin(next) : beat_sleep(next);
	csr_write(stvec, usual);
	return woke;
}

static void spin_for_ever(void *unused)
{
	(void)unused;
	for (;;)
		__asm__ volatile("");
}

/* The first beat, and the first after a pause. */
static u64 start_at(u64 due)
{
	timer_set(due);
	return due;
}

static void beat(u64 period, u64 beats, u64 report_every)
{
	struct record all = {0}, recent = {0};
	u64 due = start_at(time_now() + period);

	for (u64 n = 1; !beats || n <= beats; n++) {
		struct moment woke = wait_beat(due + period);

		note(&recent, due, woke);
		due += period;
		if (due <= woke.time) {
			u64 missed = (woke.time - due) / period + 1;

			recent.missed += missed;
			due = start_at(due + missed * period);
		}
		if (n % report_every == 0) {
			report("beat", n, &recent);
			merge(&all, &recent);
			recent = (struct record){0};
			due = start_at(time_now() + period);
		}
	}
	merge(&all, &recent);
	report("total", all.beats, &all);
}

void guest_main(void)
{
	u64 period_us = boot_number("period_us", 1000);
	u64 every = boot_number("report", 1000);

	insns_per_tick = calibrate();
	print("heartbeat: every %lu us by %s, hart %lu of %u%s\n", period_us,
	      timer_is_sstc() ? "Sstc" : "SBI TIME", hart_self()->id, hart_count,
	      insns_per_tick ? ", counting instructions" : "");
	for (unsigned int i = 1; boot_has("load") && i < hart_count; i++)
		hart_start(&harts[i], spin_for_ever, NULL);
	beat(ticks_from_us(period_us), boot_number("beats", 0), every ? every : 1);
}
