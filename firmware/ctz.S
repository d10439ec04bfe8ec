/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of libgcc's function, which goes through the bytes from the top: what __builtin_ctzll()
 * calls, as rv64gc has no instruction for it. The lowest bit times a de Bruijn sequence is the
 * sequence shifted, whose six upper bits are different for each shift (Leiserson, Prokop, Randall,
 * "Using de Bruijn Sequences to Index a 1 in a Computer Word", 1998).
 */
	.text

/* int __ctzdi2(u64 value), value not 0 */
	.globl	__ctzdi2
	.type	__ctzdi2, @function
__ctzdi2:
	ld	a1, sequence
	neg	a2, a0
	and	a0, a0, a2
	mul	a0, a0, a1
	srli	a0, a0, 58
	lla	a1, number_of
	add	a0, a0, a1
	lbu	a0, 0(a0)
	ret
	.size	__ctzdi2, . - __ctzdi2

	.section .rodata
	.balign	8
sequence:
	.dword	0x03f79d71b4cb0a89
number_of:
	.byte	 0,  1, 48,  2, 57, 49, 28,  3, 61, 58, 50, 42, 38, 29, 17,  4
	.byte	62, 55, 59, 36, 53, 51, 43, 22, 45, 39, 33, 30, 24, 18, 12,  5
	.byte	63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21, 44, 32, 23, 11
	.byte	46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19,  9, 13,  8,  7,  6
