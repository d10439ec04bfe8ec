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
	enum access_kind kind;
	unsigned width;	  /* bytes: 1, 2, 4, 8; 16 for FLQ, FSQ and AMOCAS.Q; 0 for a cache block */
	bool sign_extend; /* how a narrower integer load fills its register */
	unsigned reg;	  /* rd; of a store, rs2 */
	unsigned length;  /* of the instruction, in bytes: 2 or 4 */

	/* decode_load_store() only: the address that the instruction names is x[base] +
	 * displacement. Where another one faulted, the access is misaligned. */
	unsigned base;
	s32 displacement;
};

static inline u32 decode_field(u32 instruction, unsigned high, unsigned low)
{
	return (instruction >> low) & ((1u << (high - low + 1)) - 1);
}

/* The one bit between opcodes LOAD and STORE, and between LOAD-FP and STORE-FP. */
#define DECODE_STORE_BIT 0x20

/* LB LH LW LD LBU LHU LWU SB SH SW SD: the opcode is one of the two. What drivers use: every access
 * to a device comes here, hence arithmetic where others have tables. Sets all but length, base and
 * displacement. */
static inline bool decode_basic(u32 instruction, struct access *access)
{
	u32 funct3 = decode_field(instruction, 14, 12);
	bool store = instruction & DECODE_STORE_BIT;

	if (funct3 > (store ? 3 : 6))
		return false;
	access->kind = store ? ACCESS_STORE : ACCESS_LOAD;
	access->width = 1u << (funct3 & 3);
	access->sign_extend = funct3 < 4;
	access->reg = store ? decode_field(instruction, 24, 20) : decode_field(instruction, 11, 7);
	return true;
}

/* The whole of the two functions below, but out of line. */
bool decode_transformed_any(u64 htinst, struct access *access);
bool decode_load_store_any(u32 instruction, struct access *access);

/* The commonest part of decode_transformed(): a load or store of an integer register that is
 * transformed and not misaligned. False: anything else. */
static inline bool decode_transformed_basic(u64 htinst, struct access *access)
{
	/* In one comparison: the upper half is zero, the address offset too, bit 0 is set, and the
	 * opcode is LOAD or STORE. Bit 1 is clear if the instruction was a compressed one. */
	if (UNLIKELY((htinst & 0xffffffff000f805d) != 1))
		return false;
	access->length = 2 + (unsigned)(htinst & 2);
	return decode_basic((u32)htinst, access);
}

/* htinst of a guest-page fault. False: it holds no transformed load, store, atomic or cache-block
 * instruction, and is to be treated as if it were zero (Privileged ISA, "Transformed Instruction
 * or Pseudoinstruction for mtinst or htinst").
 *
 * Inline, and with a copy for the rare cases, so that the caller's struct can live in registers. */
static inline bool decode_transformed(u64 htinst, struct access *access)
{
	struct access copy;

	if (decode_transformed_basic(htinst, access))
		return true;
	if (!decode_transformed_any(htinst, &copy))
		return false;
	*access = copy;
	return true;
}

/* The bits that were fetched from where the instruction lies; of a 16-bit one, the upper half is
 * ignored. False: not one of those, or a reserved encoding. The guest may have rewritten it since
 * it trapped, so it need not even be of the kind that the cause of the trap tells. */
static inline bool decode_load_store(u32 instruction, struct access *access)
{
	struct access copy;

	if (!decode_load_store_any(instruction, &copy))
		return false;
	*access = copy;
	return true;
}

/* True when the fault was not the instruction's own access but a step of the guest's page-table
 * walk for it: htinst holds one of the special pseudoinstructions. */
static inline bool decode_is_page_table_walk(u64 htinst)
{
	/* 0x2000 or 0x3000 for a 32-bit or 64-bit entry, with 0x20 when it is to be written. */
	return (htinst & ~0x1020ULL) == 0x2000;
}

/* What a load leaves in its integer register. bytes is what was read, zero-extended. */
static inline u64 access_load_result(const struct access *access, u64 bytes)
{
	unsigned unused = 64 - 8 * access->width;

	return access->sign_extend ? (u64)((s64)(bytes << unused) >> unused) : bytes;
}
