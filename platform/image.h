/* SPDX-License-Identifier: BSD-2-Clause */
/* What firmware/ defines for platform/: the linker script's marks and the entry points in assembly.
 * The image is linked at 0, so an address less image_start is what the symbol table calls it. */
#pragma once

#include "hyp/types.h"

/* Hidden, so that they are reached relative to pc: the GOT cannot tell image_start, which is at 0
 * before relocation, from an undefined symbol. */
#pragma GCC visibility push(hidden)

extern char image_start[];
extern char image_text_end[];	/* page-aligned, like the two below */
extern char image_rodata_end[]; /* end of what is never written after relocation */
extern char image_end[];	/* with bss and the two hart areas below */

extern char boot_area[];      /* the boot hart's area */
extern char emergency_area[]; /* stack for the report of a fault of our own */

/* stvec while the hypervisor runs: any trap is the hypervisor's own fault. */
void host_trap_vector(void);

/* Where SBI HSM starts a hart: a1 is its struct hart. */
void secondary_start(void);

#pragma GCC visibility pop
