/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses of all CSR numbers with values of all sorts. The trap vector makes those good again that
 * the guest itself lives on. Owns nothing.
 */
#include "hostile.h"

#define COUNT 32

/* A satp from which the vector is still seen, mostly. */
static u64 value_csr(struct worker *worker)
{
	if (random_one_in(worker, 4))
		return paging_plain(worker);
	if (random_one_in(worker, 3))
		return BIT(random_below(worker, 64));
	return value_any(worker);
}

/* Wild values of satp lose the vCPU: not too often. */
static u32 next(struct worker *worker)
{
	u32 insn = code_any_csr(worker);

	if (insn >> 20 == 0x180 && !random_one_in(worker, 50))
		insn = 0x18009073; /* csrw satp, x1: see below */
	return insn;
}

void attack_csr(struct worker *worker)
{
	bool user = random_one_in(worker, 4);

	code_fill(worker, COUNT, next);
	code_registers(worker, value_csr);
	worker->wild_x[1] = random_one_in(worker, 2) ? 0 : paging_plain(worker);
	worker->done[KIND_CSR] += COUNT;
	worker_run_code(worker, (u64)arena_of(worker)->code, 0, user, 2 * COUNT);
}
