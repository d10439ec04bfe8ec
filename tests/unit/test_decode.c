/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load/store decoder against an independently written oracle.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hyp/exit/decode.h"

#include "decode_oracle.h"

static int setup(void **state)
{
	(void)state;
	oracle_prepare();
	return 0;
}

static bool same(const struct access *a, const struct access *b)
{
	return a->kind == b->kind && a->width == b->width && a->reg == b->reg &&
	       a->length == b->length &&
	       (a->kind == ACCESS_STORE || a->sign_extend == b->sign_extend);
}

static void check_raw(u32 bits)
{
	struct access got, want;
	bool known = oracle_decode(bits, &want);

	memset(&got, 0xa5, sizeof(got));
	if (decode_load_store(bits, &got) != known)
		fail_msg("%08x is %s a load or store", bits, known ? "" : "not");
	if (!known)
		return;
	if (!same(&got, &want))
		fail_msg("%08x (%s): kind %u width %u sign %u reg %u length %u", bits,
			 oracle_find(bits)->name, got.kind, got.width, got.sign_extend, got.reg,
			 got.length);
	if (got.base != want.base || got.displacement != want.displacement)
		fail_msg("%08x (%s): x%u + %d, not x%u + %d", bits, oracle_find(bits)->name,
			 got.base, got.displacement, want.base, want.displacement);
}

/* The transformed form must say the same as the instruction, less what it leaves out. */
static void check_transformed(u32 bits)
{
	struct access got, want;

	if (!oracle_decode(bits, &want))
		return;

	u64 htinst = oracle_transform(bits, 0);
	memset(&got, 0xa5, sizeof(got));
	if (!decode_transformed(htinst, &got) || !same(&got, &want))
		fail_msg("%08x (%s), transformed to %08llx", bits, oracle_find(bits)->name,
			 (unsigned long long)htinst);
}

static void check_both(u32 bits)
{
	check_raw(bits);
	check_transformed(bits);
}

static const u32 memory_opcodes[] = {0x03, 0x07, 0x0f, 0x23, 0x27, 0x2f};

static u32 encode(u32 upper, u32 rs1, u32 funct3, u32 rd, u32 opcode)
{
	return upper << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}

static void all_halfwords_decode_as_the_oracle_says(void **state)
{
	unsigned known = 0;

	(void)state;
	for (u32 bits = 0; bits <= UINT16_MAX; bits++) {
		struct access access;

		if ((bits & 3) == 3)
			continue;
		check_both(bits);
		known += oracle_decode(bits, &access);
	}
	/* So many there are by the listings: the oracle is no empty shell. */
	assert_int_equal(known, 6 * 2048 + 2 * 256 + 3 * 128 + 6 * 2048 - 2 * 64);
}

static void the_halfword_behind_a_compressed_instruction_is_ignored(void **state)
{
	(void)state;
	for (u32 bits = 0; bits <= UINT16_MAX; bits++) {
		struct access alone, followed;

		if ((bits & 3) == 3)
			continue;
		bool known = decode_load_store(bits, &alone);
		assert_true(decode_load_store(bits | 0xffff0000, &followed) == known);
		assert_true(!known || same(&alone, &followed));
	}
}

static void all_upper_bits_decode_as_the_oracle_says(void **state)
{
	static const u32 destinations[] = {0, 1, 2, 31};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(memory_opcodes); i++) {
		for (u32 upper = 0; upper < 4096; upper++) {
			for (u32 low = 0; low < 8 * ARRAY_SIZE(destinations); low++)
				check_both(encode(upper, (upper + low) % 32, low % 8,
						  destinations[low / 8], memory_opcodes[i]));
		}
	}
}

static void all_registers_decode_as_the_oracle_says(void **state)
{
	static const u32 uppers[] = {0,	    1,	   2,	  4,	 0x01f, 0x020, 0x060, 0x100,
				     0x300, 0x340, 0x3a1, 0x57f, 0x7ff, 0x800, 0xaaa, 0xfff};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(memory_opcodes); i++) {
		for (size_t u = 0; u < ARRAY_SIZE(uppers); u++) {
			for (u32 low = 0; low < 8 * 32 * 32; low++)
				check_both(encode(uppers[u], low / 8 % 32, low % 8, low / 256,
						  memory_opcodes[i]));
		}
	}
}

static void no_other_opcode_is_a_load_or_store(void **state)
{
	(void)state;
	for (u32 opcode = 3; opcode < 128; opcode += 4) {
		for (u32 upper = 0; upper < 4096; upper += 61) {
			for (u32 low = 0; low < 8 * 32; low++)
				check_raw(encode(upper, low % 31, low % 8, low / 8, opcode));
		}
	}
}

static void an_address_offset_means_misaligned_whatever_the_instruction(void **state)
{
	(void)state;
	for (u32 offset = 1; offset < 32; offset++) {
		for (u32 bits = 0; bits <= UINT16_MAX; bits += 3) {
			struct access access, want;

			if ((bits & 3) == 3 || !oracle_decode(bits, &want))
				continue;
			assert_true(decode_transformed(oracle_transform(bits, offset), &access));
			assert_int_equal(access.kind, ACCESS_MISALIGNED);
			assert_int_equal(access.length, 2);
		}
		for (size_t i = 0; i < ARRAY_SIZE(memory_opcodes); i++) {
			for (u32 low = 0; low < 8 * 32; low++) {
				u32 bits = encode(0x100, 9, low % 8, low / 8, memory_opcodes[i]);
				struct access access, want;

				if (!oracle_decode(bits, &want))
					continue;
				assert_true(decode_transformed(oracle_transform(bits, offset),
							       &access));
				assert_int_equal(access.kind, ACCESS_MISALIGNED);
				assert_int_equal(access.length, 4);
			}
		}
	}
}

/* "Software may safely treat an unrecognized value in a trap instruction register the same as
 * zero", and must, if a future hart sets bits that are zero today. */
static void htinst_outside_of_todays_definition_is_not_decoded(void **state)
{
	struct access access;

	(void)state;
	assert_true(decode_transformed(0x2003, &access));
	for (unsigned bit = 32; bit < 64; bit++)
		assert_false(decode_transformed(0x2003 | BIT(bit), &access));
	assert_false(decode_transformed(0, &access));
	for (u64 low = 0; low < 0x10000; low += 2)
		assert_false(decode_transformed(low, &access));
	/* HLV.W and SRET have the right low bits and are no loads or stores. */
	assert_false(decode_transformed(0x6800c073, &access));
	assert_false(decode_transformed(0x10200073, &access));
}

static void any_32_bits_in_htinst_decode_as_the_oracle_says(void **state)
{
	u32 random = 1;

	(void)state;
	for (unsigned i = 0; i < 500000; i++) {
		struct access got, want;

		random = random * 1664525 + 1013904223;
		u32 htinst = (random >> 7 | random << 25) & ~0xf8000u;
		bool known = (htinst & 1) && oracle_decode(htinst | 2, &want);

		if (decode_transformed(htinst, &got) != known)
			fail_msg("%08x", htinst);
		want.length = htinst & 2 ? 4 : 2;
		if (known && !same(&got, &want))
			fail_msg("%08x", htinst);
	}
}

static void only_the_four_pseudoinstructions_are_page_table_walks(void **state)
{
	unsigned count = 0;

	(void)state;
	for (u64 htinst = 0; htinst < 0x100000; htinst++)
		count += decode_is_page_table_walk(htinst);
	assert_int_equal(count, 4);
	assert_true(decode_is_page_table_walk(0x2000));
	assert_true(decode_is_page_table_walk(0x2020));
	assert_true(decode_is_page_table_walk(0x3000));
	assert_true(decode_is_page_table_walk(0x3020));
	for (unsigned bit = 20; bit < 64; bit++)
		assert_false(decode_is_page_table_walk(0x3000 | BIT(bit)));
}

static void a_pseudoinstruction_is_not_an_access(void **state)
{
	struct access access;

	(void)state;
	assert_false(decode_transformed(0x2000, &access));
	assert_false(decode_transformed(0x2020, &access));
	assert_false(decode_transformed(0x3000, &access));
	assert_false(decode_transformed(0x3020, &access));
}

static void a_load_fills_its_register_as_its_kind_demands(void **state)
{
	static const struct {
		u8 width;
		bool sign_extend;
		u64 bytes, result;
	} cases[] = {
		{1, true, 0x80, 0xffffffffffffff80},
		{1, false, 0x80, 0x80},
		{1, true, 0x7f, 0x7f},
		{2, true, 0x8000, 0xffffffffffff8000},
		{2, false, 0xffff, 0xffff},
		{4, true, 0x80000000, 0xffffffff80000000},
		{4, false, 0x80000000, 0x80000000},
		{8, true, 1ULL << 63, 1ULL << 63},
		{8, false, UINT64_MAX, UINT64_MAX},
		{1, false, 0x78, 0x78},
		{4, true, 0x7fffffff, 0x7fffffff},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct access access = {.width = cases[i].width,
					.sign_extend = cases[i].sign_extend};
		assert_int_equal(access_load_result(&access, cases[i].bytes), cases[i].result);
	}
}

/* A few whole words as an assembler encodes them, against a mistake common to both decoders. */
static void known_encodings_decode(void **state)
{
	static const struct {
		u32 bits;
		u8 kind, width, reg, base;
		s16 displacement;
	} cases[] = {
		{0x00554503, ACCESS_LOAD, 1, 10, 10, 5},       /* lbu a0, 5(a0) */
		{0xfe05ae23, ACCESS_STORE, 4, 0, 11, -4},      /* sw zero, -4(a1) */
		{0x7ff7bf83, ACCESS_LOAD, 8, 31, 15, 2047},    /* ld t6, 2047(a5) */
		{0x8007be23, ACCESS_STORE, 8, 0, 15, -2020},   /* sd zero, -2020(a5) */
		{0x100522af, ACCESS_ATOMIC, 4, 5, 10, 0},      /* lr.w t0, (a0) */
		{0x0045200f, ACCESS_CACHE_BLOCK, 0, 0, 10, 0}, /* cbo.zero (a0) */
		{0x43dc, ACCESS_LOAD, 4, 15, 15, 4},	       /* c.lw a5, 4(a5) */
		{0xdffc, ACCESS_STORE, 4, 15, 15, 124},	       /* c.sw a5, 124(a5) */
		{0x70fe, ACCESS_LOAD, 8, 1, 2, 504},	       /* c.ldsp ra, 504(sp) */
		{0x8064, ACCESS_LOAD, 1, 9, 8, 3},	       /* c.lbu s1, 3(s0) */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct access access;

		assert_true(decode_load_store(cases[i].bits, &access));
		assert_int_equal(access.kind, cases[i].kind);
		assert_int_equal(access.width, cases[i].width);
		assert_int_equal(access.reg, cases[i].reg);
		assert_int_equal(access.base, cases[i].base);
		assert_int_equal(access.displacement, cases[i].displacement);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_halfwords_decode_as_the_oracle_says),
		cmocka_unit_test(the_halfword_behind_a_compressed_instruction_is_ignored),
		cmocka_unit_test(all_upper_bits_decode_as_the_oracle_says),
		cmocka_unit_test(all_registers_decode_as_the_oracle_says),
		cmocka_unit_test(no_other_opcode_is_a_load_or_store),
		cmocka_unit_test(an_address_offset_means_misaligned_whatever_the_instruction),
		cmocka_unit_test(htinst_outside_of_todays_definition_is_not_decoded),
		cmocka_unit_test(any_32_bits_in_htinst_decode_as_the_oracle_says),
		cmocka_unit_test(only_the_four_pseudoinstructions_are_page_table_walks),
		cmocka_unit_test(a_pseudoinstruction_is_not_an_access),
		cmocka_unit_test(a_load_fills_its_register_as_its_kind_demands),
		cmocka_unit_test(known_encodings_decode),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
