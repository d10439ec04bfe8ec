/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers of the kind that breaks things, for targets. */
#pragma once

#include "tests/fuzz/input.h"

/* Small, large, next to a power of two, next to the end, or an address of guest RAM: mutations of
 * plain bytes find these too seldom. A zero byte gives zero. */
static inline u64 input_odd_number(struct input *input)
{
	u8 kind = input_u8(input);

	switch (kind % 9) {
	case 0:
		return kind / 9;
	case 1:
		return input_u16(input);
	case 2:
		return input_u32(input);
	case 3:
		return input_u64(input);
	case 4:
		return BIT(input_u8(input) % 64) + kind / 9 - 14;
	case 5:
		return 0x80000000ULL + ((u64)input_u16(input) << PAGE_SHIFT);
	case 6:
		return 0x80000000ULL + input_u32(input);
	case 7:
		return UINT64_MAX - input_u8(input);
	default:
		return (u64)input_u16(input) << PAGE_SHIFT;
	}
}
