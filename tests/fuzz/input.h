/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A fuzzer's input, taken apart from the front. What is asked for beyond its end is zero, so that
 * every input is a whole one and a prefix of it means a prefix of what is done.
 */
#pragma once

#include <string.h>

#include "hyp/types.h"

struct input {
	const u8 *bytes;
	size_t left;
};

/* What libFuzzer calls; each target defines it. */
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);

static inline void input_bytes(struct input *input, void *to, size_t size)
{
	size_t taken = min_u64(size, input->left);

	memset(to, 0, size);
	if (taken)
		memcpy(to, input->bytes, taken);
	input->bytes += taken;
	input->left -= taken;
}

static inline u64 input_number(struct input *input, unsigned size)
{
	u64 value = 0;

	input_bytes(input, &value, size);
	return value;
}

static inline u8 input_u8(struct input *input)
{
	return (u8)input_number(input, 1);
}

static inline u16 input_u16(struct input *input)
{
	return (u16)input_number(input, 2);
}

static inline u32 input_u32(struct input *input)
{
	return (u32)input_number(input, 4);
}

static inline u64 input_u64(struct input *input)
{
	return input_number(input, 8);
}

/* 0 to limit - 1. */
static inline u32 input_below(struct input *input, u32 limit)
{
	return limit <= 256 ? input_u8(input) % limit : input_u32(input) % limit;
}
