/* SPDX-License-Identifier: BSD-2-Clause */
/* What the compiler calls for copies and fills. */
#include "types.h"

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);

void *memcpy(void *to, const void *from, size_t size)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
	return to;
}

/* Eight bytes at a time: the emulator counts each round of a string instruction. */
void *memset(void *to, int value, size_t size)
{
	void *at = to;
	u64 pattern = (u8)value * 0x0101010101010101ul, words = size / 8, rest = size % 8;

	__asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(pattern) : "memory");
	return to;
}
