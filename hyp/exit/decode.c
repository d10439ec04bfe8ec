/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load/store decoder. Pure functions of their arguments; no state, no lock.
 *
 * There is one decoder, of 32-bit encodings. A transformed instruction is such an encoding already,
 * but for bit 1; a 16-bit one is brought into that shape by a table.
 */
#include "hyp/exit/decode.h"

/* Unprivileged ISA, "RISC-V base opcode map", with the two low bits that mark 32-bit encodings. */
enum opcode {
	OPCODE_LOAD = 0x03,
	OPCODE_LOAD_FP = 0x07,
	OPCODE_MISC_MEM = 0x0f,
	OPCODE_STORE = 0x23,
	OPCODE_STORE_FP = 0x27,
	OPCODE_AMO = 0x2f,
};

static u32 opcode_of(u32 instruction)
{
	return decode_field(instruction, 6, 0);
}

static u32 rd_of(u32 instruction)
{
	return decode_field(instruction, 11, 7);
}

static u32 funct3_of(u32 instruction)
{
	return decode_field(instruction, 14, 12);
}

static u32 rs1_of(u32 instruction)
{
	return decode_field(instruction, 19, 15);
}

static u32 rs2_of(u32 instruction)
{
	return decode_field(instruction, 24, 20);
}

/* A, Zabha, Zacas, Zalasr and Zicfiss: which funct5 exist for each width in funct3. */
static bool decode_atomic(u32 instruction, struct access *access)
{
	enum {
		LR = 0x02,
		CAS = 0x05,
		LOAD_ACQUIRE = 0x06,
		STORE_RELEASE = 0x07,

		/* AMOADD, AMOSWAP, AMOXOR, AMOOR, AMOAND, AMOMIN, AMOMAX, AMOMINU, AMOMAXU. */
		COMMON = 1 << 0x00 | 1 << 0x01 | 1 << 0x04 | 1 << 0x08 | 1 << 0x0c | 1 << 0x10 |
			 1 << 0x14 | 1 << 0x18 | 1 << 0x1c | 1 << LOAD_ACQUIRE |
			 1 << STORE_RELEASE | 1 << CAS,
		WORD = COMMON | 1 << LR | 1 << 0x03 /* SC */ | 1 << 0x09 /* SSAMOSWAP */,
	};
	static const u32 functions[] = {COMMON, COMMON, WORD, WORD, 1 << CAS};

	u32 funct3 = funct3_of(instruction);
	u32 funct5 = decode_field(instruction, 31, 27);
	bool acquire = decode_field(instruction, 26, 26);
	bool release = decode_field(instruction, 25, 25);

	if (funct3 >= ARRAY_SIZE(functions) || !(functions[funct3] & 1u << funct5))
		return false;
	if ((funct5 == LR || funct5 == LOAD_ACQUIRE) && rs2_of(instruction) != 0)
		return false;
	if (funct5 == LOAD_ACQUIRE && !acquire)
		return false;
	if (funct5 == STORE_RELEASE && (!release || rd_of(instruction) != 0))
		return false;
	/* AMOCAS.Q works on pairs of registers, the even one of which is named. */
	if (funct3 == 4 && ((rd_of(instruction) | rs2_of(instruction)) & 1))
		return false;

	access->kind = ACCESS_ATOMIC;
	access->width = 1u << funct3;
	access->sign_extend = true;
	access->reg = rd_of(instruction);
	return true;
}

static bool decode_cache_block(u32 instruction, struct access *access)
{
	u32 operation = decode_field(instruction, 31, 20);
	bool known = operation <= 2 || operation == 4; /* inval, clean, flush; zero */

	if (funct3_of(instruction) != 2 || rd_of(instruction) != 0 || !known)
		return false;
	access->kind = ACCESS_CACHE_BLOCK;
	access->width = 0;
	access->sign_extend = false;
	access->reg = 0;
	return true;
}

static bool decode_fp(u32 instruction, struct access *access)
{
	u32 funct3 = funct3_of(instruction);
	bool store = instruction & DECODE_STORE_BIT;

	/* FLH FLW FLD FLQ and their stores; the other widths are of the vector extension. */
	if (funct3 < 1 || funct3 > 4)
		return false;
	access->kind = store ? ACCESS_FP_STORE : ACCESS_FP_LOAD;
	access->width = 1u << funct3;
	access->sign_extend = false;
	access->reg = store ? rs2_of(instruction) : rd_of(instruction);
	return true;
}

static bool is_basic(u32 instruction)
{
	return (opcode_of(instruction) & ~DECODE_STORE_BIT) == OPCODE_LOAD;
}

/* Any 32-bit encoding; all but length, base and displacement. */
static bool decode(u32 instruction, struct access *access)
{
	if (is_basic(instruction))
		return decode_basic(instruction, access);

	switch (opcode_of(instruction)) {
	case OPCODE_LOAD_FP:
	case OPCODE_STORE_FP:
		return decode_fp(instruction, access);
	case OPCODE_AMO:
		return decode_atomic(instruction, access);
	case OPCODE_MISC_MEM:
		return decode_cache_block(instruction, access);
	default:
		return false;
	}
}

bool decode_transformed_any(u64 htinst, struct access *access)
{
	/* All 64 bits count: with any of the upper ones set it is something not defined yet. That
	 * bit 0 is set is part of every opcode. */
	if (htinst >> 32 != 0 || !decode((u32)htinst | 2, access))
		return false;
	/* Bit 1 is clear if the instruction was a compressed one. */
	access->length = 2 + (unsigned)(htinst & 2);
	access->base = 0;
	access->displacement = 0;
	/* "Addr. Offset": how far behind the instruction's address the faulting one is. */
	if (rs1_of((u32)htinst) != 0)
		access->kind = ACCESS_MISALIGNED;
	return true;
}

/* How a 16-bit encoding spells its offset: rows of the RVC and Zcb instruction listings. */
enum offset_format {
	OFFSET_WORD,	     /* uimm[5:3|2|6] */
	OFFSET_DOUBLE,	     /* uimm[5:3|7:6] */
	OFFSET_BYTE,	     /* uimm[0|1] */
	OFFSET_HALF,	     /* uimm[1] */
	OFFSET_WORD_STACK,   /* uimm[5] [4:2|7:6] */
	OFFSET_DOUBLE_STACK, /* uimm[5] [4:3|8:6] */
	OFFSET_WORD_SAVE,    /* uimm[5:2|7:6] */
	OFFSET_DOUBLE_SAVE,  /* uimm[5:3|8:6] */
};

static u32 compressed_offset(u32 instruction, enum offset_format format)
{
	switch (format) {
	case OFFSET_WORD:
		return decode_field(instruction, 12, 10) << 3 |
		       decode_field(instruction, 6, 6) << 2 | decode_field(instruction, 5, 5) << 6;
	case OFFSET_DOUBLE:
		return decode_field(instruction, 12, 10) << 3 | decode_field(instruction, 6, 5)
									<< 6;
	case OFFSET_BYTE:
		return decode_field(instruction, 6, 6) | decode_field(instruction, 5, 5) << 1;
	case OFFSET_HALF:
		return decode_field(instruction, 5, 5) << 1;
	case OFFSET_WORD_STACK:
		return decode_field(instruction, 12, 12) << 5 |
		       decode_field(instruction, 6, 4) << 2 | decode_field(instruction, 3, 2) << 6;
	case OFFSET_DOUBLE_STACK:
		return decode_field(instruction, 12, 12) << 5 |
		       decode_field(instruction, 6, 5) << 3 | decode_field(instruction, 4, 2) << 6;
	case OFFSET_WORD_SAVE:
		return decode_field(instruction, 12, 9) << 2 | decode_field(instruction, 8, 7) << 6;
	case OFFSET_DOUBLE_SAVE:
		return decode_field(instruction, 12, 10) << 3 | decode_field(instruction, 9, 7)
									<< 6;
	}
	return 0;
}

struct compressed_form {
	u16 mask, match;
	u16 expansion; /* the 32-bit encoding with all registers and the offset zero */
	u8 offset;     /* enum offset_format */
	bool stack;    /* based on x2, and the register has five bits; else three bits each */
	bool not_x0;   /* reserved with rd = x0 */
};

/* clang-format off */
static const struct compressed_form compressed_forms[] = {
	{0xe003, 0x2000, 0x3007, OFFSET_DOUBLE, false, false},		/* C.FLD */
	{0xe003, 0x4000, 0x2003, OFFSET_WORD, false, false},		/* C.LW */
	{0xe003, 0x6000, 0x3003, OFFSET_DOUBLE, false, false},		/* C.LD */
	{0xe003, 0xa000, 0x3027, OFFSET_DOUBLE, false, false},		/* C.FSD */
	{0xe003, 0xc000, 0x2023, OFFSET_WORD, false, false},		/* C.SW */
	{0xe003, 0xe000, 0x3023, OFFSET_DOUBLE, false, false},		/* C.SD */
	{0xfc03, 0x8000, 0x4003, OFFSET_BYTE, false, false},		/* c.lbu */
	{0xfc43, 0x8400, 0x5003, OFFSET_HALF, false, false},		/* c.lhu */
	{0xfc43, 0x8440, 0x1003, OFFSET_HALF, false, false},		/* c.lh */
	{0xfc03, 0x8800, 0x0023, OFFSET_BYTE, false, false},		/* c.sb */
	{0xfc43, 0x8c00, 0x1023, OFFSET_HALF, false, false},		/* c.sh */
	{0xe003, 0x2002, 0x3007, OFFSET_DOUBLE_STACK, true, false},	/* C.FLDSP */
	{0xe003, 0x4002, 0x2003, OFFSET_WORD_STACK, true, true},	/* C.LWSP */
	{0xe003, 0x6002, 0x3003, OFFSET_DOUBLE_STACK, true, true},	/* C.LDSP */
	{0xe003, 0xa002, 0x3027, OFFSET_DOUBLE_SAVE, true, false},	/* C.FSDSP */
	{0xe003, 0xc002, 0x2023, OFFSET_WORD_SAVE, true, false},	/* C.SWSP */
	{0xe003, 0xe002, 0x3023, OFFSET_DOUBLE_SAVE, true, false},	/* C.SDSP */
};
/* clang-format on */

static bool decode_compressed(u32 instruction, struct access *access)
{
	const struct compressed_form *form = compressed_forms;
	const struct compressed_form *end = form + ARRAY_SIZE(compressed_forms);

	while (form != end && (instruction & form->mask) != form->match)
		form++;
	if (form == end)
		return false;

	bool store = form->expansion & DECODE_STORE_BIT;
	u32 reg;
	if (!form->stack)
		reg = 8 + decode_field(instruction, 4, 2);
	else
		reg = store ? decode_field(instruction, 6, 2) : rd_of(instruction);
	if (form->not_x0 && reg == 0)
		return false;

	if (!decode(form->expansion | reg << (store ? 20 : 7), access))
		return false;
	access->length = 2;
	access->base = form->stack ? 2 : 8 + decode_field(instruction, 9, 7);
	access->displacement = (s32)compressed_offset(instruction, form->offset);
	return true;
}

/* Loads have the I-type immediate, stores the S-type; the others add nothing to rs1. */
static s32 displacement_of(u32 instruction, const struct access *access)
{
	switch (access->kind) {
	case ACCESS_LOAD:
	case ACCESS_FP_LOAD:
		return (s32)instruction >> 20;
	case ACCESS_STORE:
	case ACCESS_FP_STORE:
		return ((s32)instruction >> 25) * 32 + (s32)rd_of(instruction);
	default:
		return 0;
	}
}

bool decode_load_store_any(u32 instruction, struct access *access)
{
	if ((instruction & 3) != 3)
		return decode_compressed(instruction & UINT16_MAX, access);

	if (!decode(instruction, access))
		return false;
	access->length = 4;
	access->base = rs1_of(instruction);
	access->displacement = displacement_of(instruction, access);
	return true;
}
