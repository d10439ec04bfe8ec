/* SPDX-License-Identifier: BSD-2-Clause */
/* The entry of a Linux program without a C library, system calls, threads. */
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
