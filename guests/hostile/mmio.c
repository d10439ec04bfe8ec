/* SPDX-License-Identifier: BSD-2-Clause */
/* Accesses of all widths and kinds at devices, holes and edges, aligned and not. Owns nothing. */
#include "hostile.h"

#define COUNT 48

void attack_mmio(struct worker *worker)
{
	u64 code = (u64)arena_of(worker)->code;
	u64 satp = 0;

	code_fill(worker, COUNT, code_access);
	code_registers(worker, value_device);
	if (random_one_in(worker, 4))
		code_registers(worker, value_address);
	if (random_one_in(worker, 4)) {
		satp = paging_plain(worker);
		code = PAGING_CODE_VA;
	}
	worker->done[KIND_MMIO] += COUNT;
	worker_run_code(worker, code, satp, satp || random_one_in(worker, 2), 2 * COUNT);
}
