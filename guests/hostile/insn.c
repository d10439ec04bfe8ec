/* SPDX-License-Identifier: BSD-2-Clause */
/* Random instructions, in S and U mode, with translation and without. What traps is skipped. Owns
 * nothing. */
#include "hostile.h"

#define COUNT 64

void attack_insn(struct worker *worker)
{
	u64 code = (u64)arena_of(worker)->code;
	bool user = random_one_in(worker, 2);
	u64 satp = 0;

	code_fill(worker, COUNT, code_random);
	code_registers(worker, value_address);
	if (random_one_in(worker, 2)) {
		satp = paging_plain(worker);
		if (user || random_one_in(worker, 2))
			code = PAGING_CODE_VA;
	}
	/* S-mode may not execute what is U's. */
	if (code == PAGING_CODE_VA)
		user = true;
	worker->done[KIND_INSN] += COUNT;
	worker_run_code(worker, code, satp, user, 2 * COUNT);
}
