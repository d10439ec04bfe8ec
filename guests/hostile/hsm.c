/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs that start, stop and suspend themselves and each other, with IPIs and fences among it.
 * Worker 0 stays: it starts those again that nobody else does. Owns nothing.
 */
#include "hostile.h"
#include "sbi.h"

static void start_somebody(struct worker *worker)
{
	struct worker *target = &workers[random_below(worker, worker_count)];
	u64 entry = (u64)worker_entry;

	/* A start elsewhere than at the entry is lost, if it succeeds. */
	if (!machine.tame && random_one_in(worker, 500))
		entry = value_address(worker);
	sbi_call(SBI_HSM, HSM_START, target->hart_id, entry, (u64)target, 0);
}

static void suspend(struct worker *worker)
{
	bool again = random_one_in(worker, 2);

	worker_deadline(worker, random_below(worker, machine.ticks_per_ms));
	sbi_call(SBI_HSM, HSM_SUSPEND, again ? HSM_SUSPEND_NON_RETENTIVE : HSM_SUSPEND_RETENTIVE,
		 (u64)worker_entry, (u64)worker, 0);
}

void attack_hsm(struct worker *worker)
{
	u64 others = random_below(worker, BIT(worker_count));

	worker_interrupts(SIP_STIP | SIP_SSIP);
	for (u64 n = 10 + random_below(worker, 50); n; n--) {
		worker->done[KIND_HSM]++;
		switch (random_below(worker, 8)) {
		case 0 ... 2:
			start_somebody(worker);
			break;
		case 3:
			sbi_call(SBI_IPI, 0, others, 0, 0, 0);
			break;
		case 4:
			sbi_call5(SBI_RFNC, random_below(worker, 3), others, 0, 0, ~0ul, 0);
			break;
		case 5:
			sbi_call(SBI_HSM, HSM_STATUS, random_below(worker, worker_count + 1), 0, 0,
				 0);
			break;
		case 6:
			suspend(worker);
			break;
		default:
			if (worker->index && random_one_in(worker, 8))
				sbi_call(SBI_HSM, HSM_STOP, 0, 0, 0, 0);
		}
	}
}
