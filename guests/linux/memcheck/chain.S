/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic that lives in FP registers. */

	.text
	.option	arch, +f, +d

/*
 * u64 chain(u64 rounds, u64 number): eight logistic maps x = r x (1 - x), chaotic, so that one bit
 * wrong anywhere makes another result; begun from the number's low bits and kept in registers all
 * the way. Returns the bits of their sum. Rounds to nearest; leaves fflags as the arithmetic does.
 */
	.globl	chain
chain:
	fsrmi	zero, 0
	li	t0, 1
	fcvt.d.l f31, t0
	li	t0, 399
	fcvt.d.l f30, t0
	li	t0, 100
	fcvt.d.l f29, t0
	fdiv.d	f30, f30, f29		/* r = 3.99 */
	andi	t1, a1, 1023
	addi	t1, t1, 1
	li	t2, 1040
	fcvt.d.l f29, t2
	.irp	n, 0,1,2,3,4,5,6,7
	fcvt.d.l f\n, t1
	fdiv.d	f\n, f\n, f29
	addi	t1, t1, 1
	.endr
1:
	.irp	n, 0,1,2,3,4,5,6,7
	fsub.d	f28, f31, f\n
	fmul.d	f\n, f\n, f28
	fmul.d	f\n, f\n, f30
	.endr
	addi	a0, a0, -1
	bnez	a0, 1b
	.irp	n, 1,2,3,4,5,6,7
	fadd.d	f0, f0, f\n
	.endr
	fmv.x.d	a0, f0
	ret
