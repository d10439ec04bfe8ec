/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest knows of its machine from the device tree, and the words of /chosen/bootargs, which
 * choose among its tests.
 */
#pragma once

#include "types.h"

/* Every guest defines this; it runs on the boot hart with everything of lib ready. */
void guest_main(void);

/* Is the word in the boot arguments? Words are separated by spaces. */
bool boot_has(const char *word);

/* The number after `name=` in the boot arguments, or the default. */
u64 boot_number(const char *name, u64 otherwise);

/* Ticks of the time CSR in a second. */
u64 boot_timebase(void);

/* Extent of the first memory node; zero when there is no device tree. */
u64 boot_ram_start(void);
u64 boot_ram_end(void);

/* The first 64 bits of /chosen/rng-seed, 0 without one. */
u64 boot_random(void);

/* Does the first cpu node offer the extension? Name in lower case: "v", "sstc". */
bool boot_isa_has(const char *extension);

/* Their names one after the other, NUL-terminated; NULL where there is no such list. */
const char *boot_isa_names(u32 *length);

/* A cell of the first cpu node, or the default. */
u32 boot_cpu_cell(const char *property, u32 otherwise);

struct boot_group {
	const char *name;
	void (*run)(void);
	bool only_by_name; /* not part of a run without words */
};

/* Runs the groups that the boot arguments name; without any, all but those marked. */
void boot_run_groups(const struct boot_group *groups, size_t count);
