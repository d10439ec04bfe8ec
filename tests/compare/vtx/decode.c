/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel SDM vol. 2, "Instruction Format", for 64-bit mode. The operand's address is not computed:
 * the VMCS has it. Owns nothing.
 *
 * The length is checked once, at the end: up to DECODE_MAX prefixes and what one instruction has
 * behind them fit into DECODE_BUFFER.
 */
#include "decode.h"

#define REX_R 4
#define REX_W 8

#define PREFIX_OPERAND_SIZE 0x66
#define PREFIX_ADDRESS_SIZE 0x67

struct prefixes {
	bool operand16, address32;
	u8 rex;
};

static bool is_segment_prefix(u8 byte)
{
	return (byte & 0xe7) == 0x26 || byte == 0x64 || byte == 0x65;
}

/* A REX prefix counts only right before the opcode; legacy prefixes after it void it. LOCK and REP
 * are not for MOV. Returns the opcode's place. */
static NOINLINE unsigned take_prefixes(const u8 *bytes, struct prefixes *prefixes)
{
	for (unsigned at = 0; at < DECODE_MAX; at++) {
		u8 byte = bytes[at];

		if ((byte & 0xf0) == 0x40) {
			prefixes->rex = byte;
			continue;
		}
		if (byte == PREFIX_OPERAND_SIZE)
			prefixes->operand16 = true;
		else if (byte == PREFIX_ADDRESS_SIZE)
			prefixes->address32 = true;
		else if (!is_segment_prefix(byte))
			return at;
		prefixes->rex = 0;
	}
	return DECODE_MAX;
}

/* ModRM, SIB and displacement of a memory operand: their length, 0 when it is a register. */
static ALWAYS_INLINE unsigned operand_length(const u8 *bytes)
{
	u8 mod = bytes[0] >> 6, rm = bytes[0] & 7;
	unsigned length = 1;

	if (rm == 4) {
		length = 2;
		rm = bytes[1] & 7; /* the base: 5 without mod is none, and a displacement instead */
	}
	switch (mod) {
	case 0:
		return rm == 5 ? length + 4 : length;
	case 1:
		return length + 1;
	case 2:
		return length + 4;
	default:
		return 0;
	}
}

static ALWAYS_INLINE u8 operand_register(const u8 *bytes, u8 rex)
{
	return (bytes[0] >> 3 & 7) | (rex & REX_R ? 8 : 0);
}

static ALWAYS_INLINE u8 operand_width(const struct prefixes *prefixes)
{
	if (prefixes->rex & REX_W)
		return 8;
	return prefixes->operand16 ? 2 : 4;
}

static unsigned take_immediate(const u8 *bytes, struct access *access)
{
	unsigned size = access->width == 8 ? 4 : access->width;
	u64 value = 0;

	for (unsigned i = 0; i < size; i++)
		value |= (u64)bytes[i] << 8 * i;
	if (access->width == 8)
		value = (u64)(int64_t)(int32_t)value;
	access->value = value;
	access->immediate = true;
	return size;
}

/* What is not the plain MOV between a register and memory. Returns the length from the opcode on, 0
 * for what is not known. */
static NOINLINE unsigned decode_rest(const u8 *bytes, const struct prefixes *prefixes,
				     struct access *access)
{
	u8 full = operand_width(prefixes);
	unsigned length;

	access->width = access->result = full;
	switch (bytes[0]) {
	case 0xa0: /* between the accumulator and an absolute address */
	case 0xa2:
		access->width = access->result = 1;
		/* fallthrough */
	case 0xa1:
	case 0xa3:
		access->store = bytes[0] & 2;
		return prefixes->address32 ? 5 : 9;
	case 0xc6:
		access->width = access->result = 1;
		/* fallthrough */
	case 0xc7:
		access->store = true;
		length = operand_length(bytes + 1);
		if (!length || operand_register(bytes + 1, 0))
			return 0;
		return 1 + length + take_immediate(bytes + 1 + length, access);
	case 0x63: /* without REX.W a MOV of whatever width the operand has */
		access->width = full == 8 ? 4 : full;
		access->sign = full == 8;
		access->reg = operand_register(bytes + 1, prefixes->rex);
		length = operand_length(bytes + 1);
		return length ? 1 + length : 0;
	case 0x0f:
		if ((bytes[1] & 0xf6) != 0xb6)
			return 0;
		access->width = bytes[1] & 1 ? 2 : 1;
		access->sign = bytes[1] & 8;
		access->reg = operand_register(bytes + 2, prefixes->rex);
		length = operand_length(bytes + 2);
		return length ? 2 + length : 0;
	default:
		return 0;
	}
}

bool decode_access(const u8 bytes[DECODE_BUFFER], unsigned count, struct access *access)
{
	struct prefixes prefixes = {0};
	unsigned at = 0, length;

	*access = (struct access){0};
	if (UNLIKELY((bytes[0] & 0xfc) != 0x88))
		at = take_prefixes(bytes, &prefixes);
	if (LIKELY((bytes[at] & 0xfc) == 0x88)) {
		access->store = !(bytes[at] & 2);
		access->width = access->result = bytes[at] & 1 ? operand_width(&prefixes) : 1;
		access->reg = operand_register(bytes + at + 1, prefixes.rex);
		length = operand_length(bytes + at + 1);
		if (!length)
			return false;
		length++;
	} else {
		length = decode_rest(bytes + at, &prefixes, access);
		if (!length)
			return false;
	}
	/* Without any REX, 4 to 7 are the second bytes of the first four registers. */
	if (access->result == 1 && !prefixes.rex && access->reg >= 4) {
		access->reg -= 4;
		access->high_byte = true;
	}
	access->length = (u8)(at + length);
	return at + length <= count && at + length <= DECODE_MAX;
}
