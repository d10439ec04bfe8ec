/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a load or store that trapped was about to do: from the transformed instruction that
 * hardware left in htinst, or from the instruction's own bits when htinst says nothing.
 */
#pragma once

#include "hyp/types.h"

enum access_kind {
	ACCESS_LOAD,  /* to an integer register */
	ACCESS_STORE, /* from one */
	ACCESS_FP_LOAD,
	ACCESS_FP_STORE,
	ACCESS_ATOMIC,	    /* LR, SC, AMOs and the like: no device here supports them */
	ACCESS_CACHE_BLOCK, /* cbo.*: nor these */
	/* The trap was taken for a later part of an access that is misaligned, so that the address
	 * that faulted is not the one that the instruction named. */
	ACCESS_MISALIGNED,
};

struct access {
	u8 kind;	  /* enum access_kind */
	u8 base;	  /* see below */
	u8 width;	  /* bytes: 1, 2, 4, 8; 16 for FLQ, FSQ and AMOCAS.Q; 0 for a cache block */
	bool sign_extend; /* how a narrower integer load fills its register */
	u8 reg;		  /* rd; of a store, rs2 */
	u8 length;	  /* of the instruction, in bytes: 2 or 4 */

	/* decode_load_store() only: the address that the instruction names is x[base] +
	 * displacement. Where another one faulted, the access is misaligned. */
	s16 displacement;
};

/* htinst of a guest-page fault. False: it holds no transformed load, store, atomic or cache-block
 * instruction, and is to be treated as if it were zero (Privileged ISA, "Transformed Instruction
 * or Pseudoinstruction for mtinst or htinst"). */
bool decode_transformed(u64 htinst, struct access *access);

/* The bits that were fetched from where the instruction lies; of a 16-bit one, the upper half is
 * ignored. False: not one of those, or a reserved encoding. The guest may have rewritten it since
 * it trapped, so it need not even be of the kind that the cause of the trap tells. */
bool decode_load_store(u32 instruction, struct access *access);

/* True when the fault was not the instruction's own access but a step of the guest's page-table
 * walk for it: htinst holds one of the special pseudoinstructions. */
static inline bool decode_is_page_table_walk(u64 htinst)
{
	/* 0x2000 or 0x3000 for a 32-bit or 64-bit entry, with 0x20 when it is to be written. */
	return (htinst & ~0x1020ULL) == 0x2000;
}

/* What a load leaves in its integer register, from the bytes that were read. */
static inline u64 access_load_result(const struct access *access, u64 bytes)
{
	unsigned unused = 64 - 8 * access->width;

	return access->sign_extend ? (u64)((s64)(bytes << unused) >> unused)
				   : bytes << unused >> unused;
}
