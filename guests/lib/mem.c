/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The functions that the compiler may call on its own in a freestanding program. Byte loops:
 * nothing that is measured goes through here.
 */
#include "types.h"

/* Without this GCC recognises the loops below and turns each into a call of itself. */
#define NO_IDIOM __attribute__((optimize("no-tree-loop-distribute-patterns")))

NO_IDIOM void *memset(void *to, int byte, size_t length)
{
	u8 *t = to;

	for (size_t i = 0; i < length; i++)
		t[i] = (u8)byte;
	return to;
}

NO_IDIOM void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
	u8 *t = to;
	const u8 *f = from;

	for (size_t i = 0; i < length; i++)
		t[i] = f[i];
	return to;
}

NO_IDIOM void *memmove(void *to, const void *from, size_t length)
{
	u8 *t = to;
	const u8 *f = from;

	if ((uintptr_t)to <= (uintptr_t)from)
		return memcpy(to, from, length);
	while (length--)
		t[length] = f[length];
	return to;
}

int memcmp(const void *a, const void *b, size_t length)
{
	const u8 *x = a, *y = b;

	for (size_t i = 0; i < length; i++) {
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}

NO_IDIOM size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}
