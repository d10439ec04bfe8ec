/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load/store decoder, for every instruction and every value of htinst: 2^32 and 2^64 of them.
 * What a 32-bit instruction means is written down here a second time as the listings of the
 * Unprivileged ISA have it, and what a 16-bit one expands to as its own chapter does.
 */
#include "tests/proof/proof.h"

#include "hyp/exit/decode.c"

static void prove_sound(const struct access *access)
{
	unsigned width = access->width;
	bool power = width == 1 || width == 2 || width == 4 || width == 8;

	PROVE(access->reg < 32);
	PROVE(access->base < 32);
	PROVE(access->length == 2 || access->length == 4);
	PROVE(access->displacement >= -2048 && access->displacement < 2048);
	switch (access->kind) {
	case ACCESS_LOAD:
	case ACCESS_STORE:
		PROVE(power);
		break;
	case ACCESS_FP_LOAD:
	case ACCESS_FP_STORE:
		PROVE((power && width != 1) || width == 16);
		break;
	case ACCESS_ATOMIC:
		PROVE(power || width == 16);
		break;
	case ACCESS_CACHE_BLOCK:
		PROVE(width == 0);
		break;
	case ACCESS_MISALIGNED:
		PROVE(power || width == 16 || width == 0);
		break;
	}
}

/* cbmc: --unwind 18 */
void prove_instruction_is_decoded_soundly(void)
{
	u32 instruction = nondet_u32();
	struct access access;

	if (!decode_load_store(instruction, &access))
		return;
	prove_sound(&access);
	PROVE(access.kind != ACCESS_MISALIGNED);
	PROVE(access.length == ((instruction & 3) == 3 ? 4 : 2));
	REACH(access.length == 2 && access.base == 15);
	REACH(access.length == 4 && access.base == 31 && access.displacement == -2048);
	REACH(access.width == 16);
}

/* cbmc: --unwind 18 */
void prove_upper_half_of_a_16_bit_instruction_is_ignored(void)
{
	u32 instruction = nondet_u32(), other = nondet_u32();
	struct access access, again;

	ASSUME((instruction & 3) != 3 && (u16)instruction == (u16)other);
	bool decoded = decode_load_store(instruction, &access);

	PROVE(decoded == decode_load_store(other, &again));
	if (decoded) {
		PROVE(access.kind == again.kind && access.width == again.width &&
		      access.sign_extend == again.sign_extend && access.reg == again.reg &&
		      access.base == again.base && access.displacement == again.displacement);
		REACH(instruction != other);
	}
}

void prove_any_htinst_is_decoded_soundly(void)
{
	u64 htinst = nondet_u64();
	struct access access;
	bool walk = decode_is_page_table_walk(htinst);

	PROVE(walk ==
	      (htinst == 0x2000 || htinst == 0x2020 || htinst == 0x3000 || htinst == 0x3020));
	if (!decode_transformed(htinst, &access))
		return;
	access.base = 0, access.displacement = 0; /* left alone by the common case */
	prove_sound(&access);
	PROVE(!walk && htinst >> 32 == 0 && (htinst & 1) == 1);
	PROVE((access.length == 4) == ((htinst & 3) == 3));
	REACH(access.kind == ACCESS_MISALIGNED);
	REACH(access.kind == ACCESS_STORE && access.reg == 31 && access.length == 2);
}

/* The common case that is compiled into the light path is a part of the whole. */
void prove_common_case_decodes_like_the_whole(void)
{
	u64 htinst = nondet_u64();
	struct access common, whole;

	if (!decode_transformed_basic(htinst, &common))
		return;
	PROVE(decode_transformed_any(htinst, &whole));
	PROVE(common.kind == whole.kind && common.width == whole.width &&
	      common.sign_extend == whole.sign_extend && common.reg == whole.reg &&
	      common.length == whole.length);
	REACH(whole.kind == ACCESS_LOAD && whole.length == 2);
	REACH(whole.kind == ACCESS_STORE && whole.length == 4);
}

static bool is_same(const struct access *a, const struct access *b)
{
	return a->kind == b->kind && a->width == b->width && a->reg == b->reg &&
	       /* Told of integer loads alone. */
	       (a->kind != ACCESS_LOAD || a->sign_extend == b->sign_extend);
}

#define OPCODE(instruction) ((instruction)&0x7f)
#define FUNCT3(instruction) ((instruction) >> 12 & 7)
#define RD(instruction)	    ((instruction) >> 7 & 31)
#define RS1(instruction)    ((instruction) >> 15 & 31)
#define RS2(instruction)    ((instruction) >> 20 & 31)

/* "RV32/64G Instruction Set Listings": integer and floating-point loads and stores. */
void prove_32_bit_loads_and_stores_are_those_of_the_listings(void)
{
	u32 instruction = nondet_u32(), opcode = OPCODE(instruction), funct3 = FUNCT3(instruction);
	s32 load_offset = (s32)(instruction >> 20), store_offset;
	struct access access;

	ASSUME((instruction & 3) == 3);
	bool decoded = decode_load_store(instruction, &access);

	if (load_offset >= 2048)
		load_offset -= 4096;
	store_offset = (load_offset & ~31) | (s32)RD(instruction);

	bool load = opcode == 0x03 && funct3 <= 6; /* LB LH LW LD LBU LHU LWU */
	bool store = opcode == 0x23 && funct3 <= 3;
	bool fp_load = opcode == 0x07 && funct3 >= 1 && funct3 <= 4; /* FLH FLW FLD FLQ */
	bool fp_store = opcode == 0x27 && funct3 >= 1 && funct3 <= 4;

	if (!load && !store && !fp_load && !fp_store) {
		PROVE(!decoded ||
		      (access.kind == ACCESS_ATOMIC && opcode == 0x2f &&
		       access.displacement == 0) ||
		      (access.kind == ACCESS_CACHE_BLOCK && opcode == 0x0f && funct3 == 2));
		REACH(decoded && access.kind == ACCESS_CACHE_BLOCK);
		return;
	}
	PROVE(decoded && access.base == RS1(instruction));
	PROVE(access.kind == (load	? ACCESS_LOAD
			      : store	? ACCESS_STORE
			      : fp_load ? ACCESS_FP_LOAD
					: ACCESS_FP_STORE));
	PROVE(access.width == (load || store ? 1u << (funct3 & 3) : 1u << funct3));
	PROVE(access.reg == (load || fp_load ? RD(instruction) : RS2(instruction)));
	PROVE(access.displacement == (load || fp_load ? load_offset : store_offset));
	if (load)
		PROVE(access.sign_extend == (funct3 < 4));
	REACH(store && access.displacement == -1);
	REACH(fp_load && access.width == 16);
}

/* "RVC", the tables of loads and stores: what a 16-bit instruction is short for. 0: none of them.
 */
#define BITS(high, low, to) ((c >> (low) & ((1u << ((high) - (low) + 1)) - 1)) << (to))
static u32 expand(u32 c)
{
	u32 rd3 = 8 + BITS(4, 2, 0), rs3 = 8 + BITS(9, 7, 0), rd5 = BITS(11, 7, 0);
	u32 word = BITS(12, 10, 3) | BITS(6, 6, 2) | BITS(5, 5, 6);
	u32 twice = BITS(12, 10, 3) | BITS(6, 5, 6);
	u32 word_sp = BITS(12, 12, 5) | BITS(6, 4, 2) | BITS(3, 2, 6);
	u32 twice_sp = BITS(12, 12, 5) | BITS(6, 5, 3) | BITS(4, 2, 6);
	u32 opcode, funct3, reg, base, offset;

	switch ((c & 3) << 3 | BITS(15, 13, 0)) {
	case 001: /* C.FLD */
		opcode = 0x07, funct3 = 3, reg = rd3, base = rs3, offset = twice;
		break;
	case 002: /* C.LW */
		opcode = 0x03, funct3 = 2, reg = rd3, base = rs3, offset = word;
		break;
	case 003: /* C.LD */
		opcode = 0x03, funct3 = 3, reg = rd3, base = rs3, offset = twice;
		break;
	case 004: /* Zcb */
		reg = rd3, base = rs3, offset = BITS(5, 5, 1);
		switch (BITS(12, 10, 0)) {
		case 0: /* c.lbu */
			opcode = 0x03, funct3 = 4, offset |= BITS(6, 6, 0);
			break;
		case 1: /* c.lh, c.lhu */
			opcode = 0x03, funct3 = BITS(6, 6, 0) ? 1 : 5;
			break;
		case 2: /* c.sb */
			opcode = 0x23, funct3 = 0, offset |= BITS(6, 6, 0);
			break;
		case 3: /* c.sh */
			if (BITS(6, 6, 0))
				return 0;
			opcode = 0x23, funct3 = 1;
			break;
		default:
			return 0;
		}
		break;
	case 005: /* C.FSD */
		opcode = 0x27, funct3 = 3, reg = rd3, base = rs3, offset = twice;
		break;
	case 006: /* C.SW */
		opcode = 0x23, funct3 = 2, reg = rd3, base = rs3, offset = word;
		break;
	case 007: /* C.SD */
		opcode = 0x23, funct3 = 3, reg = rd3, base = rs3, offset = twice;
		break;
	case 021: /* C.FLDSP */
		opcode = 0x07, funct3 = 3, reg = rd5, base = 2, offset = twice_sp;
		break;
	case 022: /* C.LWSP */
		opcode = 0x03, funct3 = 2, reg = rd5, base = 2, offset = word_sp;
		break;
	case 023: /* C.LDSP */
		opcode = 0x03, funct3 = 3, reg = rd5, base = 2, offset = twice_sp;
		break;
	case 025: /* C.FSDSP */
		opcode = 0x27, funct3 = 3, reg = BITS(6, 2, 0), base = 2;
		offset = BITS(12, 10, 3) | BITS(9, 7, 6);
		break;
	case 026: /* C.SWSP */
		opcode = 0x23, funct3 = 2, reg = BITS(6, 2, 0), base = 2;
		offset = BITS(12, 9, 2) | BITS(8, 7, 6);
		break;
	case 027: /* C.SDSP */
		opcode = 0x23, funct3 = 3, reg = BITS(6, 2, 0), base = 2;
		offset = BITS(12, 10, 3) | BITS(9, 7, 6);
		break;
	default:
		return 0;
	}
	if ((c & 3) == 2 && opcode == 0x03 && reg == 0)
		return 0; /* "RES, rd=0" */
	if (opcode & 0x20)
		return opcode | funct3 << 12 | base << 15 | reg << 20 | (offset & 31) << 7 |
		       offset >> 5 << 25;
	return opcode | funct3 << 12 | base << 15 | reg << 7 | offset << 20;
}

/* cbmc: --unwind 18 */
void prove_16_bit_instruction_means_what_its_expansion_does(void)
{
	u32 instruction = nondet_u16(), expansion = expand(instruction);
	struct access access, expected;

	ASSUME((instruction & 3) != 3);
	PROVE(decode_load_store(instruction, &access) == (expansion != 0));
	if (expansion == 0)
		return;
	PROVE(decode_load_store(expansion, &expected));
	PROVE(is_same(&access, &expected));
	PROVE(access.base == expected.base && access.displacement == expected.displacement);
	REACH(access.kind == ACCESS_FP_STORE && access.displacement == 504);
	REACH(access.kind == ACCESS_LOAD && access.width == 1 && access.displacement == 3);
}

/* "Transformed Instruction or Pseudoinstruction for mtinst or htinst": immediates become zero, rs1
 * the address offset, and bit 1 tells that it was a compressed one. */
static u32 transform(u32 instruction, u32 offset)
{
	u32 fields;

	switch (OPCODE(instruction)) {
	case 0x03:
	case 0x07:
		fields = 0x00007fff; /* funct3, rd, opcode */
		break;
	case 0x23:
	case 0x27:
		fields = 0x01f0707f; /* rs2, funct3, opcode */
		break;
	default:
		fields = 0xfff07fff; /* all but rs1 */
		break;
	}
	return (instruction & fields) | offset << 15;
}

/* cbmc: --unwind 18 */
void prove_transformed_instruction_means_what_the_plain_one_does(void)
{
	u32 instruction = nondet_u32(), offset = nondet_u32();
	struct access access, plain;

	ASSUME(offset < 32 && decode_load_store(instruction, &plain));
	bool compressed = (instruction & 3) != 3;
	u32 full = compressed ? expand((u16)instruction) : instruction;
	u64 htinst = transform(full, offset) & (compressed ? ~2u : ~0u);

	PROVE(decode_transformed(htinst, &access));
	PROVE(access.length == plain.length);
	PROVE((access.kind == ACCESS_MISALIGNED) == (offset != 0));
	PROVE(offset != 0 || is_same(&access, &plain));
	REACH(compressed && offset == 31);
	REACH(!compressed && offset == 0 && access.kind == ACCESS_ATOMIC);
}

/* What a load leaves in a register: sign and zero extension, no shift by as much as the width. */
void prove_load_result_is_the_value_extended(void)
{
	struct access access;
	u64 bytes = nondet_u64();

	ASSUME(decode_load_store(nondet_u32() | 3, &access) && access.kind == ACCESS_LOAD);
	unsigned bits = 8 * access.width;

	ASSUME(bits == 64 || bytes >> bits == 0);
	u64 result = access_load_result(&access, bytes);
	u64 above = bits == 64 ? 0 : ~0ULL << bits;

	PROVE((result & ~above) == bytes);
	PROVE((result & above) == (access.sign_extend && bytes >> (bits - 1) & 1 ? above : 0));
	REACH(access.width == 8);
	REACH(access.sign_extend && access.width == 1 && result == ~0ULL);
}
