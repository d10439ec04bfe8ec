/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load/store decoder against the oracle of the unit tests: instruction words, what htinst shows
 * for each of them, and anything at all in htinst. The input is a row of records of 13 bytes.
 */
#include "hyp/exit/decode.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"
#include "tests/unit/decode_oracle.h"

static bool is_same(const struct access *a, const struct access *b)
{
	return a->kind == b->kind && a->width == b->width && a->reg == b->reg &&
	       a->length == b->length &&
	       (a->kind == ACCESS_STORE || a->sign_extend == b->sign_extend);
}

/* All that a load or store can be: whatever else is decoded, what uses it goes astray. */
static void check_sane(const struct access *access)
{
	REQUIRE(access->reg < 32);
	REQUIRE(access->length == 2 || access->length == 4);
	REQUIRE(access->width <= 16 && (access->width & (access->width - 1)) == 0);
	if (access->kind == ACCESS_LOAD || access->kind == ACCESS_STORE)
		REQUIRE(access->width >= 1 && access->width <= 8);
}

static void check_word(u32 bits)
{
	struct access got, want;
	bool known = oracle_decode(bits, &want);

	memset(&got, 0xa5, sizeof(got));
	REQUIRE_EQUAL(decode_load_store(bits, &got), known);
	if (!known)
		return;
	check_sane(&got);
	REQUIRE(is_same(&got, &want));
	REQUIRE_EQUAL(got.base, want.base);
	REQUIRE_EQUAL(got.displacement, want.displacement);
}

/* "Transformed Instruction or Pseudoinstruction for mtinst or htinst": what a hart makes of it,
 * with the address offset of an access that is misaligned, if it is. */
static void check_transformation(u32 bits, u32 address_offset)
{
	struct access got, want;

	if (!oracle_decode(bits, &want))
		return;
	u64 htinst = oracle_transform(bits, address_offset);

	memset(&got, 0xa5, sizeof(got));
	REQUIRE(decode_transformed(htinst, &got));
	check_sane(&got);
	REQUIRE(!decode_is_page_table_walk(htinst));
	if (address_offset) {
		REQUIRE(got.kind == ACCESS_MISALIGNED);
		REQUIRE_EQUAL(got.length, want.length);
	} else {
		REQUIRE(is_same(&got, &want));
	}
}

static void check_htinst(u64 htinst)
{
	struct access got, want;
	bool known = htinst >> 32 == 0 && (htinst & 1) && oracle_decode((u32)htinst | 2, &want);

	memset(&got, 0xa5, sizeof(got));
	REQUIRE_EQUAL(decode_transformed(htinst, &got), known);
	if (!known)
		return;
	check_sane(&got);
	want.length = htinst & 2 ? 4 : 2;
	if (!(htinst >> 15 & 31))
		REQUIRE(is_same(&got, &want));
	else
		REQUIRE(got.kind == ACCESS_MISALIGNED && got.length == want.length);
}

/* A narrow load fills its register as the C type of that width would. */
static void check_result(u64 bytes, unsigned how)
{
	const struct access access = {.width = 1u << how % 4, .sign_extend = how & 4};
	u64 all[4][2] = {
		{(u8)bytes, (u64)(s64)(s8)bytes},
		{(u16)bytes, (u64)(s64)(s16)bytes},
		{(u32)bytes, (u64)(s64)(s32)bytes},
		{bytes, bytes},
	};

	REQUIRE_EQUAL(access_load_result(&access, all[how % 4][0]),
		      all[how % 4][access.sign_extend]);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	static bool prepared;
	struct input input = {bytes, size};

	if (!prepared)
		oracle_prepare();
	prepared = true;
	while (input.left) {
		u8 how = input_u8(&input);
		u32 bits = input_u32(&input);
		u64 htinst = input_u64(&input);

		check_word(bits);
		check_transformation(bits, how & 31);
		check_htinst(htinst);
		check_htinst((u32)htinst);
		check_result(htinst, how >> 5);
	}
	return 0;
}
