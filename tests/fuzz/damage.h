/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Damage to a flattened device tree: most random bytes make a blob that fails the first check, so
 * single words of a good one are replaced by those that length fields and tokens are made of.
 */
#pragma once

#include <libfdt.h>
#include <stdlib.h>

#include "tests/fuzz/odd_number.h"
#include "tests/fuzz/require.h"

#define DAMAGE_MAX 8

static inline void damage_words(struct input *input, u8 *blob, u64 size)
{
	static const u32 odd[] = {0,	      FDT_BEGIN_NODE, FDT_END_NODE, FDT_PROP,
				  FDT_NOP,    FDT_END,	      0xffffffff,   0x7fffffff,
				  0x80000000, 0xfffffffc,     0x1000,	    0x100};

	for (u8 count = input_u8(input) % DAMAGE_MAX; count > 0; count--) {
		u64 word = input_u16(input) % (size / 4);
		u8 kind = input_u8(input);

		fdt32_st(blob + 4 * word,
			 kind < ARRAY_SIZE(odd)
				 ? odd[kind]
				 : fdt32_ld((fdt32_t *)(blob + 4 * word)) + kind - 128);
	}
}

/* A copy in a block of its own, so that the sanitizer sees both ends, with `more` bytes of odd data
 * behind the tree. Free it. */
static inline u8 *copy_of_tree(const void *tree, u64 more, u64 *size)
{
	u64 length = fdt_totalsize(tree);
	u8 *copy = malloc(length + more);

	memcpy(copy, tree, length);
	memset(copy + length, 0x5a, more);
	*size = length + more;
	return copy;
}
