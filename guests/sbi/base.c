/* SPDX-License-Identifier: BSD-2-Clause */
/* "Base Extension", and what extensions and functions nobody implements must answer. */
#include "print.h"
#include "tests.h"

static struct sbi_result base(u64 function)
{
	return sbi_call(SBI_BASE, function, 0, 0, 0, 0);
}

static void test_probe(void)
{
	static const struct {
		const char *name;
		u64 extension;
	} offered[] = {
		{"BASE", SBI_BASE}, {"TIME", SBI_TIME}, {"IPI", SBI_IPI},   {"RFENCE", SBI_RFNC},
		{"HSM", SBI_HSM},   {"SRST", SBI_SRST}, {"DBCN", SBI_DBCN},
	};

	for (size_t i = 0; i < ARRAY_COUNT(offered); i++) {
		struct sbi_result r = sbi_call(SBI_BASE, BASE_PROBE, offered[i].extension, 0, 0, 0);

		check_begin("base probe %s", offered[i].name);
		check_error("probe", r, SBI_SUCCESS);
		check_want(r.value != 0, "not available");
		check_end();
	}
}

static void test_probe_unknown(void)
{
	/* Two reserved legacy ids, an experimental, a vendor and a firmware id, and a typo. */
	static const u64 unknown[] = {0x09, 0x0f, 0x08000000, 0x09000000, 0x0a00ffff, 0x54494d46};

	check_begin("base probe of unknown extensions is 0");
	for (size_t i = 0; i < ARRAY_COUNT(unknown); i++) {
		struct sbi_result r = sbi_call(SBI_BASE, BASE_PROBE, unknown[i], 0, 0, 0);

		check_error("probe", r, SBI_SUCCESS);
		check_want(r.value == 0, "0x%lx is available", unknown[i]);
	}
	check_end();
}

void test_base(void)
{
	struct sbi_result version = base(BASE_SPEC_VERSION);

	check_begin("base spec version is 2.0 or later");
	check_error("call", version, SBI_SUCCESS);
	check_want(version.value >> 31 == 0, "reserved bits set: 0x%lx", version.value);
	check_want(version.value >> 24 >= 2, "0x%lx", version.value);
	check_end();
	check_sbi("base implementation id", base(BASE_IMPL_ID), SBI_SUCCESS);
	check_sbi("base implementation version", base(BASE_IMPL_VERSION), SBI_SUCCESS);
	check_sbi("base mvendorid", base(BASE_MVENDORID), SBI_SUCCESS);
	check_sbi("base marchid", base(BASE_MARCHID), SBI_SUCCESS);
	check_sbi("base mimpid", base(BASE_MIMPID), SBI_SUCCESS);
	test_probe();
	test_probe_unknown();
}

/* A probe that says no must mean it: calls are refused as well. */
static void test_unknown_extensions(void)
{
	static const u64 optional[] = {
		SBI_PMU,
		SBI_CPPC,
		SBI_NACL,
		SBI_STA,
		SBI_SSE,
		SBI_FWFT,
		SBI_DBTR,
		SBI_MPXY,
		SBI_SUSP,
		0x09,
		0x0f,
		0x11,
		0x08000000,
		0x09000000,
		0x0a00ffff,
		/* Sign-extended as a 32-bit number in a register is. */
		0xffffffff80000000,
		0xffffffffffffffff,
	};

	check_begin("unknown extensions are NOT_SUPPORTED");
	for (size_t i = 0; i < ARRAY_COUNT(optional); i++) {
		if (sbi_probe(optional[i]))
			continue;
		for (u64 function = 0; function < 3; function++)
			check_error("call", sbi_call(optional[i], function, 0, 0, 0, 0),
				    SBI_ERR_NOT_SUPPORTED);
	}
	check_end();
}

void test_unknown(void)
{
	static const struct {
		const char *name;
		u64 extension, first;
	} known[] = {
		{"BASE", SBI_BASE, 7},	 {"TIME", SBI_TIME, 1}, {"IPI", SBI_IPI, 1},
		{"RFENCE", SBI_RFNC, 7}, {"HSM", SBI_HSM, 4},	{"SRST", SBI_SRST, 1},
		{"DBCN", SBI_DBCN, 3},
	};

	test_unknown_extensions();
	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		u64 odd[] = {known[i].first, 0x7fffffff, 0xffffffffffffffff, 0xffffffff80000000};

		check_begin("unknown functions of %s are NOT_SUPPORTED", known[i].name);
		for (size_t j = 0; j < ARRAY_COUNT(odd); j++)
			check_error("call", sbi_call(known[i].extension, odd[j], 0, 0, 0, 0),
				    SBI_ERR_NOT_SUPPORTED);
		check_end();
	}
}

/* For whoever watches the host's log: a guest's typo must not fill it. */
void run_flood(void)
{
	check_begin("unknown calls by the ten thousand");
	for (int i = 0; i < 10000; i++)
		check_error("call", sbi_call(0x12345678, (u64)i, 0, 0, 0, 0),
			    SBI_ERR_NOT_SUPPORTED);
	check_end();
}
