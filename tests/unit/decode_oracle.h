/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A second load/store decoder, to check hyp/exit/decode.c against: slow, and derived from the
 * instruction listings in another way. Each instruction is spelled as a string, bit 31 (or 15)
 * first, just as its row of the listing reads:
 *
 *   0 1    that bit               .      any bit
 *   D S T  rd, rs1, rs2           X Y Z  rd', rs1', rs2': x8 to x15
 *   a to l bits 0 to 11 of the offset    w      width: two bits, the logarithm of the bytes
 *
 * The first row that fits decides. The same strings serve to assemble, so that the oracle finds
 * what a 16-bit instruction expands to by name.
 */
#pragma once

#include <string.h>

#include "hyp/exit/decode.h"

enum oracle_class {
	RESERVED,
	INT_LOAD,
	INT_LOAD_UNSIGNED,
	INT_STORE,
	FP_LOAD,
	FP_STORE,
	ATOMIC,
	CACHE_BLOCK,
};

struct oracle_row {
	const char *name;
	const char *pattern;
	enum oracle_class class;
	unsigned width;
	const char *expansion; /* of a 16-bit instruction */
};

#define AMO(name, funct5)                                                   \
	{                                                                   \
		name, funct5 "..TTTTTSSSSS0wwDDDDD0101111", ATOMIC, 0, NULL \
	}

static const struct oracle_row oracle_rows[] = {
	{"LB", "lkjihgfedcbaSSSSS000DDDDD0000011", INT_LOAD, 1, NULL},
	{"LH", "lkjihgfedcbaSSSSS001DDDDD0000011", INT_LOAD, 2, NULL},
	{"LW", "lkjihgfedcbaSSSSS010DDDDD0000011", INT_LOAD, 4, NULL},
	{"LD", "lkjihgfedcbaSSSSS011DDDDD0000011", INT_LOAD, 8, NULL},
	{"LBU", "lkjihgfedcbaSSSSS100DDDDD0000011", INT_LOAD_UNSIGNED, 1, NULL},
	{"LHU", "lkjihgfedcbaSSSSS101DDDDD0000011", INT_LOAD_UNSIGNED, 2, NULL},
	{"LWU", "lkjihgfedcbaSSSSS110DDDDD0000011", INT_LOAD_UNSIGNED, 4, NULL},
	{"SB", "lkjihgfTTTTTSSSSS000edcba0100011", INT_STORE, 1, NULL},
	{"SH", "lkjihgfTTTTTSSSSS001edcba0100011", INT_STORE, 2, NULL},
	{"SW", "lkjihgfTTTTTSSSSS010edcba0100011", INT_STORE, 4, NULL},
	{"SD", "lkjihgfTTTTTSSSSS011edcba0100011", INT_STORE, 8, NULL},
	{"FLH", "lkjihgfedcbaSSSSS001DDDDD0000111", FP_LOAD, 2, NULL},
	{"FLW", "lkjihgfedcbaSSSSS010DDDDD0000111", FP_LOAD, 4, NULL},
	{"FLD", "lkjihgfedcbaSSSSS011DDDDD0000111", FP_LOAD, 8, NULL},
	{"FLQ", "lkjihgfedcbaSSSSS100DDDDD0000111", FP_LOAD, 16, NULL},
	{"FSH", "lkjihgfTTTTTSSSSS001edcba0100111", FP_STORE, 2, NULL},
	{"FSW", "lkjihgfTTTTTSSSSS010edcba0100111", FP_STORE, 4, NULL},
	{"FSD", "lkjihgfTTTTTSSSSS011edcba0100111", FP_STORE, 8, NULL},
	{"FSQ", "lkjihgfTTTTTSSSSS100edcba0100111", FP_STORE, 16, NULL},

	{"LR.W", "00010..00000SSSSS010DDDDD0101111", ATOMIC, 4, NULL},
	{"LR.D", "00010..00000SSSSS011DDDDD0101111", ATOMIC, 8, NULL},
	{"SC.W", "00011..TTTTTSSSSS010DDDDD0101111", ATOMIC, 4, NULL},
	{"SC.D", "00011..TTTTTSSSSS011DDDDD0101111", ATOMIC, 8, NULL},
	AMO("AMOSWAP", "00001"),
	AMO("AMOADD", "00000"),
	AMO("AMOXOR", "00100"),
	AMO("AMOAND", "01100"),
	AMO("AMOOR", "01000"),
	AMO("AMOMIN", "10000"),
	AMO("AMOMAX", "10100"),
	AMO("AMOMINU", "11000"),
	AMO("AMOMAXU", "11100"),
	AMO("AMOCAS", "00101"),
	{"AMOCAS.Q, odd rs2", "00101......1.....100.....0101111", RESERVED, 0, NULL},
	{"AMOCAS.Q, odd rd", "00101............100....10101111", RESERVED, 0, NULL},
	{"AMOCAS.Q", "00101..TTTTTSSSSS100DDDDD0101111", ATOMIC, 16, NULL},
	{"load-acquire", "001101.00000SSSSS0wwDDDDD0101111", ATOMIC, 0, NULL},
	{"store-release", "00111.1TTTTTSSSSS0ww000000101111", ATOMIC, 0, NULL},
	{"SSAMOSWAP.W", "01001..TTTTTSSSSS010DDDDD0101111", ATOMIC, 4, NULL},
	{"SSAMOSWAP.D", "01001..TTTTTSSSSS011DDDDD0101111", ATOMIC, 8, NULL},

	{"CBO.INVAL", "000000000000SSSSS010000000001111", CACHE_BLOCK, 0, NULL},
	{"CBO.CLEAN", "000000000001SSSSS010000000001111", CACHE_BLOCK, 0, NULL},
	{"CBO.FLUSH", "000000000010SSSSS010000000001111", CACHE_BLOCK, 0, NULL},
	{"CBO.ZERO", "000000000100SSSSS010000000001111", CACHE_BLOCK, 0, NULL},

	{"C.FLD", "001fedYYYhgXXX00", FP_LOAD, 8, "FLD"},
	{"C.LW", "010fedYYYcgXXX00", INT_LOAD, 4, "LW"},
	{"C.LD", "011fedYYYhgXXX00", INT_LOAD, 8, "LD"},
	{"C.FSD", "101fedYYYhgZZZ00", FP_STORE, 8, "FSD"},
	{"C.SW", "110fedYYYcgZZZ00", INT_STORE, 4, "SW"},
	{"C.SD", "111fedYYYhgZZZ00", INT_STORE, 8, "SD"},
	{"C.LBU", "100000YYYabXXX00", INT_LOAD_UNSIGNED, 1, "LBU"},
	{"C.LHU", "100001YYY0bXXX00", INT_LOAD_UNSIGNED, 2, "LHU"},
	{"C.LH", "100001YYY1bXXX00", INT_LOAD, 2, "LH"},
	{"C.SB", "100010YYYabZZZ00", INT_STORE, 1, "SB"},
	{"C.SH", "100011YYY0bZZZ00", INT_STORE, 2, "SH"},
	{"C.LWSP, x0", "010.00000.....10", RESERVED, 0, NULL},
	{"C.LDSP, x0", "011.00000.....10", RESERVED, 0, NULL},
	{"C.FLDSP", "001fDDDDDedihg10", FP_LOAD, 8, "FLD"},
	{"C.LWSP", "010fDDDDDedchg10", INT_LOAD, 4, "LW"},
	{"C.LDSP", "011fDDDDDedihg10", INT_LOAD, 8, "LD"},
	{"C.FSDSP", "101fedihgTTTTT10", FP_STORE, 8, "FSD"},
	{"C.SWSP", "110fedchgTTTTT10", INT_STORE, 4, "SW"},
	{"C.SDSP", "111fedihgTTTTT10", INT_STORE, 8, "SD"},
};

/* The fixed bits of each row, for speed. */
static struct {
	u32 mask, match;
	unsigned length; /* bits */
} oracle_fixed[ARRAY_SIZE(oracle_rows)];

static void oracle_prepare(void)
{
	for (size_t row = 0; row < ARRAY_SIZE(oracle_rows); row++) {
		const char *pattern = oracle_rows[row].pattern;

		oracle_fixed[row].length = (unsigned)strlen(pattern);
		oracle_fixed[row].mask = 0;
		oracle_fixed[row].match = 0;
		for (const char *c = pattern; *c != '\0'; c++) {
			oracle_fixed[row].mask =
				oracle_fixed[row].mask << 1 | (*c == '0' || *c == '1');
			oracle_fixed[row].match = oracle_fixed[row].match << 1 | (*c == '1');
		}
	}
}

/* NULL: no load, store, atomic or cache-block instruction. */
static const struct oracle_row *oracle_find(u32 bits)
{
	unsigned length = (bits & 3) == 3 ? 32 : 16;

	for (size_t row = 0; row < ARRAY_SIZE(oracle_rows); row++) {
		if (oracle_fixed[row].length == length &&
		    (bits & oracle_fixed[row].mask) == oracle_fixed[row].match)
			return oracle_rows[row].class == RESERVED ? NULL : &oracle_rows[row];
	}
	return NULL;
}

/* The bits under a letter, the first the most significant; 0 if it does not occur. */
static u32 oracle_field(const struct oracle_row *row, char letter, u32 bits)
{
	u32 value = 0;
	size_t length = strlen(row->pattern);

	for (size_t i = 0; i < length; i++) {
		if (row->pattern[i] == letter)
			value = value << 1 | (bits >> (length - 1 - i) & 1);
	}
	return value;
}

static bool oracle_has(const struct oracle_row *row, char letter)
{
	return strchr(row->pattern, letter) != NULL;
}

/* A register by its letter in 32-bit instructions. Without any, x0; a base not named is sp. */
static u32 oracle_register(const struct oracle_row *row, char letter, u32 bits)
{
	char compressed = letter == 'D' ? 'X' : letter == 'S' ? 'Y' : 'Z';

	if (oracle_has(row, letter))
		return oracle_field(row, letter, bits);
	if (oracle_has(row, compressed))
		return 8 + oracle_field(row, compressed, bits);
	return letter == 'S' ? 2 : 0;
}

static bool oracle_is_offset(char letter)
{
	return letter >= 'a' && letter <= 'l';
}

static s32 oracle_offset(const struct oracle_row *row, u32 bits)
{
	size_t length = strlen(row->pattern);
	s32 offset = 0;

	for (size_t i = 0; i < length; i++) {
		if (oracle_is_offset(row->pattern[i]) && (bits >> (length - 1 - i) & 1))
			offset |= 1 << (row->pattern[i] - 'a');
	}
	/* Only the offsets of 32-bit instructions have a bit 11, and a sign. */
	return offset & 0x800 ? offset - 0x1000 : offset;
}

static bool oracle_decode(u32 bits, struct access *access)
{
	static const enum access_kind kinds[] = {
		[INT_LOAD] = ACCESS_LOAD,	    [INT_LOAD_UNSIGNED] = ACCESS_LOAD,
		[INT_STORE] = ACCESS_STORE,	    [FP_LOAD] = ACCESS_FP_LOAD,
		[FP_STORE] = ACCESS_FP_STORE,	    [ATOMIC] = ACCESS_ATOMIC,
		[CACHE_BLOCK] = ACCESS_CACHE_BLOCK,
	};
	const struct oracle_row *row = oracle_find(bits);

	if (row == NULL)
		return false;
	bool store = row->class == INT_STORE || row->class == FP_STORE;
	memset(access, 0, sizeof(*access));
	access->kind = kinds[row->class];
	access->width = (oracle_has(row, 'w') ? 1u << oracle_field(row, 'w', bits) : row->width);
	access->sign_extend = row->class == INT_LOAD || row->class == ATOMIC;
	access->reg = oracle_register(row, store ? 'T' : 'D', bits);
	access->length = (bits & 3) == 3 ? 4 : 2;
	access->base = oracle_register(row, 'S', bits);
	access->displacement = oracle_offset(row, bits);
	return true;
}

/* Puts a value under a letter of a row's pattern. */
static u32 oracle_put(const struct oracle_row *row, char letter, u32 bits, u32 value)
{
	size_t length = strlen(row->pattern);

	for (size_t i = length; i-- > 0;) {
		if (row->pattern[i] == letter) {
			u32 bit = 1u << (length - 1 - i);
			bits = value & 1 ? bits | bit : bits & ~bit;
			value >>= 1;
		}
	}
	return bits;
}

static const struct oracle_row *oracle_named(const char *name)
{
	for (size_t row = 0; row < ARRAY_SIZE(oracle_rows); row++) {
		if (strcmp(oracle_rows[row].name, name) == 0)
			return &oracle_rows[row];
	}
	return NULL;
}

/* What htinst shows for an instruction that oracle_decode() knows (Privileged ISA, "Transformed
 * Instruction or Pseudoinstruction for mtinst or htinst"): expanded, the offset zero, the address
 * offset in the place of rs1, and bit 1 clear if it was compressed. */
static u64 oracle_transform(u32 bits, u32 address_offset)
{
	const struct oracle_row *row = oracle_find(bits);
	u32 result = bits;

	if (row->expansion != NULL) {
		const struct oracle_row *expanded = oracle_named(row->expansion);

		result = oracle_fixed[expanded - oracle_rows].match;
		result = oracle_put(expanded, 'D', result, oracle_register(row, 'D', bits));
		result = oracle_put(expanded, 'T', result, oracle_register(row, 'T', bits));
		result = oracle_put(expanded, 'S', result, address_offset);
		return result & ~2u;
	}
	for (unsigned i = 0; i < 32; i++) {
		if (oracle_is_offset(row->pattern[31 - i]))
			result &= ~(1u << i);
	}
	return oracle_put(row, 'S', result, address_offset);
}
