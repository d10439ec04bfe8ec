/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry of a Linux program, system calls, threads, and arithmetic that lives in registers. */
#include "calls.h"

	.text
	.globl	_start
_start:
	mv	a0, sp			/* argc, argv, environment, auxiliary vector */
	andi	sp, sp, -16
	call	program
	li	a7, SYS_EXIT_GROUP
	ecall

/* s64 system_call(number, a, b, c, d, e): a sixth argument is zero. */
	.globl	system_call
system_call:
	mv	a7, a0
	mv	a0, a1
	mv	a1, a2
	mv	a2, a3
	mv	a3, a4
	mv	a4, a5
	li	a5, 0
	ecall
	ret

/* s64 thread_start(stack_top, run, argument): a thread of this process; run() does not return. */
	.globl	thread_start
thread_start:
	mv	t0, a1
	mv	t1, a2
	mv	a1, a0
	li	a0, CLONE_THREAD_FLAGS
	li	a2, 0
	li	a3, 0
	li	a4, 0
	li	a7, SYS_CLONE
	ecall
	bnez	a0, 1f
	mv	a0, t1			/* the child has all registers but a0 and sp of its parent */
	jalr	t0
1:	ret

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
