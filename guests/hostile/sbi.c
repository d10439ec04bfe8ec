/* SPDX-License-Identifier: BSD-2-Clause */
/* SBI calls with every argument wild. Owns nothing. */
#include "sbi.h"
#include "hostile.h"

#define COUNT 64

static const u64 extensions[] = {
	SBI_BASE, SBI_TIME, SBI_IPI,	SBI_RFNC,   SBI_RFNC,	SBI_HSM,  SBI_HSM,
	SBI_SRST, SBI_DBCN, SBI_DBCN,	SBI_SUSP,   SBI_PMU,	SBI_CPPC, SBI_NACL,
	SBI_STA,  SBI_STA,  SBI_SSE,	SBI_FWFT,   SBI_DBTR,	SBI_MPXY, 0,
	1,	  2,	    3,		4,	    5,		6,	  7,
	8,	  9,	    0x0a000000, 0x08000000, 0x09000000,
};

/* Masks of harts and their bases, and ranges, as well as anything. */
static u64 argument(struct worker *worker)
{
	switch (random_below(worker, 6)) {
	case 0:
		return random_below(worker, BIT(worker_count));
	case 1:
		return ~0ul;
	case 2:
		return value_ram_edge(worker) & ~63ul;
	case 3:
		return random_below(worker, 3) << 12;
	default:
		return value_any(worker);
	}
}

/* What would end this VM, or this vCPU, at every second call. */
static bool is_final(u64 extension, u64 function)
{
	return extension == SBI_SRST || extension == SBI_LEGACY_SHUTDOWN ||
	       (extension == SBI_HSM && (function == HSM_START || function == HSM_STOP)) ||
	       extension == SBI_SUSP;
}

static void call(struct worker *worker)
{
	u64 extension =
		random_one_in(worker, 16) ? value_any(worker) : random_pick(worker, extensions);
	u64 function = random_one_in(worker, 8) ? value_any(worker) : random_below(worker, 5);
	u64 a[5];

	for (unsigned int i = 0; i < ARRAY_COUNT(a); i++)
		a[i] = argument(worker);
	if (is_final(extension, function) && !random_one_in(worker, 20000)) {
		/* With what makes no sense, it may be called as often as one likes. */
		a[0] = random_next(worker) | 0x100;
		if (extension == SBI_LEGACY_SHUTDOWN || function == HSM_STOP)
			extension = SBI_BASE;
	}
	/* A byte of the console at a time is exhaust.c's business. */
	if (extension == SBI_HSM && function == HSM_SUSPEND && !random_one_in(worker, 4))
		a[0] = random_next(worker);
	if (extension == SBI_HSM && a[0] == HSM_SUSPEND_NON_RETENTIVE) {
		a[1] = (u64)worker_entry;
		a[2] = (u64)worker;
	}
	sbi_call5(extension, function, a[0], a[1], a[2], a[3], a[4]);
	worker->done[KIND_SBI]++;
}

void attack_sbi(struct worker *worker)
{
	worker_interrupts(SIP_STIP | SIP_SSIP);
	for (unsigned int n = 0; n < COUNT; n++) {
		call(worker);
		/* The timer may have been set to never, or translation fences asked for. */
		if (n % 8 == 0)
			worker_deadline(worker, 2 * machine.ticks_per_ms);
	}
}
