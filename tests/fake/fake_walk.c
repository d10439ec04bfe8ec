/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake machine's page-table walker. Owns nothing; reads entries atomically, as a hart does. */
#include "tests/fake/fake_walk.h"

static int level_count(u64 hgatp)
{
	/* "Encoding of hgatp MODE field" */
	switch (hgatp >> 60) {
	case 8:
		return 3;
	case 9:
		return 4;
	case 10:
		return 5;
	}
	fake_fail("hgatp %#llx selects no paged mode", (unsigned long long)hgatp);
}

static u64 root_address(u64 hgatp)
{
	u64 ppn = hgatp & 0xfffffffffffULL;

	if (ppn & 3)
		fake_fail("the root table is not aligned to 16 KiB");
	return ppn * 4096;
}

static u64 load_entry(u64 table, u64 index)
{
	return __atomic_load_n((u64 *)hw_ram(hpa(table + index * 8)), __ATOMIC_RELAXED);
}

static bool bit(u64 value, int n)
{
	return value >> n & 1;
}

static enum fake_walk accept_leaf(u64 entry, int level, u64 address,
				  struct fake_translation *translation)
{
	u64 ppn = entry >> 10 & 0xfffffffffffULL;
	u64 size = 4096ULL << (9 * level);

	if (ppn * 4096 % size != 0)
		return FAKE_WALK_MALFORMED;
	/* W without R is reserved; U must be set; G "should be cleared by software". */
	if ((bit(entry, 2) && !bit(entry, 1)) || !bit(entry, 4) || bit(entry, 5))
		return FAKE_WALK_MALFORMED;
	translation->address = hpa(ppn * 4096 + address % size);
	translation->size = size;
	translation->readable = bit(entry, 1);
	translation->writable = bit(entry, 2);
	translation->executable = bit(entry, 3);
	translation->accessed = bit(entry, 6);
	translation->dirty = bit(entry, 7);
	return FAKE_WALK_OK;
}

enum fake_walk fake_walk_gstage(u64 hgatp, u64 address, struct fake_translation *translation)
{
	int levels = level_count(hgatp);
	u64 table = root_address(hgatp);

	/* 41, 50 or 59 bits; all above must be zero. */
	if (address >> (12 + 9 * levels + 2) != 0)
		return FAKE_WALK_NOT_MAPPED;
	for (int level = levels - 1; level >= 0; level--) {
		u64 index = address >> (12 + 9 * level) & (level == levels - 1 ? 2047 : 511);
		u64 entry = load_entry(table, index);

		if (!bit(entry, 0))
			return FAKE_WALK_NOT_MAPPED;
		/* Bits 63 to 54 belong to extensions that the G-stage tables do not use. */
		if (entry >> 54 != 0)
			return FAKE_WALK_MALFORMED;
		if (bit(entry, 1) || bit(entry, 3))
			return accept_leaf(entry, level, address, translation);
		/* In a pointer D, A and U are reserved and G has no use here. */
		if (entry & 0xf4)
			return FAKE_WALK_MALFORMED;
		table = (entry >> 10 & 0xfffffffffffULL) * 4096;
	}
	return FAKE_WALK_MALFORMED;
}

static u64 count_below(u64 table, u64 entries, u64 *empty_count)
{
	u64 count = 0, valid_count = 0;

	for (u64 i = 0; i < entries; i++) {
		u64 entry = load_entry(table, i);

		if (!bit(entry, 0))
			continue;
		valid_count++;
		if ((entry & 0xe) == 0)
			count += 1 + count_below((entry >> 10 & 0xfffffffffffULL) * 4096, 512,
						 empty_count);
	}
	if (valid_count == 0)
		(*empty_count)++;
	return count;
}

u64 fake_count_tables(u64 hgatp, u64 *empty_count)
{
	u64 empty_or_root = 0;
	u64 count = count_below(root_address(hgatp), 2048, &empty_or_root);

	/* Without another table the empty one, if any, is the root, which may be. */
	*empty_count = count == 0 ? 0 : empty_or_root;
	return 4 + count;
}
