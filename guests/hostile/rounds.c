/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round after round: a kind of attack, chosen at random, for a few milliseconds. Worker 0 does what
 * is not likely to destroy itself, and between its rounds looks after the others: starts them when
 * they have stopped, helps them out of tables and code that lead nowhere, tells what has been done,
 * and in the end lets the VM begin anew.
 */
#include "boot.h"
#include "hostile.h"
#include "print.h"
#include "sbi.h"
#include "timer.h"

#define LOOK_EVERY_MS	5
#define REPORT_EVERY_MS 100
#define RESCUE_AFTER_MS 300
#define LOST_AFTER_MS	2000

static const struct {
	const char *name;
	void (*run)(struct worker *worker);
	bool wild; /* may well overwrite what a worker lives on */
	u64 weight;
} kinds[KIND_COUNT] = {
	[KIND_INSN] = {"insn", attack_insn, true, 24},
	[KIND_CSR] = {"csr", attack_csr, true, 16},
	[KIND_PAGING] = {"paging", attack_paging, true, 20},
	[KIND_MMIO] = {"mmio", attack_mmio, false, 16},
	[KIND_SBI] = {"sbi", attack_sbi, false, 16},
	[KIND_STORM] = {"storm", attack_storm, false, 8},
	[KIND_HSM] = {"hsm", attack_hsm, false, 8},
	[KIND_SMC] = {"smc", attack_smc, true, 8},
	[KIND_EXHAUST] = {"exhaust", attack_exhaust, false, 2},
};

static u64 chosen; /* mask of kinds */

/* Worker 0's. */
static u64 looked_at, reported_at, life_end;
static unsigned int lost_count;

void rounds_choose(void)
{
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++) {
		if (boot_has(kinds[kind].name))
			chosen |= BIT(kind);
	}
	if (!chosen)
		chosen = BIT(KIND_COUNT) - 1;
	machine.tame = true;
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++)
		machine.tame &= !(chosen & BIT(kind) && kinds[kind].wild);
}

/* ---- reports ---- */

static u64 sum_of(size_t offset)
{
	u64 sum = 0;

	for (unsigned int i = 0; i < worker_count; i++)
		sum += *(volatile u64 *)((u8 *)&workers[i] + offset);
	return sum;
}

struct line {
	char text[256];
	size_t length;
};

static void add(struct line *line, const char *prefix, u64 value)
{
	line->length += format_to(line->text + line->length, sizeof(line->text) - line->length,
				  "%s%lu", prefix, value);
}

static void add_sums(struct line *line, const char *prefix, size_t offset, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		add(line, i ? "," : prefix, sum_of(offset + 8 * i));
}

static void write_out(const struct line *line)
{
	for (size_t at = 0, tries = 0; at < line->length && tries < 10000; tries++) {
		struct sbi_result r = sbi_call(SBI_DBCN, DBCN_WRITE, line->length - at,
					       (u64)line->text + at, 0, 0);

		if (r.error)
			return;
		at += r.value;
	}
}

static void begin(struct line *line)
{
	line->length = format_to(line->text, sizeof(line->text), "\nhostile %lx", machine.seed);
}

/* With a sum that tells the line from what has been written in between. */
static void end(struct line *line)
{
	u64 sum = 0;

	for (size_t i = 1; i < line->length; i++)
		sum = (31 * sum + (u8)line->text[i]) & 0xffffffff;
	line->length += format_to(line->text + line->length, sizeof(line->text) - line->length,
				  " = %lu\n", sum);
	write_out(line);
}

/* The last cause that there should not be, 0: none. */
static u64 odd_cause(void)
{
	for (unsigned int i = 0; i < worker_count; i++) {
		u64 cause = workers[i].odd_check - workers[i].odd * ODD_FACTOR;

		if (workers[i].odd && cause < 64)
			return cause;
	}
	return 0;
}

/* All since the VM's start. */
void rounds_report(void)
{
	static struct line line;

	begin(&line);
	add(&line, " ms ", time_now() / machine.ticks_per_ms);
	add(&line, " lost ", lost_count);
	add(&line, " again ", sum_of(offsetof(struct worker, restarts)));
	add(&line, " odd ", odd_cause());
	add_sums(&line, " rounds ", offsetof(struct worker, rounds), KIND_COUNT);
	end(&line);
	begin(&line);
	add_sums(&line, " done ", offsetof(struct worker, done), KIND_COUNT);
	end(&line);
	begin(&line);
	add_sums(&line, " traps ", offsetof(struct worker, traps), TRAP_KINDS);
	add_sums(&line, " irqs ", offsetof(struct worker, interrupts), IRQ_KINDS);
	end(&line);
}

/* ---- looking after the others ---- */

/* Whatever it is caught in: tables without an entry for RAM, or code of its own that loops with
 * interrupts off. The fences make its hart look again. */
static void rescue(struct worker *worker)
{
	u64 hart = BIT(worker->hart_id);

	paging_rescue(worker);
	memset(arena_of(worker)->code, 0, CODE_SIZE);
	fence();
	sbi_call5(SBI_RFNC, 0, hart, 0, 0, 0, 0);
	sbi_call5(SBI_RFNC, 1, hart, 0, 0, ~0ul, 0);
	sbi_call(SBI_IPI, 0, hart, 0, 0, 0);
}

static void look_at(struct worker *worker, u64 now)
{
	struct sbi_result state = sbi_call(SBI_HSM, HSM_STATUS, worker->hart_id, 0, 0, 0);
	u64 age = (now - worker->alive_at) / machine.ticks_per_ms;

	if (state.error == 0 && state.value == HSM_STOPPED) {
		worker->alive_at = now;
		sbi_call(SBI_HSM, HSM_START, worker->hart_id, (u64)worker_entry, (u64)worker, 0);
	} else if (worker->alive_at < now && age > LOST_AFTER_MS) {
		lost_count++;
	} else if (worker->alive_at < now && age > RESCUE_AFTER_MS) {
		rescue(worker);
	}
}

/* Mostly a reboot, which comes at once. After the other ends the hypervisor waits for a while. */
static void end_life(struct worker *worker)
{
	rounds_report();
	worker_interrupts(0);
	switch (random_below(worker, 32)) {
	case 0:
		sbi_call(SBI_SRST, 0, SRST_SHUTDOWN, random_below(worker, 2), 0, 0);
		break;
	case 1:
		sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0, 0);
		break;
	case 2:
		/* No trap handler there, nor anywhere else that it leads to. */
		csr_write(stvec, (u64)HOLE_BASE);
		__asm__ volatile("unimp");
		break;
	default:
		sbi_call(SBI_SRST, 0, SRST_COLD + random_below(worker, 2), 0, 0, 0);
	}
	hostile_reboot();
}

static void look_after(struct worker *worker)
{
	u64 now = time_now();

	if (now - looked_at < LOOK_EVERY_MS * machine.ticks_per_ms)
		return;
	looked_at = now;
	lost_count = 0;
	for (unsigned int i = 1; i < worker_count; i++)
		look_at(&workers[i], now);
	if (now - reported_at > REPORT_EVERY_MS * machine.ticks_per_ms) {
		reported_at = now;
		rounds_report();
	}
	if (now >= life_end || (worker_count > 1 && 2 * lost_count >= worker_count))
		end_life(worker);
}

/* One life in eight is so short that it is one of a storm of reboots. */
static void choose_life(struct worker *worker)
{
	u64 life_ms = boot_number("life_ms", 4000);

	worker->random = machine.seed;
	if (random_one_in(worker, 8))
		life_ms = random_below(worker, 50);
	life_end = time_now() + life_ms * machine.ticks_per_ms;
}

/* ---- rounds ---- */

static bool suits(const struct worker *worker, unsigned int kind)
{
	return chosen & BIT(kind) && (worker->index || worker_count == 1 || !kinds[kind].wild);
}

/* Worker 0 may find nothing that suits it. */
static unsigned int choose(struct worker *worker)
{
	u64 all = 0, at;

	for (unsigned int kind = 0; kind < KIND_COUNT; kind++)
		all += suits(worker, kind) ? kinds[kind].weight : 0;
	if (!all)
		return KIND_COUNT;
	at = random_below(worker, all);
	for (unsigned int kind = 0;; kind++) {
		u64 weight = suits(worker, kind) ? kinds[kind].weight : 0;

		if (at < weight)
			return kind;
		at -= weight;
	}
}

static void round_of(struct worker *worker)
{
	unsigned int kind;

	worker->round++;
	worker->random = random_mix(machine.seed + worker->index, worker->round);
	worker->alive_at = time_now();
	worker->code_va = 0;
	worker->interrupts_left = 200;
	kind = choose(worker);
	if (kind == KIND_COUNT)
		return;
	worker_deadline(worker, (1 + random_below(worker, 4)) * machine.ticks_per_ms);
	guard_call(worker, kinds[kind].run);
	worker_interrupts(0);
	worker->rounds[kind]++;
}

void rounds_run(struct worker *worker)
{
	if (worker->index == 0 && !life_end)
		choose_life(worker);
	for (;;) {
		round_of(worker);
		if (worker->index == 0)
			guard_call(worker, look_after);
	}
}
