/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that has locked itself out: its trap vector cannot be fetched, so each trap brings the
 * same trap again. Real hardware loops for ever. The host is to end this guest alone, with one line
 * that says why; without a hypervisor these groups do not end.
 */
#include "tests.h"

/* A root table that is not there: not one instruction can be fetched any more. */
void run_hang_satp(void)
{
	print("hang-satp: no instruction can be fetched from here on\n");
	csr_write(satp, 8ul << 60 | (u64)HOLE_BASE >> 12);
	sfence_all();
	check_true("hang-satp: not reached", false);
}

static void hang_by_vector(u64 vector)
{
	csr_write(stvec, vector);
	__asm__ volatile(".4byte 0xffffffff");
	check_true("hang: not reached", false);
}

void run_hang_stvec(void)
{
	print("hang-stvec: the next trap goes to where nothing is\n");
	hang_by_vector(HOLE_BASE);
}

/* The same in device space, which has its own way through a hypervisor. */
void run_hang_fetch(void)
{
	print("hang-fetch: the next trap goes to a device\n");
	hang_by_vector(PLIC_BASE);
}
