/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel SDM vol. 2, "Instruction Format", for 64-bit mode. The operand's address is not computed: the
 * VMCS has it. Owns nothing.
 */
#include "decode.h"

#define REX_B 1
#define REX_R 4
#define REX_W 8

struct cursor {
	const u8 *bytes;
	unsigned at, end;
};

struct prefixes {
	bool operand16, address32;
	u8 rex;
};

static ALWAYS_INLINE bool take(struct cursor *cursor, u8 *byte)
{
	if (UNLIKELY(cursor->at >= cursor->end))
		return false;
	*byte = cursor->bytes[cursor->at++];
	return true;
}

/* A REX prefix counts only right before the opcode; legacy prefixes after it void it. LOCK and REP
 * are not for MOV. */
static ALWAYS_INLINE bool take_prefixes(struct cursor *cursor, struct prefixes *prefixes, u8 *opcode)
{
	while (take(cursor, opcode)) {
		if ((*opcode & 0xf0) == 0x40) {
			prefixes->rex = *opcode;
			continue;
		}
		switch (*opcode) {
		case 0x66:
			prefixes->operand16 = true;
			break;
		case 0x67:
			prefixes->address32 = true;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
			break;
		default:
			return true;
		}
		prefixes->rex = 0;
	}
	return false;
}

/* ModRM, SIB and displacement of a memory operand. */
static ALWAYS_INLINE bool take_operand(struct cursor *cursor, u8 rex, u8 *reg)
{
	u8 modrm, sib = 0;

	if (!take(cursor, &modrm) || modrm >> 6 == 3)
		return false;
	u8 mod = modrm >> 6, rm = modrm & 7;

	*reg = (modrm >> 3 & 7) | (rex & REX_R ? 8 : 0);
	if (rm == 4 && !take(cursor, &sib))
		return false;
	if (mod == 1)
		cursor->at += 1;
	else if (mod == 2 || rm == 5 || (rm == 4 && (sib & 7) == 5))
		cursor->at += 4;
	return cursor->at <= cursor->end;
}

static bool take_immediate(struct cursor *cursor, struct access *access)
{
	unsigned size = access->width == 8 ? 4 : access->width;
	u64 value = 0;
	u8 byte = 0;

	for (unsigned i = 0; i < size; i++) {
		if (!take(cursor, &byte))
			return false;
		value |= (u64)byte << 8 * i;
	}
	if (access->width == 8)
		value = (u64)(int64_t)(int32_t)value;
	access->value = value;
	access->immediate = true;
	return true;
}

static ALWAYS_INLINE u8 operand_width(const struct prefixes *prefixes)
{
	if (prefixes->rex & REX_W)
		return 8;
	return prefixes->operand16 ? 2 : 4;
}

/* MOV with an absolute address and the accumulator. */
static bool take_offset(struct cursor *cursor, const struct prefixes *prefixes, struct access *access)
{
	access->reg = 0;
	cursor->at += prefixes->address32 ? 4 : 8;
	return cursor->at <= cursor->end;
}

static NOINLINE bool decode_rest(struct cursor *cursor, const struct prefixes *prefixes, u8 opcode,
				 struct access *access)
{
	u8 full = operand_width(prefixes);

	access->width = access->result = full;
	switch (opcode) {
	case 0xa0:
	case 0xa2:
		access->width = access->result = 1;
		/* fallthrough */
	case 0xa1:
	case 0xa3:
		access->store = opcode & 2;
		return take_offset(cursor, prefixes, access);
	case 0xc6:
		access->width = access->result = 1;
		/* fallthrough */
	case 0xc7:
		access->store = true;
		return take_operand(cursor, 0, &access->reg) && access->reg == 0 &&
		       take_immediate(cursor, access);
	case 0x63:
		/* Without REX.W it is a MOV of whatever width the operand has. */
		access->width = full == 8 ? 4 : full;
		access->sign = full == 8;
		return take_operand(cursor, prefixes->rex, &access->reg);
	case 0x0f:
		if (!take(cursor, &opcode) || (opcode & 0xf6) != 0xb6)
			return false;
		access->width = opcode & 1 ? 2 : 1;
		access->sign = opcode & 8;
		return take_operand(cursor, prefixes->rex, &access->reg);
	default:
		return false;
	}
}

bool decode_access(const u8 *bytes, unsigned count, struct access *access)
{
	struct cursor cursor = {bytes, 0, count < DECODE_MAX ? count : DECODE_MAX};
	struct prefixes prefixes = {0};
	bool known;
	u8 opcode;

	*access = (struct access){0};
	if (!take_prefixes(&cursor, &prefixes, &opcode))
		return false;
	if (LIKELY((opcode & 0xfc) == 0x88)) {
		access->store = !(opcode & 2);
		access->width = access->result = opcode & 1 ? operand_width(&prefixes) : 1;
		known = take_operand(&cursor, prefixes.rex, &access->reg);
	} else {
		known = decode_rest(&cursor, &prefixes, opcode, access);
	}
	/* Without any REX, 4 to 7 are the second bytes of the first four registers. */
	if (access->result == 1 && !prefixes.rex && access->reg >= 4 && !access->immediate) {
		access->reg -= 4;
		access->high_byte = true;
	}
	access->length = (u8)cursor.at;
	return known;
}
