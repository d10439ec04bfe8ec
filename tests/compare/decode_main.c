/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder of device accesses, for the host: each line of standard input is an instruction in
 * hexadecimal, and becomes a line that says what it does, or "no".
 */
#include <stdio.h>
#include <string.h>

#include "decode.h"

static unsigned read_bytes(const char *line, u8 *bytes)
{
	unsigned count = 0, byte;
	int used;

	while (count < DECODE_BUFFER && sscanf(line, "%2x%n", &byte, &used) == 1) {
		bytes[count++] = (u8)byte;
		line += used;
	}
	return count;
}

int main(void)
{
	char line[256];

	while (fgets(line, sizeof(line), stdin)) {
		u8 bytes[DECODE_BUFFER] = {0};
		struct access access;
		unsigned count = read_bytes(line, bytes);

		if (!decode_access(bytes, count, &access))
			printf("no\n");
		else
			printf("%s width=%u result=%u reg=%u high=%d sign=%d length=%u "
			       "value=%llx\n",
			       access.store ? (access.immediate ? "storei" : "store") : "load",
			       access.width, access.result, access.reg, access.high_byte,
			       access.sign, access.length, (unsigned long long)access.value);
	}
	return 0;
}
