/* SPDX-License-Identifier: BSD-2-Clause */
/* Owns nothing. */
#include "cost.h"
#include "boot.h"
#include "print.h"

u64 cost_tick(void)
{
	return 1000000000 / boot_timebase();
}

void cost_print(const char *kind, const char *name, u64 ticks, u64 operations)
{
	cost_print_tenths(kind, name, (ticks * cost_tick() * 10 + operations / 2) / operations);
}

void cost_print_tenths(const char *kind, const char *name, u64 tenths)
{
	print("%s: %s %lu.%lu\n", kind, name, tenths / 10, tenths % 10);
}

void cost_print_none(const char *kind, const char *name)
{
	print("%s: %s -\n", kind, name);
}
