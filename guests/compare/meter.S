/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * meter_counted and meter_traced (meter.h): between the readings, or the long marks, the
 * instructions are the same, so that a round of the one and of the other differ by nothing but
 * chance.
 */
#include "meter.h"

	.text
	.macro	enter name
	.globl	\name
	.balign	64
\name:
	addi	sp, sp, -32
	sd	ra, 0(sp)
	sd	s0, 8(sp)
	sd	s1, 16(sp)
	sd	s2, 24(sp)
	mv	s1, a3
	mv	s2, a4
	mv	t0, a0
	li	a0, 1
	.endm

	.macro	leave
	sd	a0, 0(s1)
	sd	a1, 8(s1)
	.endm

	.macro	restore
	ld	ra, 0(sp)
	ld	s0, 8(sp)
	ld	s1, 16(sp)
	ld	s2, 24(sp)
	addi	sp, sp, 32
	ret
	.endm

enter meter_counted
	la	t1, meter_begun
	slti	x0, s2, MARK_ROUND_BEGIN + COUNTED
	csrr	s0, instret
	sd	s0, 0(t1)
	jalr	t0
	csrr	t1, instret
	slti	x0, s2, MARK_ROUND_END + COUNTED
	leave
	sub	a0, t1, s0
	restore

enter meter_traced
	la	t1, meter_begun
	slti	x0, s2, MARK_ROUND_BEGIN
	sd	s0, 0(t1)
	jalr	t0
	slti	x0, s2, MARK_ROUND_END
	leave
	restore
