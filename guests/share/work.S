/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * u64 share_work(u64 until, volatile u64 *counter): blocks of exactly 1,000 instructions until the
 * clock shows `until`; the counter grows by one with each. Returns how many.
 *
 * A block is one instruction, 497 rounds of two, and five more.
 */
	.text
	.globl	share_work
	.balign	64
share_work:
	li	a2, 0
	ld	a5, 0(a1)
	j	3f
1:	li	a3, 497			/* 1 */
2:	addi	a3, a3, -1		/* 994 */
	bnez	a3, 2b
	addi	a2, a2, 1
	add	a4, a5, a2
	sd	a4, 0(a1)
3:	rdtime	a4
	bltu	a4, a0, 1b		/* 5: 1,000 */
	mv	a0, a2
	ret
