/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread's checks, round after round. A worker owns its memory and, while it runs, the FP and
 * vector registers of its hart. This file is compiled without the F and D extensions, so that what
 * the assembly routines put into these registers stays there over any C code.
 */
#include "fpu/unit.h"
#include "memcheck.h"

#define CHAIN_ROUNDS 2000
#define HOLD_PASSES  4

u64 chain(u64 rounds, u64 number);

/* Of all rounds and workers different in many bits. */
static u64 pattern(u64 seed, u64 number)
{
	u64 x = (seed << 32) + number + 1;

	x *= 0x9e3779b97f4a7c15ul;
	x ^= x >> 29;
	return x * 0xbf58476d1ce4e5b9ul;
}

static bool spoils(const struct worker *worker, u64 round, const char *what)
{
	return round == 5 && worker->index == 0 && strcmp(worker->spoil, what) == 0;
}

static void unit_fill(const struct worker *worker, struct unit *unit, u64 seed)
{
	u64 *v = (u64 *)unit->v;

	for (u64 i = 0; i < 32; i++)
		unit->f[i] = pattern(seed, i);
	/* frm is 0 to 4, fflags five bits. */
	unit->fcsr = (seed % 5) << 5 | (seed * 7 & 31);
	if (worker->has_vector) {
		u64 vsew = seed % 4;

		for (u64 i = 0; i < 32 * unit->vlenb / 8; i++)
			v[i] = pattern(seed, 64 + i);
		unit->vtype = vsew << 3 | (seed % 2) << 6;
		unit->vl = 1 + seed % (unit->vlenb >> vsew);
		unit->vcsr = seed % 8;
		v_fill(unit);
	}
	fp_fill(unit);
}

static void fp_compare(const struct worker *worker, const struct unit *want, struct unit *got)
{
	fp_dump(got);
	for (u64 i = 0; i < 32; i++) {
		if (got->f[i] != want->f[i])
			wrong(worker, "f", i, got->f[i], want->f[i]);
	}
	if (got->fcsr != want->fcsr)
		wrong(worker, "fcsr", 0, got->fcsr, want->fcsr);
}

static void v_compare(const struct worker *worker, const struct unit *want, struct unit *got)
{
	const u64 *have = (const u64 *)got->v, *wanted = (const u64 *)want->v;

	v_dump(got);
	if (got->vl != want->vl)
		wrong(worker, "vl", 0, got->vl, want->vl);
	if (got->vtype != want->vtype)
		wrong(worker, "vtype", 0, got->vtype, want->vtype);
	if (got->vcsr != want->vcsr)
		wrong(worker, "vcsr", 0, got->vcsr, want->vcsr);
	for (u64 i = 0; i < 32 * want->vlenb / 8; i++) {
		if (have[i] != wanted[i])
			wrong(worker, "v, counted in words,", i, have[i], wanted[i]);
	}
}

static void memory_fill(const struct worker *worker, u64 seed)
{
	for (u64 i = 0; i < worker->words; i++)
		worker->memory[i] = pattern(seed, i);
}

static void memory_compare(const struct worker *worker, u64 seed)
{
	for (u64 i = 0; i < worker->words; i++) {
		if (worker->memory[i] != pattern(seed, i))
			wrong(worker, "memory word ", i, worker->memory[i], pattern(seed, i));
	}
}

/* The long stretch: nothing but integer code and loads, and no system call. */
static void hold_still(const struct worker *worker, u64 seed)
{
	for (int pass = 0; pass < HOLD_PASSES; pass++)
		memory_compare(worker, seed);
}

/* System calls and page faults: fresh pages are zero, and the kernel keeps F and D over all of
 * it. It may forget the vector registers. */
static void hold_in_kernel(const struct worker *worker, u64 seed)
{
	const u64 length = 16 * PAGE_SIZE;
	u64 address =
		(u64)system_call(SYS_MMAP, 0, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, ~0ul);
	volatile u64 *fresh = (volatile u64 *)address;

	if ((s64)address < 0)
		return;
	for (u64 i = 0; i < length / 8; i += 64) {
		if (fresh[i])
			wrong(worker, "fresh memory word ", i, fresh[i], 0);
		fresh[i] = pattern(seed, i);
	}
	for (int i = 0; i < 4; i++)
		system_call(SYS_SCHED_YIELD, 0, 0, 0, 0, 0);
	for (u64 i = 0; i < length / 8; i += 64) {
		if (fresh[i] != pattern(seed, i))
			wrong(worker, "fresh memory word ", i, fresh[i], pattern(seed, i));
	}
	system_call(SYS_MUNMAP, address, length, 0, 0, 0);
}

static void check_chain(const struct worker *worker, u64 round)
{
	u64 got = chain(CHAIN_ROUNDS, 1) ^ spoils(worker, round, "chain");
	u64 want = 0;

	if (!__atomic_compare_exchange_n(&worker->shared->chain_result, &want, got, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) &&
	    got != want)
		wrong(worker, "result of arithmetic ", 0, got, want);
}

static void spoil(const struct worker *worker, u64 round, const struct unit *unit,
		  struct unit *scratch)
{
	*scratch = *unit;
	scratch->f[12] ^= spoils(worker, round, "f");
	scratch->fcsr ^= spoils(worker, round, "fcsr");
	scratch->v[5] ^= spoils(worker, round, "v");
	if (worker->has_vector)
		v_fill(scratch);
	fp_fill(scratch);
	worker->memory[worker->words / 2] ^= spoils(worker, round, "memory");
}

void worker_run(void *argument)
{
	struct worker *worker = argument;
	struct unit unit = {0}, got;

	got = unit;
	if (worker->has_vector) {
		v_dump(&unit);
		if (unit.vlenb > VLENB_MAX)
			worker->has_vector = false;
	}
	for (u64 round = 1;; round++) {
		u64 seed = worker->index << 24 | round;

		memory_fill(worker, seed);
		unit_fill(worker, &unit, seed);
		if (round == 5 && worker->spoil[0])
			spoil(worker, round, &unit, &got);
		hold_still(worker, seed);
		fp_compare(worker, &unit, &got);
		if (worker->has_vector)
			v_compare(worker, &unit, &got);
		hold_in_kernel(worker, seed);
		fp_compare(worker, &unit, &got);
		check_chain(worker, round);
		worker->shared->rounds[worker->index] = round;
	}
}
