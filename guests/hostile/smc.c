/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code that is changed while others execute it, fenced and not. All workers share the pages; what
 * they find in them is an instruction, old or new, or a mixture.
 */
#include "hostile.h"
#include "sbi.h"

#define SHARED_PAGES 2

static u32 shared[SHARED_PAGES * PAGE_SIZE / 4] __attribute__((aligned(4096)));

static void rewrite(struct worker *worker)
{
	u64 at = random_below(worker, ARRAY_COUNT(shared) - 4);

	__atomic_store_n(&shared[at], code_access(worker), __ATOMIC_RELAXED);
	/* c.jr ra twice, so that calls come back. */
	shared[at + 1] = 0x80828082;
	if (random_one_in(worker, 2))
		fence_i();
	if (random_one_in(worker, 3))
		sbi_call(SBI_RFNC, 0, ~0ul, ~0ul, 0, 0);
}

static void execute(struct worker *worker)
{
	void (*code)(void) = (void (*)(void)) & shared[random_below(worker, ARRAY_COUNT(shared))];

	code();
}

void attack_smc(struct worker *worker)
{
	worker_interrupts(SIP_STIP | SIP_SSIP);
	for (u64 n = 10 + random_below(worker, 100); n; n--) {
		rewrite(worker);
		worker->done[KIND_SMC]++;
	}
	/* The first trap ends the round; a hart that changes nothing goes on. */
	for (u64 n = 0; n < 100; n++) {
		execute(worker);
		worker->done[KIND_SMC]++;
	}
}
