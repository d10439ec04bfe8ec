/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns the answer to whether there is Sstc; every hart finds the same one. */
#include "timer.h"
#include "boot.h"
#include "csr.h"
#include "sbi.h"

bool timer_is_sstc(void)
{
	static s8 known;

	if (!known)
		known = boot_isa_has("sstc") ? 1 : -1;
	return known > 0;
}

void timer_set(u64 time)
{
	if (timer_is_sstc())
		csr_write(CSR_STIMECMP, time);
	else
		sbi_call(SBI_TIME, 0, time, 0, 0, 0);
}

void timer_off(void)
{
	timer_set(~0ul);
}
