/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All that FP and vector state consists of, and moving it between registers and memory. Each hart
 * has one struct unit; nobody else touches it while the hart runs.
 */
#pragma once

#define UNIT_HART   0
#define UNIT_HAS_FP 8
#define UNIT_HAS_V  16
#define UNIT_F	    24
#define UNIT_FCSR   280
#define UNIT_VLENB  288
#define UNIT_VL	    296
#define UNIT_VTYPE  304
#define UNIT_VSTART 312
#define UNIT_VCSR   320
#define UNIT_V	    328

/* Registers of up to 1,024 bits: QEMU's maximum. */
#define VLENB_MAX 128

#ifndef __ASSEMBLER__
#include "types.h"

struct hart;

struct unit {
	struct hart *hart; /* where unit_entry goes on from */
	u64 has_fp;
	u64 has_v;
	u64 f[32];
	u64 fcsr;
	u64 vlenb;
	u64 vl;
	u64 vtype;
	u64 vstart;
	u64 vcsr;
	u8 v[32 * VLENB_MAX]; /* 32 registers of vlenb bytes each, one behind the other */
};

/* Registers to memory and back, with FS and VS as the caller has them: not off. */
void fp_dump(struct unit *unit);
void fp_fill(const struct unit *unit);

/*
 * The same for the vector unit. fill also sets vl and vtype by vsetvl with unit->vl and
 * unit->vtype, then vstart and vcsr.
 */
void v_dump(struct unit *unit);
void v_fill(const struct unit *unit);

/*
 * Entry for hart_start, a1 = struct unit *: turns the units on, dumps what they hold before
 * anything else touches them, and goes on to secondary_start with unit->hart.
 */
void unit_entry(void);
#endif
