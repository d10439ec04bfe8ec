/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FP and vector state of several harts that may share one: what a hart put in its registers stays
 * there, whatever it does in between, and no register ever shows what another hart put in its own.
 *
 * Each pattern says whose it is in its upper half, so that a leak names its source. The boot hart
 * starts each other hart while its own units are full, then all work at the same time: fill, let go
 * of the hart in one of several ways, compare. `rounds=N` in the boot arguments sets how often.
 * With one hart there is nobody to mix with; the same rounds run all the same.
 */
#include "boot.h"
#include "check.h"
#include "hart.h"
#include "print.h"
#include "unit.h"
#include "wait.h"

_Static_assert(offsetof(struct unit, has_fp) == UNIT_HAS_FP, "UNIT_HAS_FP");
_Static_assert(offsetof(struct unit, has_v) == UNIT_HAS_V, "UNIT_HAS_V");
_Static_assert(offsetof(struct unit, f) == UNIT_F, "UNIT_F");
_Static_assert(offsetof(struct unit, fcsr) == UNIT_FCSR, "UNIT_FCSR");
_Static_assert(offsetof(struct unit, vlenb) == UNIT_VLENB, "UNIT_VLENB");
_Static_assert(offsetof(struct unit, vl) == UNIT_VL, "UNIT_VL");
_Static_assert(offsetof(struct unit, vtype) == UNIT_VTYPE, "UNIT_VTYPE");
_Static_assert(offsetof(struct unit, vstart) == UNIT_VSTART, "UNIT_VSTART");
_Static_assert(offsetof(struct unit, vcsr) == UNIT_VCSR, "UNIT_VCSR");
_Static_assert(offsetof(struct unit, v) == UNIT_V, "UNIT_V");

#define SECRET	    0x5ec2e700ul /* upper half of every pattern, the hart's index in the low byte */
#define SECRET_MASK 0xffffff00ul

/* How a hart lets go of its processor between filling and comparing. */
enum yield {
	YIELD_NOT,
	YIELD_SPIN, /* until the hypervisor's tick takes the hart away */
	YIELD_WFI,
	YIELD_SBI,
	YIELD_IPI, /* kick everybody */
	/*
	 * "Changing the setting of FS has no effect on the contents of the floating-point register
	 * state" ("Extension Context Status"): nor may it have on what a hypervisor keeps.
	 */
	YIELD_CLEAN,
	YIELD_INITIAL,
	YIELD_OFF,
	YIELD_COUNT,
};

static const char *const yield_names[YIELD_COUNT] = {
	"not at all",
	"by spinning",
	"by wfi",
	"by SBI calls",
	"by IPIs",
	"by wfi with FS and VS Clean",
	"by wfi with FS and VS Initial",
	"by wfi with FS and VS Off",
};

/* What a hart found: for each way the first thing that was wrong. */
struct finding {
	const char *what;
	u64 index, got, want;
};

static struct worker {
	struct unit unit; /* what the registers are compared with */
	struct unit dump; /* what they were */
	struct finding findings[YIELD_COUNT];
	volatile bool ready; /* its dump is made, its own secrets are in its registers */
	volatile bool done;
} workers[HART_MAX];

static bool has_fp, has_v;
static u64 rounds;
static volatile bool all_start; /* no hart works before all are there */

static void find(struct finding *finding, const char *what, u64 index, u64 got, u64 want)
{
	if (got != want && !finding->what)
		*finding = (struct finding){what, index, got, want};
}

static u64 pattern(const struct hart *hart, u64 number)
{
	return (SECRET | hart->index) << 32 | (u32)(number * 2654435761u);
}

/* Fills the hart's memory image, and from it the registers. */
static void unit_fill(struct unit *unit, u64 round)
{
	u64 *v = (u64 *)unit->v;

	if (has_fp) {
		for (u64 i = 0; i < 32; i++)
			unit->f[i] = pattern(unit->hart, 64 * round + i);
		/* frm is 0 to 4, fflags five bits. */
		unit->fcsr = ((round + unit->hart->index) % 5) << 5 | (round * 7 & 31);
		fp_fill(unit);
	}
	if (has_v) {
		u64 vsew = round % 4;

		for (u64 i = 0; i < 32 * unit->vlenb / 8; i++)
			v[i] = pattern(unit->hart, 4096 + 1024 * round + i);
		unit->vtype = vsew << 3 | (round % 2) << 6 | (round / 2 % 2) << 7;
		unit->vl = 1 + (round + unit->hart->index) % (unit->vlenb >> vsew);
		unit->vcsr = (round + unit->hart->index) % 8;
		unit->vstart = round % 4;
		v_fill(unit);
	}
}

static void unit_compare(struct worker *worker, struct finding *finding)
{
	const struct unit *want = &worker->unit;
	struct unit *got = &worker->dump;

	if (has_fp) {
		fp_dump(got);
		for (u64 i = 0; i < 32; i++)
			find(finding, "f", i, got->f[i], want->f[i]);
		find(finding, "fcsr", 0, got->fcsr, want->fcsr);
	}
	if (has_v) {
		const u64 *have = (const u64 *)got->v, *wanted = (const u64 *)want->v;

		v_dump(got);
		find(finding, "vlenb", 0, got->vlenb, want->vlenb);
		find(finding, "vl", 0, got->vl, want->vl);
		find(finding, "vtype", 0, got->vtype, want->vtype);
		find(finding, "vstart", 0, got->vstart, want->vstart);
		find(finding, "vcsr", 0, got->vcsr, want->vcsr);
		for (u64 i = 0; i < 32 * want->vlenb / 8; i++)
			find(finding, "v, counted in words,", i, have[i], wanted[i]);
	}
}

static void contexts_set(u64 state)
{
	if (has_fp)
		context_set_fs(state);
	if (has_v)
		context_set_vs(state);
}

static void yield_wfi(void)
{
	csr_write(sie, (u64)(SIP_STIP | SIP_SSIP));
	sbi_call(SBI_TIME, 0, time_now() + ticks_from_us(300), 0, 0, 0);
	while (!(csr_read(sip) & (SIP_STIP | SIP_SSIP)))
		wfi();
	csr_write(sie, 0ul);
	csr_clear(sip, (u64)SIP_SSIP);
	sbi_call(SBI_TIME, 0, ~0ul, 0, 0, 0);
}

static void yield(enum yield how)
{
	switch (how) {
	case YIELD_SPIN:
		delay_us(2000);
		break;
	case YIELD_WFI:
		yield_wfi();
		break;
	case YIELD_SBI:
		for (int i = 0; i < 50; i++)
			sbi_spec_version();
		break;
	case YIELD_IPI:
		sbi_call(SBI_IPI, 0, 0, ~0ul, 0, 0);
		csr_clear(sip, (u64)SIP_SSIP);
		break;
	case YIELD_CLEAN:
	case YIELD_INITIAL:
	case YIELD_OFF:
		contexts_set(how == YIELD_CLEAN	    ? CONTEXT_CLEAN
			     : how == YIELD_INITIAL ? CONTEXT_INITIAL
						    : CONTEXT_OFF);
		yield_wfi();
		contexts_set(how == YIELD_OFF ? CONTEXT_CLEAN : CONTEXT_DIRTY);
		break;
	default:
		break;
	}
}

static void work(void *argument)
{
	struct worker *worker = argument;

	worker->dump = worker->unit;
	contexts_set(CONTEXT_DIRTY);
	unit_fill(&worker->dump, 2);
	worker->ready = true;
	if (!WAIT_FOR(all_start))
		return;
	for (u64 round = 0; round < rounds; round++) {
		enum yield how = (enum yield)(round % YIELD_COUNT);
		struct finding *finding = &worker->findings[how];

		contexts_set(CONTEXT_DIRTY);
		unit_fill(&worker->unit, round);
		for (int i = 0; i < 3; i++) {
			yield(how);
			unit_compare(worker, finding);
		}
		/* A write must show as Dirty, or a switch of vCPUs would lose it. */
		contexts_set(CONTEXT_CLEAN);
		unit_fill(&worker->unit, round);
		if (has_fp)
			find(finding, "sstatus.FS", 0, csr_read(sstatus) >> SSTATUS_FS_SHIFT & 3,
			     CONTEXT_DIRTY);
		if (has_v)
			find(finding, "sstatus.VS", 0, csr_read(sstatus) >> SSTATUS_VS_SHIFT & 3,
			     CONTEXT_DIRTY);
	}
	contexts_set(CONTEXT_DIRTY);
	worker->done = true;
	fence();
}

/* Whose pattern is it? A hart's index, or HART_MAX when it is nobody's. */
static u64 owner(u64 value)
{
	return (value >> 32 & SECRET_MASK) == SECRET ? value >> 32 & 0xff : HART_MAX;
}

/* Within a check: nothing that the dump holds comes from another hart. */
static void check_no_leak(const struct unit *dump, unsigned int self)
{
	const u64 *v = (const u64 *)dump->v;

	for (u64 i = 0; has_fp && i < 32; i++) {
		u64 who = owner(dump->f[i]);

		check_want(who == HART_MAX || who == self, "f%lu is 0x%lx of hart %lu", i,
			   dump->f[i], who);
	}
	for (u64 i = 0; has_v && i < 32 * dump->vlenb / 8; i++) {
		u64 who = owner(v[i]);

		check_want(who == HART_MAX || who == self, "word %lu of v is 0x%lx of hart %lu", i,
			   v[i], who);
	}
}

/* Starts a hart by unit_entry while this one's units are full, and looks at what it found. */
static void start_and_look(unsigned int index, const char *when)
{
	struct worker *worker = &workers[index];
	struct hart *hart = &harts[index];
	struct unit *dump = &worker->unit;
	struct sbi_result r;

	*dump = (struct unit){.hart = hart, .has_fp = has_fp, .has_v = has_v};
	worker->ready = worker->done = false;
	memset(worker->findings, 0, sizeof(worker->findings));
	hart_prepare(hart, work, worker);
	contexts_set(CONTEXT_DIRTY);
	unit_fill(&workers[0].unit, 1);

	check_begin("fpu hart %u finds no other's values at its %s start", index, when);
	r = sbi_call(SBI_HSM, HSM_START, hart->id, (u64)unit_entry, (u64)dump, 0);
	check_error("start", r, SBI_SUCCESS);
	check_want(WAIT_FOR(worker->ready), "it never came");
	check_no_leak(dump, index);
	check_end();
}

static void report_findings(unsigned int index, const char *when)
{
	for (unsigned int how = 0; how < YIELD_COUNT; how++) {
		const struct finding *f = &workers[index].findings[how];

		check_begin("fpu hart %u keeps its values, %s start, yielding %s", index, when,
			    yield_names[how]);
		check_want(workers[index].done, "did not end");
		if (f->what) {
			u64 who = owner(f->got);

			check_want(false, "%s%lu is 0x%lx, not 0x%lx (hart %lu's)", f->what,
				   f->index, f->got, f->want, who);
		}
		check_end();
	}
}

static void run_all(const char *when)
{
	all_start = false;
	for (unsigned int i = 1; i < hart_count; i++)
		start_and_look(i, when);
	all_start = true;
	fence();
	work(&workers[0]);
	for (unsigned int i = 1; i < hart_count; i++)
		hart_wait_status(&harts[i], HSM_STOPPED);
	for (unsigned int i = 0; i < hart_count; i++)
		report_findings(i, when);
}

void guest_main(void)
{
	struct unit *own = &workers[0].unit;

	has_fp = boot_isa_has("d");
	has_v = boot_isa_has("v");
	rounds = boot_number("rounds", 64);
	print("fpu: D %s, V %s, %u harts, %lu rounds\n", has_fp ? "yes" : "no",
	      has_v ? "yes" : "no", hart_count, rounds);
	if (!has_fp && !has_v) {
		check_skip("fpu", "neither D nor V");
		return;
	}
	own->hart = &harts[0];
	if (has_v) {
		context_set_vs(CONTEXT_DIRTY);
		v_dump(own);
		check_begin("fpu vlenb is one that this guest has room for");
		check_want(own->vlenb >= 16 && own->vlenb <= VLENB_MAX, "%lu", own->vlenb);
		check_end();
	}
	run_all("first");
	/* Again with harts that were stopped in between: what they left is theirs or nobody's. */
	run_all("second");
}
