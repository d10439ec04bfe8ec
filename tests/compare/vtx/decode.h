/* SPDX-License-Identifier: BSD-2-Clause */
/* Decodes the loads and stores with which 64-bit code accesses devices: MOV in its memory forms,
 * MOVZX, MOVSX, MOVSXD. Also compiled for the host, for tests. */
#pragma once

#include "types.h"

#define DECODE_MAX 15 /* an instruction's greatest length */
#define DECODE_BUFFER \
	32 /* what may be looked at, whatever it holds, before the length is checked */

struct access {
	u8 width;  /* of the memory operand: 1, 2, 4, 8 */
	u8 result; /* a load's register is written in this width; 4 clears the upper half */
	u8 reg;	   /* 0 to 15 as encoded; with high_byte 0 to 3 are ah, ch, dh, bh */
	u8 length; /* of the instruction */
	bool store;
	bool immediate; /* what is stored is value, and not a register */
	bool sign;	/* a load extends the sign */
	bool high_byte;
	u64 value;
};

/* False for everything else, and for an instruction that is longer than the `count` bytes of the
 * buffer that are the guest's. */
bool decode_access(const u8 bytes[DECODE_BUFFER], unsigned count, struct access *access);
