/* SPDX-License-Identifier: BSD-2-Clause */
/* Text by hypercall, and the count of what went wrong. */
#include "guest.h"

u64 failure_count;

void print(const char *text)
{
	while (*text)
		hypercall(HC_PUTC, (u64)*text++, 0);
}

void print_decimal(const char *name, u64 value)
{
	char digits[21];
	char *at = digits + sizeof(digits) - 1;

	*at = 0;
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	print(name);
	print(at);
}

void expect(const char *what, u64 value, u64 expected)
{
	if (value == expected)
		return;
	failure_count++;
	print("failure: ");
	print(what);
	print_decimal(" is ", value);
	print_decimal(" and not ", expected);
	print("\n");
}
