/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions made at run time, so that a test can go through all registers, widths and CSRs, and
 * knows the address and the bits of the one that traps.
 */
#pragma once

#include "trap.h"
#include "types.h"

/* The calling convention's registers by number, as far as tests name them. */
enum { X_RA = 1, X_SP = 2, X_A0 = 10, X_A1 = 11, X_A2 = 12, X_T5 = 30, X_T6 = 31 };

/* funct3 of loads and stores. */
enum { LB, LH, LW, LD, LBU, LHU, LWU };
enum { SB, SH, SW, SD };

static inline u32 insn_i(u32 opcode, u32 funct3, u32 rd, u32 rs1, u32 immediate)
{
	return immediate << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}

static inline u32 insn_load(u32 funct3, u32 rd, u32 rs1, u32 immediate)
{
	return insn_i(0x03, funct3, rd, rs1, immediate & 0xfff);
}

static inline u32 insn_store(u32 funct3, u32 rs2, u32 rs1, u32 immediate)
{
	return (immediate >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 |
	       (immediate & 0x1f) << 7 | 0x23;
}

static inline u32 insn_mv(u32 rd, u32 rs1)
{
	return insn_i(0x13, 0, rd, rs1, 0);
}

/* width 2 is .w, 3 is .d; no ordering bits. */
static inline u32 insn_amo(u32 funct5, u32 width, u32 rd, u32 rs1, u32 rs2)
{
	return funct5 << 27 | rs2 << 20 | rs1 << 15 | width << 12 | rd << 7 | 0x2f;
}

enum { AMO_ADD = 0, AMO_SWAP = 1, AMO_LR = 2, AMO_SC = 3, AMO_MAXU = 28 };

#define INSN_RET	    0x00008067u
#define INSN_ECALL	    0x00000073u
#define INSN_CSRRS(rd, csr) insn_i(0x73, 2, rd, 0, csr)
#define INSN_CSRRW(csr, rs) insn_i(0x73, 1, 0, rs, csr)

/* The compressed forms. r is a register's number less 8; offsets are multiples of the width. */
static inline u32 insn_c_word(u32 funct3, u32 r, u32 base, u32 offset)
{
	return funct3 << 13 | (offset >> 3 & 7) << 10 | base << 7 | (offset >> 2 & 1) << 6 |
	       (offset >> 6 & 1) << 5 | r << 2;
}

static inline u32 insn_c_double(u32 funct3, u32 r, u32 base, u32 offset)
{
	return funct3 << 13 | (offset >> 3 & 7) << 10 | base << 7 | (offset >> 6 & 3) << 5 | r << 2;
}

enum { C_LW = 2, C_LD = 3, C_SW = 6, C_SD = 7 };

static inline u32 insn_c_lwsp(u32 rd, u32 offset)
{
	return 2 << 13 | (offset >> 5 & 1) << 12 | rd << 7 | (offset >> 2 & 7) << 4 |
	       (offset >> 6 & 3) << 2 | 2;
}

static inline u32 insn_c_ldsp(u32 rd, u32 offset)
{
	return 3 << 13 | (offset >> 5 & 1) << 12 | rd << 7 | (offset >> 3 & 3) << 5 |
	       (offset >> 6 & 7) << 2 | 2;
}

static inline u32 insn_c_swsp(u32 rs2, u32 offset)
{
	return 6 << 13 | (offset >> 2 & 15) << 9 | (offset >> 6 & 3) << 7 | rs2 << 2 | 2;
}

static inline u32 insn_c_sdsp(u32 rs2, u32 offset)
{
	return 7u << 13 | (offset >> 3 & 7) << 10 | (offset >> 6 & 7) << 7 | rs2 << 2 | 2;
}

/* Zcb: funct6 and the bit that tells c.lh from c.lhu. */
static inline u32 insn_c_byte(u32 funct6, u32 r, u32 base, u32 offset)
{
	return funct6 << 10 | base << 7 | (offset & 1) << 6 | (offset >> 1 & 1) << 5 | r << 2;
}

static inline u32 insn_c_half(u32 funct6, u32 is_signed, u32 r, u32 base, u32 offset)
{
	return funct6 << 10 | base << 7 | is_signed << 6 | (offset >> 1 & 1) << 5 | r << 2;
}

enum { C_LBU = 0x20, C_LH = 0x21, C_SB = 0x22, C_SH = 0x23 };

/* Instructions end in 11 when they are four bytes long. */
static inline unsigned int insn_length(u32 insn)
{
	return (insn & 3) == 3 ? 4 : 2;
}

/* Puts instructions at an address and makes them visible to this hart's fetch. */
void code_put(u64 address, const u32 *insns, size_t count);

/* The instruction and a return, in a page of their own; returns the address of both. */
u64 code_op(u32 insn);

/* code_op() and trap_try() in one; *epc is the address that a trap must name. */
struct trap_info code_try(u32 insn, u64 a0, u64 a1, u64 *epc);

/*
 * Runs one instruction with every register set, and shows them all afterwards. The anchor is a
 * register that holds the probe meanwhile: not one that the instruction uses.
 */
struct probe {
	u64 before[32];
	u64 after[32];
	u64 ra;
};

void probe_fill(struct probe *probe);
struct trap_info probe_run(struct probe *probe, u32 insn, u32 anchor);

/*
 * Within a check: the instruction went through and left all registers alone but rd, which has the
 * value. rd 0 stands for none.
 */
void probe_check(const char *what, struct probe *probe, u32 insn, u32 anchor, u32 rd, u64 value);
