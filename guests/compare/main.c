/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations that the VT-x side (tests/compare/vtx) measures, on RISC-V. Run under `-icount
 * shift=0,sleep=off` and the counting plugin; tests/compare/riscv.py reads what both say. The
 * groups want so many vCPUs and harts:
 *
 *	exits, timers, touch, device (1, 1)  tick, pair (2, 1)  interrupt (2, 2)  move (3, 2)
 *
 * touch wants RAM that ends some pages before or behind a multiple of 2 MiB; tick a quota of two
 *whole harts; device somebody who types a character whenever the guest prints a tilde.
 */
#include "boot.h"
#include "meter.h"

static const struct boot_group groups[] = {
	{"exits", compare_exits, true},		{"timers", compare_timers, true},
	{"touch", compare_touch, true},		{"pair", compare_pair, true},
	{"interrupt", compare_interrupt, true}, {"move", compare_move, true},
	{"tick", compare_tick, true},		{"device", compare_device, true},
};

void guest_main(void)
{
	boot_run_groups(groups, ARRAY_COUNT(groups));
}
