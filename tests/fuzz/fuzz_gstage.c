/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory: G-stage tables changed in every way against a model (gstage_runs.h), and the RAM of
 * several VMs as vCPUs touch it on harts with caches that forget nothing by themselves
 * (gstage_guests.h), with allocations that fail in between. The first byte says which.
 */
#include "tests/fuzz/gstage_guests.h"
#include "tests/fuzz/gstage_runs.h"

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct input input = {bytes, size};

	if (input_u8(&input) & 1)
		run_guests(&input);
	else
		change_tables(&input);
	return 0;
}
